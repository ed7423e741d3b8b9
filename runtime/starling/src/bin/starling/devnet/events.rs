//! What a private network tells: one JSON object per line, or lines for people.

use std::path::PathBuf;

use serde::Serialize;
use starling::{
    contracts::inbox::{Sent, StoredMessage},
    protocol::{
        account::AccountId,
        crypto::{ed25519, x25519},
    },
};

use super::{node::Node, place::Place, roster::Roster};
use crate::{exit::Failure, output::Output};

/// All nodes are ready: always the first line.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) event: &'static str,
    pub(crate) network: PathBuf,
    pub(crate) seed: String,
    pub(crate) nodes: Vec<NodeFacts>,
    pub(crate) took_ms: u128,
}

/// One node.
#[derive(Debug, Serialize)]
pub(crate) struct NodeFacts {
    pid: u32,
    pubkey_ed25519: ed25519::PublicKey,
    pubkey_x25519: x25519::PublicKey,
    public_ip: String,
    storage_port: u16,
    /// Of QUIC (UDP) and OxenMQ (TCP).
    omq_port: u16,
    libp2p: String,
    swarm_id: u64,
    operator: Option<String>,
}

impl NodeFacts {
    pub(crate) fn of(node: &Node, roster: &Roster) -> Option<Self> {
        let listed = roster.find(&node.listening.pubkey_ed25519?)?;
        Some(Self {
            pid: node.pid,
            pubkey_ed25519: listed.ed25519,
            pubkey_x25519: listed.x25519,
            public_ip: listed.public_ip.to_string(),
            storage_port: listed.storage_port,
            omq_port: listed.omq_port,
            libp2p: node.listening.libp2p.as_ref()?.addresses.first()?.clone(),
            swarm_id: listed.swarm.0,
            operator: node.listening.gateway.operator.map(|operator| format!("http://{operator}")),
        })
    }

    pub(crate) fn base_url(&self) -> String {
        format!("https://{}:{}", self.public_ip, self.storage_port)
    }
}

/// An account of the demonstration.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub(crate) event: &'static str,
    pub(crate) profile: String,
    pub(crate) id: AccountId,
    pub(crate) data_dir: PathBuf,
}

/// A message is on disk at its recipient's swarm.
#[derive(Debug, Serialize)]
pub(crate) struct SentFacts<'a> {
    pub(crate) event: &'static str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) body: &'a str,
    pub(crate) took_ms: u128,
    #[serde(flatten)]
    pub(crate) sent: &'a Sent,
}

/// The recipient has read it.
#[derive(Debug, Serialize)]
pub(crate) struct ReceivedFacts<'a> {
    pub(crate) event: &'static str,
    pub(crate) profile: &'a str,
    pub(crate) took_ms: u128,
    #[serde(flatten)]
    pub(crate) message: &'a StoredMessage,
}

/// A node ended without being asked to.
#[derive(Debug, Serialize)]
pub(crate) struct NodeLost {
    pub(crate) event: &'static str,
    pub(crate) index: usize,
    pub(crate) pid: u32,
    pub(crate) status: String,
    pub(crate) log: PathBuf,
    pub(crate) left: usize,
}

/// The last line.
#[derive(Debug, Serialize)]
pub(crate) struct Stopped {
    pub(crate) event: &'static str,
    /// The folder, when its files were kept.
    pub(crate) kept: Option<PathBuf>,
}

/// Tells events in the form that was asked for.
pub(crate) struct Reporter {
    output: Output,
    /// This program, as it can be called again; looked up before somebody replaces the file.
    program: String,
}

impl Reporter {
    pub(crate) fn new(output: Output) -> Self {
        let program =
            std::env::current_exe().map_or_else(|_| "starling".to_owned(), |path| path.display().to_string());
        Self { output, program }
    }

    /// Tells people something that is no event.
    pub(crate) fn say(&self, text: &str) -> Result<(), Failure> {
        self.output.say(text)
    }

    pub(crate) fn ready(&self, ready: &Ready) -> Result<(), Failure> {
        self.output.fact(ready, || {
            let swarms: std::collections::BTreeSet<_> =
                ready.nodes.iter().map(|node| node.swarm_id).collect();
            format!(
                "{} nodes in {} are ready after {}\nnetwork file  {}\nseed          {}",
                ready.nodes.len(),
                count(swarms.len(), "swarm"),
                seconds(ready.took_ms),
                ready.network.display(),
                ready.seed
            )
        })
    }

    pub(crate) fn person(&self, person: &Person) -> Result<(), Failure> {
        self.output.fact(person, || format!("{:13} {}", person.profile, person.id))
    }

    pub(crate) fn sent(&self, facts: &SentFacts<'_>) -> Result<(), Failure> {
        self.output.fact(facts, || {
            let path: Vec<_> = facts.sent.path.iter().map(short).collect();
            let members: Vec<_> = facts.sent.stored_by.iter().map(short).collect();
            let swarm = facts.sent.swarm.map_or_else(|| "unknown".to_owned(), |swarm| swarm.to_string());
            format!(
                "\n{} -> {}: {:?}\n  path        {} -> a member of the swarm\n  swarm       {swarm}\n  stored by   {} members: {}\n  sent in     {}",
                facts.from, facts.to, facts.body, path.join(" -> "), members.len(), members.join(" "), seconds(facts.took_ms)
            )
        })
    }

    pub(crate) fn received(&self, facts: &ReceivedFacts<'_>) -> Result<(), Failure> {
        self.output.fact(facts, || {
            format!(
                "  received    {:?} by {} in {}",
                facts.message.body,
                facts.profile,
                seconds(facts.took_ms)
            )
        })
    }

    pub(crate) fn demo_failed(&self, failure: &Failure) -> Result<(), Failure> {
        let facts = serde_json::json!({ "event": "demo_failed", "error": failure.to_string(), "code": failure.code() as u8 });
        self.output.fact(&facts, || format!("\nthe demonstration failed: {failure}"))
    }

    pub(crate) fn node_lost(&self, lost: &NodeLost) -> Result<(), Failure> {
        self.output.fact(lost, || {
            format!(
                "node {} (pid {}) ended: {}; {} are left; its log: {}",
                lost.index,
                lost.pid,
                lost.status,
                lost.left,
                lost.log.display()
            )
        })
    }

    pub(crate) fn stopped(&self, stopped: &Stopped) -> Result<(), Failure> {
        self.output.fact(stopped, || match &stopped.kept {
            Some(folder) => format!("stopped; the files are kept in {}", folder.display()),
            None => "stopped".to_owned(),
        })
    }

    /// Commands to paste; for people only.
    pub(crate) fn how_to_talk(&self, place: &Place, pair: Option<&(Person, Person)>) -> Result<(), Failure> {
        if self.output.is_json() {
            return Ok(());
        }
        let program = &self.program;
        let command = |folder: &str, rest: &str| {
            format!(
                "  {program} --network {} --data-dir {} {rest}",
                place.network_file().display(),
                place.account(folder).display()
            )
        };
        let mut lines = vec![String::new(), "Talk over it from another terminal:".to_owned()];
        match pair {
            Some((alice, bob)) => {
                lines.push(command("bob", "inbox --profile bob --follow"));
                lines.push(command("alice", &format!("send --profile alice --to {} 'Hello again'", bob.id)));
                lines.push(command("alice", "inbox --profile alice"));
                lines.push(command("carol", "account new --profile carol"));
                lines.push(command(
                    "carol",
                    &format!("send --profile carol --to {} 'Hello from carol'", alice.id),
                ));
            }
            None => {
                lines.push(command("carol", "account new --profile carol"));
                lines.push(command("carol", "inbox --profile carol"));
            }
        }
        lines.push("Ctrl-C stops the network.".to_owned());
        self.output.say(&lines.join("\n"))
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn short(key: &ed25519::PublicKey) -> String {
    key.to_string().chars().take(8).collect()
}

fn seconds(milliseconds: u128) -> String {
    format!("{}.{:03} s", milliseconds / 1000, milliseconds % 1000)
}
