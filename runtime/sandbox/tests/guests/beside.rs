//! Plugins beside each other: what one does is no matter to another.

use starling_contracts::plugins::PluginState;

use crate::{
    hostile::HARM,
    people::{Letter, SILENT, alice},
    town::{ALL, Installed, Town},
};

/// What only a whole host can be flooded with.
const FLOODS: &[&str] = &[
    "log-flood 20000",
    "fill-kv 100000",
    "fill-kv-names 100000",
    "set-timers 1000000",
    "send-flood 1000000",
    "react-flood 1000000",
    "fetch-flood https://example.org/ 1000000",
    "trap-after-kv",
    "retry-after-kv",
    "loop-after-kv",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_good_bot_beside_a_hostile_one_misses_nothing() {
    let good = Installed::new("counter", "counter", &["send:reply", "kv"]);
    let good = good.limits("sends_per_minute = 6000\ncpu_share = 100");
    let limits = "call_time = \"300ms\"\nretries = 0\ncpu_share = 100\nkv_bytes = \"256 KiB\"\nkv_keys = 100\ntimers = 50";
    let hostile = Installed::new("hostile", "misbehave", ALL).limits(limits);
    let town = Town::with(&[good, hostile]).await;
    let silent = format!("fetch https://{SILENT}/");
    let harm = HARM.iter().map(|(order, _)| *order).chain(FLOODS.iter().copied()).chain([silent.as_str()]);
    let harm: Vec<_> = harm.collect();

    for order in &harm {
        town.write(alice(), order).await;
    }

    let all = harm.len() as u64 + 1;
    let status = town.until("the hostile one is done with all of it", async |town| {
        let status = town.status("hostile").await;
        (status.handled + status.quarantined == all).then_some(status)
    });
    let status = status.await;
    assert_eq!(status.state, PluginState::Running, "it is stopped at each, and not for good");
    let good = town.until("the good one has counted them all", async |town| {
        let status = town.status("counter").await;
        (status.handled == all).then_some(status)
    });
    assert_eq!(good.await.failed, 0);
    let answers = town.until("all its answers are sent", async |town| {
        let known = town.people.known();
        let replies = known.sent.iter().filter_map(|letter| match letter {
            Letter::Reply { body, .. } => Some(body.clone()),
            _ => None,
        });
        let replies: Vec<_> = replies.collect();
        (replies.len() >= harm.len()).then_some(replies)
    });
    let expected: Vec<_> = harm.iter().enumerate().map(|(n, order)| format!("{} {order}", n + 1)).collect();
    assert_eq!(answers.await, expected);
    town.stop().await;
}
