//! A client that shares no code with us, both ways and with every cipher it knows.

use starling_tests::{Client, Devnet, Python};

#[test]
fn a_foreign_client_and_ours_read_each_other() {
    let devnet = Devnet::start(14);
    let ours = Client::new(devnet.network());
    let (our_id, _) = ours.new_account("bob");

    for cipher in ["xchacha20", "aes-gcm", "mixed"] {
        let python = Python::new(&devnet.ready.seed, cipher);
        let (seed, their_id) = python.new_account();
        let text = format!("sealed in python, wrapped in {cipher}");

        let stored = python.send(&seed, &our_id, &text);
        let inbox = ours.lines(&["inbox", "--profile", "bob"]);
        let sent = ours.send("bob", &their_id, "sealed in rust");
        let received = python.receive(&seed);

        let message =
            inbox.iter().find(|line| line["body"] == text.as_str()).expect("their message is in our inbox");
        assert_eq!(message["from"], their_id.as_str());
        assert_eq!(message["hash"], stored["hash"]);
        assert_eq!(received.len(), 1, "our message waits for them");
        assert_eq!(received[0]["body"], "sealed in rust");
        assert_eq!(received[0]["from"], our_id.as_str());
        assert_eq!(received[0]["hash"], sent["hash"]);
        assert_eq!(received[0]["sent_at"], sent["timestamp"]);
    }
}
