use starling_protocol::crypto::ed25519::SecretKey;

use super::{
    super::pool::tests::{key, node},
    *,
};

fn listed(node: &ServiceNode) -> Value {
    json!({
        "public_ip": node.public_ip,
        "storage_port": node.storage_port,
        "pubkey_ed25519": node.ed25519,
        "pubkey_x25519": node.x25519,
        "requested_unlock_height": 7,
        "libp2p_port": node.libp2p_port,
        "something_new": {},
    })
}

fn answer(states: Vec<Value>) -> Value {
    json!({ "result": { "service_node_states": states, "height": 100, "status": "OK" } })
}

#[test]
fn seeds_and_nodes_are_asked_as_the_spec_says() {
    let fields = json!({
        "public_ip": true, "storage_port": true, "pubkey_x25519": true, "pubkey_ed25519": true,
        "requested_unlock_height": true, "height": true, "libp2p_port": true,
    });
    let params = json!({ "active_only": true, "fields": fields });

    let seed: Value = serde_json::from_slice(&question_to_seed()).unwrap();
    let node: Value = serde_json::from_slice(&question_to_node()).unwrap();

    assert_eq!(seed, json!({ "jsonrpc": "2.0", "method": "get_n_service_nodes", "params": params }));
    let endpoint = json!({ "endpoint": "get_service_nodes", "params": params });
    assert_eq!(node, json!({ "method": "oxend_request", "params": endpoint }));
}

#[test]
fn a_listed_node_is_read_whole() {
    let expected =
        ServiceNode { swarm: SwarmId::UNASSIGNED, version: [0; 3], requested_unlock_height: 7, ..node(1) };
    assert_eq!(parse_list(&answer(vec![listed(&node(1))])), Some(vec![expected.clone()]));

    let mut of_older_software = listed(&node(1));
    of_older_software.as_object_mut().unwrap().remove("libp2p_port");

    assert_eq!(
        parse_list(&answer(vec![of_older_software])),
        Some(vec![ServiceNode { libp2p_port: 0, ..expected }])
    );
}

#[test]
fn nodes_that_cannot_be_used_are_left_out() {
    let change = |key: &str, value: Value| {
        let mut state = listed(&node(1));
        state[key] = value;
        state
    };
    let stranger = SecretKey::from_seed([77; 32]).to_x25519().public();
    let states = vec![
        change("public_ip", json!("0.0.0.0")),
        change("public_ip", json!("255.255.255.255")),
        change("public_ip", json!("::1")),
        change("public_ip", Value::Null),
        change("storage_port", json!(0)),
        change("storage_port", json!(65536)),
        change("storage_port", json!("22021")),
        change("pubkey_ed25519", json!("")),
        change("pubkey_ed25519", json!("00".repeat(32))),
        change("pubkey_x25519", Value::Null),
        change("pubkey_x25519", json!(stranger)),
        json!("text"),
        json!(null),
        listed(&node(2)),
    ];

    let nodes = parse_list(&answer(states)).expect("it is a list");

    assert_eq!(nodes.iter().map(|node| node.ed25519).collect::<Vec<_>>(), [key(2)]);
}

#[test]
fn what_is_no_list_is_none() {
    for value in
        [json!(null), json!({}), json!({ "result": [] }), json!({ "result": { "service_node_states": 1 } })]
    {
        assert_eq!(parse_list(&value), None, "{value}");
    }
    assert_eq!(parse_list(&answer(vec![])), Some(vec![]));
}

#[test]
fn a_swarm_is_read_with_its_members() {
    let member = |node: &ServiceNode, ip: &str| {
        json!({
            "address": "abc.snode", "pubkey_legacy": node.legacy, "pubkey_x25519": node.x25519,
            "pubkey_ed25519": node.ed25519, "port": "22021", "port_https": 22021, "port_omq": 22020,
            "port_quic": 22020, "ip": ip,
        })
    };
    let snodes = vec![member(&node(1), "10.0.1.1"), member(&node(2), "0.0.0.0")];
    let answer = json!({ "snodes": snodes, "swarm": "4fffffffffffffff", "hf": [19, 6], "t": 1 });

    let swarm = parse_swarm(&answer).expect("it is a swarm");

    assert_eq!(swarm.id, SwarmId(0x4fff_ffff_ffff_ffff));
    let expected =
        ServiceNode { omq_port: 22020, libp2p_port: 0, swarm: swarm.id, version: [0; 3], ..node(1) };
    assert_eq!(swarm.members, [expected]);
    for value in [json!({}), json!({ "snodes": [], "swarm": 5 }), json!({ "snodes": [], "swarm": "g" })] {
        assert_eq!(parse_swarm(&value), None, "{value}");
    }
}

#[test]
fn only_what_two_lists_say_alike_counts() {
    let moved = |index: u8| ServiceNode { storage_port: 1, ..node(index) };
    let lists = [
        vec![node(1), node(2), node(3), node(3)],
        vec![node(1), moved(2), node(4)],
        vec![node(1), moved(2), node(5)],
    ];

    let nodes = agreed(&lists);

    let told: Vec<_> = nodes.iter().map(|node| (node.ed25519, node.storage_port)).collect();
    let mut expected = vec![(key(1), 22021), (key(2), 1)];
    expected.sort();
    assert_eq!(told, expected);
    assert_eq!(agreed(&lists[..1]), []);
    assert_eq!(agreed(&[]), []);
}
