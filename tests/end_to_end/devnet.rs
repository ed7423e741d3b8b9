//! The main job: a private network that two accounts talk over, and that leaves nothing behind.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use starling_tests::{Devnet, eventually, finish, signal, starling};

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
    assert!(!network.join("network.toml").exists(), "nothing is left");
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

fn children_of(parent: u32) -> Vec<u32> {
    let listed = finish(Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]), "");
    listed.stdout.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
