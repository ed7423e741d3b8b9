//! A web server's host as a request names it: an address in its usual form, or a name that is no address in any form.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use thiserror::Error;

/// A host, read. It is written as URLs have it: an address of IPv6 in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name in lower case, without the dot at its end.
    Name(String),
    /// An address; one of IPv4 in the form of IPv6 is the one of IPv4.
    Address(IpAddr),
}

/// A text that is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a host: expected a name, or an address, of IPv6 in brackets")]
pub struct NotAHost;

/// Longest name (RFC 1035).
const MAX_NAME: usize = 253;

impl Host {
    /// Reads a host.
    ///
    /// Numbers that resolvers take for an address, such as `2130706433`, `0x7f.1` or `0177.0.0.1`, are refused: no server is
    /// called that, and whoever writes an address in such a form hides it.
    ///
    /// # Errors
    /// What is neither address nor name.
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(NotAHost)?;
            let address: Ipv6Addr = inner.parse().map_err(|_| NotAHost)?;
            return Ok(Self::Address(IpAddr::V6(address).to_canonical()));
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = name.len() <= MAX_NAME && name.split('.').all(is_label);
        match name.rsplit('.').next() {
            Some(last) if is_name && !is_number(last) => Ok(Self::Name(name)),
            _ => Err(NotAHost),
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(is_plain)
}

/// Would a resolver read it as a part of an address?
fn is_number(label: &str) -> bool {
    label.bytes().all(|c| c.is_ascii_digit())
        || label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|c| c.is_ascii_hexdigit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is_address(text: &str, address: &str) {
        assert_eq!(Host::parse(text), Ok(Host::Address(address.parse().unwrap())), "{text}");
    }

    #[test]
    fn names_have_one_spelling() {
        for (text, name) in [
            ("filev2.getsession.org", "filev2.getsession.org"),
            ("Open.GetSession.ORG.", "open.getsession.org"),
            ("localhost", "localhost"),
            ("a_b-c.x1", "a_b-c.x1"),
            ("1.2.3.4.example", "1.2.3.4.example"),
        ] {
            assert_eq!(Host::parse(text), Ok(Host::Name(name.to_owned())), "{text}");
        }
    }

    #[test]
    fn addresses_have_one_spelling() {
        is_address("127.0.0.1", "127.0.0.1");
        is_address("[::1]", "::1");
        is_address("[::ffff:10.0.0.1]", "10.0.0.1");
        is_address("[::FFFF:a00:1]", "10.0.0.1");
        is_address("[0:0:0:0:0:0:0:1]", "::1");
    }

    #[test]
    fn a_host_is_written_as_urls_have_it() {
        for text in ["a.example", "127.0.0.1", "[2606:4700::1]"] {
            assert_eq!(Host::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_of_addresses_are_no_hosts() {
        for text in [
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "127.0.1",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "0X7F000001",
            "1.2.3.4.5",
            "256.0.0.1",
            "1.2.3.0x4",
            "0x",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "[::1%lo]",
            "",
            ".",
            "a..b",
            ".a",
            "-\u{0}",
            "a b",
            "a/b",
            "a@b",
            "a:80",
            "example.0",
        ] {
            assert_eq!(Host::parse(text), Err(NotAHost), "{text}");
        }
        assert_eq!(
            Host::parse(&"a.".repeat(127)),
            Ok(Host::Name("a.".repeat(127).trim_end_matches('.').to_owned()))
        );
        assert_eq!(Host::parse(&"a.".repeat(128)), Err(NotAHost));
        assert_eq!(Host::parse(&"a".repeat(64)), Err(NotAHost));
    }
}
