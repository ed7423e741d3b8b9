//! The `[routing.relay.web]` section.

use std::{net::IpAddr, time::Duration};

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use starling_kernel::config::Note;
use starling_protocol::{peer_wire::MAX_BODY, web::Host};

/// The `[routing.relay.web]` section. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WebConfig {
    /// Are onion requests relayed to web servers? Clients reach file servers and communities only so.
    pub enabled: bool,
    /// Hosts that may be asked; all, when empty.
    pub allow: Vec<String>,
    /// Hosts that may not be asked, whatever `allow` says.
    pub deny: Vec<String>,
    /// Ports that may not be asked.
    pub deny_ports: Vec<u16>,
    /// May private, loopback and own addresses be asked?
    pub private_addresses: bool,
    /// How long a server may take, from resolving its name to the last byte.
    #[serde(with = "humantime_serde")]
    pub answer_within: Duration,
    /// A longer answer is refused.
    pub max_answer: ByteSize,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            allow: Vec::new(),
            deny: Vec::new(),
            deny_ports: Vec::new(),
            private_addresses: false,
            // onion-requests §5.2.
            answer_within: Duration::from_secs(25),
            max_answer: ByteSize::b(MAX_BODY as u64),
        }
    }
}

impl WebConfig {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new(
            "enabled",
            "Are onion requests relayed to web servers? Clients reach file servers and communities only so.",
        ),
        Note::new(
            "allow",
            "Hosts that may be asked, such as \"open.getsession.org\", \"*.getsession.org\" for every name below, \
             or an address; all, when empty.",
        ),
        Note::new("deny", "Hosts that may not be asked, written as in allow and stronger than it."),
        Note::new("deny_ports", "Ports that may not be asked, such as 25."),
        Note::new(
            "private_addresses",
            "May private, loopback and own addresses be asked? For private networks only: strangers choose what is asked.",
        ),
        Note::new("answer_within", "How long a server may take, from resolving its name to the last byte."),
        Note::new("max_answer", "A longer answer is refused; no node carries more than 10 MiB."),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        self.rules()?;
        if self.answer_within.is_zero() {
            return Err("routing.relay.web.answer_within is 0; it has to be some time".to_owned());
        }
        if self.max_answer == ByteSize::b(0) || self.max_answer > ByteSize::b(MAX_BODY as u64) {
            return Err(format!(
                "routing.relay.web.max_answer is {}; expected something up to 10 MiB, which is what a node carries",
                self.max_answer
            ));
        }
        Ok(())
    }

    pub(super) fn max_answer_bytes(&self) -> usize {
        usize::try_from(self.max_answer.as_u64()).unwrap_or(MAX_BODY)
    }

    /// # Errors
    /// A sentence naming the pattern that is none.
    pub(super) fn rules(&self) -> Result<Rules, String> {
        let read = |key: &str, texts: &[String]| {
            let pattern = |text: &String| Pattern::parse(text).ok_or_else(|| not_a_pattern(key, text));
            texts.iter().map(pattern).collect::<Result<Vec<_>, _>>()
        };
        Ok(Rules {
            allow: read("allow", &self.allow)?,
            deny: read("deny", &self.deny)?,
            deny_ports: self.deny_ports.clone(),
        })
    }
}

fn not_a_pattern(key: &str, text: &str) -> String {
    format!(
        "routing.relay.web.{key}: {text:?} is no host; expected a name, \"*.\" before a name, or an address \
         (of IPv6 in brackets), without port or path"
    )
}

/// Which hosts and ports may be asked, as far as that can be told before a name is resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rules {
    allow: Vec<Pattern>,
    deny: Vec<Pattern>,
    deny_ports: Vec<u16>,
}

#[derive(Debug, Clone, PartialEq)]
enum Pattern {
    Name(String),
    /// Every name that ends so; begins with a dot.
    Below(String),
    Address(IpAddr),
}

impl Rules {
    pub(super) fn allow(&self, host: &Host, port: u16) -> bool {
        let is_in = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(host));
        !self.deny_ports.contains(&port)
            && !is_in(&self.deny)
            && (self.allow.is_empty() || is_in(&self.allow))
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let (below, host) = match text.strip_prefix("*.") {
            Some(host) => (true, host),
            None => (false, text),
        };
        match (Host::parse(host).ok()?, below) {
            (Host::Name(name), true) => Some(Self::Below(format!(".{name}"))),
            (Host::Name(name), false) => Some(Self::Name(name)),
            (Host::Address(address), false) => Some(Self::Address(address)),
            (Host::Address(_), true) => None,
        }
    }

    fn fits(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Name(name), Host::Name(host)) => name == host,
            (Self::Below(end), Host::Name(host)) => host.ends_with(end.as_str()),
            (Self::Address(address), Host::Address(host)) => address == host,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(allow: &[&str], deny: &[&str]) -> WebConfig {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        WebConfig { allow: own(allow), deny: own(deny), deny_ports: vec![25], ..WebConfig::default() }
    }

    #[track_caller]
    fn check(config: &WebConfig, host: &str, port: u16, is_allowed: bool) {
        let host = Host::parse(host).expect("a host");
        assert_eq!(config.rules().expect("good patterns").allow(&host, port), is_allowed, "{host:?}");
    }

    #[test]
    fn without_rules_everything_but_a_denied_port_may_be_asked() {
        let open = config(&[], &[]);

        check(&open, "files.example", 443, true);
        check(&open, "127.0.0.1", 80, true);
        check(&open, "files.example", 25, false);
    }

    #[test]
    fn what_is_denied_stays_denied_and_what_is_not_allowed_too() {
        let narrow =
            config(&["*.example", "other.org", "[2606:4700::1]"], &["evil.example", "*.evil.example"]);

        check(&narrow, "Files.Example.", 443, true);
        check(&narrow, "a.b.example", 443, true);
        check(&narrow, "example", 443, false);
        check(&narrow, "notexample", 443, false);
        check(&narrow, "other.org", 443, true);
        check(&narrow, "sub.other.org", 443, false);
        check(&narrow, "evil.example", 443, false);
        check(&narrow, "very.evil.example", 443, false);
        check(&narrow, "[2606:4700:0::1]", 443, true);
        check(&narrow, "[2606:4700::2]", 443, false);
        check(&config(&[], &["10.0.0.1"]), "[::ffff:10.0.0.1]", 443, false);
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        #[track_caller]
        fn refused(config: &WebConfig, named: &str) {
            let error = config.validate().unwrap_err();
            assert!(error.contains(named), "{error}");
        }
        for text in ["", "*", "*.", "https://x", "x:80", "x/y", "*.127.0.0.1", "0x7f.1", "a.*"] {
            refused(&config(&[text], &[]), "routing.relay.web.allow");
            refused(&config(&[], &[text]), "routing.relay.web.deny");
        }
        refused(&WebConfig { answer_within: Duration::ZERO, ..WebConfig::default() }, "answer_within");
        refused(&WebConfig { max_answer: ByteSize::b(0), ..WebConfig::default() }, "max_answer");
        refused(&WebConfig { max_answer: ByteSize::mib(11), ..WebConfig::default() }, "max_answer");
        assert_eq!(WebConfig::default().validate(), Ok(()));
    }
}
