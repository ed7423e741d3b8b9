//! A private network of real node processes.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::Duration,
};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::{binary::starling, process::signal};

/// Debug builds on a busy machine take their time.
const START_WITHIN: Duration = Duration::from_secs(120);
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running `starling devnet`; stopped when dropped.
pub struct Devnet {
    process: Child,
    events: Receiver<Value>,
    folder: TempDir,
    /// What the ready line said.
    pub ready: Ready,
}

/// The first line of `starling devnet --json`.
#[derive(Debug, Deserialize)]
pub struct Ready {
    event: String,
    /// The network file.
    pub network: PathBuf,
    /// Base URL of the seed.
    pub seed: String,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// One node of the ready line.
#[derive(Debug, Clone, Deserialize)]
pub struct Node {
    /// Process id.
    pub pid: u32,
    /// Ed25519 key, hex.
    pub pubkey_ed25519: String,
    /// X25519 key, hex.
    pub pubkey_x25519: String,
    /// Address.
    pub public_ip: String,
    /// Port of its HTTPS edge.
    pub storage_port: u16,
    /// Port of QUIC (UDP) and OxenMQ (TCP).
    pub omq_port: u16,
    /// Multiaddress.
    pub libp2p: String,
    /// Its swarm; a number or its text.
    pub swarm_id: Value,
}

impl Devnet {
    /// Starts `nodes` nodes and waits until all are ready.
    pub fn start(nodes: usize) -> Self {
        Self::start_with(nodes, &["--no-demo"])
    }

    /// Starts with further arguments.
    pub fn start_with(nodes: usize, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the network");
        let mut process = Command::new(starling())
            .args(["devnet", "--json", "--keep", "--nodes", &nodes.to_string(), "--dir"])
            .arg(folder.path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("starling devnet can be started");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let (sender, events) = sync_channel(1024);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        let first = match events.recv_timeout(START_WITHIN) {
            Ok(first) => first,
            Err(error) => {
                signal(process.id(), "TERM");
                panic!("no ready line within {START_WITHIN:?} ({error})");
            }
        };
        let ready: Ready = serde_json::from_value(first).expect("the first line has the documented shape");
        assert_eq!(ready.event, "ready", "the first line says that the network is ready");
        assert_eq!(ready.nodes.len(), nodes, "one entry per node");
        Self { process, events, folder, ready }
    }

    /// The network file.
    pub fn network(&self) -> &Path {
        &self.ready.network
    }

    /// Where the nodes keep their files and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The node of that key.
    #[track_caller]
    pub fn node(&self, pubkey_ed25519: &str) -> &Node {
        let found = self.ready.nodes.iter().find(|node| node.pubkey_ed25519 == pubkey_ed25519);
        found.expect("the key is one of the network's")
    }

    /// Kills a node as a power cut would.
    pub fn kill(&self, pubkey_ed25519: &str) {
        signal(self.node(pubkey_ed25519).pid, "KILL");
    }

    /// The next line of output, parsed.
    pub fn next_event(&self, within: Duration) -> Option<Value> {
        self.events.recv_timeout(within).ok()
    }

    /// Sends SIGINT, as Ctrl-C does, and returns the exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        signal(self.process.id(), "INT");
        let process = &mut self.process;
        let ended = crate::eventually(STOP_WITHIN, "devnet ends", || process.try_wait().ok().flatten());
        ended.code()
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        signal(self.process.id(), "TERM");
        let began = std::time::Instant::now();
        while began.elapsed() < STOP_WITHIN {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Its nodes notice that it is gone and end by themselves.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
