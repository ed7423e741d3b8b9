//! A bot that is killed in the middle of its work loses nothing that it has answered for, and misses no message.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use starling_tests::{Client, Devnet, eventually};

use crate::bot::{Bot, Handed};

const MESSAGES: usize = 24;
const KILLS: usize = 3;

#[test]
fn a_killed_bot_keeps_what_it_counted_and_misses_no_message() {
    let devnet = Devnet::start(5);
    let (bot, alice) = (Client::new(devnet.network()), Client::new(devnet.network()));
    let (bob, _) = bot.new_account("bob");
    let (_, recovery) = alice.new_account("alice");
    // One writes while the other reads, and a data folder is one process's at a time.
    let reader = Client::new(devnet.network());
    let restored = reader.run(&["account", "restore", "--profile", "alice"], &recovery);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let counter = Handed::new("counter");
    bot.line(&["plugin", "install", counter.path(), "--profile", "bob", "--grant-all"]);

    let mut running = start(&devnet, &bot);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for n in 0..MESSAGES {
                alice.send("alice", &bob, &format!("message {n}"));
            }
        });
        for kill in 1..=KILLS {
            let answers = MESSAGES * kill / (KILLS + 1);
            eventually(Duration::from_secs(120), "the bot is at work", || {
                (answered(&reader, &bob).len() >= answers).then_some(())
            });
            running.kill();
            running = start(&devnet, &bot);
        }
        writing.join().expect("all messages are sent");
    });

    let answers = eventually(Duration::from_secs(180), "every message is answered", || {
        let answers = answered(&reader, &bob);
        (answers.len() >= MESSAGES).then_some(answers)
    });
    let numbers: BTreeSet<_> = answers.values().copied().collect();
    assert_eq!(numbers, (1..=MESSAGES).collect(), "each message was counted once: {answers:?}");
    running.stop();
}

/// Starts a client that runs what is installed.
fn start(devnet: &Devnet, bot: &Client) -> Bot {
    let running = Bot::start(devnet, bot, &["run"]);
    running.event("listening");
    running
}

/// The number under which each message was counted. An answer may come twice: when its sender died between the swarm's word and its own.
#[track_caller]
fn answered(reader: &Client, bob: &str) -> BTreeMap<String, usize> {
    let inbox = reader.lines(&["inbox", "--profile", "alice"]);
    let mut answers = BTreeMap::new();
    for answer in inbox.iter().filter(|message| message["from"] == bob) {
        let body = answer["body"].as_str().expect("answers are texts");
        let (number, message) = body.split_once(' ').expect("a number and a message");
        let number = number.parse().unwrap_or_else(|_| panic!("half a transaction was kept: {body}"));
        let before = answers.insert(message.to_owned(), number);
        assert!(before.is_none_or(|before| before == number), "{message} was counted twice");
    }
    answers
}
