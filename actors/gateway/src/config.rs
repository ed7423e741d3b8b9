//! The `[gateway]` section.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, RateLimit, config::Note};

use crate::{omq, quic};

/// The `[gateway]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where a node serves the network's HTTPS API. Port 0 lets the system choose.
    pub https: SocketAddr,
    /// Where the operator's endpoints are served, plain HTTP. Port 0 lets the system choose.
    pub operator: SocketAddr,
    /// Allows `operator` to be an address that other machines can reach. Nothing guards those endpoints.
    pub operator_beyond_loopback: bool,
    /// Threads for HTTP and TLS; 0 means one per core.
    pub workers: usize,
    /// Open connections to the HTTPS API, all threads together; more are closed at once.
    pub max_connections: usize,
    /// Open connections of one IPv4 address, or one IPv6 /64; never more than a quarter of those that are left. 0 switches both bounds off.
    pub connections_per_address: usize,
    /// What bodies and answers may take in memory together; beyond it callers are told to come back.
    pub memory: ByteSize,
    /// How long a TLS handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake_within: Duration,
    /// How long a client may take to send a request's head.
    #[serde(with = "humantime_serde")]
    pub head_within: Duration,
    /// How long a client may take to send a request's body.
    #[serde(with = "humantime_serde")]
    pub body_within: Duration,
    /// How long 16 KiB of a body, or of an answer that is being read, may take; a connection that is slower is closed.
    #[serde(with = "humantime_serde")]
    pub stall_within: Duration,
    /// How long an idle connection is kept open.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// How often one IPv4 address, or one IPv6 /64, may ask; onion requests are not counted.
    pub rate: RateLimit,
    /// `[gateway.quic]`: the QUIC door.
    pub quic: quic::Config,
    /// `[gateway.omq]`: the OxenMQ door.
    pub omq: omq::Config,
    /// Mailbox, deadlines and restarts.
    pub bounds: Bounds,
}

/// One caller gets a fifth, and that has to be enough for a body and its answer.
const LEAST_MEMORY: ByteSize = ByteSize::mib(128);

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("https", "Where a node serves the network's HTTPS API. Port 0 lets the system choose."),
        Note::new(
            "operator",
            "Where /healthz, /readyz, /metrics, /version, /actors and /stats are served, plain HTTP. Port 0 lets the system choose.",
        ),
        Note::new(
            "operator_beyond_loopback",
            "Allows operator to be an address that other machines can reach. Nothing guards those endpoints.",
        ),
        Note::new("workers", "Threads for HTTP and TLS; 0 means one per core."),
        Note::new(
            "max_connections",
            "Open connections to the HTTPS API, all threads together; more are closed at once.",
        ),
        Note::new(
            "connections_per_address",
            "Open connections of one IPv4 address, or one IPv6 /64; never more than a quarter of those that are left. 0 switches both bounds off.",
        ),
        Note::new(
            "memory",
            "What bodies and answers may take in memory together; beyond it callers are told to come back.",
        ),
        Note::new("handshake_within", "How long a TLS handshake may take."),
        Note::new("head_within", "How long a client may take to send a request's head."),
        Note::new("body_within", "How long a client may take to send a request's body."),
        Note::new(
            "stall_within",
            "How long 16 KiB of a body, or of an answer that is being read, may take; a connection that is slower is closed.",
        ),
        Note::new("keep_alive", "How long an idle connection is kept open."),
    ];

    /// Checks what types cannot: sizes that leave no room for a single request, and an operator listener in the open.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        if !self.operator.ip().is_loopback() && !self.operator_beyond_loopback {
            return Err(format!(
                "gateway.operator is {}, which other machines may reach; use a loopback address such as 127.0.0.1, or set \
                 gateway.operator_beyond_loopback = true",
                self.operator.ip(),
            ));
        }
        if self.max_connections == 0 {
            return Err("gateway.max_connections is 0; at least 1 is needed".to_owned());
        }
        if self.memory.as_u64() < LEAST_MEMORY.as_u64() {
            return Err(format!(
                "gateway.memory is {}; at least {LEAST_MEMORY} is needed: nobody gets more than a fifth of it, and a body \
                 and its answer may have 10 MiB each",
                self.memory,
            ));
        }
        let durations = [
            ("handshake_within", self.handshake_within),
            ("head_within", self.head_within),
            ("body_within", self.body_within),
            ("stall_within", self.stall_within),
            ("keep_alive", self.keep_alive),
        ];
        if let Some((key, _)) = durations.iter().find(|(_, duration)| duration.is_zero()) {
            return Err(format!("gateway.{key} is 0; expected a duration such as \"5s\""));
        }
        self.quic.validate()?;
        self.omq.validate()?;
        self.rate.validate("gateway.rate")
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            https: SocketAddr::from(([0, 0, 0, 0], 22021)),
            operator: SocketAddr::from(([127, 0, 0, 1], 22024)),
            operator_beyond_loopback: false,
            workers: 0,
            max_connections: 20_000,
            connections_per_address: 512,
            memory: ByteSize::mib(256),
            handshake_within: Duration::from_secs(5),
            head_within: Duration::from_secs(5),
            body_within: Duration::from_secs(60),
            stall_within: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            rate: RateLimit::default(),
            quic: quic::Config::default(),
            omq: omq::Config::default(),
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
    fn the_defaults_are_valid_and_every_key_has_a_note() {
        let config = Config::default();
        let notes = starling_kernel::config::Notes::new()
            .section("", "", Config::NOTES)
            .section("rate", "", RateLimit::NOTES)
            .section("quic", "", quic::Config::NOTES)
            .section("quic.bounds", "", Bounds::NOTES)
            .section("omq", "", omq::Config::NOTES)
            .section("bounds", "", Bounds::NOTES);

        assert_eq!(config.validate(), Ok(()));
        let example = notes.example(&config).expect("every key has a note");
        assert_eq!(toml::from_str::<Config>(&example).expect("the example parses"), config);
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_key() {
        let open = SocketAddr::from(([0, 0, 0, 0], 9000));
        refused(Config { operator: open, ..Config::default() }, "gateway.operator");
        refused(Config { max_connections: 0, ..Config::default() }, "gateway.max_connections");
        refused(Config { memory: ByteSize::mib(32), ..Config::default() }, "gateway.memory");
        refused(Config { stall_within: Duration::ZERO, ..Config::default() }, "gateway.stall_within");
        let rate = RateLimit { burst: 0, ..RateLimit::default() };
        refused(Config { rate, ..Config::default() }, "gateway.rate.burst");
        let allowed = Config { operator: open, operator_beyond_loopback: true, ..Config::default() };
        assert_eq!(allowed.validate(), Ok(()));
    }
}
