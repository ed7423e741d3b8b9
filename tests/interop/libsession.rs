//! Requests and onions of an independent implementation, answered by running nodes. Its AES-GCM is left out: it takes 16 bytes
//! where the network has a nonce of 12.

use libsession::network::{
    key_types::Ed25519Pubkey,
    onionreq::{builder::Builder, hop_encryption::EncryptType, response_parser::ResponseParser},
    rpc::{self, RetrieveParams, StoreParams},
    service_node::ServiceNode,
    types::NetworkDestination,
};
use serde_json::{Value as Json, json};
use starling::protocol::account::Prefix;
use starling_tests::replay::{
    door::{Call, Door as _, HttpsDoor, Reply},
    network::{Network, Plan, Running},
    target::Account,
    transcript::Http,
};

const NOW: u64 = 1_795_400_000_000;

async fn network(nodes: u8) -> Network {
    let seeds: Vec<_> = (1..=nodes).map(|number| ([number; 32], 7)).collect();
    let plan = Plan::of_seeds(&seeds, [20, 0]).expect("the keys have images");
    Network::start(&plan, NOW).await.expect("the nodes start")
}

async fn ask(network: &Network, envelope: Json) -> Reply {
    let call = Call::Envelope(envelope.to_string().into_bytes());
    HttpsDoor::default().call(&network.nodes[0].peer, &call).await.expect("the node answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_the_library_are_accepted_by_a_node() {
    let network = network(1).await;
    let owner = Account::from_seed([5; 32], Prefix::Standard);
    let (id, key) = (owner.id.to_string(), owner.key.public().to_string());

    for namespace in [0, 2, 11, -11, -21] {
        let store = rpc::build_store_params(&StoreParams {
            pubkey: &id,
            pubkey_ed25519: Some(&key),
            namespace,
            timestamp_ms: NOW,
            ttl_ms: 60_000,
            data_base64: "AAEC",
            signing_key: Some(owner.key.seed()),
        });
        let stored = ask(&network, rpc::wrap_rpc_envelope("store", store.expect("a store"))).await;
        let retrieve = rpc::build_retrieve_params(&RetrieveParams {
            pubkey: &id,
            pubkey_ed25519: &key,
            namespace,
            timestamp_ms: NOW,
            last_hash: None,
            max_size: Some(1_000),
            signing_key: owner.key.seed(),
        });
        let retrieved =
            ask(&network, rpc::wrap_rpc_envelope("retrieve", retrieve.expect("a retrieve"))).await;

        assert_eq!(stored.status, 200, "{namespace}: {}", stored.body);
        let message = json!({
            "data": "AAEC", "hash": stored.body["hash"], "timestamp": NOW, "expiration": NOW + 60_000,
        });
        assert_eq!(retrieved.body["messages"], json!([message]), "{namespace}");
    }
    let lookup = rpc::wrap_rpc_envelope(rpc::METHOD_GET_SWARM, rpc::build_get_swarm_params(&id));
    let swarm = ask(&network, lookup).await;
    let member = network.nodes[0].peer.ed25519.to_string();
    assert_eq!(swarm.body["snodes"][0]["pubkey_ed25519"], json!(member));
    network.stop().await;
}

fn their_node(running: &Running) -> ServiceNode {
    ServiceNode {
        ed25519_pubkey: Ed25519Pubkey(running.peer.ed25519.0),
        ip: running.node.public_ip.octets(),
        https_port: running.node.storage_port,
        omq_port: running.node.omq_port,
        storage_server_version: [2, 8, 0],
        swarm_id: running.node.swarm.0,
        requested_unlock_height: 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onion_of_the_library_goes_through_three_nodes_and_its_answer_is_read() {
    let network = network(4).await;
    let nodes: Vec<ServiceNode> = network.nodes.iter().map(their_node).collect();
    let destination = NetworkDestination::ServiceNode(nodes[3].clone());
    let mut builder =
        Builder::make(&destination, "info", &nodes[..3], EncryptType::XChaCha20).expect("an onion");
    let body = builder.generate_onion_blob(None).expect("a whole onion");
    let http = Http { method: "POST".to_owned(), path: "/onion_req/v2".to_owned(), ..Http::default() };

    let guard = &network.nodes[0].peer;
    let (reply, sealed) = HttpsDoor::default().raw(&guard.url, &http, body).await.expect("the guard answers");

    let sealed = String::from_utf8(sealed).expect("base64");
    assert_eq!(reply.status, 200, "{sealed}");
    let parser = ResponseParser::from_builder(&builder).expect("a parser");
    let read = parser.decrypted_response(&sealed).expect("an answer for the library");
    assert_eq!(read.status_code, 200);
    let info: Json = serde_json::from_str(&read.body.expect("a body")).expect("JSON");
    assert_eq!((&info["t"], &info["hf"]), (&json!(NOW), &json!([20, 0])));
    network.stop().await;
}
