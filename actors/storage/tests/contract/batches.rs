//! `batch`, `sequence`, `ifelse`, and the questions that any node answers.

use serde_json::{Value as Json, json};
use starling_protocol::storage::{request::Request, subaccount::Access};

use crate::{
    house::{House, NOW, Plan},
    requests::{Client, bodies, envelope},
};

fn parts(requests: &[Request]) -> Json {
    json!({"requests": requests.iter().map(Request::to_rpc_json).collect::<Vec<_>>()})
}

#[tokio::test]
async fn each_part_of_a_batch_sees_what_those_before_it_did() {
    let house = House::open(Plan::one_swarm(2)).await;
    let client = Client::user(1);
    let requests: Vec<_> = (0..9)
        .map(|number| client.store(0, &[number], NOW))
        .chain([client.retrieve(0, None, NOW), client.delete_all(Default::default(), NOW)])
        .chain([client.retrieve(0, None, NOW), client.store(2, b"x", NOW - 999_999)])
        .collect();

    let body = house.rpc(0, "batch", parts(&requests)).await.ok();

    let results = body["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [[200; 12].as_slice(), &[406]].concat());
    assert_eq!(bodies(&results[9]["body"]), (0..9).map(|number| vec![number]).collect::<Vec<_>>());
    assert_eq!(bodies(&results[11]["body"]), Vec::<Vec<u8>>::new());
    assert_eq!(results[12]["body"], "store signature timestamp too far from current time");
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["results"],
        "each part has its own time"
    );
}

#[tokio::test]
async fn a_revocation_holds_from_the_next_part_on() {
    let house = House::single().await;
    let group = Client::group(1);
    let member = group.delegate(9, Access::READ.and(Access::WRITE));
    let requests = [
        member.resign(group.store(11, b"in", NOW)),
        group.revoke(&[member.signed.token], NOW),
        member.resign(group.store(11, b"out", NOW)),
    ];

    let body = house.rpc(0, "batch", parts(&requests)).await.ok();

    let codes: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| &result["code"]).collect();
    assert_eq!(codes, [&json!(200), &json!(200), &json!(401)]);
}

#[tokio::test]
async fn a_sequence_ends_with_the_first_failure() {
    let house = House::single().await;
    let client = Client::user(1);
    let requests =
        [client.store(0, b"a", NOW), client.retrieve(0, None, NOW - 999_999), client.store(0, b"b", NOW)];

    let body = house.rpc(0, "sequence", parts(&requests)).await.ok();

    let codes: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| &result["code"]).collect();
    assert_eq!(codes, [&json!(200), &json!(406)]);
    let held = house.raw(0, envelope(&client.retrieve(0, None, NOW))).await.unwrap().ok();
    assert_eq!(bodies(&held), [b"a"]);
}

#[tokio::test]
async fn malformed_batches_are_told_what_is_wrong() {
    let house = House::single().await;
    let info = json!({"method": "info", "params": {}});
    let refused = async |requests: Json, text: &str| {
        let reply = house.rpc(0, "batch", json!({"requests": requests})).await;
        reply.refused(400, &format!("invalid request: Invalid batch {text}"));
    };

    refused(json!([]), "request: no valid \"requests\" field").await;
    refused(json!(vec![info.clone(); 21]), "request: subrequest limit exceeded").await;
    refused(json!([1]), "request: requests must be objects").await;
    refused(json!([{"method": "info"}]), "request: subrequests must have method/params keys").await;
    let nested = json!([{"method": "batch", "params": {"requests": [info]}}]);
    refused(nested, "subrequest: subrequests may not contain meta-requests").await;
    refused(json!([{"method": "nope", "params": {}}]), "subrequest: invalid method \"nope\"").await;
    house.rpc(0, "batch", json!({"requests": vec![info; 20]})).await.ok();
}

#[tokio::test]
async fn a_choice_is_made_by_what_the_node_is() {
    let house = House::single().await;
    let info = json!({"method": "info", "params": {}});
    let choose = async |condition: Json| {
        house.rpc(0, "ifelse", json!({"if": condition, "then": info.clone()})).await.ok()
    };

    let body = choose(json!({"hf_at_least": [19, 6], "v_before": [2, 8, 1], "height_at_least": 1})).await;
    assert_eq!((&body["condition"], &body["result"]["code"]), (&json!(true), &json!(200)));
    assert_eq!(body["result"]["body"]["version"], json!([2, 8, 0]));
    assert_eq!((&body["hf"], &body["v"], &body["height"]), (&json!([19, 6]), &json!([2, 8, 0]), &json!(1)));
    let body = choose(json!({"hf_before": [19, 6]})).await;
    assert_eq!((&body["condition"], body.get("result")), (&json!(false), None));
    let nested = json!({"method": "ifelse", "params": {"if": {"hf_at_least": [1, 0]}, "then": info.clone()}});
    let params = json!({"if": {"hf_before": [1, 0]}, "else": nested});
    let body = house.rpc(0, "ifelse", params).await.ok();
    assert_eq!(body["result"]["body"]["result"]["code"], 200);
}

#[tokio::test]
async fn the_node_list_is_told_in_both_forms() {
    let house = House::open(Plan { running: 1, ..Plan::one_swarm(3) }).await;
    let params = json!({"endpoint": "get_service_nodes", "params": {"fields": {"public_ip": true, "pubkey_ed25519": true, "height": true}}});

    let body = house.rpc(0, "oxend_request", params).await.ok();

    let lowest = (0..3).map(|member| house.hex(member)).min();
    let first = json!({"public_ip": "127.0.0.1", "pubkey_ed25519": lowest});
    assert_eq!((&body["result"]["service_node_states"][0], &body["result"]["height"]), (&first, &json!(1)));
    let all = house.rpc(0, "oxend_request", json!({"endpoint": "get_service_nodes"})).await.ok();
    let states = all["result"]["service_node_states"].as_array().unwrap();
    assert_eq!((states.len(), &states[2]["swarm_id"], &states[2]["swarm"]), (3, &json!(7), &json!("7")));
    let unknown = house.rpc(0, "oxend_request", json!({"endpoint": "get_info"})).await;
    unknown.refused(400, "invalid request: Invalid oxend endpoint 'get_info'");
    let names = house.rpc(0, "oxend_request", json!({"endpoint": "ons_resolve"})).await;
    names.refused(400, "names are not known to this network's ledger");

    let batched = json!({"requests": [{"method": "active_nodes_bin", "params": {}}]});
    let body = house.rpc(0, "batch", batched).await.ok();
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let blob = STANDARD.decode(body["results"][0]["body"].as_str().unwrap()).unwrap();
    let (first, node) = (&blob[..51], &house.members[0].node);
    assert_eq!(blob.len(), 3 * 51);
    assert_eq!(first[..32], *node.ed25519.as_bytes());
    assert_eq!(first[32..], [0, 0, 0, 0, 0, 0, 0, 7, 127, 0, 0, 1, 0x55, 0xf1, 0, 0, 2, 8, 0]);
}

#[tokio::test]
async fn the_node_list_is_asked_for_as_of_a_seed_node() {
    let house = House::open(Plan { running: 1, ..Plan::one_swarm(4) }).await;
    let ask = async |params: Json| {
        house.rpc(0, "oxend_request", json!({"endpoint": "get_service_nodes", "params": params})).await
    };
    let result = async |params: Json| ask(params).await.ok()["result"].take();

    let tip = "09".repeat(32);
    assert_eq!(result(json!({"poll_block_hash": tip})).await, json!({"unchanged": true}));
    let picked = result(json!({"limit": 2, "fields": ["all", "-swarm"], "active_only": true})).await;
    let states = picked["service_node_states"].as_array().unwrap();
    assert_eq!((states.len(), states[0].get("swarm"), &picked["status"]), (2, None, &json!("OK")));
    assert_eq!((&picked["block_hash"], &picked["hardfork"]), (&json!(tip), &json!(19)));
    ask(json!({"fields": 7})).await.refused(400, "Invalid params: fields is not a list of names");
    ask(json!([])).await.refused(400, "Invalid params: expected an object");

    let params = b"d8:endpoint17:get_service_nodes6:params33:{\"limit\":1,\"fields\":[\"swarm_id\"]}e";
    let answer = house.call(0, "oxend_request", &params[..]).await.unwrap();
    let now = house.now();
    let expected = format!(
        "d2:hfli19ei6ee6:resultd6:heighti1e19:service_node_statesld8:swarm_idi7eee6:status2:OKe1:ti{now}ee"
    );
    assert_eq!(answer.body, starling_contracts::storage::Body::Bencode(expected.into()));
}

#[tokio::test]
async fn nodes_without_an_address_are_listed_from_hard_fork_21_on() {
    for (hardfork, n_listed) in [([20, 9], 1), ([21, 0], 2)] {
        let mut members = Plan::one_swarm(2).members;
        members[1].node.public_ip = std::net::Ipv4Addr::UNSPECIFIED;
        let house = House::open(Plan { members, running: 1, hardfork, ..Plan::one_swarm(2) }).await;

        let answer = house.call(0, "active_nodes_bin", "").await.unwrap();

        let starling_contracts::storage::Body::Binary(blob) = answer.body else { panic!("bytes") };
        assert_eq!(blob.len(), n_listed * 51);
        if let Some(unreachable) = blob.get(51..) {
            assert!(unreachable.is_empty() || unreachable[40..48] == [0; 8], "address and ports are zero");
        }
    }
}
