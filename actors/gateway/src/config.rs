//! The `[gateway]` section.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};

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
    /// Open connections to the HTTPS API, all threads together; more wait to be accepted.
    pub max_connections: usize,
    /// What request bodies may take in memory together; beyond it callers are told to come back.
    pub body_memory: ByteSize,
    /// How long a TLS handshake may take.
    #[serde(with = "humantime_serde")]
    pub handshake_within: Duration,
    /// How long a client may take to send a request's head.
    #[serde(with = "humantime_serde")]
    pub head_within: Duration,
    /// How long a client may take to send a request's body.
    #[serde(with = "humantime_serde")]
    pub body_within: Duration,
    /// How long an idle connection is kept open.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// Mailbox, deadlines and restarts.
    pub bounds: Bounds,
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("https", "Where a node serves the network's HTTPS API. Port 0 lets the system choose."),
        Note::new(
            "operator",
            "Where /healthz, /readyz, /metrics, /version and /actors are served, plain HTTP. Port 0 lets the system choose.",
        ),
        Note::new(
            "operator_beyond_loopback",
            "Allows operator to be an address that other machines can reach. Nothing guards those endpoints.",
        ),
        Note::new("workers", "Threads for HTTP and TLS; 0 means one per core."),
        Note::new(
            "max_connections",
            "Open connections to the HTTPS API, all threads together; more wait to be accepted.",
        ),
        Note::new(
            "body_memory",
            "What request bodies may take in memory together; beyond it callers are told to come back.",
        ),
        Note::new("handshake_within", "How long a TLS handshake may take."),
        Note::new("head_within", "How long a client may take to send a request's head."),
        Note::new("body_within", "How long a client may take to send a request's body."),
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
        if self.body_memory.as_u64() < crate::edge::MAX_BODY as u64 {
            return Err(format!(
                "gateway.body_memory is {}; at least one body of the longest kind, 10 MiB, has to fit",
                self.body_memory,
            ));
        }
        Ok(())
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
            body_memory: ByteSize::mib(256),
            handshake_within: Duration::from_secs(5),
            head_within: Duration::from_secs(5),
            body_within: Duration::from_secs(60),
            keep_alive: Duration::from_secs(60),
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
        let notes = starling_kernel::config::Notes::new().section("", "", Config::NOTES).section(
            "bounds",
            "",
            Bounds::NOTES,
        );

        assert_eq!(config.validate(), Ok(()));
        let example = notes.example(&config).expect("every key has a note");
        assert_eq!(toml::from_str::<Config>(&example).expect("the example parses"), config);
    }

    #[test]
    fn values_that_cannot_work_are_refused_by_key() {
        let open = SocketAddr::from(([0, 0, 0, 0], 9000));
        refused(Config { operator: open, ..Config::default() }, "gateway.operator");
        refused(Config { max_connections: 0, ..Config::default() }, "gateway.max_connections");
        refused(Config { body_memory: ByteSize::mib(1), ..Config::default() }, "gateway.body_memory");
        let allowed = Config { operator: open, operator_beyond_loopback: true, ..Config::default() };
        assert_eq!(allowed.validate(), Ok(()));
    }
}
