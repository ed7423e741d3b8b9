//! What a reference node of release 2.8.0 answered, compared field by field. Ten nodes in two swarms run in this process,
//! with the keys of the recording, so that even the signatures must be the same.

use serde_json::Value as Json;
use starling_contracts::node::ServiceNode;
use starling_protocol::{
    crypto::ed25519,
    storage::{Namespace, NamespaceScope},
    swarm::SwarmId,
};
use starling_storage::Config;

use crate::{
    house::{House, Member, Plan, Reply, Subscriptions},
    requests::{Client, envelope},
};

const CASES: &str = include_str!("../recorded/storage-https.json");
const NETWORK: &str = include_str!("../recorded/network.json");
/// The first 76,803 bytes of SHAKE-256 of "big", which two cases name instead of quoting them.
const BIG: &str = include_str!("../recorded/big.b64");

/// Answered by a stand-in for the chain's daemon when they were recorded.
const STAND_IN: [&str; 2] = ["oxend_request_get_service_nodes", "oxend_request_ons_resolve"];

fn member(node: &Json) -> Member {
    let text = |name: &str| node[name].as_str().expect("a text").to_owned();
    let seed: [u8; 32] =
        hex::decode(&text("ed25519_seckey")[..64]).expect("hex").try_into().expect("32 bytes");
    let port = |name: &str| u16::try_from(node[name].as_u64().expect("a port")).expect("a port");
    let key = ed25519::SecretKey::from_seed(seed);
    Member {
        node: ServiceNode {
            ed25519: key.public(),
            x25519: text("pubkey_x25519").parse().expect("a key"),
            legacy: text("service_node_pubkey").parse().expect("a key"),
            public_ip: text("public_ip").parse().expect("an address"),
            storage_port: port("storage_port"),
            omq_port: port("storage_lmq_port"),
            libp2p_port: 0,
            swarm: SwarmId(node["swarm_id"].as_u64().expect("a swarm")),
            version: [2, 8, 0],
            requested_unlock_height: 0,
        },
        key: key.into(),
    }
}

/// The nodes of the recordings.
pub(crate) fn members() -> Vec<Member> {
    let network: Json = serde_json::from_str(NETWORK).expect("the recording is JSON");
    network["nodes"].as_array().expect("nodes").iter().map(member).collect()
}

/// A network of them, of which subscribers are told what is new.
pub(crate) async fn open(members: Vec<Member>, now: i64) -> House {
    House::open(Plan {
        running: members.len(),
        members,
        config: Config::default(),
        hardfork: [20, 0],
        now,
        has_list: true,
        subscriptions: Subscriptions::Listening,
    })
    .await
}

/// The body that was sent, byte by byte where it was no JSON.
fn sent(request: &Json) -> String {
    match &request["body_json"] {
        Json::Null => request["body_text"].as_str().unwrap_or_default().to_owned(),
        body => {
            let mut body = body.clone();
            if let Some(data) = body.pointer_mut("/params/data")
                && let Some(described) = data.as_str().filter(|text| text.starts_with('<'))
            {
                let len: usize =
                    described[1..].split(' ').next().and_then(|n| n.parse().ok()).expect("a length");
                *data = Json::from(&BIG[..len]);
            }
            body.to_string()
        }
    }
}

/// Puts `now` in place of every time at which the node said it answered.
pub(crate) fn set_times(value: &mut Json, now: i64) {
    match value {
        Json::Object(fields) => {
            for name in ["t", "timestamp"] {
                let is_answered_at = name == "t" || fields.contains_key("version");
                if let Some(time) = fields.get_mut(name).filter(|_| is_answered_at) {
                    *time = now.into();
                }
            }
            fields.values_mut().for_each(|value| set_times(value, now));
        }
        Json::Array(values) => values.iter_mut().for_each(|value| set_times(value, now)),
        _ => {}
    }
}

/// Members are listed in the order of the recording network's ledger, which is by legacy key.
pub(crate) fn sort_members(value: &mut Json) {
    match value {
        Json::Object(fields) => {
            if let Some(Json::Array(members)) = fields.get_mut("snodes") {
                members.sort_by_key(|member| member["pubkey_legacy"].to_string());
            }
            fields.values_mut().for_each(sort_members);
        }
        Json::Array(values) => values.iter_mut().for_each(sort_members),
        _ => {}
    }
}

#[tokio::test]
async fn every_recorded_storage_call_is_answered_as_recorded() {
    let recording: Json = serde_json::from_str(CASES).expect("the recording is JSON");
    let cases = recording["cases"].as_array().expect("cases");
    let house = open(members(), cases[0]["sent_ms"].as_i64().expect("a time")).await;
    let seed = recording["accounts"]["A"]["ed25519_seed"].as_str().expect("a seed");
    let key = ed25519::SecretKey::from_seed(hex::decode(seed).expect("hex").try_into().expect("32 bytes"));
    let account = recording["accounts"]["A"]["account_id"].as_str().expect("an id").parse().expect("an id");
    let alice = Client { key, account };

    let mut compared = 0;
    for case in cases {
        let (name, request) = (case["name"].as_str().expect("a name"), &case["request"]);
        let is_rpc = request["path"] == "/storage_rpc/v1" && request["method"] == "POST";
        if !is_rpc || STAND_IN.contains(&name) {
            continue;
        }
        house.advance_to(case["sent_ms"].as_i64().expect("a time"));
        let node = request["node"].as_str().expect("a key");
        let node =
            house.members.iter().position(|member| member.node.ed25519.to_string() == node).expect("ours");
        if name == "batch" {
            // Between the last case and this one Alice's messages were deleted by cases that are left out.
            let scope = NamespaceScope::One(Namespace::DEFAULT);
            house.raw(node, envelope(&alice.delete_all(scope, house.now()))).await.expect("an answer").ok();
        }

        let mut got = house.raw(node, sent(request)).await.expect("the node answers");

        let response = &case["response"];
        let mut expected = Reply {
            status: u16::try_from(response["status"].as_u64().expect("a status")).expect("a status"),
            body: match &response["body_json"] {
                Json::Null => response["body_text"].clone(),
                body => body.clone(),
            },
        };
        set_times(&mut expected.body, house.now());
        sort_members(&mut expected.body);
        sort_members(&mut got.body);
        assert_eq!(got, expected, "case {name}");
        compared += 1;
    }
    assert!(compared >= 50, "only {compared} cases were compared");
}
