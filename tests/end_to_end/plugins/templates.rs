//! The first ten minutes: a new plugin of each language passes its test, runs, and answers.

use std::time::Duration;

use starling_tests::{Client, Devnet, eventually};

use crate::bot::Bot;

/// How long an answer may take, from the time that one message says it was sent to that of the other. On a machine at rest, it
/// is a second.
const ANSWERED_WITHIN_MS: u64 = 10_000;

#[test]
fn a_new_rust_plugin_passes_its_test_runs_and_answers() {
    a_new_plugin_answers("rust", "Hello");
}

#[test]
fn a_new_js_plugin_passes_its_test_runs_and_answers() {
    a_new_plugin_answers("js", "Thank you");
}

#[test]
fn a_new_python_plugin_passes_its_test_runs_and_answers() {
    a_new_plugin_answers("python", "Thank you");
}

#[track_caller]
fn a_new_plugin_answers(language: &str, greeting: &str) {
    let devnet = Devnet::start(5);
    let (bot, alice) = (Client::new(devnet.network()), Client::new(devnet.network()));
    alice.new_account("alice");
    let workshop = tempfile::tempdir().expect("a folder for the sources");
    let hello = workshop.path().join("hello");
    let hello = hello.to_str().expect("temporary folders have plain names");

    bot.line(&["plugin", "new", "--lang", language, "hello", "--path", hello]);
    let tested = bot.run(&["plugin", "test", hello], "");
    assert_eq!(tested.code, 0, "{}\n{}", tested.stdout, tested.stderr);
    let running = Bot::start(&devnet, &bot, &["plugin", "run", hello, "--profile", "bob", "--grant-all"]);
    let account = running.event("account");
    running.event("running");
    let bob = account["id"].as_str().expect("an id is a text");
    let sent = alice.send("alice", bob, "is anybody there?");

    let answer = eventually(Duration::from_secs(60), "the bot answers", || {
        let inbox = alice.lines(&["inbox", "--profile", "alice"]);
        inbox.into_iter().find(|message| message["from"] == bob)
    });
    let body = answer["body"].as_str().unwrap_or_default();
    assert!(body.starts_with(greeting), "{body}");
    let time = |value: &serde_json::Value| value.as_u64().expect("a time is a number");
    let took = time(&answer["sent_at"]).saturating_sub(time(&sent["timestamp"]));
    assert!(took < ANSWERED_WITHIN_MS, "the answer took {took} ms");
    running.stop();
}
