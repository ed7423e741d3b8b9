//! Two people and a private network: what is sent arrives, wherever and whenever it is read.

use serde_json::Value;
use starling_tests::{Client, Devnet};

#[test]
fn a_message_sent_while_the_recipient_is_away_is_there_when_they_come() {
    let devnet = Devnet::start(14);

    for first_hop in ["https", "libp2p"] {
        let alice = Client::with_first_hop(devnet.network(), first_hop);
        let bob = Client::with_first_hop(devnet.network(), first_hop);
        let (alice_id, _) = alice.new_account("alice");
        let (bob_id, _) = bob.new_account("bob");

        let sent = alice.send("alice", &bob_id, "are you there?");
        let received = bob.lines(&["inbox", "--profile", "bob"]);

        assert_eq!(received.len(), 1, "one message over {first_hop}");
        let message = &received[0];
        for key in ["id", "hash", "from", "conversation", "body", "sent_at", "received_at", "kind"] {
            assert!(message.get(key).is_some(), "{key} is in {message}");
        }
        assert_eq!(message["body"], "are you there?");
        assert_eq!(message["from"], Value::from(alice_id.as_str()));
        assert_eq!(message["conversation"], Value::from(alice_id.as_str()));
        assert_eq!(message["sent_at"], sent["timestamp"]);
        assert_eq!(message["hash"], sent["hash"]);
        let stored_by = sent["stored_by"].as_array().expect("a list of members");
        assert!(stored_by.len() >= 5, "a swarm has at least five members, {} stored it", stored_by.len());
        assert_eq!(bob.bodies("bob"), ["are you there?"], "asking again brings nothing new");

        let answered = bob.send("bob", &alice_id, "yes");
        let inbox = alice.lines(&["inbox", "--profile", "alice"]);
        let bodies: Vec<_> = inbox.iter().map(|line| line["body"].as_str().unwrap_or_default()).collect();
        assert_eq!(bodies, ["are you there?", "yes"], "one's own message and the answer");
        assert_eq!(inbox[1]["sent_at"], answered["timestamp"]);
    }
}

#[test]
fn a_recovery_password_brings_the_account_and_its_messages_to_another_machine() {
    let devnet = Devnet::start(14);
    let alice = Client::new(devnet.network());
    let bob = Client::new(devnet.network());
    let elsewhere = Client::new(devnet.network());
    let (alice_id, recovery) = alice.new_account("alice");
    let (bob_id, _) = bob.new_account("bob");
    bob.send("bob", &alice_id, "hello alice");
    alice.send("alice", &bob_id, "hello bob");

    let restored = elsewhere.run(&["account", "restore", "--profile", "old"], &recovery);

    assert_eq!(restored.code, 0, "{}", restored.stderr);
    let restored: Value = serde_json::from_str(&restored.stdout).expect("one object");
    assert_eq!(restored["id"], Value::from(alice_id.as_str()), "the same account");
    let mut bodies = elsewhere.bodies("old");
    bodies.sort();
    assert_eq!(bodies, ["hello alice", "hello bob"], "received and sent messages are there");
    assert!(
        !restored.to_string().contains(recovery.split(' ').next().unwrap_or("-")),
        "no words are printed"
    );
}

#[test]
fn profiles_of_one_data_folder_do_not_see_each_other() {
    let devnet = Devnet::start(5);
    let both = Client::new(devnet.network());
    let (one, _) = both.new_account("one");
    let (two, _) = both.new_account("two");

    both.send("one", &two, "to two");
    both.send("one", &one, "note to self");

    assert_eq!(both.bodies("two"), ["to two"]);
    let mut bodies = both.bodies("one");
    bodies.sort();
    assert_eq!(bodies, ["note to self", "to two"]);
    let listed = both.lines(&["account", "list"]);
    let profiles: Vec<_> = listed.iter().map(|line| line["profile"].clone()).collect();
    assert_eq!(profiles, ["one", "two"]);
}
