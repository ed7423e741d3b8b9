//! What fails, and what becomes of it.

use std::sync::atomic::Ordering;

use starling_contracts::plugins::PluginState;
use starling_sandbox::journal::Source;

use crate::{house::House, release::Release};

#[tokio::test]
async fn a_failing_event_is_tried_again_with_growing_pauses_and_then_put_aside() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    house.receive("alice", "trap-after-kv").await;
    house.receive("alice", "try kv.list-keys").await;

    house.until_logged("misbehave", "kv.list-keys: []").await;
    let status = house.plugin("misbehave").await;
    house.close().await;
    let log = house.log("misbehave");
    let failed = log
        .iter()
        .filter(|entry| entry.source == Source::Host && entry.line.starts_with("on-message failed"));
    let at: Vec<_> = failed.map(|entry| entry.at_ms).collect();
    let pauses: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 5, "the first failure and five more: {log:?}");
    for (pause, least) in pauses.iter().zip([500, 1_000, 2_000, 4_000, 8_000]) {
        assert!(*pause >= least, "{pauses:?}");
    }
    assert_eq!((status.failed, status.quarantined), (6, 1));
    assert!(status.reason.contains("in quarantine"), "{}", status.reason);
}

#[tokio::test]
async fn an_event_that_is_rejected_is_put_aside_at_once_and_stays_so() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    house.receive("alice", "reject no reason").await;
    house.until("misbehave", |plugin| plugin.quarantined == 1).await;
    house.close().await;
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;
    house.receive("alice", "try outbox.send").await;
    house.until_left(1).await;

    let status = house.plugin("misbehave").await;
    house.close().await;
    assert_eq!((status.failed, status.quarantined), (0, 0), "{status:?}");
}

#[tokio::test]
async fn a_panic_in_a_plugin_s_work_restarts_its_actor_and_no_other() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;
    house.receive("alice", "one").await;
    house.until_left(1).await;

    house.clock.breaks.store(true, Ordering::Release);
    house.receive("alice", "two").await;
    house.until_so("nothing panicked", || !house.clock.breaks.load(Ordering::Acquire)).await;
    house.receive("alice", "three").await;

    house.until_left(3).await;
    house.a_while().await;
    let restarts = |name: &'static str| {
        let house = &house;
        async move { house.actor(name).await.restarts }
    };
    assert_eq!(restarts("plugin/counter").await, 1);
    assert_eq!((restarts("plugins").await, restarts("filters").await, restarts("inbox").await), (0, 0, 0));
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "2 two", "3 three"]);
}

#[tokio::test]
async fn a_plugin_without_an_account_runs_as_soon_as_there_is_one() {
    let mut house = House::new();
    house.mail.has_accounts.store(false, Ordering::Release);
    Release::counter().install(&house.folder());
    house.open().await;
    let status = house.until("counter", |plugin| plugin.state == PluginState::Refused).await;

    house.mail.has_accounts.store(true, Ordering::Release);

    house.until_runs("counter", "1.0.0").await;
    house.close().await;
    assert!(status.reason.starts_with("there is no account that it could speak as"), "{}", status.reason);
}

#[tokio::test]
async fn a_plugin_that_does_not_get_going_holds_up_nobody_who_wants_it_to_end() {
    let mut house = House::new();
    let more = "[config]\non-start = \"retry 600000\"";
    Release { more, ..Release::misbehave() }.install(&house.folder());
    house.open().await;
    house.until("misbehave", |plugin| plugin.failed > 0).await;

    house.operate("misbehave", |operator| operator.enabled = Some(false));
    house.until("misbehave", |plugin| plugin.state == PluginState::Disabled).await;
    let failed = house.plugin("misbehave").await.failed;
    house.operate("misbehave", |operator| operator.enabled = None);
    house.until("misbehave", |plugin| plugin.failed > failed).await;

    // Nothing has to be killed.
    house.close().await;
}
