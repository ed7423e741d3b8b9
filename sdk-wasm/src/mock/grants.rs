//! Which permissions a mock grants.

use std::collections::BTreeSet;

/// Kinds of permission that have a scope behind a colon.
const SCOPED: [&str; 6] = ["send", "react", "read", "http", "secret", "secret-reveal"];
/// Kinds of permission that have none.
const PLAIN: [&str; 8] = ["delete", "kv", "timers", "config", "log", "clock", "random", "identity"];

/// Permissions as in `plugin.toml`; `http:*`, `secret:*` and `secret-reveal:*`, which only a mock knows, are all of the kind.
pub(super) struct Grants(BTreeSet<String>);

impl Grants {
    pub(super) fn all() -> Self {
        let scoped = ["send:direct", "react:direct", "read:direct", "http:*", "secret:*", "secret-reveal:*"];
        Self(scoped.into_iter().chain(PLAIN).map(str::to_owned).collect())
    }

    pub(super) fn of(permissions: &[&str]) -> Self {
        let mut grants = Self(BTreeSet::new());
        for permission in permissions {
            grants.add(permission);
        }
        grants
    }

    pub(super) fn add(&mut self, permission: &str) {
        let is_known = match permission.split_once(':') {
            Some((kind, scope)) => SCOPED.contains(&kind) && !scope.is_empty(),
            None => PLAIN.contains(&permission),
        };
        assert!(is_known, "there is no permission `{permission}`");
        self.0.insert(permission.to_owned());
    }

    pub(super) fn remove(&mut self, permission: &str) {
        let kind = permission.split_once(':').map_or(permission, |(kind, _)| kind);
        assert!(SCOPED.contains(&kind) || PLAIN.contains(&kind), "there is no permission `{permission}`");
        self.0.retain(|granted| granted != permission && granted.split(':').next() != Some(permission));
    }

    /// Whether a permission without a scope is granted.
    pub(super) fn has(&self, permission: &str) -> bool {
        self.0.contains(permission)
    }

    /// Whether `send`, `react` or `read` reaches a conversation, of which it is said whether it has written first.
    pub(super) fn reach(&self, kind: &str, conversation: &str, has_written: bool) -> bool {
        self.has(&format!("{kind}:direct"))
            || (has_written && self.has(&format!("{kind}:reply")))
            || self.has(&format!("{kind}:{conversation}"))
    }

    /// Whether a secret may be named; `secret-reveal` implies it.
    pub(super) fn lend(&self, name: &str) -> bool {
        self.has("secret:*") || self.has(&format!("secret:{name}")) || self.reveal(name)
    }

    /// Whether a secret may be read.
    pub(super) fn reveal(&self, name: &str) -> bool {
        self.has("secret-reveal:*") || self.has(&format!("secret-reveal:{name}"))
    }

    /// Whether requests may go to an origin, as in `https://api.example.org`.
    pub(super) fn open(&self, origin: &str) -> bool {
        self.0.iter().filter_map(|granted| granted.strip_prefix("http:")).any(|granted| {
            granted == "*"
                || granted.eq_ignore_ascii_case(origin)
                || granted.split_once("*.").is_some_and(|(scheme, domain)| {
                    let host = origin.strip_prefix(scheme);
                    host.and_then(|host| host.strip_suffix(domain)).is_some_and(|sub| sub.ends_with('.'))
                })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_open_as_it_is_written_or_below_its_domain() {
        let grants = Grants::of(&["http:https://api.example.org", "http:https://*.example.net"]);

        for origin in ["https://api.example.org", "https://a.example.net", "https://a.b.example.net"] {
            assert!(grants.open(origin), "{origin}");
        }
        for origin in [
            "http://api.example.org",
            "https://api.example.org:8443",
            "https://example.net",
            "https://badexample.net",
            "http://a.example.net",
        ] {
            assert!(!grants.open(origin), "{origin}");
        }
    }

    #[test]
    fn a_kind_is_taken_back_whole_and_no_other_with_it() {
        let mut grants = Grants::all();

        grants.remove("secret");

        assert!(!grants.has("secret:*"));
        assert!(grants.has("secret-reveal:*"));
    }
}
