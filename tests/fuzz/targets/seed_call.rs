//! A call for the node list, as seed nodes get it: answered or refused, in JSON either way, and no answer is longer than
//! the list.
#![no_main]

use std::net::Ipv4Addr;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use starling_contracts::{node::ServiceNode, staking::NodeList};
use starling_gateway::seed::Question;
use starling_kernel::SystemEntropy;
use starling_protocol::{
    crypto::{ed25519::PublicKey, x25519},
    swarm::SwarmId,
};

/// The longest answer about two nodes, with room.
const LONGEST: usize = 20_000;

fn node(number: u8) -> ServiceNode {
    ServiceNode {
        ed25519: PublicKey([number; 32]),
        x25519: x25519::PublicKey([number; 32]),
        legacy: PublicKey([number; 32]),
        public_ip: Ipv4Addr::new(127, 0, 0, number),
        storage_port: 22021,
        omq_port: 22020,
        libp2p_port: 22025,
        swarm: SwarmId(7),
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

fuzz_target!(|body: &[u8]| {
    let list = NodeList::new(9, [20, 0], [1; 32], vec![node(1), node(2)]);
    match Question::parse(body) {
        Ok(question) => {
            let answer = question.answer(&list, &SystemEntropy);
            assert!(answer.len() <= LONGEST + body.len());
            let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
            assert!(answer["result"].is_object());
        }
        Err(refusal) => {
            let answer: Value = serde_json::from_slice(&refusal.encode()).expect("the refusal is JSON");
            assert!(answer["error"]["code"].is_i64());
        }
    }
});
