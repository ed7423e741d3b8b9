//! The main job: a private network that two accounts talk over, and that leaves nothing behind.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use starling_tests::{Devnet, children_of, eventually, signal, starling};

#[test]
fn the_demonstration_ends_with_both_messages_received_and_ctrl_c_leaves_no_process() {
    let devnet = Devnet::start_with(14, &[]);
    let pids: Vec<u32> = devnet.ready.nodes.iter().map(|node| node.pid).collect();

    let mut received = Vec::new();
    while received.len() < 2 {
        let event = devnet.next_event(Duration::from_secs(120)).expect("the demonstration goes on");
        if event["event"] == "received" {
            received.push(event["body"].clone());
        }
    }
    let code = devnet.interrupt();

    assert_eq!(code, Some(0));
    for pid in pids {
        eventually(Duration::from_secs(5), "every node has ended", || {
            (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
    }
}

#[test]
fn without_keep_no_file_stays_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let network = folder.path().join("network");
    let mut process = Command::new(starling())
        .args(["devnet", "--nodes", "3", "--no-demo", "--json", "--dir"])
        .arg(&network)
        .stdout(Stdio::null())
        .spawn()
        .expect("starling devnet can be started");
    eventually(Duration::from_secs(60), "the network file is written", || {
        network.join("network.toml").is_file().then_some(())
    });

    signal(process.id(), "TERM");
    let status = process.wait().expect("devnet ends");

    assert!(status.success(), "{status}");
    assert!(!network.exists(), "the folder is gone");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("the folder above").count(),
        0,
        "and nothing is beside it"
    );
}

#[test]
fn a_network_without_a_folder_of_its_own_cleans_up_after_the_demonstration() {
    let mut process = Command::new(starling())
        .args(["devnet", "--nodes", "5", "--json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starling devnet can be started");
    let mut folder = None;
    let mut received = 0;
    for line in BufReader::new(process.stdout.take().expect("stdout is piped")).lines() {
        let event: Value = serde_json::from_str(&line.expect("a text")).expect("an object");
        if event["event"] == "ready" {
            let network = Path::new(event["network"].as_str().expect("a path")).to_owned();
            assert!(network.is_file());
            folder = network.parent().map(Path::to_owned);
        }
        received += usize::from(event["event"] == "received");
        if received == 2 {
            received = 0;
            signal(process.id(), "INT");
        }
    }

    assert!(process.wait().expect("devnet ends").success());
    assert!(!folder.expect("it was ready").exists(), "the temporary folder is gone");
}

#[test]
fn nodes_end_when_the_devnet_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut process = Command::new(starling())
        .args(["devnet", "--nodes", "3", "--no-demo", "--json", "--dir"])
        .arg(folder.path().join("network"))
        .stdout(Stdio::null())
        .spawn()
        .expect("starling devnet can be started");
    let network = folder.path().join("network/network.toml");
    eventually(Duration::from_secs(60), "the network file is written", || network.is_file().then_some(()));
    let children = children_of(process.id());
    assert!(children.len() >= 3, "three nodes are running");

    signal(process.id(), "KILL");
    process.wait().expect("devnet has ended");

    for pid in children {
        eventually(Duration::from_secs(20), "a node without its devnet ends", || {
            (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
        });
    }
}
