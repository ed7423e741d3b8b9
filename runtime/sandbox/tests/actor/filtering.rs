//! Filters, as the inbox asks them.

use std::time::Duration;

use starling_contracts::plugins::{PluginState, Review, ReviewItem, Verdict};
use starling_sandbox::config::OnFailure;

use crate::{
    house::House,
    mail::{id, profile},
    release::{Component, Release},
};

/// Asks the filters; the clock does not go meanwhile.
async fn ask(house: &House, account: &str, body: &str) -> Verdict {
    let item = ReviewItem {
        conversation: id("alice"),
        author: id("alice"),
        sent_at: 1,
        body: body.to_owned(),
        is_request: false,
        attachments: 0,
    };
    let review = Review { profile: profile(account), item };
    house.kernel().ask(review).await.expect("the filters answer")
}

async fn review(house: &House, account: &str, body: &str) -> Verdict {
    house.meanwhile(ask(house, account, body)).await
}

fn flag(reason: &str) -> Verdict {
    Verdict::Flag { reason: reason.to_owned(), replacement: None }
}

fn hold(reason: &str) -> Verdict {
    Verdict::Hold { reason: reason.to_owned() }
}

#[tokio::test]
async fn the_strictest_verdict_holds_and_a_bot_judges_nothing() {
    let mut house = House::new();
    Release::counter().install(&house.folder());
    Release::misjudge("first").install(&house.folder());
    let permissions = vec!["kv", "config", "log", "clock", "random", "identity"];
    let component = Component::Golden("filter");
    Release { component, permissions, ..Release::misjudge("second") }.install(&house.folder());
    house.open().await;

    // Who asks before they are loaded waits for them.
    assert_eq!(review(&house, "bot", "hello").await, Verdict::Allow);
    assert_eq!(review(&house, "bot", "hold").await, hold("second: as asked"));
    assert_eq!(review(&house, "bot", "count").await, flag("first: Ok(1)"), "the other one allows it");
    assert_eq!(review(&house, "bot", "count").await, flag("first: Ok(2)"), "what a filter keeps, it keeps");
    assert_eq!(
        review(&house, "bot", "replace").await,
        Verdict::Flag {
            reason: "second: replaced the text".to_owned(),
            replacement: Some("replaced".to_owned())
        }
    );
    assert_eq!(
        review(&house, "bot", "reject because").await,
        Verdict::Reject { reason: "first: because".to_owned() }
    );
    house.close().await;
}

#[tokio::test]
async fn what_a_filter_fails_to_judge_is_shown_or_held_as_its_operator_wants() {
    let mut house = House::new();
    Release::misjudge("filter").install(&house.folder());
    house.operate("filter", |operator| operator.on_failure = Some(OnFailure::Hold));
    house.open().await;
    house.until_runs("filter", "1.0.0").await;

    assert_eq!(review(&house, "bot", "trap").await, hold("filter: could not judge it"));
    assert_eq!(review(&house, "bot", "spin").await, hold("filter: could not judge it"));
    assert_eq!(review(&house, "bot", "flag still there").await, flag("filter: still there"));
    house.operate("filter", |operator| operator.on_failure = Some(OnFailure::Show));
    house.until_runs("filter", "1.0.0").await;
    house.a_while().await;
    assert_eq!(review(&house, "bot", "trap").await, Verdict::Allow);
    house.close().await;
}

#[tokio::test]
async fn a_filter_that_cannot_run_holds_what_it_was_to_judge_and_nothing_else() {
    let mut house = House::new();
    Release::misjudge("filter").install(&house.folder());
    house.operate("filter", |operator| {
        operator.on_failure = Some(OnFailure::Hold);
        operator.profile = Some(profile("other"));
        operator.grants = None;
    });
    house.open().await;
    house.until("filter", |plugin| plugin.state == PluginState::Refused).await;

    assert_eq!(review(&house, "other", "hello").await, hold("filter: could not judge it"));
    assert_eq!(review(&house, "bot", "hello").await, Verdict::Allow);
    house.operate("filter", |operator| operator.enabled = Some(false));
    house.until("filter", |plugin| plugin.state == PluginState::Disabled).await;
    assert_eq!(review(&house, "other", "hello").await, Verdict::Allow);
    house.close().await;
}

#[tokio::test]
async fn a_filter_of_another_account_is_not_asked() {
    let mut house = House::new();
    Release::misjudge("filter").install(&house.folder());
    house.operate("filter", |operator| operator.profile = Some(profile("other")));
    house.open().await;
    house.until_runs("filter", "1.0.0").await;

    assert_eq!(review(&house, "bot", "count").await, Verdict::Allow);
    assert_eq!(review(&house, "bot", "reject all").await, Verdict::Allow);
    assert_eq!(review(&house, "other", "count").await, flag("filter: Ok(1)"));
    house.close().await;
}

#[tokio::test]
async fn a_filter_that_is_asked_too_much_at_once_answers_all_the_same() {
    let mut house = House::new();
    Release::misjudge("filter").install(&house.folder());
    house.operate("filter", |operator| operator.on_failure = Some(OnFailure::Hold));
    house.open().await;
    house.until_runs("filter", "1.0.0").await;

    let many = futures::future::join_all((0..200).map(|_| ask(&house, "bot", "spin")));
    let later = async {
        // The first one takes its two seconds; the others wait for their turn, and longer than there is time for any of them.
        tokio::time::sleep(Duration::from_millis(200)).await;
        house.clock.time.advance(Duration::from_secs(9));
    };
    let (many, ()) = tokio::join!(many, later);

    assert!(many.iter().all(|verdict| *verdict == hold("filter: could not judge it")));
    house.close().await;
}
