//! One node process with settings of the test's own.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use starling_protocol::crypto::ed25519;
use tempfile::TempDir;

use crate::{binary::starling, https::insecure_client, process::signal};

/// A running `starling run` with the node role, on loopback, with ports that the system chose. Killed when dropped.
pub struct RunningNode {
    process: Child,
    folder: TempDir,
    /// What it printed once it listened.
    pub listening: Value,
}

impl RunningNode {
    /// Starts a node that waits for a node list at [`RunningNode::node_list`], with further `-O` assignments.
    pub fn start(authority: &str, assignments: &[&str]) -> Self {
        Self::start_in(authority, assignments, &[])
    }

    /// As [`RunningNode::start`], with further variables of the environment.
    pub fn start_in(authority: &str, assignments: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the node");
        let list = folder.path().join("nodes.json");
        let backend =
            format!("{{ type = \"local\", file = {list:?}, authority = {authority:?}, poll = \"50ms\" }}");
        let mut command = Command::new(starling());
        command.args(["run", "--json", "--data-dir"]).arg(folder.path().join("data"));
        let own = [
            "runtime.roles=[\"node\"]".to_owned(),
            "gateway.https=\"127.0.0.1:0\"".to_owned(),
            "gateway.operator=\"127.0.0.1:0\"".to_owned(),
            "gateway.quic.listen=\"127.0.0.1:0\"".to_owned(),
            "gateway.omq.listen=\"127.0.0.1:0\"".to_owned(),
            "transport.listen=\"127.0.0.1\"".to_owned(),
            "transport.port=0".to_owned(),
            format!("staking.backend={backend}"),
        ];
        for assignment in own.iter().map(String::as_str).chain(assignments.iter().copied()) {
            command.args(["-O", assignment]);
        }
        command.envs(environment.iter().map(|(name, value)| (*name, value)));
        let log = std::fs::File::create(folder.path().join("log")).expect("the log can be written");
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("starling run can be started");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        let listening = serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            panic!("the node did not say where it listens; its log: {log}")
        });
        Self { process, folder, listening }
    }

    /// Where the node looks for its node list.
    pub fn node_list(&self) -> PathBuf {
        self.folder.path().join("nodes.json")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The HTTPS edge.
    pub fn https(&self) -> SocketAddr {
        self.address("https")
    }

    /// The QUIC door.
    pub fn quic(&self) -> SocketAddr {
        self.address("quic")
    }

    /// The operator's listener.
    pub fn operator(&self) -> SocketAddr {
        self.address("operator")
    }

    /// The OxenMQ door.
    pub fn omq(&self) -> SocketAddr {
        self.address("omq")
    }

    /// The port of libp2p.
    pub fn libp2p_port(&self) -> u16 {
        let port = self.listening["libp2p"]["port"].as_u64().expect("a node listens for peers");
        u16::try_from(port).expect("a port has 16 bits")
    }

    /// The key that names it.
    pub fn key(&self) -> ed25519::PublicKey {
        let text = self.listening["pubkey_ed25519"].as_str().expect("a node says its key");
        text.parse().expect("a key")
    }

    /// What its operator's listener answers to a GET: status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.operator());
        let answer = insecure_client().get(url).send().await.expect("the operator's listener answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    /// Waits until it serves.
    pub async fn wait_until_ready(&self) {
        for _ in 0..600 {
            if self.get("/readyz").await.0 == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not ready: {} {}", self.get("/readyz").await.1, self.log());
    }

    /// What its HTTPS edge answers to a storage request: status and text.
    pub async fn call(&self, method: &str, params: Value) -> (u16, String) {
        let url = format!("https://{}/storage_rpc/v1", self.https());
        let body = json!({ "method": method, "params": params }).to_string();
        let answer = insecure_client().post(url).body(body).send().await.expect("the edge answers");
        (answer.status().as_u16(), answer.text().await.expect("a text"))
    }

    fn address(&self, key: &str) -> SocketAddr {
        let text = self.listening["gateway"][key].as_str().expect("a listener has an address");
        text.parse().expect("an address")
    }

    /// Sends SIGTERM and returns the exit code.
    pub fn stop(mut self) -> Option<i32> {
        signal(self.process.id(), "TERM");
        self.process.wait().expect("a child can be waited for").code()
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        // It may have been stopped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Does the text of a log hold `needle`, whatever its case?
pub fn mentions(path: &Path, needle: &str) -> bool {
    let text = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&text).to_lowercase().contains(&needle.to_lowercase())
}
