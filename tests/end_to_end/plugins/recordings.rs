//! What a plugin did in one folder, it does again in another, byte for byte; and another plugin does not.

use std::time::Duration;

use serde_json::Value;
use starling_tests::{Client, Devnet, eventually};

use crate::bot::{Bot, Handed};

#[test]
fn a_recording_is_played_elsewhere_byte_for_byte_and_shows_where_another_plugin_differs() {
    let devnet = Devnet::start(5);
    let (bot, alice) = (Client::new(devnet.network()), Client::new(devnet.network()));
    let elsewhere = Client::new(devnet.network());
    let (bob, _) = bot.new_account("bob");
    alice.new_account("alice");
    let (counter, fuzzer) = (Handed::new("counter"), Handed::new("fuzzer"));
    let papers = tempfile::tempdir().expect("a folder for the recording");
    let recording = papers.path().join("counter.recording");
    let recording = recording.to_str().expect("temporary folders have plain names");
    bot.line(&["plugin", "install", counter.path(), "--profile", "bob", "--grant-all"]);
    bot.line(&["plugin", "record", "counter", "--to", recording]);
    let running = Bot::start(&devnet, &bot, &["run"]);
    running.event("listening");
    for n in 1..=3 {
        alice.send("alice", &bob, &format!("message {n}"));
    }
    eventually(Duration::from_secs(120), "three answers", || {
        let inbox = alice.lines(&["inbox", "--profile", "alice"]);
        (inbox.iter().filter(|message| message["from"] == bob.as_str()).count() == 3).then_some(())
    });
    running.stop();

    let component = counter.component();
    let again = elsewhere.line(&["plugin", "replay", recording, component.to_str().expect("a plain name")]);
    let other = fuzzer.component();
    let differs = elsewhere.run(&["plugin", "replay", recording, other.to_str().expect("a plain name")], "");

    assert_eq!(again["same"], true, "{again}");
    assert_eq!(again["same_component"], true);
    assert!(again["calls"].as_u64() >= Some(4), "`on-start` and three messages: {again}");
    assert_ne!(differs.code, 0, "{}", differs.stdout);
    let difference: Value = serde_json::from_str(&differs.stdout).expect("one object");
    assert_eq!(difference["same"], false);
    assert_eq!(difference["export"], "on-message", "{difference}");
    assert!(difference["difference"]["recorded"].to_string().contains("kv-increment"), "{difference}");
}
