//! Messages taken back, by their authors and by others.

use starling_contracts::inbox::{Detail, Error, MessageKind, MessageRef};
use starling_protocol::content::{self, Target};

use crate::{
    hostile::{sealed, text},
    network::Network,
    world::{Installation, id},
};

fn deletion(conversation: &str, author: &str, sent_at: u64) -> Option<Detail> {
    let target = MessageRef { conversation: id(conversation), author: id(author), sent_at };
    Some(Detail::Deletion { target })
}

#[tokio::test]
async fn a_message_taken_back_is_gone_on_both_sides_on_other_devices_and_in_the_swarms() {
    let network = Network::of(3);
    let (here, there) = (Installation::new(&network).await, Installation::new(&network).await);
    let elsewhere = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "oops").await.unwrap();
    here.send("alice", id("bob"), "this stays").await.unwrap();
    for (installation, person) in [(&there, "bob"), (&elsewhere, "alice")] {
        assert_eq!(installation.poll(person).await.unwrap().new, 2);
    }

    let taken = here.unsend("alice", id("bob"), sent.timestamp).await.unwrap();

    assert!(taken.synced && taken.timestamp > sent.timestamp);
    let mine = here.list("alice").await;
    assert_eq!(mine.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["this stays", ""]);
    assert_eq!(
        (mine[1].kind, &mine[1].detail),
        (MessageKind::Control, &deletion("bob", "alice", sent.timestamp))
    );
    assert_eq!(network.rows_of(id("alice")).len(), 2, "the copy of the other text, and the request");

    there.poll("bob").await.unwrap();
    let bobs = there.list("bob").await;
    assert_eq!(bobs.iter().map(|message| message.id).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(bobs[1].detail, deletion("alice", "alice", sent.timestamp));
    let told = there.told.lock().unwrap().last().cloned().unwrap();
    assert_eq!(told.message, bobs[1]);
    let left: Vec<_> = network.rows_of(id("bob")).iter().map(|row| row.hash).collect();
    assert!(left.len() == 2 && !left.contains(&sent.hash), "the reader's swarm has lost it too");

    elsewhere.poll("alice").await.unwrap();
    let other = elsewhere.list("alice").await;
    assert_eq!(other.iter().map(|message| message.body.as_str()).collect::<Vec<_>>(), ["this stays", ""]);
    assert_eq!(other[1].detail, deletion("bob", "alice", sent.timestamp), "found in the right conversation");
    assert_eq!(other[1].conversation, id("bob"));
    for installation in [here, there, elsewhere] {
        installation.stop().await;
    }
}

#[tokio::test]
async fn a_note_to_oneself_can_be_taken_back() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let note = here.send("alice", id("alice"), "buy milk").await.unwrap();

    here.unsend("alice", id("alice"), note.timestamp).await.unwrap();

    let left = here.list("alice").await;
    assert_eq!((left.len(), &left[0].detail), (1, &deletion("alice", "alice", note.timestamp)));
    assert_eq!(network.rows_of(id("alice")).len(), 1, "the request alone");
    here.poll("alice").await.unwrap();
    assert_eq!(here.list("alice").await, left);
    here.stop().await;
}

#[tokio::test]
async fn only_what_this_account_said_there_can_be_taken_back() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    here.poll("bob").await.unwrap();
    let asked = network.state().log.len();

    for (from, to, sent_at) in
        [("alice", "bob", 1), ("alice", "carol", sent.timestamp), ("bob", "alice", sent.timestamp)]
    {
        let error = here.unsend(from, id(to), sent_at).await.unwrap_err();
        assert!(matches!(error, Error::NoSuchMessage { .. }), "{error}");
    }

    assert_eq!(network.state().log.len(), asked, "nothing left");
    assert_eq!((here.texts("alice").await.len(), here.texts("bob").await.len()), (1, 1));
    here.stop().await;
}

#[tokio::test]
async fn a_request_whose_answers_were_lost_is_the_same_one_when_it_is_made_again() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "oops").await.unwrap();
    network.state().answers_to_lose = 3;
    here.unsend("alice", id("bob"), sent.timestamp).await.unwrap_err();
    assert_eq!(here.texts("alice").await, ["oops"], "not known to be taken back yet");

    here.unsend("alice", id("bob"), sent.timestamp).await.unwrap();
    let once = network.rows_of(id("bob")).len();
    here.unsend("alice", id("bob"), sent.timestamp).await.unwrap();

    assert_eq!((once, network.rows_of(id("bob")).len()), (2, 3), "made once more, it is sent once more");
    assert_eq!(here.texts("alice").await, ["", ""]);
    here.stop().await;
}

#[tokio::test]
async fn a_poll_finishes_what_a_lost_answer_left_open() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "oops").await.unwrap();
    network.state().answers_to_lose = 3;
    here.unsend("alice", id("bob"), sent.timestamp).await.unwrap_err();
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;

    here.poll("alice").await.unwrap();

    assert_eq!(here.texts("alice").await, [""]);
    assert_eq!(network.rows_of(id("alice")).len(), 1, "the copy of the text is deleted");
    here.stop().await;
}

#[tokio::test]
async fn a_message_on_its_way_can_be_taken_back() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    network.state().answers_to_lose = 3;
    here.send("alice", id("bob"), "oops").await.unwrap_err();
    let sent_at = crate::network::NOW_MS;

    here.unsend("alice", id("bob"), sent_at).await.unwrap();

    assert_eq!(here.texts("alice").await, [""]);
    here.poll("alice").await.unwrap();
    here.poll("bob").await.unwrap();
    assert_eq!(here.texts("bob").await, [""]);
    here.stop().await;
}

#[tokio::test]
async fn what_the_own_swarm_does_not_delete_now_it_is_asked_for_again() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "oops").await.unwrap();
    network.state().refuse_deletes = Some((503, "Server busy, try again later"));
    here.unsend("alice", id("bob"), sent.timestamp).await.unwrap();
    assert_eq!(network.rows_of(id("alice")).len(), 2);
    let folder = here.stop().await;
    network.state().refuse_deletes = None;
    let here = Installation::over(&network, folder).await;

    here.poll("alice").await.unwrap();

    assert_eq!(network.rows_of(id("alice")).len(), 1);
    network.state().log.clear();
    here.poll("alice").await.unwrap();
    assert!(network.state().log.iter().all(|asked| asked.method != "delete"), "once is enough");
    here.stop().await;
}

#[tokio::test]
async fn nobody_takes_back_what_another_one_wrote() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    here.send("bob", id("alice"), "hello alice").await.unwrap();
    let bobs = here.list("bob").await[0].sent_at;
    let request = |by: &str, author: &str, target, sent_at| {
        let target = Target { author: id(author), sent_at: target };
        sealed(by, id("bob"), sent_at, content::unsend(&target, sent_at))
    };
    // In another's name, in one's own name for another's time, and the old mistake of some clients: in the reader's name.
    for data in [
        request("carol", "alice", sent.timestamp, 71),
        request("carol", "carol", sent.timestamp, 72),
        request("alice", "bob", bobs, 73),
    ] {
        network.plant(id("bob"), &data);
    }

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.dropped), (2, 2), "the text, and carol's request about a message of hers");
    let mut texts = here.texts("bob").await;
    texts.sort();
    assert_eq!(texts, ["", "hello", "hello alice"]);
    assert!(network.state().log.iter().all(|asked| asked.method != "delete"));
    here.stop().await;
}

#[tokio::test]
async fn a_request_about_a_message_that_is_not_here_is_kept_and_hides_nothing_that_comes_later() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let target = Target { author: id("alice"), sent_at: 50 };
    network.plant(id("bob"), &sealed("alice", id("bob"), 60, content::unsend(&target, 60)));
    here.poll("bob").await.unwrap();
    assert_eq!(here.list("bob").await[0].detail, deletion("alice", "alice", 50));

    network.plant(id("bob"), &sealed("alice", id("bob"), 50, text("late", 50)));
    here.poll("bob").await.unwrap();

    assert_eq!(here.texts("bob").await, ["", "late"]);
    here.stop().await;
}
