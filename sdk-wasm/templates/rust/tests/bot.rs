//! What the bot says, on a host in memory.

use serde_json::json;
use starling_plugin::mock::{MockHost, account};
use plugin::Plugin;

/// A host that grants what `plugin.toml` asks for.
fn host() -> MockHost {
    MockHost::with_grants(&["send:reply", "kv", "config"]).with_config(json!({ "greeting": "Hello" }))
}

#[test]
fn who_writes_is_greeted_and_counted() {
    let host = host();

    host.say(&mut Plugin, &account(1), "hi").expect("it may answer");
    host.say(&mut Plugin, &account(1), "hi again").expect("it may answer");
    host.say(&mut Plugin, &account(1), "/count").expect("it may answer");

    let texts = ["Hello! That was message 1 of yours.", "Hello! That was message 2 of yours.", "You have sent 2."];
    assert_eq!(host.texts_to(&account(1)), texts);
}

#[test]
fn everybody_is_counted_apart() {
    let host = host();

    host.say(&mut Plugin, &account(1), "hi").expect("it may answer");
    host.say(&mut Plugin, &account(2), "/count").expect("it may answer");

    assert_eq!(host.texts_to(&account(2)), ["You have sent 0."]);
}
