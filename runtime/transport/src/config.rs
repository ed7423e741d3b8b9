//! The `[transport]` section.

use std::{net::Ipv4Addr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, RateLimit, config::Note};

use crate::limits::Limits;

/// How a client reaches the first hop of its paths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstHop {
    /// libp2p: nodes of this program.
    #[default]
    Libp2p,
    /// HTTPS: every node of the network.
    Https,
}

/// What carries libp2p.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// QUIC over UDP.
    Quic,
    /// TCP with noise and yamux.
    Tcp,
}

/// The `[transport]` section. Everything holds from the next start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How a client reaches the first hop of its paths.
    pub first_hop: FirstHop,
    /// Address that a node listens on for libp2p.
    pub listen: Ipv4Addr,
    /// Port of TCP and UDP alike; 0 lets the system choose one that is free for both.
    pub port: u16,
    /// Address under which peers reach this node, where that is not one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_ip: Option<Ipv4Addr>,
    /// What carries libp2p, in order of preference.
    pub carriers: Vec<Carrier>,
    /// Memory for connections and for bodies on their way; the limits of both are derived from it.
    pub memory: ByteSize,
    /// How long one try to connect may take.
    #[serde(with = "humantime_serde")]
    pub connect_within: Duration,
    /// How long the preferred carrier is alone in trying to connect, before the next one tries too.
    #[serde(with = "humantime_serde")]
    pub next_carrier_after: Duration,
    /// How long other nodes are asked for a listed peer's address when the listed one failed.
    #[serde(with = "humantime_serde")]
    pub lookup_within: Duration,
    /// The longest that any request to a peer may take; a caller's own deadline is mostly shorter.
    #[serde(with = "humantime_serde")]
    pub longest_request: Duration,
    /// How long a QUIC connection may be silent before the peer counts as dead.
    #[serde(with = "humantime_serde")]
    pub dead_after: Duration,
    /// How long a connection that nobody uses is kept.
    #[serde(with = "humantime_serde")]
    pub idle_connection: Duration,
    /// Pause after the first failure to connect to a peer; doubles with each further one.
    #[serde(with = "humantime_serde")]
    pub backoff_first: Duration,
    /// Where that pause stops growing.
    #[serde(with = "humantime_serde")]
    pub backoff_longest: Duration,
    /// How many requests to all peers together may wait or be under way.
    pub calls: usize,
    /// How many of them of one protocol to one peer.
    pub calls_per_peer: usize,
    /// How many requests of one protocol may be under way to one peer; the others of its callers wait.
    pub under_way_per_peer: usize,
    /// How many requests of one protocol of one peer wait or are worked on at once; more are answered as busy.
    pub served_per_peer: usize,
    /// How many requests of listed nodes are worked on at once, and how many of strangers; the others wait, and peers take turns.
    pub served_at_once: usize,
    /// How often a peer that is no listed node may ask for storage; onion requests are not counted.
    pub rate: RateLimit,
    /// How many HTTPS requests may be under way.
    pub https_calls: usize,
    /// How many requests to web servers, which onion requests of others end at, may be under way.
    pub web_calls: usize,
    /// How many of them to one address.
    pub web_calls_per_server: usize,
    /// How many requests of plugins to web servers may be under way; none of them takes a place of `web_calls`.
    pub web_fetches: usize,
    /// How many of them to one address.
    pub web_fetches_per_server: usize,
    /// What the kernel needs to know.
    pub bounds: Bounds,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            first_hop: FirstHop::default(),
            listen: Ipv4Addr::UNSPECIFIED,
            port: 22025,
            public_ip: None,
            carriers: vec![Carrier::Quic, Carrier::Tcp],
            memory: ByteSize::mib(256),
            connect_within: Duration::from_secs(5),
            next_carrier_after: Duration::from_millis(250),
            lookup_within: Duration::from_secs(1),
            longest_request: Duration::from_secs(60),
            dead_after: Duration::from_secs(3),
            idle_connection: Duration::from_secs(60),
            backoff_first: Duration::from_millis(500),
            backoff_longest: Duration::from_secs(30),
            calls: 8192,
            calls_per_peer: 1024,
            under_way_per_peer: 256,
            served_per_peer: 256,
            served_at_once: 1024,
            rate: RateLimit::default(),
            https_calls: 1024,
            web_calls: 512,
            // Most requests of a network are to one file server.
            web_calls_per_server: 128,
            web_fetches: 64,
            web_fetches_per_server: 32,
            bounds: Bounds {
                mailbox_capacity: 4096,
                concurrency: 16384,
                answer_within: Duration::from_secs(60),
                ..Bounds::default()
            },
        }
    }
}

impl Config {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("first_hop", "How a client reaches the first hop of its paths: \"libp2p\" or \"https\"."),
        Note::new("listen", "Address that a node listens on for libp2p."),
        Note::new("port", "Port of TCP and UDP alike; 0 lets the system choose one that is free for both."),
        Note::optional(
            "public_ip",
            "Address under which peers reach this node, where that is not one of its own.",
            "\"203.0.113.7\"",
        ),
        Note::new("carriers", "What carries libp2p, in order of preference: \"quic\", \"tcp\" or both."),
        Note::new(
            "memory",
            "Memory for connections and for bodies on their way; the limits of both are derived from it.",
        ),
        Note::new("connect_within", "How long one try to connect may take."),
        Note::new(
            "next_carrier_after",
            "How long the preferred carrier is alone in trying to connect, before the next one tries too.",
        ),
        Note::new(
            "lookup_within",
            "How long other nodes are asked for a listed peer's address when the listed one failed.",
        ),
        Note::new(
            "longest_request",
            "The longest that any request to a peer may take; a caller's own deadline is mostly shorter.",
        ),
        Note::new("dead_after", "How long a QUIC connection may be silent before the peer counts as dead."),
        Note::new("idle_connection", "How long a connection that nobody uses is kept."),
        Note::new(
            "backoff_first",
            "Pause after the first failure to connect to a peer; doubles with each further one.",
        ),
        Note::new("backoff_longest", "Where that pause stops growing."),
        Note::new("calls", "How many requests to all peers together may wait or be under way."),
        Note::new("calls_per_peer", "How many of them of one protocol to one peer."),
        Note::new(
            "under_way_per_peer",
            "How many requests of one protocol may be under way to one peer; the others of its callers wait.",
        ),
        Note::new(
            "served_per_peer",
            "How many requests of one protocol of one peer wait or are worked on at once; more are answered as busy.",
        ),
        Note::new(
            "served_at_once",
            "How many requests of listed nodes are worked on at once, and how many of strangers; the others wait, and peers take turns.",
        ),
        Note::new("https_calls", "How many HTTPS requests may be under way."),
        Note::new(
            "web_calls",
            "How many requests to web servers, which onion requests of others end at, may be under way.",
        ),
        Note::new("web_calls_per_server", "How many of them to one address."),
        Note::new(
            "web_fetches",
            "How many requests of plugins to web servers may be under way; none of them takes a place of web_calls.",
        ),
        Note::new("web_fetches_per_server", "How many of them to one address."),
    ];

    /// Checks what the types cannot: the text names the key and what was expected.
    ///
    /// # Errors
    /// The first value that cannot be worked with.
    pub fn validate(&self) -> Result<(), String> {
        let counts = [
            ("calls", self.calls),
            ("calls_per_peer", self.calls_per_peer),
            ("under_way_per_peer", self.under_way_per_peer),
            ("served_per_peer", self.served_per_peer),
            ("served_at_once", self.served_at_once),
            ("https_calls", self.https_calls),
            ("web_calls", self.web_calls),
            ("web_calls_per_server", self.web_calls_per_server),
            ("web_fetches", self.web_fetches),
            ("web_fetches_per_server", self.web_fetches_per_server),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == 0) {
            return Err(format!("transport.{key} is 0, expected at least 1"));
        }
        if self.under_way_per_peer > 4096 || self.served_per_peer > 4096 {
            return Err(
                "transport.under_way_per_peer and transport.served_per_peer may be 4096 at most".to_owned()
            );
        }
        let durations = [
            ("connect_within", self.connect_within),
            ("longest_request", self.longest_request),
            ("dead_after", self.dead_after),
            ("idle_connection", self.idle_connection),
            ("backoff_first", self.backoff_first),
        ];
        if let Some((key, _)) = durations.iter().find(|(_, duration)| duration.is_zero()) {
            return Err(format!("transport.{key} is 0, expected a duration such as \"5s\""));
        }
        if self.dead_after > Duration::from_secs(600) {
            return Err("transport.dead_after is longer than 600s".to_owned());
        }
        if self.backoff_longest < self.backoff_first {
            return Err("transport.backoff_longest is shorter than transport.backoff_first".to_owned());
        }
        if self.carriers.is_empty() {
            return Err("transport.carriers is empty, expected \"quic\", \"tcp\" or both".to_owned());
        }
        if self.memory < Limits::LEAST_MEMORY {
            let (given, least) = (self.memory, Limits::LEAST_MEMORY);
            return Err(format!("transport.memory is {given}, expected at least {least}"));
        }
        self.rate.validate("transport.rate")?;
        let all_calls = [self.calls, self.https_calls, self.web_calls, self.web_fetches];
        if self.bounds.concurrency <= all_calls.into_iter().fold(0, usize::saturating_add) {
            let expected = "expected more than transport.calls, transport.https_calls, transport.web_calls and \
                            transport.web_fetches together";
            return Err(format!("transport.bounds.concurrency is {}, {expected}", self.bounds.concurrency));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use starling_kernel::config::Notes;

    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = Config::default();

        let text = toml::to_string(&config).unwrap();

        assert_eq!(config.validate(), Ok(()));
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn every_key_has_its_note_and_every_note_its_key() {
        let notes = Notes::new()
            .section("", "", Config::NOTES)
            .section("rate", "", RateLimit::NOTES)
            .section("bounds", "", Bounds::NOTES);

        let example = notes.example(&Config::default()).unwrap();

        assert!(example.contains("memory = \"256.0 MiB\""), "{example}");
        assert_eq!(toml::from_str::<Config>(&example).unwrap(), Config::default());
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Config>("prot = 1").is_err());
        assert_eq!(toml::from_str::<Config>("first_hop = \"https\"").unwrap().first_hop, FirstHop::Https);
    }

    #[test]
    fn what_cannot_work_is_named() {
        #[track_caller]
        fn check(text: &str, named: &str) {
            let config: Config = toml::from_str(text).unwrap();
            let error = config.validate().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        check("calls = 0", "transport.calls");
        check("served_at_once = 0", "transport.served_at_once");
        check("rate.burst = 0", "transport.rate.burst");
        check("carriers = []", "transport.carriers");
        check("memory = \"1 MiB\"", "transport.memory");
        check("dead_after = \"0s\"", "transport.dead_after");
        check("backoff_longest = \"1ms\"", "transport.backoff_longest");
        check("calls = 20000", "transport.bounds.concurrency");
        check("web_calls = 20000", "transport.bounds.concurrency");
        check("web_calls_per_server = 0", "transport.web_calls_per_server");
        check("web_fetches = 0", "transport.web_fetches");
        check("web_fetches = 20000", "transport.bounds.concurrency");
        check("web_fetches_per_server = 0", "transport.web_fetches_per_server");
    }
}
