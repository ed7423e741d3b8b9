//! Where a web server is: scheme, host and port.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use starling_protocol::web;
use thiserror::Error;

/// `https://api.example.org`, `http://127.0.0.1:8080`, or `https://*.example.org` for all names below that one.
///
/// Always in the same form: scheme and host in lower case, the port only when it is not the scheme's own, no path.
/// An internationalised name is written as it goes over the wire, `xn--…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Scheme {
    Http,
    Https,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Host {
    Name(String),
    /// All names below this one, and not this one.
    Below(String),
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

/// Why a text is no origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message says it")]
pub enum OriginError {
    #[error("an origin begins with https:// or http://")]
    Scheme,
    #[error("an origin ends behind the host or port: no path, no slash, no query")]
    Path,
    #[error("an origin holds no user name or password")]
    User,
    #[error("the host is not ASCII; write an internationalised name in its form for the wire, xn--…")]
    NotAscii,
    #[error("the host is no name of letters, digits, - and _ between dots, and no IP address")]
    Host,
    #[error(
        "a wildcard stands for all names below a name of two labels or more, as in https://*.example.org"
    )]
    Wildcard,
    #[error("the port is no number from 1 to 65535")]
    Port,
}

impl Origin {
    /// The origin of a request: its parts as they stand in a URL. A host in brackets is an IPv6 address.
    ///
    /// # Errors
    /// Another scheme than `http` and `https`, or a host that is none; a wildcard is none.
    pub fn of_request(scheme: &str, host: &str, port: Option<u16>) -> Result<Self, OriginError> {
        let scheme = Scheme::parse(scheme).ok_or(OriginError::Scheme)?;
        let host = match Host::parse(host)? {
            Host::Below(_) => return Err(OriginError::Wildcard),
            host => host,
        };
        let port = port.unwrap_or(scheme.port());
        if port == 0 { Err(OriginError::Port) } else { Ok(Self { scheme, host, port }) }
    }

    /// Does this origin include `narrower`?
    pub fn covers(&self, narrower: &Self) -> bool {
        if (self.scheme, self.port) != (narrower.scheme, narrower.port) {
            return false;
        }
        match (&self.host, &narrower.host) {
            (Host::Below(above), Host::Name(name)) => is_below(name, above),
            (Host::Below(above), Host::Below(name)) => name == above || is_below(name, above),
            (own, other) => own == other,
        }
    }

    /// Does it stand for many hosts?
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host, Host::Below(_))
    }
}

fn is_below(name: &str, above: &str) -> bool {
    name.strip_suffix(above).is_some_and(|rest| rest.ends_with('.'))
}

impl Scheme {
    fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, OriginError> {
        if !text.is_ascii() {
            return Err(OriginError::NotAscii);
        }
        match text.strip_prefix("*.") {
            Some(above) => match web::Host::parse(above) {
                Ok(web::Host::Name(name)) if name.contains('.') => Ok(Self::Below(name)),
                _ => Err(OriginError::Wildcard),
            },
            None if text.contains('*') => Err(OriginError::Wildcard),
            None => Ok(web::Host::parse(text).map_err(|_| OriginError::Host)?.into()),
        }
    }
}

impl From<web::Host> for Host {
    fn from(host: web::Host) -> Self {
        match host {
            web::Host::Name(name) => Self::Name(name),
            web::Host::Address(IpAddr::V4(address)) => Self::V4(address),
            web::Host::Address(IpAddr::V6(address)) => Self::V6(address),
        }
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Scheme)?;
        let scheme = Scheme::parse(scheme).ok_or(OriginError::Scheme)?;
        if rest.contains(['/', '?', '#', '\\']) {
            return Err(OriginError::Path);
        }
        if rest.contains('@') {
            return Err(OriginError::User);
        }
        let port_at = rest.rfind(':').filter(|colon| !rest[*colon..].contains(']'));
        let (host, port) = match port_at {
            Some(colon) => (&rest[..colon], port(&rest[colon + 1..])?),
            None => (rest, scheme.port()),
        };
        Ok(Self { scheme, host: Host::parse(host)?, port })
    }
}

fn port(digits: &str) -> Result<u16, OriginError> {
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| is_plain && *port != 0).ok_or(OriginError::Port)
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn one_origin_has_one_form() {
        for (written, form) in [
            ("HTTPS://API.Example.ORG", "https://api.example.org"),
            ("https://api.example.org:443", "https://api.example.org"),
            ("http://api.example.org:80", "http://api.example.org"),
            ("https://api.example.org:080", "https://api.example.org:80"),
            ("https://*.Example.org:8443", "https://*.example.org:8443"),
            ("http://[0:0::1]:8080", "http://[::1]:8080"),
            ("http://127.0.0.1", "http://127.0.0.1"),
            ("http://[::ffff:127.0.0.1]", "http://127.0.0.1"),
            ("https://example.org.", "https://example.org"),
            ("http://localhost:1", "http://localhost:1"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            assert_eq!(origin(written).to_string(), form);
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for (text, expected) in [
            ("example.org", OriginError::Scheme),
            ("ftp://example.org", OriginError::Scheme),
            ("https://example.org/", OriginError::Path),
            ("https://example.org?x", OriginError::Path),
            ("https://example.org\\@evil.org", OriginError::Path),
            ("https://user@example.org", OriginError::User),
            ("https://bücher.example", OriginError::NotAscii),
            ("https://", OriginError::Host),
            ("https://exa mple.org", OriginError::Host),
            ("https://127.1", OriginError::Host),
            ("https://0x7f000001", OriginError::Host),
            ("https://2130706433", OriginError::Host),
            ("https://[::1", OriginError::Host),
            ("https://*", OriginError::Wildcard),
            ("https://*.org", OriginError::Wildcard),
            ("https://a*.example.org", OriginError::Wildcard),
            ("https://*.*.example.org", OriginError::Wildcard),
            ("https://*.127.0.0.1", OriginError::Wildcard),
            ("https://example.org:", OriginError::Port),
            ("https://example.org:0", OriginError::Port),
            ("https://example.org:+80", OriginError::Port),
            ("https://example.org:65536", OriginError::Port),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_wildcard_covers_what_is_below_it_and_nothing_else() {
        let wide = origin("https://*.example.org");

        for below in ["https://a.example.org", "https://a.b.example.org", "https://*.b.example.org"] {
            assert!(wide.covers(&origin(below)), "{below}");
        }
        for other in [
            "https://example.org",
            "http://a.example.org",
            "https://a.example.org:8443",
            "https://aexample.org",
            "https://example.org.evil.net",
            "https://*.aexample.org",
        ] {
            assert!(!wide.covers(&origin(other)), "{other}");
        }
    }

    #[test]
    fn the_parts_of_a_request_give_the_same_origin_and_no_wildcard() {
        let asked = Origin::of_request("HTTPS", "Api.Example.org", Some(443)).unwrap();

        assert_eq!(asked, origin("https://api.example.org"));
        assert_eq!(Origin::of_request("https", "*.example.org", None), Err(OriginError::Wildcard));
        assert_eq!(Origin::of_request("https", "example.org", Some(0)), Err(OriginError::Port));
        assert_eq!(Origin::of_request("http", "[::1]", None).unwrap(), origin("http://[::1]"));
    }
}
