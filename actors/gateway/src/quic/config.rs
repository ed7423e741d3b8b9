//! The `[gateway.quic]` section.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};
use starling_protocol::quic_frame;

/// The `[gateway.quic]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Is the door open? A pure client has none in any case.
    pub enabled: bool,
    /// Where a node serves clients over QUIC. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Open connections; more are refused.
    pub max_connections: usize,
    /// Open connections of one IPv4 address, or of one IPv6 /64.
    pub connections_per_address: usize,
    /// How many connections may send 15 MiB ahead of what is read, as the network's nodes allow.
    pub wide_connections: usize,
    /// What requests and answers may take in memory together.
    pub memory: ByteSize,
    /// What those of one connection may take of it.
    pub memory_per_connection: ByteSize,
    /// Requests under way, of all connections.
    pub requests: usize,
    /// Requests under way of one connection; it is read no further while it has so many.
    pub requests_per_connection: usize,
    /// Notifications that may wait for a subscriber who does not read.
    pub notices: usize,
    /// How long a handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake_within: Duration,
    /// How long a connection may be silent.
    #[serde(with = "humantime_serde")]
    pub idle: Duration,
    /// How long a message may take to arrive.
    #[serde(with = "humantime_serde")]
    pub message_within: Duration,
    /// How long an answer may take to be taken.
    #[serde(with = "humantime_serde")]
    pub write_within: Duration,
    /// Mailbox, deadlines and restarts.
    pub bounds: Bounds,
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("enabled", "Whether a node serves clients over QUIC."),
        Note::new(
            "listen",
            "Where it does. Port 0 lets the system choose. Node lists have one number for QUIC and OxenMQ.",
        ),
        Note::new("max_connections", "Open connections; more are refused."),
        Note::new("connections_per_address", "Open connections of one IPv4 address, or of one IPv6 /64."),
        Note::new(
            "wide_connections",
            "How many connections may send 15 MiB ahead of what is read, as the network's nodes allow; others 64 KiB.",
        ),
        Note::new(
            "memory",
            "What requests and answers may take in memory together; beyond it callers are told to come back.",
        ),
        Note::new("memory_per_connection", "What those of one connection may take of it."),
        Note::new(
            "requests",
            "Requests under way, of all connections; beyond it callers are told to come back.",
        ),
        Note::new(
            "requests_per_connection",
            "Requests under way of one connection; it is read no further while it has so many.",
        ),
        Note::new(
            "notices",
            "Notifications that may wait for a subscriber who does not read; further ones are lost to him.",
        ),
        Note::new("handshake_within", "How long a handshake may take."),
        Note::new("idle", "How long a connection may be silent before it counts as dead."),
        Note::new(
            "message_within",
            "How long a message may take to arrive, from its first byte to its last.",
        ),
        Note::new("write_within", "How long an answer may take to be taken; then the connection is closed."),
    ];

    /// Checks that something can be served.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        for (key, count) in [
            ("max_connections", self.max_connections),
            ("connections_per_address", self.connections_per_address),
            ("requests", self.requests),
            ("requests_per_connection", self.requests_per_connection),
            ("notices", self.notices),
        ] {
            if count == 0 || count > MOST {
                return Err(format!("gateway.quic.{key} is {count}; a number from 1 to {MOST} is needed"));
            }
        }
        for (key, memory) in [("memory", self.memory), ("memory_per_connection", self.memory_per_connection)]
        {
            if memory.as_u64() < LEAST_MEMORY {
                return Err(format!(
                    "gateway.quic.{key} is {memory}; a request and an answer of the longest kind, {} together, have to fit",
                    ByteSize::b(LEAST_MEMORY),
                ));
            }
        }
        for (key, duration) in [
            ("handshake_within", self.handshake_within),
            ("idle", self.idle),
            ("message_within", self.message_within),
            ("write_within", self.write_within),
        ] {
            if duration.is_zero() || duration > LONGEST {
                return Err(format!(
                    "gateway.quic.{key} is {duration:?}; a duration above zero and of at most an hour is needed"
                ));
            }
        }
        Ok(())
    }
}

/// Beyond it a bound is a typing error.
const MOST: usize = 1 << 20;

/// As above.
const LONGEST: Duration = Duration::from_secs(3600);

/// A request and an answer of the longest kind, and a page for the rest.
const LEAST_MEMORY: u64 = 2 * quic_frame::MAX_LEN as u64 + 16 * 1024;

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([0, 0, 0, 0], 22020)),
            max_connections: 4096,
            connections_per_address: 256,
            wide_connections: 16,
            memory: ByteSize::mib(256),
            memory_per_connection: ByteSize::mib(32),
            requests: 1024,
            requests_per_connection: 64,
            notices: 256,
            handshake_within: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            message_within: Duration::from_secs(60),
            write_within: Duration::from_secs(30),
            bounds: Bounds::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(config: Config, key: &str) {
        let reason = config.validate().expect_err("must be refused");
        assert!(reason.starts_with(key), "{reason}");
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_key() {
        refused(Config { max_connections: 0, ..Config::default() }, "gateway.quic.max_connections");
        refused(Config { requests: usize::MAX, ..Config::default() }, "gateway.quic.requests");
        refused(Config { notices: 0, ..Config::default() }, "gateway.quic.notices");
        refused(Config { memory: ByteSize::mib(1), ..Config::default() }, "gateway.quic.memory");
        refused(Config { idle: Duration::ZERO, ..Config::default() }, "gateway.quic.idle");
        refused(Config { write_within: Duration::MAX, ..Config::default() }, "gateway.quic.write_within");
    }
}
