//! What a plugin was not granted is refused at the call, and leaves a receipt and a count.

use std::fs;

use starling_contracts::{inbox::Detail, plugins::PluginState};

use crate::{
    people::{Letter, alice, bob, carol},
    town::{ALL, Installed, Town, metric},
};

/// Each grant, and the orders that need it and no other.
const NEEDS: &[(&str, &[&str])] = &[
    ("send:direct", &["outbox.send", "outbox.reply"]),
    ("react:direct", &["outbox.react"]),
    ("delete", &["outbox.delete-own 7"]),
    ("read:direct", &["conversations.read", "conversations.list-recent"]),
    ("kv", &["kv.get", "kv.set", "kv.delete", "kv.list-keys", "kv.compare-and-swap", "kv.increment"]),
    ("timers", &["timers.set", "timers.cancel", "timers.list-set"]),
    ("http:https://example.org", &["http.fetch https://example.org/"]),
    ("config", &["config.get-all"]),
    ("secret-reveal:token", &["secrets.exists token", "secrets.reveal token"]),
    ("log", &["log.write"]),
    ("clock", &["clock.now"]),
    ("random", &["random.bytes", "random.number"]),
    ("identity", &["identity.own-id"]),
];

const SECRET: &str = "[secrets]\ntoken = { env = \"PATH\" }";

/// What a plugin lacks is called like it.
fn without(grant: &str) -> String {
    let kind = grant.split_once(':').map_or(grant, |(kind, _)| kind);
    format!("without-{kind}")
}

fn import(order: &str) -> &str {
    order.split_once(' ').map_or(order, |(import, _)| import)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_grant_is_needed_by_its_own_imports_and_by_no_other() {
    let plugins = NEEDS.iter().map(|(lacking, _)| {
        let grants: Vec<_> = ALL.iter().filter(|grant| *grant != lacking).copied().collect();
        Installed::new(&without(lacking), "misbehave", &grants).operator(SECRET)
    });
    let town = Town::with(&plugins.collect::<Vec<_>>()).await;
    let orders: Vec<_> =
        NEEDS.iter().flat_map(|(grant, orders)| orders.iter().map(move |order| (*grant, *order))).collect();

    for (_, order) in &orders {
        town.write(alice(), &format!("try {order}")).await;
    }

    for (lacking, own) in NEEDS {
        let name = without(lacking);
        // `on-start` is one call more.
        let total = orders.len() as u64 + 1;
        town.until(&format!("{name} is done"), async |town| {
            let status = town.status(&name).await;
            (status.handled + status.quarantined == total).then_some(())
        })
        .await;
        for (grant, order) in &orders {
            let denied = |outcome| {
                metric(
                    "plugin_host_calls_total",
                    &[("plugin", &name), ("import", import(order)), ("outcome", outcome)],
                )
            };
            let found = denied("access-denied");
            // What goes well is reported in the log, so that one is asked more often.
            let is_right = match (grant == lacking, *grant) {
                (true, "log") => found > 1,
                (true, _) => found == 1 + also_at_start(order),
                (false, _) => found == 0,
            };
            assert!(is_right, "{name}, {order}: denied {found} times");
        }
        let status = town.status(&name).await;
        // Nothing was sent under that number, and that is an answer like any other.
        let not_found = u64::from(*lacking != "delete");
        assert_eq!(status.quarantined, own.len() as u64 + not_found, "{name}: {status:?}");
        let kind = lacking.split_once(':').map_or(*lacking, |(kind, _)| kind);
        let denied = town
            .until(&format!("{name} has receipts"), async |town| {
                let receipts = town.receipts(&name);
                let denied = receipts.into_iter().filter(|[.., outcome]| outcome == "access-denied");
                let denied: Vec<_> = denied.map(|[grant, ..]| grant).collect();
                (!denied.is_empty()).then_some(denied)
            })
            .await;
        assert!(
            denied.iter().all(|grant| grant.starts_with(kind.trim_end_matches("-reveal"))),
            "{name}: {denied:?}"
        );
    }
}

/// `misbehave` looks into its configuration when it starts.
fn also_at_start(order: &str) -> u64 {
    u64::from(order == "config.get-all")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_asks_for_nothing_can_do_nothing() {
    let mut bare = Installed::new("bare", "misbehave", ALL);
    bare.asks.clear();
    let town = Town::with(&[bare]).await;

    for (_, orders) in NEEDS {
        for order in *orders {
            let status = town.order("bare", alice(), &format!("try {order}")).await;

            assert!(
                status.reason.contains(&format!("{}: access-denied", import(order))),
                "{order}: {}",
                status.reason
            );
        }
    }
    assert_eq!(town.people.known().sent, []);
    assert_eq!(town.people.known().fetched, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_asks_for_more_than_it_is_granted_does_not_start_and_says_what_is_missing() {
    let mut greedy = Installed::new("greedy", "misbehave", ALL);
    greedy.grants.retain(|grant| !["kv", "send:direct"].contains(&grant.as_str()));
    greedy.grants.push("send:reply".to_owned());
    let town = Town::with(&[greedy]).await;

    let status = town.status("greedy").await;

    assert_eq!(status.state, PluginState::Refused);
    assert!(
        status.reason.starts_with("it asks for send:direct, kv, which it is not granted"),
        "{}",
        status.reason
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_to_reply_reaches_those_who_wrote_first_and_nobody_else() {
    let town = Town::with(&[Installed::new("shy", "misbehave", &["send:reply", "react:reply", "log"])]).await;
    let [alice_id, carol_id, bob_id] = [alice(), carol(), bob()].map(|id| id.to_string());

    for order in ["outbox.send", "outbox.reply", "outbox.react"] {
        let answered = town.order("shy", alice(), &format!("try {order} {alice_id}")).await;
        assert_eq!(answered.quarantined, 0, "{order}: {}", answered.reason);
    }
    let mut refused = 0;
    for stranger in [&carol_id, &bob_id] {
        for order in ["outbox.send", "outbox.reply", "outbox.react"] {
            let status = town.order("shy", alice(), &format!("try {order} {stranger}")).await;
            refused += 1;
            assert_eq!(status.quarantined, refused, "{order}: {}", status.reason);
            assert!(status.reason.contains("access-denied"), "{}", status.reason);
        }
    }
    town.order("shy", carol(), "rest").await;
    let after_she_wrote = town.order("shy", alice(), &format!("try outbox.send {carol_id}")).await;

    assert_eq!(after_she_wrote.quarantined, refused, "{}", after_she_wrote.reason);
    let sent = town.until("four letters", async |town| {
        let sent = town.people.known().sent.clone();
        (sent.len() == 4).then_some(sent)
    });
    let sent = sent.await;
    assert_eq!(sent[0], Letter::Text { to: alice(), body: "hello".to_owned() });
    assert_eq!(sent[3], Letter::Text { to: carol(), body: "hello".to_owned() });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_one_account_reaches_that_account_alone() {
    let carol_id = carol().to_string();
    let grants = [format!("send:{carol_id}"), format!("read:{carol_id}"), "log".to_owned()];
    let grants: Vec<_> = grants.iter().map(String::as_str).collect();
    let town = Town::with(&[Installed::new("narrow", "misbehave", &grants)]).await;

    for order in ["outbox.send", "conversations.read"] {
        let denied = town.order("narrow", alice(), &format!("try {order} {}", alice())).await;
        assert!(denied.reason.contains(&format!("{order}: access-denied")), "{}", denied.reason);
        let before = denied.quarantined;
        let granted = town.order("narrow", alice(), &format!("try {order} {carol_id}")).await;
        assert_eq!(granted.quarantined, before, "{order}: {}", granted.reason);
    }
    town.write(carol(), "rest").await;
    town.order("narrow", alice(), "try conversations.list-recent").await;

    let listed = town.logged("narrow", "conversations.list-recent").await;
    assert!(listed.contains(&carol_id) && !listed.contains(&alice().to_string()), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn web_servers_are_asked_only_where_their_origin_is_granted() {
    let grants = ["http:https://example.org", "http:https://*.example.com:8443", "secret:token", "log"];
    let town = Town::with(&[Installed::new("web", "misbehave", &grants).operator(SECRET)]).await;

    let mut refused = 0;
    for (url, is_granted) in [
        ("https://example.org/a?b=c", true),
        ("https://EXAMPLE.org:443/", true),
        ("https://api.example.com:8443/", true),
        ("http://example.org/", false),
        ("https://example.org:444/", false),
        ("https://www.example.org/", false),
        ("https://example.org.evil.net/", false),
        ("https://example.org@evil.net/", false),
        ("https://api.example.com/", false),
        ("https://example.com:8443/", false),
        ("file:///etc/passwd", false),
        ("https://", false),
    ] {
        let status = town.order("web", alice(), &format!("try http.fetch {url}")).await;
        refused += u64::from(!is_granted);
        assert_eq!(status.quarantined, refused, "{url}: {}", status.reason);
    }
    let known = town.order("web", alice(), "try http.fetch-with-secret token https://example.org/").await;
    assert_eq!(known.quarantined, refused, "{}", known.reason);
    let header = town.people.known().headers.clone();
    let other = town.order("web", alice(), "try http.fetch-with-secret other https://example.org/").await;

    assert!(other.reason.contains("access-denied"), "{}", other.reason);
    let path = std::env::var("PATH").expect("tests have a path");
    assert_eq!(header, [("authorization".to_owned(), format!("Bearer {path}"))]);
    let reveal = town.order("web", alice(), "try secrets.reveal token").await;
    assert!(reveal.reason.contains("secrets.reveal: access-denied"), "{}", reveal.reason);
    let asked = town.people.known().fetched.clone();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert_eq!(asked[0], "GET https://example.org:443/a?b=c");
    let log = fs::read_to_string(town.folder.path().join("plugins/web/log.jsonl")).unwrap_or_default();
    assert!(!log.contains(&path), "no secret is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_takes_back_is_gone_and_what_is_given_back_is_there_again() {
    let town = Town::with(&[Installed::new("live", "misbehave", &["kv", "log"])]).await;
    let before = town.order("live", alice(), "try kv.get").await;
    let granted = |grants: &[&str]| Some(toml::Value::from(grants.to_vec()).try_into().unwrap());

    town.change("live", |operator| operator.grants = granted(&["log"]));
    let refused = town.until("it has to end", async |town| {
        let status = town.status("live").await;
        (status.state == PluginState::Refused).then_some(status)
    });
    let refused = refused.await;
    town.change("live", |operator| operator.enabled = Some(false));
    town.until("it is switched off", async |town| {
        (town.status("live").await.state == PluginState::Disabled).then_some(())
    })
    .await;
    town.change("live", |operator| {
        operator.enabled = None;
        operator.grants = granted(&["kv", "log"]);
    });
    let after = town.order("live", alice(), "try kv.get").await;

    assert_eq!(before.quarantined, 0, "{}", before.reason);
    assert!(refused.reason.starts_with("it asks for kv, which it is not granted"), "{}", refused.reason);
    assert_eq!((after.quarantined, after.state), (0, PluginState::Running), "{}", after.reason);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_called_for_everything_that_happens_and_only_for_what_it_asked_for() {
    let everything = Installed::new("all-ears", "misbehave", &["log"]);
    let town = Town::with(&[everything]).await;
    let target = starling_contracts::inbox::MessageRef { conversation: alice(), author: bob(), sent_at: 5 };

    let emoji = "try log.write".to_owned();
    town.happen(alice(), Detail::Reaction { target, emoji, is_removed: false }).await;
    town.happen(alice(), Detail::Other { kind: "try log.write".to_owned() }).await;
    town.happen(alice(), Detail::ReadReceipt { sent_at: vec![5] }).await;
    town.happen(alice(), Detail::Deletion { target }).await;
    town.write(alice(), "/try log.write").await;

    town.until("it was called for all of it", async |town| {
        (town.status("all-ears").await.handled == 6).then_some(())
    })
    .await;
    let calls = |export| {
        metric("plugin_calls_total", &[("plugin", "all-ears"), ("export", export), ("outcome", "done")])
    };
    assert_eq!(calls("on-event"), 4);
    assert_eq!(calls("on-command"), 1);
    assert_eq!(calls("on-start"), 1);
}
