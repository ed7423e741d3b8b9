//! New versions, other grants, and switching off, while messages come in.

use std::time::Duration;

use starling_contracts::plugins::PluginState;

use crate::{
    house::House,
    release::{Component, Release},
};

#[tokio::test]
async fn a_new_version_takes_over_while_messages_come_in_and_none_is_lost_or_doubled() {
    let mut house = House::new();
    let quick = |release: Release| Release { more: "stateful = true", ..release };
    quick(Release::counter()).install(&house.folder());
    house.operate("counter", |operator| {
        operator.limits = Some(toml::from_str("sends_per_minute = 6000").expect("it is a limit"));
    });
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    for number in 1..=60 {
        house.receive("alice", &format!("m{number}")).await;
        if number == 20 {
            quick(Release::counter().version("2.0.0")).install_only(&house.folder());
        }
        house.until_left(number / 2).await;
    }
    house.until_runs("counter", "2.0.0").await;
    house.receive("alice", "m61").await;

    house.until_left(61).await;
    house.a_while().await;
    house.close().await;
    let expected: Vec<_> = (1..=61).map(|number| format!("{number} m{number}")).collect();
    assert_eq!(house.mail.texts_to("alice"), expected);
}

#[tokio::test]
async fn what_is_handed_over_during_a_change_of_version_is_not_handed_over_twice() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.mail.is_open.send_replace(false);
    house.receive("alice", "one").await;
    house.until("counter", |plugin| plugin.handled >= 2).await;
    Release::counter().version("2.0.0").install_only(&house.folder());
    house.until_runs("counter", "2.0.0").await;
    house.mail.is_open.send_replace(true);

    house.until_left(1).await;
    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one"]);
}

#[tokio::test]
async fn a_version_that_does_not_start_leaves_the_one_before_at_work() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;
    house.receive("alice", "one").await;
    house.until_left(1).await;

    // It rejects what it is asked to migrate from.
    let broken = Component::Guest("misbehave");
    Release { component: broken, ..Release::counter().version("2.0.0") }.install_only(&house.folder());
    let status = house.until("counter", |plugin| !plugin.reason.is_empty()).await;
    house.receive("alice", "two").await;
    house.until_left(2).await;
    Release::counter().version("3.0.0").install_only(&house.folder());
    house.until_runs("counter", "3.0.0").await;
    house.receive("alice", "three").await;
    house.until_left(3).await;

    house.close().await;
    assert_eq!((status.state, status.version.as_str()), (PluginState::Running, "1.0.0"));
    assert!(status.reason.starts_with("the new version does not run: migrate failed"), "{}", status.reason);
    assert_eq!(house.mail.texts_to("alice"), ["1 one", "2 two", "3 three"]);
}

#[tokio::test]
async fn a_version_that_asks_for_more_waits_for_its_grants() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    let permissions = vec!["send:reply", "kv", "timers", "read:direct"];
    let more = Release { permissions, ..Release::counter().version("2.0.0") };
    more.install_only(&house.folder());
    let waiting = house.until("counter", |plugin| !plugin.reason.is_empty()).await;
    // Half of them is not enough, and takes nothing away from the version that runs.
    house.operate("counter", |operator| {
        operator.grants.get_or_insert_default().insert("timers".parse().expect("it is a permission"));
    });
    let half = house.until("counter", |plugin| !plugin.reason.contains("timers")).await;
    house.operate("counter", |operator| operator.grants = Some(more.asked()));
    house.until_runs("counter", "2.0.0").await;

    house.close().await;
    assert_eq!((waiting.state, waiting.version.as_str()), (PluginState::Running, "1.0.0"));
    let expected = "the new version does not run: it asks for read:direct, timers, which it is not granted; \
                    `starling plugin grant counter read:direct timers` grants that";
    assert_eq!(waiting.reason, expected);
    assert_eq!((half.state, half.version.as_str()), (PluginState::Running, "1.0.0"), "{half:?}");
    assert!(half.reason.contains("read:direct"), "{}", half.reason);
}

#[tokio::test]
async fn a_grant_that_is_taken_away_ends_the_plugin_within_a_second() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.operate("counter", |operator| {
        operator.grants = Some(["send:reply".parse().expect("it is a permission")].into_iter().collect());
    });
    // Whatever looks just now ends its look.
    tokio::time::sleep(Duration::from_millis(100)).await;
    house.clock.time.advance(Duration::from_secs(1));
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    let mut status = house.plugin("counter").await;
    while status.state == PluginState::Running && std::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
        status = house.plugin("counter").await;
    }

    assert_eq!(status.state, PluginState::Refused, "{status:?}");
    assert!(status.reason.starts_with("it asks for kv, which it is not granted"), "{}", status.reason);
    house.receive("alice", "hello?").await;
    house.a_while().await;
    house.close().await;
    assert_eq!(house.mail.left(), []);
}

#[tokio::test]
async fn what_comes_in_while_a_plugin_is_switched_off_is_answered_when_it_is_on_again() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.operate("counter", |operator| operator.enabled = Some(false));
    house.until("counter", |plugin| plugin.state == PluginState::Disabled).await;
    house.receive("alice", "one").await;
    house.a_while().await;
    let while_off = house.mail.left();
    house.operate("counter", |operator| operator.enabled = None);

    house.until_left(1).await;
    house.close().await;
    assert_eq!(while_off, []);
    assert_eq!(house.mail.texts_to("alice"), ["1 one"]);
}

#[tokio::test]
async fn a_plugin_that_is_removed_ends() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;

    house.folder().uninstall(&crate::house::plugin_name("counter")).expect("it is installed");

    let status = house.until("counter", |plugin| plugin.state == PluginState::Refused).await;
    house.close().await;
    assert!(status.reason.starts_with("it is not installed"), "{}", status.reason);
}
