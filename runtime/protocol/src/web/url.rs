//! The address of something on a web server: `http://` or `https://`, a host, and what of it is asked for.

use std::fmt;

use thiserror::Error;

use super::host::{Host, NotAHost};

/// A longer URL is none, in bytes.
pub const MAX_URL: usize = 8 << 10;

/// A URL, read. What is not written has the value that it implies: the port of the scheme, and `/`.
///
/// Its `Debug` shows no more than the [origin](Url::origin), because paths and queries may hold secrets.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Url {
    /// `https` rather than `http`?
    pub tls: bool,
    /// Whom.
    pub host: Host,
    /// Its port, from 1.
    pub port: u16,
    /// Path and query, such as `/search?q=x`, as they were written; begins with `/`.
    pub target: String,
}

/// Why a text is no URL that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NotAUrl {
    /// Longer than [`MAX_URL`].
    #[error("the url has {0} bytes, expected at most {MAX_URL}")]
    TooLong(usize),
    /// No scheme, or another one.
    #[error("the url begins with neither http:// nor https://")]
    Scheme,
    /// `user@` or `user:password@` before the host.
    #[error("the url names a user, which belongs into a header")]
    User,
    /// No host, or nothing that can be one.
    #[error("the url's host is none: expected a name, or an address, of IPv6 in brackets")]
    Host,
    /// What is behind the host's colon.
    #[error("the url's port is none: expected a number from 1 to 65535")]
    Port,
    /// A character that has to be percent-encoded, a `%` without two hexadecimal digits behind it.
    #[error("the url has something in its path or query that has to be percent-encoded")]
    Target,
}

impl Url {
    /// Reads a URL. What stands behind `#` is dropped: it is for who asks, not for who answers.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, NotAUrl> {
        if text.len() > MAX_URL {
            return Err(NotAUrl::TooLong(text.len()));
        }
        let (scheme, rest) = text.split_once("://").ok_or(NotAUrl::Scheme)?;
        let tls = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(NotAUrl::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = read_authority(authority, tls)?;
        Ok(Self { tls, host, port, target: read_target(target)? })
    }

    /// Scheme, host and port, in the one spelling that each has: `https://api.example.org`, and `http://[::1]:8080`. The port is
    /// left out where the scheme implies it.
    #[must_use]
    pub fn origin(&self) -> String {
        let Self { tls, host, port, .. } = self;
        let scheme = if *tls { "https" } else { "http" };
        match *port == implied_port(*tls) {
            true => format!("{scheme}://{host}"),
            false => format!("{scheme}://{host}:{port}"),
        }
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}/…)", self.origin())
    }
}

const fn implied_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn read_authority(authority: &str, tls: bool) -> Result<(Host, u16), NotAUrl> {
    if authority.contains('@') {
        return Err(NotAUrl::User);
    }
    // The colons of IPv6 stand inside of the brackets.
    let behind_address = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[behind_address..].find(':') {
        None => (authority, implied_port(tls)),
        Some(colon) => {
            let (host, port) = authority.split_at(behind_address + colon);
            (host, read_port(&port[1..])?)
        }
    };
    let host = Host::parse(host).map_err(|NotAHost| NotAUrl::Host)?;
    Ok((host, port))
}

fn read_port(text: &str) -> Result<u16, NotAUrl> {
    // `parse` alone would take a plus.
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0).ok_or(NotAUrl::Port)
}

fn read_target(text: &str) -> Result<String, NotAUrl> {
    let text = text.split('#').next().unwrap_or_default();
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let is_hex = |digit: Option<&u8>| digit.is_some_and(u8::is_ascii_hexdigit);
        let is_plain = match first {
            b'%' => is_hex(behind.first()) && is_hex(behind.get(1)),
            // Brackets are not in RFC 3986's list for queries, but in many a query.
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            other => other.is_ascii_graphic(),
        };
        if !is_plain {
            return Err(NotAUrl::Target);
        }
        rest = behind;
    }
    Ok(if text.starts_with('/') { text.to_owned() } else { format!("/{text}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, tls: bool, host: &str, port: u16, target: &str) {
        let host = Host::parse(host).unwrap();
        let expected = Url { tls, host, port, target: target.to_owned() };
        assert_eq!(Url::parse(text), Ok(expected.clone()), "{text}");
        assert_eq!(Url::parse(&format!("{}{target}", expected.origin())), Ok(expected), "{text}");
    }

    #[test]
    fn a_url_is_read_into_what_is_asked_of_whom() {
        check("https://api.example.org", true, "api.example.org", 443, "/");
        check("http://api.example.org/", false, "api.example.org", 80, "/");
        check("HTTPS://API.Example.ORG.:8443/A/b", true, "api.example.org", 8443, "/A/b");
        check("http://a.example:443/x?y=1&z[]=%20", false, "a.example", 443, "/x?y=1&z[]=%20");
        check("http://a.example?y=/a://b", false, "a.example", 80, "/?y=/a://b");
        check("http://a.example//b/../c", false, "a.example", 80, "//b/../c");
        check("http://127.0.0.1:8080/x", false, "127.0.0.1", 8080, "/x");
        check("https://[2606:4700::1]/x@y:z", true, "[2606:4700::1]", 443, "/x@y:z");
        check("http://[::1]:81", false, "[::1]", 81, "/");
        check("http://a.example:00080", false, "a.example", 80, "/");
    }

    #[test]
    fn what_is_for_the_asker_alone_is_dropped() {
        check("https://a.example/x?y#z?w", true, "a.example", 443, "/x?y");
        check("https://a.example#@b.example/x", true, "a.example", 443, "/");
        check("https://a.example/#\u{fc} <", true, "a.example", 443, "/");
    }

    #[test]
    fn an_origin_has_one_spelling() {
        let origin = |text| Url::parse(text).unwrap().origin();

        assert_eq!(origin("HTTPS://A.example.:443/x"), "https://a.example");
        assert_eq!(origin("https://a.example:80"), "https://a.example:80");
        assert_eq!(origin("http://[0:0::1]:80?x"), "http://[::1]");
        assert_eq!(origin("http://[::ffff:10.0.0.1]"), "http://10.0.0.1");
    }

    #[test]
    fn what_is_no_url_is_told_why() {
        for (text, why) in [
            ("", NotAUrl::Scheme),
            ("a.example/x", NotAUrl::Scheme),
            ("ftp://a.example", NotAUrl::Scheme),
            (" https://a.example", NotAUrl::Scheme),
            ("https:/a.example", NotAUrl::Scheme),
            ("file:///etc/passwd", NotAUrl::Scheme),
            ("https://user@a.example", NotAUrl::User),
            ("https://a.example:x@b.example", NotAUrl::User),
            ("https://", NotAUrl::Host),
            ("https:///x", NotAUrl::Host),
            ("https://:443", NotAUrl::Host),
            ("https://a b/", NotAUrl::Host),
            ("https://m\u{fc}nchen.example", NotAUrl::Host),
            ("https://a.example\\x", NotAUrl::Host),
            ("https://%61.example", NotAUrl::Host),
            ("https://2130706433/", NotAUrl::Host),
            ("https://0x7f.1/", NotAUrl::Host),
            ("https://::1/", NotAUrl::Port),
            ("https://[::1/", NotAUrl::Port),
            ("https://[fe80::1%25lo]/", NotAUrl::Host),
            ("https://[::1]x/", NotAUrl::Host),
            ("https://[::1]:]/", NotAUrl::Host),
            ("https://a.example:/", NotAUrl::Port),
            ("https://a.example:0/", NotAUrl::Port),
            ("https://a.example:+1/", NotAUrl::Port),
            ("https://a.example:65536/", NotAUrl::Port),
            ("https://a.example:1:2/", NotAUrl::Port),
            ("https://a.example/a b", NotAUrl::Target),
            ("https://a.example/\r\nx: y", NotAUrl::Target),
            ("https://a.example/\u{fc}", NotAUrl::Target),
            ("https://a.example/\\..", NotAUrl::Target),
            ("https://a.example/%", NotAUrl::Target),
            ("https://a.example/%2", NotAUrl::Target),
            ("https://a.example/?%zz", NotAUrl::Target),
            ("https://a.example/\u{0}", NotAUrl::Target),
        ] {
            assert_eq!(Url::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_url_is_as_long_as_it_may_be_and_no_longer() {
        let url = |length: usize| format!("{:x<length$}", "https://a.example/");

        assert!(Url::parse(&url(MAX_URL)).is_ok());
        assert_eq!(Url::parse(&url(MAX_URL + 1)), Err(NotAUrl::TooLong(MAX_URL + 1)));
    }

    #[test]
    fn a_url_shows_no_more_than_its_origin() {
        let url = Url::parse("https://a.example/hook/secret?token=secret").unwrap();

        assert_eq!(format!("{url:?}"), "Url(https://a.example/…)");
    }
}
