//! Messages whose fate was left open, and the times of those that failed.

use std::sync::Arc;

use starling_contracts::{inbox::Error, routing};
use starling_protocol::message::{self, Decoded};

use crate::{
    network::{NOW_MS, Network},
    world::{Installation, id, keys},
};

const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

#[tokio::test]
async fn a_crash_between_the_swarms_word_and_the_commit_loses_nothing_and_doubles_nothing() {
    let network = Network::of(3);
    network.state().unreachable.insert(id("alice"));
    let here = Installation::new(&network).await;
    let crashed = Arc::new(tempfile::tempdir().unwrap());
    let files = (here.path().join("inbox.redb"), crashed.path().join("inbox.redb"));
    network.state().snapshot = Some((id("bob"), files.0, files.1));
    here.send("alice", id("bob"), "hello").await.unwrap();
    here.stop().await;
    network.state().snapshot = None;
    network.state().unreachable.clear();
    let stored = network.rows_of(id("bob"));
    assert_eq!((stored.len(), network.rows_of(id("alice")).len()), (1, 0));

    let after = Installation::over(&network, crashed).await;
    assert!(after.list("alice").await.is_empty(), "not listed before it is known to be sent");
    after.poll("alice").await.unwrap();

    let kept = after.list("alice").await;
    let copies = network.rows_of(id("alice"));
    assert_eq!((kept.len(), kept[0].body.as_str(), kept[0].sent_at), (1, "hello", NOW_MS));
    assert_eq!((copies.len(), copies[0].hash), (1, kept[0].hash), "other devices get it too");
    let again = network.rows_of(id("bob"));
    assert_eq!((again.len(), again[0].hash), (1, stored[0].hash), "the same bytes");
    after.poll("bob").await.unwrap();
    assert_eq!(after.texts("bob").await, ["hello"]);
    let stores =
        |network: &Network| network.state().log.iter().filter(|asked| asked.method == "store").count();
    let before = stores(&network);
    after.poll("alice").await.unwrap();
    assert_eq!((stores(&network), after.list("alice").await), (before, kept), "settled once and for all");
    after.stop().await;
}

#[tokio::test]
async fn a_text_sent_again_after_all_its_answers_were_lost_is_the_same_message() {
    let network = Network::of(3);
    network.state().answers_to_lose = 3;
    let here = Installation::new(&network).await;
    let lost = here.send("alice", id("bob"), "hello").await.unwrap_err();
    assert!(matches!(lost, Error::Network(routing::Error::NoAnswer { .. })));
    assert!(here.list("alice").await.is_empty());

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    let other = here.send("alice", id("bob"), "hello").await.unwrap();

    assert_eq!((sent.timestamp, other.timestamp), (NOW_MS, NOW_MS + 1), "said twice it is two messages");
    assert_eq!(network.rows_of(id("bob")).len(), 2);
    assert_eq!(here.texts("alice").await, ["hello", "hello"]);
    here.stop().await;
}

#[tokio::test]
async fn another_text_takes_along_what_is_pending_for_its_recipient() {
    let network = Network::of(3);
    network.state().answers_to_lose = 3;
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "one").await.unwrap_err();

    here.send("alice", id("bob"), "two").await.unwrap();

    assert_eq!(here.texts("alice").await, ["one", "two"]);
    here.poll("bob").await.unwrap();
    assert_eq!(here.texts("bob").await, ["one", "two"]);
    here.stop().await;
}

#[tokio::test]
async fn a_clock_refused_after_a_lost_answer_does_not_make_a_second_message() {
    let network = Network::of(3);
    network.state().answers_to_lose = 1;
    network.state().clock_error_after_loss_ms = 3_600_000;
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();

    let rows = network.rows_of(id("bob"));
    assert_eq!((rows.len(), rows[0].hash, sent.timestamp), (1, sent.hash, NOW_MS));
    let stores =
        network.state().log.iter().filter(|asked| asked.params["pubkey"] == id("bob").to_string()).count();
    assert_eq!(stores, 3, "stored, refused for the time, and stored again as the same bytes");
    here.stop().await;
}

#[tokio::test]
async fn what_the_swarm_will_never_take_is_given_up_and_so_is_what_was_tried_too_often_or_too_long() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let bobs_stores = || {
        let state = network.state();
        state.log.iter().filter(|asked| asked.params["pubkey"] == id("bob").to_string()).count()
    };
    let leave_open = async |body| {
        network.state().refuse_stores = Some((500, "cannot say"));
        here.send("alice", id("bob"), body).await.unwrap_err();
    };

    leave_open("refused").await;
    network.state().refuse_stores = Some((403, "never"));
    here.poll("alice").await.unwrap();
    let begun = bobs_stores();
    here.poll("alice").await.unwrap();
    assert_eq!(bobs_stores() - begun, 0, "a clear refusal ends it");

    leave_open("too often").await;
    let begun = bobs_stores();
    for _ in 0..15 {
        here.poll("alice").await.unwrap();
    }
    assert_eq!(bobs_stores() - begun, 10);

    leave_open("too long").await;
    network.state().refuse_stores = None;
    network.clock.advance(std::time::Duration::from_secs(25 * 3600));
    here.poll("alice").await.unwrap();
    assert!(network.rows_of(id("bob")).is_empty() && here.list("alice").await.is_empty());
    here.stop().await;
}

#[tokio::test]
async fn a_wrong_time_of_a_message_that_failed_does_not_outlive_it() {
    for fails_for_certain in [true, false] {
        let network = Network::of(3);
        network.state().clock_error_ms = YEAR_MS;
        if fails_for_certain {
            network.state().refuse_stores = Some((403, "no"));
        } else {
            network.state().unreachable.insert(id("bob"));
        }
        let here = Installation::new(&network).await;
        here.send("alice", id("bob"), "from next year").await.unwrap_err();
        network.state().clock_error_ms = 0;
        network.state().refuse_stores = None;
        network.state().unreachable.clear();

        let sent = here.send("alice", id("bob"), "hello").await.unwrap();
        let next = here.send("alice", id("carol"), "hello").await.unwrap();
        here.poll("alice").await.unwrap();

        assert_eq!((sent.timestamp, next.timestamp), (NOW_MS, NOW_MS + 1));
        let rows = network.rows_of(id("bob"));
        let Decoded::Message(read) = message::decode(&rows[0].data, &keys("bob")) else {
            panic!("must open")
        };
        assert_eq!(
            (rows.len(), read.sent_at),
            (1, NOW_MS),
            "the one with the wrong time is not offered again"
        );
        here.stop().await;
    }
}
