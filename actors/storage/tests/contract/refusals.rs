//! Every refusal: status and text, in the order in which they are looked for.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use starling_contracts::storage::Error;
use starling_protocol::{
    storage::{
        MessageHash, Namespace, NamespaceScope,
        request::{Request, Store},
        signed_text::{self, ExpireMode},
        subaccount::Access,
    },
    swarm::SwarmId,
};

use crate::{
    forms::bencoded,
    house::{House, Member, NOW, Plan},
    requests::{Client, DAY, envelope},
};

async fn refused(house: &House, request: &Request, status: u16, text: &str) {
    house.raw(0, envelope(request)).await.expect("the node answers").refused(status, text);
}

fn hash(byte: u8) -> MessageHash {
    MessageHash::from_bytes(&[byte; 43]).expect("the form of a hash")
}

#[tokio::test]
async fn malformed_envelopes_are_told_what_is_wrong() {
    let house = House::single().await;
    let raw = async |text: &str| house.raw(0, text.to_owned()).await.unwrap();

    raw("").await.refused(400, "invalid json");
    raw("{oops").await.refused(400, "invalid json");
    raw("{\"params\":{}}").await.refused(400, "invalid json: no `method` field");
    raw("{\"method\":\"info\"}").await.refused(400, "invalid json: no `params` field");
    raw("{\"method\":\"info\",\"params\":[]}").await.refused(400, "invalid json: no `params` field");
    raw("{\"method\":\"nope\",\"params\":{}}").await.refused(400, "no method nope");
    raw("{\"method\":\"debug_panic\",\"params\":{}}").await.refused(400, "no method debug_panic");
    let text = "invalid request: Required field 'pubkey' missing";
    raw("{\"method\":\"retrieve\",\"params\":{}}").await.refused(400, text);
}

#[tokio::test]
async fn a_store_is_checked_in_the_known_order() {
    let house = House::single().await;
    let client = Client::user(1);
    let Request::Store(good) = client.store(2, b"x", NOW) else { panic!("a store") };
    let with = |change: &dyn Fn(&mut Store)| {
        let mut store = good.clone();
        change(&mut store);
        let text = signed_text::store(store.namespace, store.signed_at());
        if store.credentials.is_some() && store.credentials == good.credentials {
            store.credentials = Some(client.sign(&text));
        }
        Request::Store(store)
    };
    let ttl = |ttl| starling_protocol::storage::request::Lifetime::Ttl(ttl);

    let ttl_text = "Provided expiry/TTL is not valid.";
    refused(&house, &with(&|store| store.lifetime = ttl(9_999)), 403, ttl_text).await;
    refused(&house, &with(&|store| store.lifetime = ttl(30 * 86_400_000 + 1)), 403, ttl_text).await;
    let clock_text = "Timestamp error: check your clock";
    refused(&house, &with(&|store| store.timestamp = NOW + 10_001), 406, clock_text).await;
    let past = |store: &mut Store| (store.timestamp, store.lifetime) = (NOW - 30_001, ttl(20_000));
    refused(&house, &with(&past), 406, clock_text).await;
    let unsigned_text = "store: signature required to store to namespace 2";
    refused(&house, &with(&|store| store.credentials = None), 401, unsigned_text).await;
    let late_text = "store signature timestamp too far from current time";
    refused(&house, &with(&|store| store.sig_timestamp = Some(NOW - 60_001)), 406, late_text).await;
    refused(&house, &with(&|store| store.sig_timestamp = Some(NOW + 60_001)), 406, late_text).await;
    let other = Client::user(2).sign(&signed_text::store(Namespace(2), NOW));
    let signature_text = "store signature verification failed";
    refused(&house, &with(&|store| store.credentials = Some(other)), 401, signature_text).await;

    // What is just within the bounds is taken.
    for good in [
        with(&|store| store.lifetime = ttl(10_000)),
        with(&|store| store.lifetime = ttl(30 * 86_400_000)),
        with(&|store| store.timestamp = NOW + 10_000),
        with(&|store| store.sig_timestamp = Some(NOW - 60_000)),
    ] {
        house.raw(0, envelope(&good)).await.unwrap().ok();
    }
    // The lifetime comes before the clock, and the clock before the signature.
    let twice = |store: &mut Store| (store.timestamp, store.lifetime) = (NOW + 99_999, ttl(1));
    refused(&house, &with(&twice), 403, ttl_text).await;
    let unsigned = |store: &mut Store| (store.timestamp, store.credentials) = (NOW + 99_999, None);
    refused(&house, &with(&unsigned), 406, clock_text).await;
}

#[tokio::test]
async fn a_signature_on_a_public_inbox_is_not_looked_at() {
    let house = House::single().await;
    let Request::Store(mut store) = Client::user(1).store(0, b"x", NOW) else { panic!("a store") };
    store.credentials = Some(Client::user(2).sign(b"something else"));
    store.sig_timestamp = Some(NOW - 999_999);

    house.raw(0, envelope(&Request::Store(store))).await.unwrap().ok();
}

#[tokio::test]
async fn the_reserved_namespace_takes_nothing_and_is_empty() {
    let house = House::single().await;
    let client = Client::user(1);

    let text = "store: namespace -3741 is reserved and takes no messages";
    refused(&house, &client.store(-3741, b"x", NOW), 403, text).await;
    let body = house.raw(0, envelope(&client.retrieve(-3741, None, NOW))).await.unwrap().ok();
    assert_eq!((&body["messages"], &body["more"]), (&json!([]), &json!(false)));
}

#[tokio::test]
async fn signed_times_outside_their_window_are_refused() {
    let house = House::single().await;
    let client = Client::group(1);
    let scope = NamespaceScope::All;

    for time in [NOW - 60_001, NOW + 60_001] {
        let retrieve = client.retrieve(11, None, time);
        refused(&house, &retrieve, 406, "retrieve timestamp too far from current time").await;
        let delete = client.delete_all(scope, time);
        refused(&house, &delete, 406, "delete_all timestamp too far from current time").await;
        let get = client.get_expiries(&[hash(b'a').as_str()], time);
        refused(&house, &get, 406, "get_expiries timestamp too far from current time").await;
        let revoke = client.revoke(&[client.delegate(9, Access::READ).signed.token], time);
        refused(&house, &revoke, 406, "revoke_subaccount timestamp too far from current time").await;
        let unrevoke = client.unrevoke(&[client.delegate(9, Access::READ).signed.token], time);
        refused(&house, &unrevoke, 406, "unrevoke_subaccount timestamp too far from current time").await;
        let revoked = client.revoked(time);
        refused(&house, &revoked, 406, "revoked_subaccounts timestamp too far from current time").await;
    }
    let before = client.delete_before(scope, NOW + 60_001);
    refused(&house, &before, 401, "delete_before timestamp too far in the future").await;
    let expire = client.expire_all(scope, NOW - 60_001);
    refused(&house, &expire, 406, "expire_all timestamp should be >= current time").await;
    let expire = client.expire(ExpireMode::Set, &[NOW - 60_001], &[hash(b'a')]);
    refused(&house, &expire, 401, "expire: timestamp should be >= current time").await;
}

#[tokio::test]
async fn each_method_words_a_bad_signature_in_its_own_way() {
    let house = House::single().await;
    let (client, scope) = (Client::group(1), NamespaceScope::All);
    let token = client.delegate(9, Access::READ).signed.token;
    let cases = [
        (client.store(11, b"x", NOW), "store signature verification failed"),
        (client.retrieve(11, None, NOW), "retrieve signature verification failed"),
        (client.delete(&[hash(b'a')], false), "delete_msgs signature verification failed"),
        (client.delete_all(scope, NOW), "delete_all signature verification failed"),
        (client.delete_before(scope, NOW), "delete_before signature verification failed"),
        (client.expire_all(scope, NOW), "expire_all signature verification failed"),
        (client.expire(ExpireMode::Set, &[NOW], &[hash(b'a')]), "expire: signature verification failed"),
        (client.get_expiries(&["x"], NOW), "get_expiries signature verification failed"),
        (client.revoke(&[token], NOW), "revoke_subaccount signature verification failed"),
        (client.unrevoke(&[token], NOW), "unrevoke_subaccount signature verification failed"),
        (client.revoked(NOW), "revoked_subaccounts signature verification failed"),
    ];
    let stranger = Client::group(2).account.to_string();
    for (request, text) in cases {
        let mut envelope = request.to_rpc_json();
        envelope["params"]["pubkey"] = Json::from(stranger.as_str());

        house.raw(0, envelope.to_string()).await.unwrap().refused(401, text);
    }
}

#[tokio::test]
async fn an_unsigned_retrieve_is_refused_in_one_of_two_ways() {
    let house = House::single().await;
    let account = Client::user(1).account;

    let unnamed = house.rpc(0, "retrieve", json!({"pubkey": account})).await;
    unnamed.refused(401, "retrieve: request signature required");
    let named = house.rpc(0, "retrieve", json!({"pubkey": account, "namespace": 2})).await;
    named.refused(400, "invalid request: Required field 'signature' missing");
    let params = json!({"pubkey": account, "last_hash": "short"});
    let text = "invalid request: Invalid last_hash: expected base64 (43 chars)";
    house.rpc(0, "retrieve", params).await.refused(400, text);
}

#[tokio::test]
async fn an_account_of_another_swarm_is_sent_there() {
    // The swarm of this node lies at 7, the other on the far side of the ring.
    let mut members = Plan::one_swarm(2).members;
    members[1] = Member::new(2, SwarmId(1 << 63));
    let house = House::open(Plan { members, running: 1, ..Plan::one_swarm(2) }).await;
    let client = (1..=u8::MAX).map(Client::user).find(|client| {
        let space = starling_protocol::swarm::mapping::space(&client.account);
        (1 << 62..3 << 62).contains(&space)
    });
    let client = client.unwrap();

    let expected = house.rpc(0, "get_swarm", json!({"pubkey": client.account})).await.ok();
    assert_eq!(expected["swarm"], "8000000000000000");
    assert_eq!(expected["snodes"][0]["pubkey_ed25519"], house.hex(1));
    for request in [
        client.store(0, b"x", NOW),
        client.retrieve(0, None, NOW - 999_999),
        client.delete(&[hash(b'a')], true),
        client.get_expiries(&["x"], NOW),
    ] {
        let reply = house.raw(0, envelope(&request)).await.unwrap();
        assert_eq!((reply.status, &reply.body), (421, &expected), "{}", request.method());
    }
}

#[tokio::test]
async fn until_the_node_is_in_a_swarm_no_client_is_served() {
    let house = House::open(Plan { has_list: false, ..Plan::one_swarm(1) }).await;
    let not_ready = |reason: &str| Err(Error::NotReady(reason.to_owned()));
    let info = || house.raw(0, "{\"method\":\"info\",\"params\":{}}");

    assert_eq!(info().await, not_ready("not done syncing"));
    assert!(house.nodes[0].kernel.unready().contains(&("storage", "not done syncing".to_owned())));

    let mut elsewhere = House::open(Plan::one_swarm(2)).await;
    elsewhere.members[0].node.swarm = SwarmId::UNASSIGNED;
    let list = elsewhere.list(2, [19, 6]);
    house.nodes[0].kernel.publisher().publish(starling_contracts::staking::NodeListChanged { list }).await;
    assert_eq!(info().await, not_ready("not in any swarm"));
    assert_eq!(house.nodes[0].kernel.unready(), [("storage", "not in any swarm".to_owned())]);

    let list = house.list(3, [19, 6]);
    house.nodes[0].kernel.publisher().publish(starling_contracts::staking::NodeListChanged { list }).await;
    assert_eq!(info().await.unwrap().status, 200);
    assert_eq!(house.nodes[0].kernel.unready(), []);
}

#[tokio::test]
async fn expiries_beyond_the_longest_life_are_not_refused_but_cut() {
    let house = House::single().await;
    let client = Client::user(1);
    let stored = house.raw(0, envelope(&client.store(2, b"x", NOW))).await.unwrap().ok();
    let hash = crate::requests::hash_of(&stored);

    let expire = client.expire(ExpireMode::Set, &[NOW + 400 * DAY], &[hash]);
    let body = house.raw(0, envelope(&expire)).await.unwrap().ok();

    assert_eq!(body["swarm"][house.hex(0)]["expiry"], NOW + 30 * DAY);
}

/// JSON that looks like a request more often than chance would have it.
fn envelopes() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-zA-Z0-9+/=]{0,90}".prop_map(Json::from),
        Just(json!(Client::user(1).account)),
        Just(json!([1, "a", {}])),
        Just(json!({"method": "info", "params": {}})),
    ];
    let names = prop::sample::select(vec![
        "pubkey",
        "pubKey",
        "timestamp",
        "ttl",
        "expiry",
        "data",
        "namespace",
        "signature",
        "pubkey_ed25519",
        "subaccount",
        "subaccount_sig",
        "messages",
        "requests",
        "if",
        "then",
        "else",
        "last_hash",
        "max_count",
        "max_size",
        "before",
        "revoke",
        "endpoint",
        "extend",
    ]);
    let params = prop::collection::btree_map(names, value, 0..9);
    let methods = prop::sample::select(starling_protocol::storage::request::METHODS.to_vec());
    (methods, params).prop_map(|(method, params)| json!({"method": method, "params": params}).to_string())
}

/// What of the parameters bencode can say.
fn bencode_of(params: &Json) -> Vec<u8> {
    let params = params.as_object().expect("an object").clone();
    let sayable = params.into_iter().filter(|(_, value)| !value.is_null() && !value.is_f64());
    bencoded(&Json::Object(sayable.collect()))
}

#[test]
fn whatever_a_stranger_sends_is_answered_and_restarts_nothing() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let house = runtime.block_on(House::single());
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(text in envelopes(), noise in prop::collection::vec(any::<u8>(), 0..64))| {
        for envelope in [text.clone().into_bytes(), noise.clone()] {
            let reply = runtime.block_on(house.raw(0, envelope)).unwrap();
            prop_assert!([200, 400, 401, 403, 404, 406].contains(&reply.status), "{reply:?}");
        }
        // The same as bare parameters, and noise that begins as bencode does.
        let request: Json = serde_json::from_str(&text).unwrap();
        let (method, params) = (request["method"].as_str().unwrap(), request["params"].to_string());
        for params in [params.into_bytes(), [b"d", &noise[..]].concat(), bencode_of(&request["params"])] {
            let answer = runtime.block_on(house.call(0, method, params)).unwrap();
            prop_assert!([200, 400, 401, 403, 404, 406].contains(&answer.status), "{answer:?}");
        }
    });
    let observed = runtime.block_on(house.nodes[0].kernel.observe());
    assert!(observed.iter().all(|actor| actor.restarts == 0));
}
