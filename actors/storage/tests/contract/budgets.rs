//! Answers take no more memory than they may.

use futures::future::join_all;
use serde_json::{Value as Json, json};
use starling_contracts::storage::Error;
use starling_kernel::CallError;
use starling_protocol::{
    bencode::{self, Limits, Value as Bt},
    storage::NamespaceScope,
};
use starling_storage::Config;

use crate::{
    house::{House, NOW, Plan},
    requests::{Client, bodies, envelope},
};

/// Messages of the largest size that count a little more than one answer may hold.
const N_LARGE: u8 = 80;

/// A mailbox that anybody may read and that one answer cannot hold.
async fn full_mailbox(config: Config) -> (House, Client) {
    let house = House::open(Plan { config, ..Plan::one_swarm(1) }).await;
    let client = Client::user(1);
    let bodies: Vec<Vec<u8>> = (0..N_LARGE).map(|number| vec![number; 76_800]).collect();
    let stores = bodies.iter().map(|body| house.raw(0, envelope(&client.store(-10, body, NOW))));
    for reply in join_all(stores).await {
        reply.expect("the node answers").ok();
    }
    (house, client)
}

fn retrieve(client: &Client) -> Json {
    json!({"method": "retrieve", "params": {"pubkey": client.account, "namespace": -10, "max_size": -1}})
}

#[tokio::test]
async fn a_batch_holds_no_more_than_one_retrieve_but_for_the_first_message_of_each() {
    let (house, client) = full_mailbox(Config::default()).await;
    let alone = house.raw(0, retrieve(&client).to_string()).await.unwrap().ok();
    let n_alone = bodies(&alone).len();
    assert!((70..usize::from(N_LARGE)).contains(&n_alone), "{n_alone}");

    let body = house.rpc(0, "batch", json!({"requests": vec![retrieve(&client); 20]})).await.ok();

    let results = body["results"].as_array().unwrap();
    let counts: Vec<_> = results.iter().map(|result| bodies(&result["body"]).len()).collect();
    assert_eq!(counts, [[n_alone].as_slice(), &[1; 19]].concat());
    assert!(results.iter().all(|result| result["code"] == 200 && result["body"]["more"] == true));
    assert!(body.to_string().len() < 10_000_000, "it fits where ten million bytes are the most");
}

#[tokio::test]
async fn a_batch_that_holds_enough_gets_no_other_long_answers() {
    let (house, client) = full_mailbox(Config::default()).await;
    let list = json!({"method": "oxend_request", "params": {"endpoint": "get_service_nodes"}});
    let nodes = json!({"method": "active_nodes_bin", "params": {}});
    let info = json!({"method": "info", "params": {}});
    let delete = client.delete_all(NamespaceScope::All, NOW).to_rpc_json();
    let before = [list.clone(), nodes.clone()];
    let long = [retrieve(&client), retrieve(&client)];
    let after = [list, nodes, delete, info];
    let requests = [&before[..], &long, &after].concat();

    let body = house.rpc(0, "batch", json!({"requests": requests})).await.ok();

    let results = body["results"].as_array().unwrap();
    let codes: Vec<_> = results.iter().map(|result| result["code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 200, 200, 200, 503, 503, 503, 200]);
    assert_eq!(results[6]["body"], "Server busy, try again later");
    let held = house.raw(0, retrieve(&client).to_string()).await.unwrap().ok();
    assert!(!bodies(&held).is_empty(), "what was refused was not done");
}

#[tokio::test]
async fn without_memory_for_an_answer_callers_are_told_to_come_back() {
    let config = Config { answer_memory: "16 MiB".parse().unwrap(), ..Config::default() };
    let (house, client) = full_mailbox(config).await;

    let replies = join_all((0..12).map(|_| house.raw(0, retrieve(&client).to_string()))).await;

    let n_served =
        replies.iter().filter(|reply| reply.as_ref().is_ok_and(|reply| reply.status == 200)).count();
    let is_busy =
        |reply: &&Result<_, _>| matches!(reply, Err(Error::Call(CallError::Busy { actor: "storage", .. })));
    let n_busy = replies.iter().filter(is_busy).count();
    assert_eq!(n_served + n_busy, 12);
    assert!(n_served >= 2 && n_busy >= 1, "{n_served} were served, {n_busy} were not");
    // The memory came back.
    house.raw(0, retrieve(&client).to_string()).await.unwrap().ok();
}

#[tokio::test]
async fn a_large_mailbox_is_deleted_in_one_signed_answer() {
    let house = House::single().await;
    let client = Client::user(1);
    let stores: Vec<_> =
        (0..2500_u32).map(|number| envelope(&client.store(0, &number.to_be_bytes(), NOW))).collect();
    for part in stores.chunks(250) {
        let replies = join_all(part.iter().map(|store| house.raw(0, store.clone()))).await;
        replies.into_iter().for_each(|reply| drop(reply.unwrap().ok()));
    }
    // What comes after it in a batch is stored after it, even if it was there before.
    let delete = client.delete_all(NamespaceScope::All, NOW);
    let requests = [delete, client.store(0, &7_u32.to_be_bytes(), NOW)].map(|request| request.to_rpc_json());

    let body = house.rpc(0, "batch", json!({"requests": requests})).await.ok();

    let own = |index: usize| &body["results"][index]["body"]["swarm"][house.hex(0)];
    let deleted = own(0)["deleted"]["0"].as_array().unwrap();
    assert_eq!(deleted.len(), 2500);
    assert!(deleted.is_sorted_by_key(|hash| hash.as_str().unwrap()));
    assert_eq!(own(1).get("already"), None);
    let held = house.raw(0, envelope(&client.retrieve(0, None, NOW))).await.unwrap().ok();
    assert_eq!(bodies(&held), [7_u32.to_be_bytes()]);
    let mut text = format!("{}{NOW}", client.account).into_bytes();
    deleted.iter().for_each(|hash| text.extend_from_slice(hash.as_str().unwrap().as_bytes()));
    crate::writes::assert_signed(&house, 0, own(0), &text);
}

#[tokio::test]
async fn what_a_member_says_of_a_large_mailbox_is_read() {
    let house = House::open(Plan { running: 1, ..Plan::one_swarm(2) }).await;
    let hashes: Vec<Bt> = (0..100_000).map(|number| Bt::from(format!("{number:043}"))).collect();
    let entry = bencode::Dict::from([
        (b"deleted".to_vec(), Bt::Dict(bencode::Dict::from([(b"0".to_vec(), hashes.into())]))),
        (b"signature".to_vec(), Bt::from(vec![1; 64])),
    ]);
    let entry = bencode::encode_dict(&entry);
    assert!(entry.len() < Limits::TRANSFER.max_bytes);
    let done = starling_contracts::swarm::MemberOutcome::Done(entry.into());
    house.misbehave(1, Some(crate::house::Misbehaviour(done)));

    let body =
        house.raw(0, envelope(&Client::user(1).delete_all(NamespaceScope::All, NOW))).await.unwrap().ok();

    assert_eq!(body["swarm"][house.hex(1)]["deleted"]["0"].as_array().map(Vec::len), Some(100_000));
}
