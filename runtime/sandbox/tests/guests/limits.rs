//! Each limit holds, whatever a plugin does, and what it does beyond is refused and not kept.

use std::time::{Duration, Instant};

use starling_contracts::plugins::PluginState;

use crate::{
    people::{Letter, SILENT, alice},
    town::{ALL, Installed, Town, metric},
};

/// What a plugin reports when it tried too much.
async fn report(limits: &str, order: &str, import: &str) -> (Town, String) {
    let town = Town::with(&[Installed::new("greedy", "misbehave", ALL).limits(limits)]).await;
    let status = town.order("greedy", alice(), order).await;
    assert_eq!(status.quarantined, 0, "{order}: {}", status.reason);
    let line = town.logged("greedy", import).await;
    (town, line)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_takes_so_many_bytes() {
    let (_town, line) = report("kv_bytes = \"1 MiB\"", "fill-kv 1000000", "kv.set ").await;

    let taken: u64 = line.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a number");
    assert!((14..16).contains(&taken), "values of 64 KiB in 1 MiB: {line}");
    assert!(line.contains("quota-exceeded"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_takes_so_many_keys() {
    let (_town, line) = report("kv_keys = 100", "fill-kv-names 1000000", "kv.set ").await;

    assert!(line.starts_with("kv.set 100 quota-exceeded"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_writes_so_much() {
    let (_town, line) = report("writes_per_call = 32", "fill-kv-names 1000000", "kv.set ").await;

    assert_eq!(line, format!("kv.set 32 quota-exceeded {}", u32::MAX), "never in this call");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_writes_more_than_its_share_of_the_disk_rests() {
    // Forty a second, and ten seconds' worth of them at once.
    let (town, _) = report("writes_per_minute = 2400", "fill-kv-names 490", "kv.set ").await;
    let of_disk = [("plugin", "greedy"), ("of", "disk")];

    let status = town.order("greedy", alice(), "rest").await;

    assert!(metric("plugin_throttled_total", &of_disk) > 0, "the call after it had to wait");
    assert_eq!((status.failed, status.quarantined), (0, 0), "{}", status.reason);
    assert_eq!(metric("plugin_throttled_total", &[("plugin", "greedy"), ("of", "core")]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_timers_can_be_set() {
    let (_town, line) = report("timers = 50", "set-timers 1000000", "timers.set ").await;

    assert!(line.starts_with("timers.set 50 quota-exceeded"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_messages_leave_in_a_call() {
    let (town, line) = report("sends_per_call = 5", "send-flood 1000000", "outbox.send ").await;

    assert_eq!(line, format!("outbox.send 5 quota-exceeded {}", u32::MAX), "never in this call");
    let sent = town.until("what was queued is sent", async |town| {
        let sent = town.people.known().sent.clone();
        (sent.len() >= 5).then_some(sent)
    });
    let expected: Vec<_> = (0..5).map(|n| Letter::Text { to: alice(), body: format!("flood {n}") }).collect();
    assert_eq!(sent.await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_messages_leave_in_a_minute() {
    let limits = "sends_per_call = 5\nsends_per_minute = 8";
    let (town, _) = report(limits, "send-flood 1000000", "outbox.send ").await;

    town.order("greedy", alice(), "send-flood 1000000").await;

    let never = u32::MAX.to_string();
    let line = town.until("it has to wait", async |town| {
        let lines = town.log("greedy").into_iter().filter(|line| line.starts_with("outbox.send "));
        lines.into_iter().find(|line| !line.ends_with(&never))
    });
    let line = line.await;
    let wait: u32 = line.rsplit(' ').next().and_then(|wait| wait.parse().ok()).expect("a wait");
    assert!((1..=7_500).contains(&wait), "the next one within a minute's eighth: {line}");
    assert!(town.people.known().sent.len() <= 8, "{:?}", town.people.known().sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn reactions_count_as_messages() {
    let (_town, line) = report("sends_per_call = 4", "react-flood 1000000", "outbox.react ").await;

    assert!(line.starts_with("outbox.react 4 quota-exceeded"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_requests_leave_in_a_call_and_in_a_minute() {
    let limits = "http_per_call = 3\nhttp_per_minute = 5";
    let (town, line) = report(limits, "fetch-flood https://example.org/ 1000", "http.fetch ").await;
    assert_eq!(line, format!("http.fetch 3 quota-exceeded {}", u32::MAX));

    town.order("greedy", alice(), "fetch-flood https://example.org/ 1000").await;

    town.logged("greedy", "http.fetch 2 quota-exceeded").await;
    assert_eq!(town.people.known().fetched.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_lines_go_into_the_log() {
    let limits = "log_lines_per_minute = 20";
    let town = Town::with(&[Installed::new("chatty", "misbehave", ALL).limits(limits)]).await;

    let status = town.order("chatty", alice(), "log-flood 20000").await;

    assert_eq!(status.quarantined, 0, "{}", status.reason);
    let lines = town.until("the log is on disk", async |town| {
        let lines = town.log("chatty");
        (lines.len() >= 20).then_some(lines)
    });
    let floods = lines.await.into_iter().filter(|line| line.starts_with("flood"));
    let lengths: Vec<_> = floods.map(|line| line.len()).collect();
    assert!(lengths.len() <= 20, "{} lines", lengths.len());
    assert!(lengths.iter().all(|length| *length < 4_200), "{lengths:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_in_its_time_even_when_it_waits_for_the_host() {
    let limits = "call_time = \"200ms\"\nretries = 0";
    let town = Town::with(&[Installed::new("slow", "misbehave", ALL).limits(limits)]).await;

    for order in [
        "spin".to_owned(),
        "call-forever".to_owned(),
        "sleep 3600".to_owned(),
        format!("fetch https://{SILENT}/"),
    ] {
        let started = Instant::now();
        let status = town.order("slow", alice(), &order).await;
        let took = started.elapsed();

        assert!(
            status.reason.contains("took too long") || order.starts_with("fetch"),
            "{order}: {}",
            status.reason
        );
        assert!(took < Duration::from_secs(10), "{order} took {took:?}");
    }
    assert_eq!(metric("plugin_calls_total", &[("plugin", "slow"), ("outcome", "timed_out")]), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_offered_again_so_often_and_then_put_aside() {
    let limits = "retries = 2";
    let town = Town::with(&[Installed::new("broken", "misbehave", ALL).limits(limits)]).await;

    let trapped = town.order("broken", alice(), "trap").await;
    let rejected = town.order("broken", alice(), "reject it is not for me").await;
    let well = town.order("broken", alice(), "rest").await;

    assert_eq!((trapped.failed, trapped.quarantined), (3, 1), "{}", trapped.reason);
    assert_eq!((rejected.failed, rejected.quarantined), (4, 2), "a rejected event is not offered again");
    assert!(rejected.reason.contains("it is not for me"), "{}", rejected.reason);
    assert_eq!((well.quarantined, well.state), (2, PluginState::Running), "what comes behind is not held up");
    assert_eq!(metric("plugin_quarantined_total", &[("plugin", "broken")]), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_call_leaves_nothing_behind() {
    let limits = "retries = 0\ncall_time = \"300ms\"";
    let town = Town::with(&[Installed::new("torn", "misbehave", ALL).limits(limits)]).await;

    for (n, order) in ["trap-after-kv", "retry-after-kv", "loop-after-kv"].into_iter().enumerate() {
        let failed = town.order("torn", alice(), order).await;
        assert_eq!(failed.quarantined, n as u64 + 1, "{order}: {}", failed.reason);
        town.order("torn", alice(), "try kv.list-keys").await;
        assert_eq!(town.logged("torn", "kv.list-keys").await, "kv.list-keys: []", "after {order}");
    }
    town.order("torn", alice(), "try kv.set").await;
    town.order("torn", alice(), "try kv.get").await;

    assert!(town.logged("torn", "kv.get").await.contains("Some("));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_counts_survives_a_restart_and_nothing_is_missed() {
    let town = Town::with(&[
        Installed::new("counter", "counter", &["send:reply", "kv"]).limits("sends_per_minute = 6000")
    ])
    .await;
    for n in 0..20 {
        town.write(alice(), &format!("message {n}")).await;
    }
    let (folder, people) = town.stop().await;
    for n in 20..40 {
        people.write(alice(), &format!("message {n}"));
    }

    let town = Town::over(folder, people).await;

    let sent = town.until("forty answers", async |town| {
        let sent = town.people.known().sent.clone();
        (sent.len() >= 40).then_some(sent)
    });
    let bodies = sent.await.into_iter().map(|letter| match letter {
        Letter::Reply { body, .. } => body,
        other => panic!("no reply: {other:?}"),
    });
    let expected: Vec<_> = (0..40).map(|n| format!("{} message {n}", n + 1)).collect();
    assert_eq!(bodies.collect::<Vec<_>>(), expected);
}
