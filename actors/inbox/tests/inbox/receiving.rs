//! Polls.

use starling_contracts::inbox::{Error, MessageKind};

use crate::{
    network::Network,
    world::{Installation, id},
};

#[tokio::test]
async fn a_text_arrives_and_is_told_of_once() {
    let network = Network::of(3);
    let (here, there) = (Installation::new(&network).await, Installation::new(&network).await);
    let sent = here.send("alice", id("bob"), "hello bob").await.unwrap();

    let first = there.poll("bob").await.unwrap();
    let second = there.poll("bob").await.unwrap();

    assert_eq!((first.new, first.known, first.dropped), (1, 1, 0), "two members are read, and both have it");
    assert_eq!(second.new, 0);
    let inbox = there.list("bob").await;
    assert_eq!(inbox.len(), 1);
    let message = &inbox[0];
    assert_eq!((message.id, message.hash, message.body.as_str()), (1, sent.hash, "hello bob"));
    assert_eq!((message.from, message.conversation), (id("alice"), id("alice")));
    assert_eq!((message.sent_at, message.kind), (sent.timestamp, MessageKind::Text));
    let told = there.told.lock().unwrap().clone();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].profile.as_str(), &told[0].message), ("bob", message));
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn what_was_sent_while_nobody_looked_is_there_later_in_the_order_of_its_times() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    for body in ["one", "two", "three"] {
        here.send("alice", id("bob"), body).await.unwrap();
        network.clock.advance(std::time::Duration::from_secs(3600));
    }
    for node in &mut network.state().nodes {
        node.rows.reverse();
    }

    let there = Installation::new(&network).await;
    there.poll("bob").await.unwrap();

    assert_eq!(there.texts("bob").await, ["one", "two", "three"]);
    assert_eq!(there.list_after("bob", 1, 1).await[0].body, "two");
    assert!(there.list_after("bob", 3, 10).await.is_empty());
    assert!(there.list_after("bob", u64::MAX, 10).await.is_empty());
    here.stop().await;
    there.stop().await;
}

#[tokio::test]
async fn a_restored_account_finds_both_sides_of_its_conversations() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "hello bob").await.unwrap();
    here.send("bob", id("alice"), "hello alice").await.unwrap();
    here.send("alice", id("alice"), "a note").await.unwrap();

    let elsewhere = Installation::new(&network).await;
    let polled = elsewhere.poll("alice").await.unwrap();

    assert_eq!((polled.new, polled.dropped), (3, 0));
    let mut found: Vec<_> = elsewhere
        .list("alice")
        .await
        .into_iter()
        .map(|message| (message.body, message.from, message.conversation))
        .collect();
    found.sort();
    let expected = [
        ("a note".to_owned(), id("alice"), id("alice")),
        ("hello alice".to_owned(), id("bob"), id("bob")),
        ("hello bob".to_owned(), id("alice"), id("bob")),
    ];
    assert_eq!(found, expected);
    here.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn the_gap_of_one_member_is_filled_by_another() {
    let network = Network::of(2);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "one").await.unwrap();
    network.state().nodes[0].is_down = true;
    here.send("alice", id("bob"), "two").await.unwrap();
    network.state().nodes[0].is_down = false;
    network.state().nodes[1].rows.remove(0);

    let polled = here.poll("bob").await.unwrap();

    assert_eq!(polled.new, 2);
    here.stop().await;
}

#[tokio::test]
async fn a_place_counts_only_at_the_node_that_gave_it() {
    let network = Network::of(2);
    let elsewhere = Installation::new(&network).await;
    for body in ["one", "two", "three"] {
        elsewhere.send("alice", id("bob"), body).await.unwrap();
    }
    // The first node lacks the oldest message, which lies at the second before the newest that the first one has.
    let oldest = network.rows_of(id("bob"))[0].hash;
    network.state().nodes[0].rows.retain(|row| row.hash != oldest);
    // So only the member that answered last is asked for.
    network.state().members_unknown = true;
    let here = Installation::new(&network).await;
    network.state().nodes[1].is_down = true;
    assert_eq!(here.poll("bob").await.unwrap().new, 2);
    network.state().nodes[0].is_down = true;
    network.state().nodes[1].is_down = false;

    let polled = here.poll("bob").await.unwrap();

    assert_eq!(polled.new, 1, "the place at the first node hides nothing at the second");
    elsewhere.stop().await;
    here.stop().await;
}

#[tokio::test]
async fn a_poll_goes_on_where_the_last_one_ended_also_after_a_restart() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let first = here.send("alice", id("bob"), "one").await.unwrap();
    here.poll("bob").await.unwrap();
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;
    here.send("alice", id("bob"), "two").await.unwrap();
    network.state().log.clear();

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.known), (1, 0));
    let asked = network.state().log.clone();
    assert_eq!(asked.len(), 1);
    let retrieve = &asked[0].params["requests"][0];
    assert_eq!((asked[0].method, retrieve["method"].as_str()), ("batch", Some("retrieve")));
    assert_eq!(retrieve["params"]["last_hash"].as_str(), Some(first.hash.as_str()));
    assert_eq!(retrieve["params"]["max_size"], -1);
    here.stop().await;
}

#[tokio::test]
async fn an_answer_that_says_more_is_followed_to_the_end() {
    let network = Network::of(1);
    network.state().page_len = Some(3);
    let here = Installation::new(&network).await;
    for n in 0..10 {
        here.send("alice", id("bob"), &format!("number {n}")).await.unwrap();
    }
    network.state().log.clear();

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.known), (10, 0));
    assert_eq!(network.state().log.len(), 4);
    here.stop().await;
}

#[tokio::test]
async fn a_clock_error_inside_a_batch_is_brought_to_routing_and_mended() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "hello").await.unwrap();
    network.state().clock_error_ms = -600_000;

    let polled = here.poll("bob").await.unwrap();

    assert_eq!(polled.new, 1);
    here.stop().await;
}

#[tokio::test]
async fn one_member_that_answers_is_enough_and_none_is_an_error() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "hello").await.unwrap();
    for node in [0, 2] {
        network.state().nodes[node].is_down = true;
    }
    assert_eq!(here.poll("bob").await.unwrap().new, 1);

    network.state().nodes[1].is_down = true;
    let error = here.poll("bob").await.unwrap_err();

    assert!(matches!(error, Error::Network(_)), "{error}");
    here.stop().await;
}

#[tokio::test]
async fn accounts_of_one_folder_do_not_see_each_other() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    here.send("carol", id("bob"), "for bob").await.unwrap();
    here.send("carol", id("alice"), "for alice").await.unwrap();
    here.poll("bob").await.unwrap();
    here.poll("alice").await.unwrap();

    assert_eq!(here.texts("bob").await, ["for bob"]);
    assert_eq!(here.texts("alice").await, ["for alice"]);
    assert_eq!(
        (here.list("bob").await[0].id, here.list("alice").await[0].id),
        (1, 1),
        "numbers are per account"
    );
    assert_eq!(here.texts("carol").await, ["for bob", "for alice"]);
    here.stop().await;
}
