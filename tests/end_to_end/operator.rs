//! What the operator sees, and what a node bears.

use std::time::Duration;

use serde_json::{Value, json};
use starling_protocol::swarm::SwarmId;
use starling_tests::{Authority, Client, Devnet, RunningNode, insecure_client, mentions, starling};

const SWARM: SwarmId = SwarmId(7);

/// The value of a series, `None` if there is no such line.
fn series(metrics: &str, start: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(start))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn readiness_tells_why_not_and_metrics_start_at_zero() {
    let authority = Authority::generate();
    let node = RunningNode::start(&authority.key(), &[]);

    let (status, reasons) = node.get("/readyz").await;
    assert_eq!(status, 503);
    assert!(reasons.contains("node list"), "{reasons}");
    assert_eq!(node.get("/healthz").await.0, 200);
    let (status, answer) = node.call("info", json!({})).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.starts_with("Service node is not ready: "), "{answer}");
    authority.list(1, &[(&node, SWARM)]);
    node.wait_until_ready().await;

    let (_, metrics) = node.get("/metrics").await;
    for start in [
        "starling_actor_restarts_total{actor=\"storage\"}",
        "starling_actor_handled_total{actor=\"relay\",message=\"enter_onion\"}",
        "starling_actor_mailbox_depth{actor=\"swarm\"}",
        "starling_actor_refused_total{actor=\"storage\"}",
    ] {
        assert_eq!(series(&metrics, start), Some(0.0), "{start} in {metrics}");
    }
    assert!(node.get("/version").await.1.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(node.stop(), Some(0), "SIGTERM drains and ends well");
}

#[tokio::test]
async fn status_tells_how_a_node_is_and_that_there_is_none() {
    let authority = Authority::generate();
    let node = RunningNode::start(&authority.key(), &[]);
    authority.list(1, &[(&node, SWARM)]);
    node.wait_until_ready().await;
    let account = format!("05{}", "ab".repeat(32));
    assert_eq!(
        node.call("retrieve", json!({ "pubkey": account })).await.0,
        401,
        "it is counted all the same"
    );
    let operator = node.operator().to_string();
    let ask = |more: &[&str]| {
        let mut command = std::process::Command::new(starling());
        command.args(["status", "--operator", &operator]).args(more).output().expect("starling runs")
    };

    let (plain, json) = (ask(&[]), ask(&["--json"]));
    assert_eq!(node.stop(), Some(0));
    let nobody = ask(&["--json"]);

    let text = String::from_utf8_lossy(&plain.stdout);
    assert!(plain.status.success() && text.starts_with("state     ready, version "), "{text}");
    let told: Value = serde_json::from_slice(&json.stdout).expect("one object");
    assert_eq!((&told["ready"], &told["total_retrieve_requests"]), (&json!(true), &json!(1)), "{told}");
    assert!(told["height"].is_u64() && told["swarm"]["members"] == 1, "{told}");
    assert!(
        told["actors"].as_array().is_some_and(|actors| actors.iter().all(|actor| actor["restarts"] == 0))
    );
    assert_eq!(nobody.status.code(), Some(4));
    let error: Value = serde_json::from_slice(&nobody.stderr).expect("one object");
    assert!(error["error"].as_str().is_some_and(|error| error.contains("nobody listens on")), "{error}");
}

#[tokio::test]
async fn a_panicking_handler_costs_its_own_request_and_nothing_else() {
    let authority = Authority::generate();
    let node = RunningNode::start(&authority.key(), &["storage.fault_injection=true"]);
    authority.list(1, &[(&node, SWARM)]);
    node.wait_until_ready().await;
    assert_eq!(node.call("info", json!({})).await.0, 200);

    let (status, _) = node.call("debug_panic", json!({})).await;

    assert_eq!(status, 500, "the request gets an error");
    let mut answers = Vec::new();
    for _ in 0..200 {
        let (status, _) = node.call("info", json!({})).await;
        answers.push(status);
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answers.last(), Some(&200), "the actor is back: {answers:?}");
    let (_, metrics) = node.get("/metrics").await;
    assert_eq!(series(&metrics, "starling_actor_restarts_total{actor=\"storage\"}"), Some(1.0));
    for neighbour in ["swarm", "relay", "staking", "gateway", "transport"] {
        let start = format!("starling_actor_restarts_total{{actor=\"{neighbour}\"}}");
        assert_eq!(series(&metrics, &start), Some(0.0), "{neighbour} never noticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_against_a_mailbox_of_sixty_four_are_all_answered() {
    let authority = Authority::generate();
    let node = RunningNode::start(
        &authority.key(),
        &[
            "storage.bounds.mailbox_capacity=64",
            "storage.bounds.concurrency=8",
            // All of them come from one address, which is not what is tested here.
            "gateway.rate.per_second=0",
            "gateway.connections_per_address=0",
            // Five hundred handshakes at once take a busy machine longer than a client would get.
            "gateway.handshake_within=\"60s\"",
            "gateway.head_within=\"60s\"",
        ],
    );
    authority.list(1, &[(&node, SWARM)]);
    node.wait_until_ready().await;
    let client = insecure_client();
    let url = format!("https://{}/storage_rpc/v1", node.https());
    let before = resident_kib(node.pid());

    let account = format!("05{}", "ab".repeat(32));
    let body = json!({ "method": "get_swarm", "params": { "pubkey": account } }).to_string();
    // Five hundred people at once, twenty requests each: seven times as many as may wait and be worked on together.
    let people = (0..500).map(|_| {
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        tokio::spawn(async move {
            let mut statuses = Vec::new();
            for _ in 0..20 {
                let request = client.post(&url).body(body.clone()).timeout(Duration::from_secs(120));
                let answer = request.send().await?;
                statuses.push(answer.status().as_u16());
                answer.bytes().await?;
            }
            Ok::<_, reqwest::Error>(statuses)
        })
    });
    let mut counts = std::collections::BTreeMap::new();
    for person in people.collect::<Vec<_>>() {
        for status in person.await.expect("the task ends").expect("every request is answered") {
            *counts.entry(status).or_insert(0_u32) += 1;
        }
    }

    println!("answers by status: {counts:?}");
    assert!(counts.keys().all(|status| matches!(status, 200 | 503)), "{counts:?}");
    assert_eq!(counts.values().sum::<u32>(), 10_000);
    assert!(counts.get(&200).is_some_and(|count| *count > 0));
    assert!(counts.get(&503).is_some_and(|count| *count > 0), "the mailbox was full at times: {counts:?}");
    let grown = resident_kib(node.pid()).saturating_sub(before);
    println!("resident memory grew by {grown} KiB");
    assert!(grown < 300_000, "memory stays bounded, it grew by {grown} KiB");
    assert_eq!(node.call("info", json!({})).await.0, 200, "and the node goes on");
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the node runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("memory is told");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[test]
fn the_logs_of_a_full_run_name_nobody() {
    for level in ["info", "debug"] {
        let devnet = Devnet::start_with(5, &["--no-demo", "-O", &format!("runtime.log.level={level:?}")]);
        let alice = Client::new(devnet.network());
        let bob = Client::new(devnet.network());
        let (alice_id, recovery) = alice.new_account("alice");
        let (bob_id, _) = bob.new_account("bob");
        let sent = alice.run(
            &[
                "send",
                "--profile",
                "alice",
                "--to",
                &bob_id,
                "-O",
                &format!("runtime.log.level={level:?}"),
                "purple elephant",
            ],
            "",
        );
        let read = bob.run(&["inbox", "--profile", "bob", "-O", &format!("runtime.log.level={level:?}")], "");
        assert_eq!((sent.code, read.code), (0, 0), "{} {}", sent.stderr, read.stderr);

        let mut logs = Vec::new();
        find_logs(devnet.folder(), &mut logs);
        assert!(logs.len() >= 5, "every node keeps a log");
        let client_logs = devnet.folder().join("clients.log");
        std::fs::write(&client_logs, sent.stderr + &read.stderr).expect("a file");
        logs.push(client_logs);
        let words: Vec<_> = recovery.split(' ').take(3).collect();
        let needles = [&alice_id[2..], &bob_id[2..], "purple elephant", &words.join(" ")];
        for log in &logs {
            for needle in needles {
                assert!(!mentions(log, needle), "{} names {needle} at {level}", log.display());
            }
            for address in ["127.0.0.1", "/ip4/", "12D3Koo"] {
                assert!(!mentions(log, address), "{} holds {address} at {level}", log.display());
            }
        }
        let total: u64 =
            logs.iter().filter_map(|log| std::fs::metadata(log).ok()).map(|meta| meta.len()).sum();
        assert!(total > 0, "something was logged, so that something was checked");
    }
}

fn find_logs(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_logs(&path, found);
        } else if path.file_name().is_some_and(|name| name.to_string_lossy().contains("log")) {
            found.push(path);
        }
    }
}
