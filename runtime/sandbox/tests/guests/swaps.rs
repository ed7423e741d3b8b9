//! Another version takes the place of one that runs, and what was kept goes over to it; one that does not come up leaves the old one
//! where it is.

use starling_contracts::plugins::PluginState;

use crate::{
    people::{Letter, alice},
    town::{Installed, Town},
};

async fn runs(town: &Town, plugin: &str, version: &str) {
    town.until(&format!("{version} runs"), async |town| {
        let status = town.status(plugin).await;
        (status.version == version && status.state == PluginState::Running).then_some(())
    })
    .await;
}

async fn last_answer(town: &Town, answers: usize) -> Letter {
    town.until("it answers", async |town| {
        let known = town.people.known();
        (known.sent.len() == answers).then(|| known.sent.last().cloned()).flatten()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_goes_on_where_the_old_one_was_and_so_does_the_old_one_after_a_rollback() {
    let mut counter = Installed::new("counter", "counter", &["send:reply", "kv"]);
    let town = Town::with(std::slice::from_ref(&counter)).await;
    town.order("counter", alice(), "one").await;
    counter.version = "0.2.0";

    town.install(&counter);
    runs(&town, "counter", "0.2.0").await;
    town.write(alice(), "two").await;
    let swapped = last_answer(&town, 2).await;
    town.roll_back(&counter);
    runs(&town, "counter", "0.1.0").await;
    town.write(alice(), "three").await;
    let rolled_back = last_answer(&town, 3).await;

    let bodies = [swapped, rolled_back].map(|letter| match letter {
        Letter::Reply { body, .. } => body,
        other => panic!("no reply: {other:?}"),
    });
    assert_eq!(bodies, ["2 two", "3 three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_asks_for_more_or_cannot_migrate_leaves_the_old_one_running() {
    let mut bot = Installed::new("bot", "misbehave", &["kv", "log"]).limits("retries = 0");
    let town = Town::with(std::slice::from_ref(&bot)).await;
    let noted = async |what: &str| {
        let noted = town.until(what, async |town| {
            let status = town.status("bot").await;
            status.reason.contains(what).then_some(status)
        });
        noted.await
    };

    // It is told the version that it comes from, and takes that for an order which it does not know.
    bot.version = "0.2.0";
    town.install(&bot);
    let unmigrated = noted("migrate failed").await;
    bot.version = "0.3.0";
    bot.asks.push("send:direct".to_owned());
    town.install(&bot);
    let greedy = noted("it asks for send:direct").await;

    for status in [unmigrated, greedy] {
        assert_eq!(
            (status.version.as_str(), status.state),
            ("0.1.0", PluginState::Running),
            "{}",
            status.reason
        );
    }
    let quarantined = town.order("bot", alice(), "try kv.get").await.quarantined;
    assert_eq!(quarantined, 0, "the old one takes calls");
}
