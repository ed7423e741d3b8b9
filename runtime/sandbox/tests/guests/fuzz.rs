//! Every import, called by a guest with arguments out of a hat: each call gets an answer of the contract, nothing panics, and
//! nothing is left behind.

use std::fs;

use starling_contracts::plugins::PluginState;

use crate::{
    people::alice,
    town::{ALL, Installed, Town, metric},
};

/// Calls in one round, and rounds. The first rounds fill what is bounded: store, timers, caches.
const CALLS: u64 = 1_000;
const FILLING: u64 = 4;
const ROUNDS: u64 = 12;
/// By how much the process may grow after that.
const GROWTH: u64 = 24 << 20;

const LIMITS: &str = "call_time = \"60s\"\ncpu_share = 100\nretries = 0\nkv_bytes = \"1 MiB\"\ntimers = 50\n\
                      log_lines_per_minute = 60000\nsends_per_call = 100\nsends_per_minute = 6000\n\
                      http_per_call = 50\nhttp_per_minute = 60000";

/// The imports, as metrics name them.
const IMPORTS: &[&str] = &[
    "outbox.send",
    "outbox.reply",
    "outbox.react",
    "outbox.delete-own",
    "conversations.read",
    "conversations.list-recent",
    "kv.get",
    "kv.set",
    "kv.delete",
    "kv.list-keys",
    "kv.compare-and-swap",
    "kv.increment",
    "timers.set",
    "timers.cancel",
    "timers.list-set",
    "http.fetch",
    "config.get-all",
    "secrets.exists",
    "secrets.reveal",
    "log.write",
    "clock.now",
    "random.bytes",
    "random.number",
    "identity.own-id",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_guest_asks_it_gets_an_answer_of_the_contract_and_leaves_nothing_behind() {
    let fuzzer = Installed::new("fuzzer", "fuzzer", ALL).limits(LIMITS);
    let town = Town::with(&[fuzzer.operator("[secrets]\ntoken = { env = \"PATH\" }")]).await;

    let mut after_filling = 0;
    for seed in 0..ROUNDS {
        if seed == FILLING {
            after_filling = resident();
        }
        town.write(alice(), &format!("{seed} {CALLS}")).await;
        let labels = [("plugin", "fuzzer"), ("export", "on-message"), ("outcome", "done")];
        let is_done = async |_: &Town| (metric("plugin_calls_total", &labels) > seed).then_some(());
        town.until(&format!("seed {seed}"), is_done).await;
    }

    // Where other tests run in the same process, theirs is given back when they end.
    let is_flat = async |_: &Town| (resident() < after_filling + GROWTH).then_some(());
    town.until("the process has not grown", is_flat).await;
    let status = town.status("fuzzer").await;
    assert_eq!((status.state, status.failed), (PluginState::Running, 0), "{}", status.reason);
    let asked = |import, outcome: Option<&str>| {
        let labels = [("plugin", "fuzzer"), ("import", import)];
        let outcome = outcome.map(|outcome| ("outcome", outcome));
        metric("plugin_host_calls_total", &labels.into_iter().chain(outcome).collect::<Vec<_>>())
    };
    for import in IMPORTS {
        assert!(
            asked(import, None) > CALLS * ROUNDS / 48,
            "{import} was called {} times",
            asked(import, None)
        );
        assert_eq!(asked(import, Some("other")), 0, "{import} has answers that are none");
    }
    let total: u64 = IMPORTS.iter().map(|import| asked(import, None)).sum();
    assert_eq!(total, ROUNDS * (CALLS + 1), "each call, and the tally of each round");
    let tally = town.logged("fuzzer", "ok ").await;
    assert!(tally.ends_with(", other 0"), "{tally}");
    town.stop().await;
}

/// The memory of this process that is in use, in bytes; nothing where the system does not say.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = resident.and_then(|resident| resident.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() << 10
}
