//! Filters, and what they put aside.

use std::time::Duration;

use starling_contracts::{
    inbox::{Error, MessageRef, ReviewMark},
    plugins::Verdict,
};
use starling_inbox::{Config, Unreviewed};
use starling_protocol::{
    content::{Content, DataMessage, proto::AttachmentPointer},
    message::{self, Outgoing, Version},
};

use crate::{
    hostile::{sealed, text},
    network::Network,
    world::{Filter, Installation, Judgement, id, keys},
};

fn config() -> Config {
    Config { retry_pause: Duration::ZERO, ..Config::default() }
}

/// Does as the text says.
fn obedient() -> Filter {
    Filter::by(|item| {
        let reason = "because".to_owned();
        Judgement::Says(match item.body.as_str() {
            "flag me" => Verdict::Flag { reason, replacement: None },
            "replace me" => Verdict::Flag { reason, replacement: Some("***".to_owned()) },
            "hold me" => Verdict::Hold { reason },
            "reject me" => Verdict::Reject { reason },
            "fail" => return Judgement::Fails,
            "hang" => return Judgement::Hangs,
            _ => Verdict::Allow,
        })
    })
}

fn mark(replaced: bool) -> Option<ReviewMark> {
    Some(ReviewMark { reason: "because".to_owned(), replaced })
}

#[tokio::test]
async fn each_verdict_has_its_effect_and_no_message_is_judged_twice() {
    let network = Network::of(3);
    let filter = obedient();
    let (here, elsewhere) =
        (Installation::filtered(&network, config(), &filter).await, Installation::new(&network).await);
    let bodies = ["let me pass", "flag me", "replace me", "hold me", "reject me"];
    for body in bodies {
        elsewhere.send("alice", id("bob"), body).await.unwrap();
    }

    let polled = here.poll("bob").await.unwrap();
    let again = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.held, polled.dropped), (3, 1, 1));
    assert_eq!((again.new, again.held, again.dropped), (0, 0, 0));
    let listed = here.list("bob").await;
    let seen: Vec<_> = listed.iter().map(|message| (message.body.as_str(), message.review.clone())).collect();
    assert_eq!(seen, [("let me pass", None), ("flag me", mark(false)), ("***", mark(true))]);
    let held = here.held("bob").await;
    assert_eq!((held.len(), held[0].body.as_str(), held[0].review.clone()), (1, "hold me", mark(false)));
    assert_eq!(here.told.lock().unwrap().iter().map(|told| told.message.clone()).collect::<Vec<_>>(), listed);
    let mut asked: Vec<_> = filter.asked().into_iter().map(|item| item.body).collect();
    asked.sort();
    let mut expected = bodies;
    expected.sort_unstable();
    assert_eq!(asked, expected, "two members were read, and each text was judged once");
    here.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn a_filter_is_told_what_it_needs_and_is_not_asked_about_ones_own_or_what_is_no_text() {
    let network = Network::of(1);
    let filter = obedient();
    let here = Installation::filtered(&network, config(), &filter).await;
    let elsewhere = Installation::new(&network).await;
    elsewhere.send("bob", id("carol"), "reject me").await.unwrap();
    let sent = elsewhere.send("carol", id("bob"), "hello").await.unwrap();
    let said = MessageRef { conversation: id("bob"), author: id("carol"), sent_at: sent.timestamp };
    elsewhere.react("carol", said, "👍", false).await.unwrap();
    let attachments = vec![AttachmentPointer::default(); 2];
    let data = DataMessage { body: Some("pictures".to_owned()), attachments, ..DataMessage::default() };
    let content = Content { data_message: Some(data), ..Content::default() };
    network.plant(id("bob"), &sealed("alice", id("bob"), 5, content));

    here.poll("bob").await.unwrap();

    let mut asked = filter.asked();
    asked.sort_by_key(|item| item.sent_at);
    let facts: Vec<_> = asked
        .iter()
        .map(|item| (item.body.as_str(), item.conversation, item.author, item.is_request, item.attachments))
        .collect();
    assert_eq!(
        facts,
        [("pictures", id("alice"), id("alice"), true, 2), ("hello", id("carol"), id("carol"), false, 0)]
    );
    assert_eq!(asked[1].sent_at, sent.timestamp);
    let listed = here.list("bob").await;
    assert_eq!(listed.len(), 4);
    assert_eq!((listed[0].attachments, listed[0].is_request), (2, true));
    here.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn the_same_message_under_two_hashes_has_one_verdict() {
    let network = Network::of(1);
    let filter = obedient();
    let here = Installation::filtered(&network, config(), &filter).await;
    for body in ["reject me", "hold me"] {
        let sent_at = 70 + u64::try_from(body.len()).unwrap();
        network.plant(id("bob"), &sealed("alice", id("bob"), sent_at, text(body, sent_at)));
        let outgoing = Outgoing { recipient: id("bob"), sent_at, content: text(body, sent_at) };
        let mut other_random = |bytes: &mut [u8]| bytes.fill(9);
        let twin = message::encode(Version::V1, &outgoing, &keys("alice"), &mut other_random).unwrap();
        network.plant(id("bob"), &twin);
    }

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.held, polled.known, polled.dropped), (0, 1, 1, 2));
    assert_eq!(filter.asked().len(), 2);
    assert!(here.list("bob").await.is_empty());
    here.stop().await;
}

#[tokio::test]
async fn when_filters_fail_the_setting_decides() {
    for unreviewed in [Unreviewed::Show, Unreviewed::Hold] {
        let network = Network::of(1);
        let here = Installation::filtered(&network, Config { unreviewed, ..config() }, &obedient()).await;
        network.plant(id("bob"), &sealed("alice", id("bob"), 5, text("fail", 5)));
        network.plant(id("bob"), &sealed("alice", id("bob"), 6, text("flag me", 6)));

        here.poll("bob").await.unwrap();

        let (listed, held) = (here.texts("bob").await, here.held("bob").await);
        match unreviewed {
            Unreviewed::Show => {
                assert_eq!((listed, held.len()), (vec!["fail".to_owned(), "flag me".to_owned()], 0));
            }
            Unreviewed::Hold => {
                assert_eq!((listed, held.len()), (vec!["flag me".to_owned()], 1));
                let mark = held[0].review.as_ref().unwrap();
                assert_eq!(mark.reason, "the filters gave no answer");
            }
        }
        here.stop().await;
    }
}

#[tokio::test]
async fn a_filter_that_hangs_is_waited_for_only_so_long() {
    let network = Network::of(1);
    let filter = obedient();
    let here = Installation::filtered(&network, config(), &filter).await;
    network.plant(id("bob"), &sealed("alice", id("bob"), 5, text("hang", 5)));

    let idle = network.clock.sleepers();
    let waiting = async {
        // Whoever polls waits for the inbox, and the inbox for the filter.
        while filter.asked().is_empty() || network.clock.sleepers() < idle + 2 {
            tokio::task::yield_now().await;
        }
        network.clock.advance(Duration::from_secs(10));
    };
    let (polled, ()) = tokio::join!(here.poll("bob"), waiting);

    assert_eq!((polled.unwrap().new, here.texts("bob").await), (1, vec!["hang".to_owned()]));
    filter.wake.notify_waiters();
    here.stop().await;
}

#[tokio::test]
async fn what_is_held_can_be_released_to_the_end_or_discarded_for_good() {
    let network = Network::of(1);
    let here = Installation::filtered(&network, config(), &obedient()).await;
    for (sent_at, body) in [(5, "hold me"), (6, "hold me"), (7, "hello")] {
        network.plant(id("bob"), &sealed("alice", id("bob"), sent_at, text(body, sent_at)));
    }
    here.poll("bob").await.unwrap();
    let [first, second] = <[_; 2]>::try_from(here.held("bob").await).unwrap();
    let last = here.list("bob").await[0].id;

    let released = here.release("bob", second.id).await.unwrap();
    here.discard("bob", first.id).await.unwrap();

    assert!(released.id > last, "whoever reads on by number finds it");
    assert_eq!((released.sent_at, released.review.clone()), (6, mark(false)));
    assert_eq!(here.list_after("bob", last, 10).await, std::slice::from_ref(&released));
    assert_eq!(here.told.lock().unwrap().last().unwrap().message, released);
    assert!(here.held("bob").await.is_empty());
    for settled in [first.id, second.id, released.id, 99] {
        assert!(matches!(here.release("bob", settled).await, Err(Error::NoSuchMessage { .. })));
        assert!(matches!(here.discard("bob", settled).await, Err(Error::NoSuchMessage { .. })));
    }
    assert!(here.held("alice").await.is_empty());
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;
    here.poll("bob").await.unwrap();
    assert_eq!(here.texts("bob").await, ["hello", "hold me"]);
    here.stop().await;
}
