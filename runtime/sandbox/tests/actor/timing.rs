//! Timers.

use std::time::Duration;

use crate::{house::House, release::Release};

#[tokio::test]
async fn a_timer_that_came_due_while_nothing_ran_fires_once() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    // It is called `timer/0`, which the plugin does not know what to do about when it fires.
    house.receive("alice", "set-timers 1").await;
    house.until("misbehave", |plugin| plugin.handled == 2).await;
    house.close().await;
    house.clock.time.advance(Duration::from_secs(2 * 3_600));
    house.open().await;
    let fired = house.until("misbehave", |plugin| plugin.quarantined > 0).await;
    house.clock.time.advance(Duration::from_secs(2 * 3_600));
    house.a_while().await;
    let later = house.plugin("misbehave").await;
    house.close().await;
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;
    house.a_while().await;
    let at_last = house.plugin("misbehave").await;
    house.close().await;

    assert!(fired.reason.contains("on-timer") && fired.reason.contains("timer/0"), "{}", fired.reason);
    assert_eq!((later.quarantined, later.failed), (1, 1));
    assert_eq!((at_last.quarantined, at_last.failed), (0, 0));
}

#[tokio::test]
async fn a_timer_fires_when_its_time_has_come_and_not_before() {
    let mut house = House::new();
    Release::misbehave().install(&house.folder());
    house.open().await;
    house.until_runs("misbehave", "1.0.0").await;

    house.receive("alice", "try timers.set").await;
    house.until("misbehave", |plugin| plugin.handled == 2).await;
    house.a_while().await;
    let before = house.plugin("misbehave").await;
    house.clock.time.advance(Duration::from_secs(60));

    let fired = house.until("misbehave", |plugin| plugin.quarantined == 1).await;
    house.close().await;
    assert_eq!(before.failed, 0);
    assert!(fired.reason.contains("on-timer"), "{}", fired.reason);
}
