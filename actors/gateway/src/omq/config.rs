//! The `[gateway.omq]` section.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::config::Note;
use starling_protocol::omq::MAX_MESSAGE;

/// The `[gateway.omq]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Serves OxenMQ. Off, there is neither a thread nor a socket for it.
    pub enabled: bool,
    /// Where OxenMQ is served (TCP). Port 0 means the number that the QUIC door has, or one that the system chooses.
    pub listen: SocketAddr,
    /// Open connections; more wait to be accepted.
    pub max_connections: usize,
    /// Open connections of one IPv4 address, or of one IPv6 /64; more are closed at once.
    pub max_connections_per_address: usize,
    /// Requests under way; beyond it callers are told to come back.
    pub max_requests: usize,
    /// As `max_requests`, of one connection.
    pub max_requests_per_connection: usize,
    /// What requests may take in memory together, and again what answers and notifications may take until they are read.
    pub memory: ByteSize,
    /// What one connection may leave unread before notifications are dropped and an answer closes it.
    pub unread: ByteSize,
    /// How long a connection may take to finish a message it has begun, or to read anything of what waits for it.
    #[serde(with = "humantime_serde")]
    pub progress_within: Duration,
    /// How long a connection that says nothing but heartbeats is kept open. Subscriptions end after 65 minutes by themselves.
    #[serde(with = "humantime_serde")]
    pub idle_within: Duration,
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("enabled", "Serves OxenMQ. Off, there is neither a thread nor a socket for it."),
        Note::new(
            "listen",
            "Where OxenMQ is served (TCP). Port 0 means the number that the QUIC door has, or one that the system chooses.",
        ),
        Note::new("max_connections", "Open connections; more wait to be accepted."),
        Note::new(
            "max_connections_per_address",
            "Open connections of one IPv4 address, or of one IPv6 /64; more are closed at once.",
        ),
        Note::new("max_requests", "Requests under way; beyond it callers are told to come back."),
        Note::new("max_requests_per_connection", "As max_requests, of one connection."),
        Note::new(
            "memory",
            "What requests may take in memory together, and again what answers and notifications may take until they are read.",
        ),
        Note::new(
            "unread",
            "What one connection may leave unread before notifications are dropped and an answer closes it.",
        ),
        Note::new(
            "progress_within",
            "How long a connection may take to finish a message it has begun, or to read anything of what waits for it.",
        ),
        Note::new(
            "idle_within",
            "How long a connection that says nothing but heartbeats is kept open. Subscriptions end after 65 minutes by themselves.",
        ),
    ];

    /// Checks what types cannot: bounds that let nothing pass.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        if !self.enabled {
            return Ok(());
        }
        for (key, count) in [
            ("max_connections", self.max_connections),
            ("max_connections_per_address", self.max_connections_per_address),
            ("max_requests", self.max_requests),
            ("max_requests_per_connection", self.max_requests_per_connection),
        ] {
            if !(1..=MOST).contains(&count) {
                return Err(format!("gateway.omq.{key} is {count}; a number from 1 to {MOST} is needed"));
            }
        }
        for (key, size) in [("memory", self.memory), ("unread", self.unread)] {
            if !(LEAST_MEMORY..=MOST_MEMORY).contains(&size.as_u64()) {
                return Err(format!(
                    "gateway.omq.{key} is {size}; a size from 12 MiB to 256 GiB is needed: a message of the longest kind has to fit"
                ));
            }
        }
        for (key, time) in [("progress_within", self.progress_within), ("idle_within", self.idle_within)] {
            if time.is_zero() {
                return Err(format!("gateway.omq.{key} is 0s; a duration above zero is needed"));
            }
        }
        Ok(())
    }
}

/// Beyond it a bound is a typing error.
const MOST: usize = 1 << 20;
/// A message of the longest kind with everything around it.
const LEAST_MEMORY: u64 = MAX_MESSAGE as u64 + (2 << 20);
const MOST_MEMORY: u64 = 256 << 30;

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([0, 0, 0, 0], 22020)),
            max_connections: 2048,
            max_connections_per_address: 64,
            max_requests: 512,
            max_requests_per_connection: 64,
            memory: ByteSize::mib(128),
            unread: ByteSize::mib(16),
            progress_within: Duration::from_secs(30),
            idle_within: Duration::from_secs(2 * 60 * 60),
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
    fn values_that_cannot_work_are_refused_by_key_unless_the_door_is_shut() {
        let fine = Config::default;
        assert_eq!(fine().validate(), Ok(()));
        refused(Config { max_connections: 0, ..fine() }, "gateway.omq.max_connections");
        refused(
            Config { max_connections_per_address: 0, ..fine() },
            "gateway.omq.max_connections_per_address",
        );
        refused(Config { max_requests: usize::MAX, ..fine() }, "gateway.omq.max_requests");
        refused(
            Config { max_requests_per_connection: 0, ..fine() },
            "gateway.omq.max_requests_per_connection",
        );
        refused(Config { memory: ByteSize::mib(1), ..fine() }, "gateway.omq.memory");
        refused(Config { unread: ByteSize::mib(11), ..fine() }, "gateway.omq.unread");
        refused(Config { progress_within: Duration::ZERO, ..fine() }, "gateway.omq.progress_within");
        refused(Config { idle_within: Duration::ZERO, ..fine() }, "gateway.omq.idle_within");
        assert_eq!(Config { enabled: false, max_requests: 0, ..fine() }.validate(), Ok(()));
    }
}
