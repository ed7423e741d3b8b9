//! What writes do: at this node, at the other members, and in the one answer made of theirs.

use bytes::Bytes;
use serde_json::{Value as Json, json};
use starling_contracts::{
    storage::{ApplyForwarded, Forwarded},
    swarm::MemberOutcome,
};
use starling_protocol::{
    bencode::{self, Limits},
    crypto::ed25519,
    storage::{
        MessageHash, Namespace, NamespaceScope,
        request::Request,
        response::StoreEntry,
        signed_text::{ExpireMode, reply},
        subaccount::Access,
    },
};

use crate::{
    house::{House, Misbehaviour, NOW, Plan},
    requests::{Client, DAY, bodies, envelope, hash_of},
};

async fn send(house: &House, node: usize, request: &Request) -> Json {
    house.raw(node, envelope(request)).await.expect("the node answers").ok()
}

fn hash_texts(hashes: &[MessageHash]) -> Json {
    let mut hashes = hashes.to_vec();
    hashes.sort_unstable();
    hashes.iter().map(|hash| Json::from(hash.as_str())).collect()
}

#[track_caller]
pub(crate) fn assert_signed(house: &House, member: usize, entry: &Json, text: &[u8]) {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let signature = STANDARD.decode(entry["signature"].as_str().expect("a signature")).expect("base64");
    let signature = ed25519::Signature::from_slice(&signature).expect("64 bytes");
    assert!(house.members[member].node.ed25519.verify(text, &signature), "{entry}");
}

#[tokio::test]
async fn a_message_is_at_every_member_and_each_signs_its_hash() {
    let house = House::open(Plan::one_swarm(3)).await;
    let client = Client::user(1);

    let body = send(&house, 1, &client.store(0, b"hello", NOW)).await;

    assert_eq!((&body["hf"], &body["t"]), (&json!([19, 6]), &json!(NOW)));
    let swarm = body["swarm"].as_object().unwrap();
    assert_eq!(swarm.len(), 3);
    for member in 0..3 {
        let entry = StoreEntry::from_json(&swarm[&house.hex(member)]).unwrap();
        assert!(entry.is_signed_by(&house.members[member].node.ed25519));
        assert_eq!((entry.hash, entry.expiry, entry.already), (hash_of(&body), NOW + DAY, false));
        assert_eq!(entry.t, (member == 1).then_some(NOW), "only the entry node's own entry has a time");
        let held = send(&house, member, &client.retrieve(0, None, NOW)).await;
        assert_eq!(bodies(&held), [b"hello"]);
    }
    let (method, dict) = house.copied().remove(0);
    let dict = bencode::decode(&dict, Limits::REQUEST).unwrap();
    let keys: Vec<_> = dict.as_dict().unwrap().keys().map(|key| String::from_utf8_lossy(key)).collect();
    assert_eq!(
        (method, keys),
        ("store", vec!["data".into(), "expiry".into(), "pubkey".into(), "timestamp".into()])
    );
}

#[tokio::test]
async fn storing_again_raises_the_expiry_and_never_lowers_it() {
    let house = House::open(Plan::one_swarm(2)).await;
    let client = Client::user(1);
    let first = send(&house, 0, &client.store(0, b"x", NOW)).await;

    let earlier = send(&house, 0, &client.store(0, b"x", NOW - 5_000)).await;
    assert_eq!(earlier["hash"], first["hash"]);
    assert_eq!(
        earlier["swarm"][house.hex(0)]["already"],
        json!(true),
        "the answering node's own is a boolean"
    );
    assert_eq!(earlier["swarm"][house.hex(1)]["already"], json!(1), "that of others was bencoded");
    assert_eq!(earlier["swarm"][house.hex(0)]["expiry"], NOW + DAY);

    house.advance_to(NOW + 5_000);
    let later = send(&house, 1, &client.store(0, b"x", NOW + 5_000)).await;
    assert_eq!(later["swarm"][house.hex(0)]["expiry"], NOW + 5_000 + DAY);
    let held = send(&house, 0, &client.retrieve(0, None, NOW)).await;
    let message = &held["messages"][0];
    assert_eq!((&message["timestamp"], &message["expiration"]), (&json!(NOW), &json!(NOW + 5_000 + DAY)));
    assert_eq!(held["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_public_outbox_holds_the_newest_message_only() {
    let house = House::single().await;
    let client = Client::user(1);
    let first = send(&house, 0, &client.store(-1, b"first", NOW)).await;
    send(&house, 0, &client.store(-1, b"newer", NOW + 2)).await;

    let older = send(&house, 0, &client.store(-1, b"older", NOW + 1)).await;
    let entry = &older["swarm"][house.hex(0)];
    assert_eq!(
        (entry.get("failed"), entry.get("already")),
        (None, None),
        "it is answered, though not inserted"
    );
    assert_eq!(entry["hash"], older["hash"]);
    send(&house, 0, &client.store(-1, b"as new", NOW + 2)).await;

    let params = json!({"pubkey": client.account, "namespace": -1, "last_hash": first["hash"]});
    let held = house.rpc(0, "retrieve", params).await.ok();
    assert_eq!(bodies(&held), [b"as new"], "of two with one time the later one stays");
}

#[tokio::test]
async fn what_became_of_each_copy_is_told() {
    let house = House::open(Plan { running: 1, ..Plan::one_swarm(5) }).await;
    let refused = MemberOutcome::Refused { code: 406, reason: "late".to_owned() };
    house.misbehave(2, Some(Misbehaviour(refused)));
    house.misbehave(3, Some(Misbehaviour(MemberOutcome::Unreadable)));
    house.misbehave(4, Some(Misbehaviour(MemberOutcome::Done(Bytes::from_static(b"d1:xi1e")))));

    let body = send(&house, 0, &Client::user(1).store(0, b"x", NOW)).await;

    let swarm = &body["swarm"];
    assert!(swarm[house.hex(0)].get("failed").is_none());
    assert_eq!(swarm[house.hex(1)], json!({"failed": true, "timeout": true}));
    assert_eq!(swarm[house.hex(2)], json!({"failed": true, "code": "406", "reason": "late"}));
    assert_eq!(swarm[house.hex(3)], json!({"failed": true, "bad_peer_response": true}));
    assert_eq!(swarm[house.hex(4)], json!({"failed": true, "bad_peer_response": true}));
}

#[tokio::test]
async fn a_store_without_room_fails_and_evicts_nothing() {
    let config = starling_storage::Config {
        capacity: "1 MiB".parse().unwrap(),
        ..starling_storage::Config::default()
    };
    let house = House::open(Plan { config, ..Plan::one_swarm(1) }).await;
    let client = Client::user(1);
    let mut n_stored = 0;
    let full = loop {
        let body = vec![u8::try_from(n_stored).unwrap(); 76_800];
        let reply = house.raw(0, envelope(&client.store(0, &body, NOW))).await.unwrap();
        if reply.status != 200 {
            break reply;
        }
        n_stored += 1;
    };

    assert_eq!(n_stored, 13, "13 bodies and their rows fit into 1 MiB");
    let entry =
        json!({"failed": true, "query_failure": true, "reason": "the message store is full", "t": NOW});
    assert_eq!((full.status, &full.body["swarm"][house.hex(0)]), (500, &entry));
    assert_eq!(bodies(&send(&house, 0, &client.retrieve(0, None, NOW)).await).len(), 13);
}

#[tokio::test]
async fn nobody_reaches_what_others_own() {
    let house = House::single().await;
    let (alice, mallory) = (Client::user(1), Client::user(2));
    let hash = hash_of(&send(&house, 0, &alice.store(2, b"secret", NOW)).await);

    let deleted = send(&house, 0, &mallory.delete(&[hash], false)).await;
    assert_eq!(deleted["swarm"][house.hex(0)]["deleted"], json!([]));
    let expired = send(&house, 0, &mallory.expire(ExpireMode::Set, &[NOW], &[hash])).await;
    assert_eq!(expired["swarm"][house.hex(0)]["updated"], json!([]));
    let asked = send(&house, 0, &mallory.get_expiries(&[hash.as_str()], NOW)).await;
    assert_eq!(asked, json!({"expiries": {}}));
    send(&house, 0, &mallory.delete_all(NamespaceScope::All, NOW)).await;
    assert_eq!(bodies(&send(&house, 0, &mallory.retrieve(2, Some(hash), NOW)).await), Vec::<Vec<u8>>::new());

    let held = send(&house, 0, &alice.retrieve(2, None, NOW)).await;
    assert_eq!(
        (bodies(&held), &held["messages"][0]["expiration"]),
        (vec![b"secret".to_vec()], &json!(NOW + DAY))
    );
}

#[tokio::test]
async fn delete_tells_what_was_there_and_signs_what_was_asked() {
    let house = House::open(Plan::one_swarm(2)).await;
    let client = Client::user(1);
    let mut hashes = Vec::new();
    for body in [b"a", b"b"] {
        hashes.push(hash_of(&send(&house, 0, &client.store(2, body, NOW)).await));
    }
    let unknown = MessageHash::from_bytes(&[b'A'; 43]).unwrap();
    let requested = [hashes[1], unknown, hashes[0]];

    let body = send(&house, 0, &client.delete(&requested, true)).await;

    for member in 0..2 {
        let entry = &body["swarm"][house.hex(member)];
        assert_eq!(entry["deleted"], hash_texts(&hashes));
        assert_signed(&house, member, entry, &reply::delete(&client.account, &requested, &hashes));
    }
    let again = house.raw(0, envelope(&client.delete(&requested, true))).await.unwrap();
    assert_eq!((again.status, &again.body["swarm"][house.hex(0)]["deleted"]), (404, &json!([])));
    let unrequired = house.raw(0, envelope(&client.delete(&requested, false))).await.unwrap();
    assert_eq!(unrequired.status, 200);
}

#[tokio::test]
async fn whole_namespaces_are_deleted_and_expired_at_once() {
    let house = House::single().await;
    let client = Client::user(1);
    let mut hashes = Vec::new();
    for (namespace, age) in [(0, 2), (2, 1), (2, 0), (-11, 0)] {
        let text = format!("{namespace} {age}");
        hashes.push(hash_of(&send(&house, 0, &client.store(namespace, text.as_bytes(), NOW - age)).await));
    }
    let own = |body: &Json| body["swarm"][house.hex(0)].clone();

    let entry =
        own(&send(&house, 0, &client.expire_all(NamespaceScope::One(Namespace(2)), NOW + 1000)).await);
    assert_eq!(entry["updated"], hash_texts(&hashes[1..3]));
    assert_signed(&house, 0, &entry, &reply::expire_all(&client.account, NOW + 1000, &hashes[1..3]));
    let entry = own(&send(&house, 0, &client.expire_all(NamespaceScope::All, NOW + 2000)).await);
    let expected = json!({"0": hash_texts(&hashes[..1]), "-11": hash_texts(&hashes[3..])});
    assert_eq!(entry["updated"], expected, "what goes earlier is left alone");

    let entry = own(&send(&house, 0, &client.delete_before(NamespaceScope::All, NOW - 1)).await);
    assert_eq!(entry["deleted"], json!({"0": hash_texts(&hashes[..1]), "2": hash_texts(&hashes[1..2])}));
    assert_signed(&house, 0, &entry, &reply::delete_before(&client.account, NOW - 1, &hashes[..2]));

    let entry = own(&send(&house, 0, &client.delete_all(NamespaceScope::One(Namespace(2)), NOW)).await);
    assert_eq!(entry["deleted"], hash_texts(&hashes[2..3]));
    let entry = own(&send(&house, 0, &client.delete_all(NamespaceScope::All, NOW)).await);
    assert_eq!(entry["deleted"], json!({"-11": hash_texts(&hashes[3..])}));
}

#[tokio::test]
async fn expiries_move_only_where_the_request_says() {
    let house = House::single().await;
    let client = Client::user(1);
    let mut hashes = Vec::new();
    for body in [b"a", b"b"] {
        hashes.push(hash_of(&send(&house, 0, &client.store(2, body, NOW)).await));
    }
    hashes.sort_unstable();
    let (low, high) = (NOW + DAY / 2, NOW + 2 * DAY);
    let expire = async |mode, expiries: &[i64]| {
        let body = send(&house, 0, &client.expire(mode, expiries, &hashes)).await;
        body["swarm"][house.hex(0)].clone()
    };

    let entry = expire(ExpireMode::Extend, &[low]).await;
    let unchanged = hashes.iter().map(|hash| (*hash, NOW + DAY)).collect();
    assert_eq!((&entry["updated"], &entry["expiry"]), (&json!([]), &json!(low)));
    assert_eq!(entry["unchanged"], json!({hashes[0].as_str(): NOW + DAY, hashes[1].as_str(): NOW + DAY}));
    assert_signed(&house, 0, &entry, &reply::expire(&client.account, &[low], &hashes, &[], &unchanged));

    let entry = expire(ExpireMode::Shorten, &[low]).await;
    assert_eq!((&entry["updated"], &entry["unchanged"]), (&hash_texts(&hashes), &json!({})));
    let entry = expire(ExpireMode::Set, &[high]).await;
    assert_eq!((&entry["updated"], entry.get("unchanged")), (&hash_texts(&hashes), None));

    let entry = expire(ExpireMode::Set, &[low, high]).await;
    assert_eq!(entry["expiry"], json!([low, high]), "aligned with the updated hashes");
    let known =
        send(&house, 0, &client.get_expiries(&[hashes[0].as_str(), hashes[1].as_str(), "?"], NOW)).await;
    assert_eq!(known, json!({"expiries": {hashes[0].as_str(): low, hashes[1].as_str(): high}}));
}

#[tokio::test]
async fn an_extension_by_less_than_a_hundredth_of_the_lifetime_is_not_worth_a_write() {
    let house = House::single().await;
    let client = Client::user(1);
    let hash = hash_of(&send(&house, 0, &client.store(2, b"a", NOW)).await);
    let extend = async |expiry| {
        let body = send(&house, 0, &client.expire(ExpireMode::Extend, &[expiry], &[hash, hash])).await;
        body["swarm"][house.hex(0)].clone()
    };

    let barely = extend(NOW + DAY + DAY / 100 - 1).await;
    let expected = (json!([]), json!({hash.as_str(): NOW + DAY}));
    assert_eq!((&barely["updated"], &barely["unchanged"]), (&expected.0, &expected.1));
    let enough = extend(NOW + DAY + DAY / 100).await;
    assert_eq!((&enough["updated"], &enough["unchanged"]), (&hash_texts(&[hash]), &json!({})));
}

#[tokio::test]
async fn a_revoked_subaccount_can_do_nothing_but_read_its_notice() {
    let house = House::open(Plan::one_swarm(2)).await;
    let (group, scope) = (Client::group(1), Access::READ.and(Access::WRITE));
    let member = group.delegate(9, scope);
    let token = member.signed.token;
    send(&house, 0, &member.resign(group.store(11, b"hello", NOW))).await;
    send(&house, 0, &group.store(-11, b"you are out", NOW)).await;
    let read = |namespace| member.resign(group.retrieve(namespace, None, NOW));
    assert_eq!(bodies(&send(&house, 0, &read(11)).await), [b"hello"]);

    let revoked = send(&house, 0, &group.revoke(&[token], NOW)).await;
    for at in 0..2 {
        let text = reply::revocation(&group.account, NOW, &[token]);
        assert_signed(&house, at, &revoked["swarm"][house.hex(at)], &text);
        let refused = house.raw(at, envelope(&read(11))).await.unwrap();
        refused.refused(401, "retrieve signature verification failed");
        assert_eq!(bodies(&send(&house, at, &read(-11)).await), [b"you are out"]);
        let listed = send(&house, at, &group.revoked(NOW)).await;
        assert_eq!(listed["revoked_subaccounts"], json!([token.to_base64()]));
    }
    let store = house.raw(0, envelope(&member.resign(group.store(11, b"again", NOW)))).await.unwrap();
    store.refused(401, "store signature verification failed");

    let back = send(&house, 0, &group.unrevoke(&[token], NOW)).await;
    assert_eq!(
        (&back["swarm"][house.hex(0)]["count"], &back["swarm"][house.hex(1)]["count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(bodies(&send(&house, 1, &read(11)).await), [b"hello"]);
}

#[tokio::test]
async fn a_subaccount_without_the_right_to_delete_can_only_extend() {
    let house = House::single().await;
    let group = Client::group(1);
    let member = group.delegate(9, Access::READ.and(Access::WRITE));
    let hash = hash_of(&send(&house, 0, &group.store(11, b"x", NOW)).await);
    let expire = |mode, expiry| member.resign(group.expire(mode, &[expiry], &[hash]));

    let shorten = house.raw(0, envelope(&expire(ExpireMode::Shorten, NOW + 1))).await.unwrap();
    let text = "expire: shorten parameter cannot be used with this subaccount token (missing delete access)";
    shorten.refused(400, text);
    let body = send(&house, 0, &expire(ExpireMode::Set, NOW + 1)).await;
    assert_eq!(body["swarm"][house.hex(0)]["updated"], json!([]));
    let body = send(&house, 0, &expire(ExpireMode::Set, NOW + 2 * DAY)).await;
    assert_eq!(body["swarm"][house.hex(0)]["updated"], hash_texts(&[hash]));
}

#[tokio::test]
async fn a_forwarded_write_is_verified_again_within_its_own_window_and_goes_no_further() {
    let house = House::open(Plan::one_swarm(2)).await;
    let client = Client::user(1);
    let forward = async |request: &Request| {
        let (method, dict) = (request.method().to_owned(), request.to_replicated().unwrap().into());
        let from = house.members[1].node.ed25519;
        house.nodes[0].kernel.ask(ApplyForwarded { method, dict, from }).await.unwrap()
    };
    let refused = |code, reason: &str| Forwarded::Refused { code, reason: reason.to_owned() };

    let Forwarded::Done(dict) = forward(&client.delete_all(NamespaceScope::All, NOW - 69_999)).await else {
        panic!("a peer may be ten seconds later than a client")
    };
    assert!(dict.starts_with(b"d7:deletedde9:signature64:"), "{dict:?}");
    let late = forward(&client.delete_all(NamespaceScope::All, NOW - 70_001)).await;
    assert_eq!(late, refused(406, "delete_all timestamp too far from current time"));

    let Request::Store(mut store) = client.store(2, b"x", NOW) else { panic!("a store") };
    store.credentials = Some(Client::user(2).sign(b"forged"));
    let forged = forward(&Request::Store(store)).await;
    assert_eq!(forged, refused(401, "store signature verification failed"));

    let from = house.members[1].node.ed25519;
    let ask = async |method: &str, dict: &'static [u8]| {
        let call = ApplyForwarded { method: method.to_owned(), dict: Bytes::from_static(dict), from };
        house.nodes[0].kernel.ask(call).await.unwrap()
    };
    assert_eq!(ask("nope", b"de").await, refused(400, "no method nope"));
    assert!(matches!(ask("info", b"de").await, Forwarded::Refused { code: 400, .. }));
    assert!(matches!(ask("store", b"d4:data").await, Forwarded::Refused { code: 400, .. }));
    assert_eq!(house.copied(), [], "nothing that was forwarded is copied on");
}
