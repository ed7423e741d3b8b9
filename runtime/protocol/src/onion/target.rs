//! Which web servers a hop may be sent to (onion-requests §5.2).

/// Whether a path may be asked for: below `/loki/` or `/oxen/`, ending in `/lsrpc`, without a query.
#[must_use]
pub fn is_relay_target_allowed(target: &str) -> bool {
    (target.starts_with("/loki/") || target.starts_with("/oxen/"))
        && target.ends_with("/lsrpc")
        && !target.contains('?')
}

/// The URL that a hop asks, the port left out where the protocol implies it; `None` means `Invalid url`.
///
/// A host that could smuggle in a path, a user or another port is refused, for the filter on the path would be void.
#[must_use]
pub fn relay_url(protocol: &str, host: &str, port: u16, target: &str) -> Option<String> {
    let implied = match protocol {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let is_host_plain =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let is_target_plain = target.chars().all(|c| c.is_ascii_graphic() && c != '#' && c != '\\');
    if !is_relay_target_allowed(target) || !is_host_plain && !is_ipv6_literal(host) || !is_target_plain {
        return None;
    }
    Some(if port == implied {
        format!("{protocol}://{host}{target}")
    } else {
        format!("{protocol}://{host}:{port}{target}")
    })
}

fn is_ipv6_literal(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inner.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_the_port_only_where_it_is_not_implied() {
        let url = |protocol, port| relay_url(protocol, "a.example", port, "/oxen/v4/lsrpc");

        assert_eq!(url("https", 443).as_deref(), Some("https://a.example/oxen/v4/lsrpc"));
        assert_eq!(url("https", 80).as_deref(), Some("https://a.example:80/oxen/v4/lsrpc"));
        assert_eq!(url("http", 80).as_deref(), Some("http://a.example/oxen/v4/lsrpc"));
        assert_eq!(url("http", 18080).as_deref(), Some("http://a.example:18080/oxen/v4/lsrpc"));
        assert_eq!(url("ftp", 21), None);
        assert_eq!(
            relay_url("http", "[::1]", 80, "/loki/v3/lsrpc").as_deref(),
            Some("http://[::1]/loki/v3/lsrpc")
        );
    }

    #[test]
    fn a_host_cannot_carry_a_path_of_its_own() {
        for host in
            ["", "a/b", "a?b", "a#", "user@a", "a:81", "a b", "a\\b", "a\nb", "[::1", "[a/b]", "ä.example"]
        {
            assert_eq!(relay_url("https", host, 443, "/oxen/v4/lsrpc"), None, "{host}");
        }
        for target in ["/oxen/#/lsrpc", "/oxen/a b/lsrpc", "/oxen/?/lsrpc", "/oxen/\r\n/lsrpc"] {
            assert_eq!(relay_url("https", "a.example", 443, target), None, "{target}");
        }
    }
}
