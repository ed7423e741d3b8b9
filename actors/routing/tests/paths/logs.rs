//! What is written to the log.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing_subscriber::{filter::LevelFilter, fmt::MakeWriter};

use crate::{
    house::{House, account},
    network::{Fault, Network, Seed},
};

/// Everything that was logged in this process, by other tests too.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with the lock held").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logged {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_names_a_node_an_address_or_an_account() {
    let logged = Logged::default();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(logged.clone())
        .with_ansi(false)
        .try_init()
        .expect("no other test installs a subscriber");
    let network = Network::of(12);
    network.state().seeds = vec![Seed::Dead, Seed::Typed("text/html"), Seed::Tells];
    let house = House::open(&network).await;
    let faults = [
        Fault::Dead,
        Fault::Unlisted,
        Fault::NotReady,
        Fault::Garbles,
        Fault::Plain(400, "Invalid ciphertext".to_owned()),
        Fault::Answers(421, serde_json::json!({})),
        Fault::Answers(500, serde_json::json!("it failed")),
    ];
    for (node, fault) in network.keys().into_iter().zip(faults.into_iter().cycle()) {
        let _ = house.ask_swarm(Some(node)).await;
        let _ = house.ask_node(node).await;
        network.fail(node, fault);
        let _ = house.ask_swarm(Some(node)).await;
        let _ = house.ask_node(node).await;
    }
    assert_eq!(house.kernel.stop().await, [""; 0]);

    let text = String::from_utf8(logged.0.lock().expect("nobody panics with the lock held").clone());

    let text = text.expect("logs are text");
    assert!(text.contains("node list fetched"), "something is logged");
    for node in network.list() {
        for name in
            [&node.ed25519.to_string()[..8], &node.x25519.to_string()[..8], &format!("{}.", node.public_ip)]
        {
            assert!(!text.contains(name.trim_end_matches('.')), "{name} is in the log");
        }
    }
    assert!(!text.contains(&account().to_string()[2..10]));
}
