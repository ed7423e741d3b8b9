use proptest::prelude::*;

use super::*;

const ALICE: &str = "05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f";
const BOB: &str = "0511111111111111111111111111111111111111111111111111111111111111ff";

fn permission(text: &str) -> Permission {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn refused(text: &str, because: &str) {
    let error = text.parse::<Permission>().expect_err("must be refused");

    assert!(error.to_string().contains(because), "{text}: {error}");
}

#[test]
fn every_form_of_the_table_is_read_and_written_back() {
    let alice = format!("send:{ALICE}");
    let forms = [
        "send:reply",
        "send:direct",
        &alice,
        "react:reply",
        "react:direct",
        "delete",
        "read:direct",
        "kv",
        "timers",
        "http:https://api.example.org",
        "http:http://127.0.0.1:8080",
        "http:https://*.example.org",
        "config",
        "secret:api_key",
        "secret-reveal:api_key",
        "log",
        "clock",
        "random",
        "identity",
    ];

    for form in forms {
        assert_eq!(permission(form).to_string(), form);
    }
}

#[test]
fn every_name_is_listed_once() {
    let mut names = Permission::NAMES.to_vec();
    names.sort_unstable();
    names.dedup();

    assert_eq!(names.len(), Permission::NAMES.len());
    for name in names {
        let parsed = name.parse::<Permission>();
        assert!(
            matches!(&parsed, Ok(known) if known.name() == name)
                || matches!(parsed, Err(ParsePermissionError::Incomplete { .. })),
            "{name}"
        );
    }
}

#[test]
fn a_refusal_says_what_was_expected() {
    refused("sned:direct", "unknown permission \"sned\"; did you mean send?");
    refused("timer", "did you mean timers?");
    refused("filesystem", "known are send, react");
    refused("send", "expected send:reply, send:direct or send:<account id>");
    refused("send:all", "expected send:reply, send:direct or send:<account id>");
    refused("read:reply", "expected read:direct or read:<account id>");
    refused("kv:all", "expected just kv");
    refused("secret:", "1 to 64 characters");
    refused("secret:a b", "1 to 64 characters");
    refused("http", "expected http:<origin>");
    refused("http:example.org", "https://");
    refused(&ALICE.replacen("05", "send:03", 1), "a group");
    refused("", "unknown permission");
    refused(" log", "unknown permission \" log\"; did you mean log?");
}

#[test]
fn what_a_stranger_wrote_is_repeated_short_and_escaped() {
    let long = "\u{1b}[2J".repeat(1000);

    let error = long.parse::<Permission>().unwrap_err().to_string();

    assert!(error.len() < 400, "{error}");
    assert!(!error.contains('\u{1b}'), "{error:?}");
}

#[test]
fn an_account_in_capitals_is_the_same_account() {
    let capitals = format!("send:{}", ALICE.to_uppercase());

    assert_eq!(permission(&capitals), permission(&format!("send:{ALICE}")));
}

#[test]
fn a_wider_permission_covers_a_narrower_one_and_not_the_other_way_round() {
    let covered = [
        ("send:direct", "send:reply".to_owned()),
        ("send:direct", format!("send:{ALICE}")),
        ("react:direct", "react:reply".to_owned()),
        ("read:direct", format!("read:{ALICE}")),
        ("secret-reveal:x", "secret:x".to_owned()),
        ("http:https://*.example.org", "http:https://api.example.org".to_owned()),
    ];

    for (wide, narrow) in covered {
        let (wide, narrow) = (permission(wide), permission(&narrow));
        assert!(wide.covers(&narrow), "{wide} covers {narrow}");
        assert!(!narrow.covers(&wide), "{narrow} does not cover {wide}");
    }
}

#[test]
fn permissions_of_different_kinds_or_accounts_do_not_cover_each_other() {
    let apart = [
        ("send:direct".to_owned(), "react:direct".to_owned()),
        ("send:direct".to_owned(), "delete".to_owned()),
        ("send:direct".to_owned(), "read:direct".to_owned()),
        ("send:reply".to_owned(), format!("send:{ALICE}")),
        (format!("send:{ALICE}"), format!("send:{BOB}")),
        ("secret-reveal:x".to_owned(), "secret:y".to_owned()),
    ];

    for (one, other) in apart {
        let (one, other) = (permission(&one), permission(&other));
        assert!(!one.covers(&other) && !other.covers(&one), "{one} and {other}");
    }
}

pub(super) fn any_permission() -> impl Strategy<Value = Permission> {
    let account = prop_oneof![Just(ALICE), Just(BOB)].prop_map(|id| AccountId::parse_target(id).unwrap());
    let scope =
        prop_oneof![Just(Scope::Reply), Just(Scope::Direct), account.clone().prop_map(Scope::Account)];
    let origin = (prop_oneof![Just("http"), Just("https")], "(\\*\\.)?[ab]\\.example\\.org", 1..4_u16)
        .prop_map(|(scheme, host, port)| format!("{scheme}://{host}:{port}").parse().unwrap());
    let name = "[xy]".prop_map(|name| name.parse::<SecretName>().unwrap());
    prop_oneof![
        scope.clone().prop_map(Permission::Send),
        scope.prop_map(Permission::React),
        Just(Permission::Read(Conversations::Direct)),
        account.prop_map(|id| Permission::Read(Conversations::Account(id))),
        origin.prop_map(Permission::Http),
        name.clone().prop_map(Permission::Secret),
        name.prop_map(Permission::SecretReveal),
        prop_oneof![
            Just(Permission::Delete),
            Just(Permission::Kv),
            Just(Permission::Timers),
            Just(Permission::Config),
            Just(Permission::Log),
            Just(Permission::Clock),
            Just(Permission::Random),
            Just(Permission::Identity),
        ],
    ]
}

proptest! {
    #[test]
    fn text_and_json_give_the_permission_back(permission in any_permission()) {
        prop_assert_eq!(&permission.to_string().parse::<Permission>().unwrap(), &permission);
        let json = serde_json::to_string(&permission).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Permission>(&json).unwrap(), &permission);
    }

    #[test]
    fn covering_is_an_order(one in any_permission(), two in any_permission(), three in any_permission()) {
        prop_assert!(one.covers(&one));
        if one.covers(&two) && two.covers(&one) {
            prop_assert_eq!(&one, &two);
        }
        if one.covers(&two) && two.covers(&three) {
            prop_assert!(one.covers(&three));
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,120}", tail in "(send|read|http|secret):.{0,80}") {
        let _ = text.parse::<Permission>();
        let _ = tail.parse::<Permission>();
    }
}
