//! What is let through and what is not, on a host in memory.

use std::time::Duration;

use serde_json::{Value, json};
use spam_filter::SpamFilter;
use starling_plugin::{
    Item, Level, Verdict,
    mock::{MockHost, account},
};

fn host(change: impl FnOnce(&mut Value)) -> MockHost {
    let mut config = json!({
        "shadow": false, "allow": [], "deny": [],
        "links": { "action": "flag", "most": 2, "domain_action": "reject", "domains": ["evil.example"] },
        "words": { "action": "hold", "phrases": ["Free money", "casino"] },
        "requests": {
            "link_action": "hold", "attachment_action": "hold", "length_action": "flag", "longest": 30,
        },
        "rate": { "action": "hold", "most": 3, "window": "1m" },
        "repeats": { "action": "reject", "most": 2, "window": "1h", "shortest": 10 },
    });
    change(&mut config);
    MockHost::with_grants(&["kv", "config", "clock", "log"]).with_config(config)
}

fn review(host: &MockHost, author: u64, body: &str) -> Verdict {
    host.review(&mut SpamFilter, host.item(&account(author), body))
}

#[track_caller]
fn check(body: &str, expected: Verdict) {
    assert_eq!(review(&host(|_| {}), 1, body), expected, "{body}");
}

#[track_caller]
fn check_request(change: impl FnOnce(&mut Item), expected: Verdict) {
    let host = host(|_| {});
    let mut item = Item { is_request: true, ..host.item(&account(1), "hello") };
    change(&mut item);
    assert_eq!(host.review(&mut SpamFilter, item), expected);
}

fn hold(reason: &str) -> Verdict {
    Verdict::Hold(reason.to_owned())
}

#[test]
fn what_breaks_no_rule_is_shown() {
    check("hello", Verdict::Allow);
    check("see https://example.org and www.example.net", Verdict::Allow);
    check("the casinos of Monaco", Verdict::Allow);
}

#[test]
fn links_are_counted_and_looked_up() {
    let many = "https://a.example https://b.example https://c.example";
    check(many, Verdict::Flag("has 3 links, more than 2".into()));
    check("go to http://www.EVIL.example/x", Verdict::Reject("links to a domain on the list".into()));
}

#[test]
fn words_are_found_in_whatever_dress() {
    check("FREE\nmoney!!!", hold("has words on the list"));
    check("the casino, again", hold("has words on the list"));
}

#[test]
fn strangers_may_do_less() {
    check_request(|_| {}, Verdict::Allow);
    check_request(|item| item.body = "see https://example.org".into(), hold("a stranger sends a link"));
    check_request(|item| item.attachments = 1, hold("a stranger sends an attachment"));
    check_request(|item| item.body = "x".repeat(31), Verdict::Flag("a stranger writes much".into()));
}

#[test]
fn who_writes_too_much_is_held_until_the_window_is_over() {
    let host = host(|_| {});
    for n in 0..3 {
        assert_eq!(review(&host, 1, &n.to_string()), Verdict::Allow);
    }

    let too_much = review(&host, 1, "3");
    let another = review(&host, 2, "3");
    host.pass(Duration::from_secs(60));
    let later = review(&host, 1, "4");

    assert_eq!(too_much, hold("the author has sent 4 messages of late, more than 3"));
    assert_eq!((another, later), (Verdict::Allow, Verdict::Allow));
}

#[test]
fn the_same_text_from_many_is_a_campaign() {
    let host = host(|_| {});
    for author in [1, 2] {
        assert_eq!(review(&host, author, "Buy my wonderful thing"), Verdict::Allow);
    }

    let again = review(&host, 3, "buy MY wonderful thing!");
    let short = [4, 5, 6].map(|author| review(&host, author, "hello"));

    assert_eq!(again, Verdict::Reject("the same text has come 3 times, more than 2".into()));
    assert_eq!(short, [Verdict::Allow, Verdict::Allow, Verdict::Allow]);
}

#[test]
fn lists_go_before_rules() {
    let host = host(|config| {
        config["allow"] = json!([account(1), account(3)]);
        config["deny"] = json!([account(2), account(3)]);
    });

    let denied = Verdict::Reject("the author is on the list of those who are denied".into());
    assert_eq!(review(&host, 1, "casino"), Verdict::Allow);
    assert_eq!(review(&host, 2, "hello"), denied);
    assert_eq!(review(&host, 3, "hello"), denied, "who is on both lists is denied");
}

#[test]
fn the_strictest_rule_has_the_word() {
    let verdict = review(&host(|_| {}), 1, "casino: http://evil.example");

    assert_eq!(verdict, Verdict::Reject("links to a domain on the list".into()));
}

#[test]
fn in_shadow_mode_findings_are_only_counted_and_logged() {
    let host = host(|config| config["shadow"] = json!(true));

    assert_eq!(review(&host, 1, "casino"), Verdict::Allow);
    assert_eq!(review(&host, 1, "CASINO"), Verdict::Allow);

    assert_eq!(host.value("count/words/hold"), Some(2));
    let line = "would hold by words: has words on the list (2 so far)".to_owned();
    assert_eq!(host.log()[1], (Level::Info, line));
}

#[test]
fn a_rule_that_is_off_finds_nothing() {
    let host = host(|config| {
        for rule in ["words", "rate", "repeats"] {
            config[rule]["action"] = json!("off");
        }
    });

    for _ in 0..10 {
        assert_eq!(review(&host, 1, "casino casino casino"), Verdict::Allow);
    }
    assert_eq!(host.keys(), ["seen"]);
}

#[test]
fn the_store_forgets_what_is_over() {
    let host = host(|_| {});
    for author in 0..500 {
        review(&host, author, &format!("a text of author {author}"));
        host.pass(Duration::from_secs(60));
    }

    let kept = host.keys().len();

    // An hour of windows for texts, and what came since the last sweep.
    assert!(kept < 200, "{kept} keys are kept of 1,000");
}

#[test]
fn without_its_grants_items_are_marked_and_not_lost() {
    let host = host(|_| {});
    host.revoke("kv");

    assert_eq!(review(&host, 1, "hello"), Verdict::Flag("the filter could not judge this".into()));
}
