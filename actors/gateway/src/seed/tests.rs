use std::{collections::BTreeSet, net::Ipv4Addr};

use starling_contracts::{node::ServiceNode, node_list::NODE_FIELDS};
use starling_kernel::SeededEntropy;
use starling_protocol::{crypto::ed25519, swarm::SwarmId};

use super::*;

fn node(index: u8, public_ip: Ipv4Addr) -> ServiceNode {
    let key = ed25519::SecretKey::from_seed([index; 32]);
    ServiceNode {
        ed25519: key.public(),
        x25519: key.to_x25519().public(),
        legacy: key.public(),
        public_ip,
        storage_port: 22021,
        omq_port: 0,
        libp2p_port: 22025,
        swarm: SwarmId(u64::MAX - 1),
        version: [2, 8, 0],
        requested_unlock_height: 7,
    }
}

fn list() -> NodeList {
    let nodes = (1..=6).map(|index| node(index, Ipv4Addr::new(10, 0, 0, index))).collect();
    NodeList::new(42, [19, 6], [0xab; 32], nodes)
}

fn result(params: Value) -> Value {
    result_of(&list(), params)
}

fn result_of(list: &NodeList, params: Value) -> Value {
    let call = json!({ "jsonrpc": "2.0", "id": "x", "method": "get_n_service_nodes", "params": params });
    let question = Question::parse(call.to_string().as_bytes()).expect("a good question");
    let body = question.answer(list, &SeededEntropy::new(1));
    let mut answer: Value = serde_json::from_slice(&body).expect("json");
    assert_eq!(answer["jsonrpc"], "2.0");
    assert_eq!(answer["id"], "x");
    answer["result"].take()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn clients_get_the_fields_they_ask_for_as_dict_or_list() {
    let names =
        ["public_ip", "storage_port", "pubkey_x25519", "pubkey_ed25519", "requested_unlock_height", "height"];
    let dict: Map<_, _> = names.iter().map(|name| ((*name).to_owned(), Value::from(true))).collect();

    let from_dict = result(json!({ "active_only": true, "fields": dict }));
    let from_list = result(json!({ "active_only": true, "fields": names }));

    assert_eq!(from_dict, from_list);
    assert_eq!(keys(&from_dict), ["height", "service_node_states", "status"]);
    assert_eq!(from_dict["status"], "OK");
    assert_eq!(from_dict["height"], 42);
    let states = from_dict["service_node_states"].as_array().unwrap();
    assert_eq!(states.len(), 6);
    assert_eq!(
        keys(&states[0]),
        ["pubkey_ed25519", "pubkey_x25519", "public_ip", "requested_unlock_height", "storage_port"]
    );
}

#[test]
fn without_fields_everything_is_told() {
    let all = result(json!({}));

    assert_eq!(all, result(json!({ "fields": [] })));
    assert_eq!(all, result(json!({ "fields": ["all"] })));
    assert_eq!(
        keys(&all),
        ["block_hash", "hardfork", "height", "service_node_states", "snode_revision", "status"]
    );
    assert_eq!(all["block_hash"], "ab".repeat(32));
    assert_eq!((all["hardfork"].as_u64(), all["snode_revision"].as_u64()), (Some(19), Some(6)));
    let state = &all["service_node_states"][0];
    let mut every: Vec<_> = NODE_FIELDS.to_vec();
    every.sort_unstable();
    assert_eq!(keys(state), every);
    assert_eq!(state["swarm_id"], u64::MAX - 1);
    assert_eq!(state["swarm"], "fffffffffffffffe");
    assert_eq!(state["storage_server_version"], json!([2, 8, 0]));
    assert_eq!(state["libp2p_port"], 22025);
    assert_eq!(state["service_node_pubkey"].as_str().unwrap().len(), 64);
}

#[test]
fn all_can_be_narrowed_by_a_minus() {
    let narrowed = result(json!({ "fields": ["all", "-swarm", "-block_hash"] }));

    assert!(narrowed.get("block_hash").is_none());
    let state = &narrowed["service_node_states"][0];
    assert!(state.get("swarm").is_none());
    assert!(state.get("swarm_id").is_some());
}

#[test]
fn the_limit_chooses_how_many_and_in_which_order() {
    let picked = |limit: i64| {
        let answer = result(json!({ "limit": limit, "fields": ["service_node_pubkey"] }));
        let states = answer["service_node_states"].as_array().unwrap().clone();
        states
            .iter()
            .map(|state| state["service_node_pubkey"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };

    let sorted = picked(0);
    assert!(sorted.is_sorted());
    let shuffled = picked(-1);
    assert_ne!(shuffled, sorted);
    assert_eq!(shuffled.iter().collect::<BTreeSet<_>>(), sorted.iter().collect::<BTreeSet<_>>());
    assert_eq!(picked(2).len(), 2);
    assert_eq!(picked(100).len(), 6);
}

#[test]
fn a_caller_who_knows_the_tip_hears_only_that() {
    assert_eq!(result(json!({ "poll_block_hash": "AB".repeat(32) })), json!({ "unchanged": true }));
    let changed = result(json!({ "poll_block_hash": "cd".repeat(32) }));
    assert_eq!(changed["unchanged"], false);
    assert_eq!(changed["service_node_states"].as_array().unwrap().len(), 6);
}

#[test]
fn a_node_without_a_known_address_shows_none() {
    let list = NodeList::new(42, [19, 6], [0; 32], vec![node(1, Ipv4Addr::UNSPECIFIED)]);

    let state = result_of(&list, json!({}))["service_node_states"][0].take();

    for absent in ["public_ip", "storage_port", "storage_lmq_port", "libp2p_port", "storage_server_version"] {
        assert!(state.get(absent).is_none(), "{absent}");
    }
    assert!(state.get("pubkey_ed25519").is_some());
}

#[track_caller]
fn refused(body: &str, code: i32, id: Value) {
    let refusal = Question::parse(body.as_bytes()).expect_err("must be refused");
    let answer: Value = serde_json::from_slice(&refusal.encode()).unwrap();
    assert_eq!(answer["error"]["code"], code, "{answer}");
    assert_eq!(answer["id"], id);
    assert_eq!(answer["jsonrpc"], "2.0");
}

#[test]
fn what_is_no_such_call_is_answered_with_a_json_rpc_error() {
    refused("{oops", Refusal::PARSE, Value::Null);
    refused("[]", Refusal::REQUEST, Value::Null);
    refused(r#"{"id":7}"#, Refusal::REQUEST, json!(7));
    refused(r#"{"id":7,"method":"stop_daemon"}"#, Refusal::METHOD, json!(7));
    for params in [
        "[]",
        r#"{"limit":-2}"#,
        r#"{"limit":"x"}"#,
        r#"{"fields":7}"#,
        r#"{"fields":[7]}"#,
        r#"{"active_only":1}"#,
        r#"{"poll_block_hash":1}"#,
    ] {
        let call = format!(r#"{{"id":"a","method":"get_service_nodes","params":{params}}}"#);
        refused(&call, Refusal::PARAMS, json!("a"));
    }
}

#[test]
fn all_three_names_are_the_same_call() {
    for method in METHODS {
        let call = json!({ "method": method });
        let question = Question::parse(call.to_string().as_bytes()).unwrap();
        assert_eq!(question.id, Value::Null);
    }
}

#[test]
fn a_call_cannot_be_made_to_take_much_memory() {
    let nested = format!(r#"{{"method":"get_service_nodes","id":[{}1]}}"#, r#"{"":0},"#.repeat(4_000));

    refused(&nested, Refusal::REQUEST, Value::Null);
    let short = Question::parse(br#"{"method":"get_service_nodes","id":[{"":0}]}"#).expect("a call");
    assert_eq!(short.id, Value::Null, "an id that is no plain value is none");
}
