//! Links: how many, and where to.

use starling_plugin::Item;

use crate::{
    finding::{Action, Finding},
    settings::Links,
};

/// Endings of bare names, without a scheme, that are taken for links; with other endings they are sooner a missing space.
const BARE_ENDINGS: [&str; 24] = [
    "app", "biz", "cc", "click", "com", "de", "dev", "eu", "info", "io", "link", "me", "net", "online",
    "org", "ru", "shop", "site", "store", "to", "top", "vip", "xyz", "live",
];

pub(crate) fn judge(rule: &Links, item: &Item) -> Option<Finding> {
    if rule.action == Action::Off && rule.domain_action == Action::Off {
        return None;
    }
    let hosts = hosts(&item.body);
    let is_listed = hosts.iter().any(|host| rule.domains.iter().any(|domain| is_below(host, domain)));
    let by_domain =
        is_listed.then(|| Finding::new("links.domains", rule.domain_action, "links to a domain on the list"));
    let by_number = (hosts.len() > rule.most).then(|| {
        Finding::new("links", rule.action, format!("has {} links, more than {}", hosts.len(), rule.most))
    });
    let findings = [by_domain, by_number];
    findings.into_iter().flatten().flatten().max_by_key(|finding| finding.action)
}

/// The hosts that a text links to, one for each link.
pub(crate) fn hosts(body: &str) -> Vec<String> {
    body.split(|c: char| {
        c.is_whitespace() || matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | ',' | '|')
    })
    .filter_map(host)
    .collect()
}

/// The host of a word that is a link.
fn host(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    let (scheme, behind) = match word.split_once("://") {
        Some((_, behind)) => (true, behind),
        None => (false, word.as_str()),
    };
    let authority = behind.split(['/', '?', '#']).next().unwrap_or_default();
    // Behind an at sign stands the host; before it what only looks like one. Without a scheme it is a mail address.
    let host = match authority.rsplit_once('@') {
        Some(_) if !scheme => return None,
        Some((_, host)) => host,
        None => authority,
    };
    let host = host.split(':').next().unwrap_or_default().trim_end_matches(['.', '!', '?', ';']);
    let (_, ending) = host.rsplit_once('.').unwrap_or(("", ""));
    let is_named = host
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let is_link = scheme || host.starts_with("www.") || BARE_ENDINGS.contains(&ending);
    (is_named && is_link).then(|| host.to_owned())
}

/// Whether a host is a domain or stands below it.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.").to_lowercase();
    host.strip_suffix(&domain).is_some_and(|sub| sub.is_empty() || sub.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        assert_eq!(hosts(body), expected, "{body}");
    }

    #[test]
    fn links_are_found_as_people_and_spammers_write_them() {
        check("see https://Example.org/x?y, please", &["example.org"]);
        check("(http://user:pass@evil.example:8080/path)", &["evil.example"]);
        check("https://bank.com@evil.example", &["evil.example"]);
        check("www.example.museum and shop.example.xyz!", &["www.example.museum", "shop.example.xyz"]);
        check("[here](https://a.example)<https://b.example>", &["a.example", "b.example"]);
        check("ftp://files.example/a", &["files.example"]);
    }

    #[test]
    fn what_only_has_a_dot_is_no_link() {
        check("Well.Then I wrote to bob@example.org about v1.2 and main.rs...", &[]);
        check("... : // . ://", &[]);
    }

    #[test]
    fn a_domain_covers_what_is_below_it_and_nothing_beside_it() {
        assert!(is_below("evil.example", "evil.example"));
        assert!(is_below("a.b.evil.example", "*.Evil.example"));
        assert!(!is_below("notevil.example", "evil.example"));
    }
}
