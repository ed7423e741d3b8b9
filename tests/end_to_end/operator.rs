//! What the operator sees, and what a node bears.

use std::{net::Ipv4Addr, time::Duration};

use serde_json::{Value, json};
use starling_contracts::node::ServiceNode;
use starling_protocol::{
    crypto::{ed25519, random_bytes},
    swarm::SwarmId,
};
use starling_staking::local::{NodeListFile, next_version};
use starling_tests::{Client, Devnet, RunningNode, insecure_client, mentions};

/// Whoever signs the node list of these tests.
struct Authority(ed25519::SecretKey);

impl Authority {
    fn new() -> Self {
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        Self(ed25519::SecretKey::from_seed(seed))
    }

    fn key(&self) -> String {
        self.0.public().to_string()
    }

    /// Puts `node` alone on the list.
    fn list(&self, node: &RunningNode) {
        let text = node.listening["pubkey_ed25519"].as_str().expect("a node says its key");
        let ed25519: ed25519::PublicKey = text.parse().expect("a key");
        let member = ServiceNode {
            ed25519,
            x25519: ed25519.to_x25519().expect("a node's key converts"),
            legacy: ed25519,
            public_ip: Ipv4Addr::LOCALHOST,
            storage_port: node.https().port(),
            omq_port: 0,
            libp2p_port: 0,
            swarm: SwarmId::UNASSIGNED,
            version: [2, 8, 0],
            requested_unlock_height: 0,
        };
        let empty = NodeListFile::new(0, [19, 6], [0; 32], Vec::new()).expect("an empty list");
        let list = next_version(&empty, vec![member], &[], [7; 32]).expect("the node may join");
        list.sign(&self.0).write(&node.node_list()).expect("the list can be written");
    }
}

async fn get(node: &RunningNode, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", node.operator());
    let answer = insecure_client().get(url).send().await.expect("the operator's listener answers");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

async fn wait_until_ready(node: &RunningNode) {
    for _ in 0..600 {
        if get(node, "/readyz").await.0 == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not ready: {} {}", get(node, "/readyz").await.1, node.log());
}

async fn call(node: &RunningNode, method: &str, params: Value) -> (u16, String) {
    let url = format!("https://{}/storage_rpc/v1", node.https());
    let body = json!({ "method": method, "params": params }).to_string();
    let answer = insecure_client().post(url).body(body).send().await.expect("the edge answers");
    (answer.status().as_u16(), answer.text().await.expect("a text"))
}

/// The value of a series, `None` if there is no such line.
fn series(metrics: &str, start: &str) -> Option<f64> {
    let line = metrics.lines().find(|line| line.starts_with(start))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn readiness_tells_why_not_and_metrics_start_at_zero() {
    let authority = Authority::new();
    let node = RunningNode::start(&authority.key(), &[]);

    let (status, reasons) = get(&node, "/readyz").await;
    assert_eq!(status, 503);
    assert!(reasons.contains("node list"), "{reasons}");
    assert_eq!(get(&node, "/healthz").await.0, 200);
    let (status, answer) = call(&node, "info", json!({})).await;
    assert_eq!(status, 503, "{answer}");
    assert!(answer.starts_with("Service node is not ready: "), "{answer}");
    authority.list(&node);
    wait_until_ready(&node).await;

    let (_, metrics) = get(&node, "/metrics").await;
    for start in [
        "starling_actor_restarts_total{actor=\"storage\"}",
        "starling_actor_handled_total{actor=\"relay\",message=\"enter_onion\"}",
        "starling_actor_mailbox_depth{actor=\"swarm\"}",
        "starling_actor_refused_total{actor=\"storage\"}",
    ] {
        assert_eq!(series(&metrics, start), Some(0.0), "{start} in {metrics}");
    }
    assert!(get(&node, "/version").await.1.contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(node.stop(), Some(0), "SIGTERM drains and ends well");
}

#[tokio::test]
async fn a_panicking_handler_costs_its_own_request_and_nothing_else() {
    let authority = Authority::new();
    let node = RunningNode::start(&authority.key(), &["storage.fault_injection=true"]);
    authority.list(&node);
    wait_until_ready(&node).await;
    assert_eq!(call(&node, "info", json!({})).await.0, 200);

    let (status, _) = call(&node, "debug_panic", json!({})).await;

    assert_eq!(status, 500, "the request gets an error");
    let mut answers = Vec::new();
    for _ in 0..200 {
        let (status, _) = call(&node, "info", json!({})).await;
        answers.push(status);
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(answers.last(), Some(&200), "the actor is back: {answers:?}");
    let (_, metrics) = get(&node, "/metrics").await;
    assert_eq!(series(&metrics, "starling_actor_restarts_total{actor=\"storage\"}"), Some(1.0));
    for neighbour in ["swarm", "relay", "staking", "gateway", "transport"] {
        let start = format!("starling_actor_restarts_total{{actor=\"{neighbour}\"}}");
        assert_eq!(series(&metrics, &start), Some(0.0), "{neighbour} never noticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_against_a_mailbox_of_sixty_four_are_all_answered() {
    let authority = Authority::new();
    let node = RunningNode::start(
        &authority.key(),
        &["storage.bounds.mailbox_capacity=64", "storage.bounds.concurrency=8"],
    );
    authority.list(&node);
    wait_until_ready(&node).await;
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
    assert_eq!(call(&node, "info", json!({})).await.0, 200, "and the node goes on");
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
