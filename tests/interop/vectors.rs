//! Known answers against the running node: its key, and its time, are those of the vectors.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use starling::protocol::{
    account::Prefix,
    crypto::{random_bytes, x25519},
    onion::{Cipher, layer::LayerKey},
};
use starling_tests::{
    replay::{
        door::{Call, Door as _, HttpsDoor, Reply},
        network::{Network, Plan},
        signing::{self, Signer},
        target::Account,
        transcript::Http,
        wire::{self, Form},
    },
    repository,
};

/// When the requests of the vectors were signed.
const SIGNED_AT: u64 = 1_736_942_400_000;
const HARDFORK: [u16; 2] = [20, 0];

fn vectors(name: &str) -> Json {
    let path = repository().join(format!("runtime/protocol/tests/vectors/{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("vectors are JSON")
}

#[track_caller]
fn entries<'a>(vectors: &'a Json, name: &str) -> &'a [Json] {
    let entries = vectors[name].as_array().expect("a list");
    assert!(!entries.is_empty(), "there is no {name}");
    entries
}

fn text<'a>(value: &'a Json, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is a text in {value}"))
}

fn bytes<const N: usize>(hex_text: &str) -> [u8; N] {
    hex::decode(hex_text).ok().and_then(|bytes| bytes.try_into().ok()).expect("hex of the right length")
}

/// A node with the vectors' key, alone in its swarm.
struct Node {
    network: Network,
    https: HttpsDoor,
}

impl Node {
    async fn start(vectors: &Json, now_ms: u64) -> Self {
        let seed = bytes(text(&vectors["keys"]["node"], "seed"));
        let plan = Plan::single(&seed, HARDFORK).expect("the key has an image");
        let network = Network::start(&plan, now_ms).await.expect("the node starts");
        Self { network, https: HttpsDoor::default() }
    }

    async fn envelope(&self, envelope: &Json) -> Reply {
        let call = Call::Envelope(envelope.to_string().into_bytes());
        self.https.call(&self.network.nodes[0].peer, &call).await.expect("the node answers")
    }

    async fn ask(&self, method: &str, params: Json) -> Reply {
        self.envelope(&json!({"method": method, "params": params})).await
    }

    /// The node's own entry of an answer.
    #[track_caller]
    fn entry<'a>(&self, body: &'a Json) -> &'a Json {
        &body["swarm"][self.network.nodes[0].peer.ed25519.to_string()]
    }
}

/// Signed by the owner of an account.
fn signed(account: &Account, method: &str, params: Json) -> Json {
    let Json::Object(mut params) = params else { panic!("parameters are an object") };
    params.insert("pubkey".to_owned(), account.id.to_string().into());
    let signer = Signer { key: &account.key, pubkey_ed25519: account.pubkey_ed25519(), token: None };
    signing::sign(method, &mut params, &signer, None).expect("everything to sign is there");
    params.into()
}

/// Requests, faults and tokens of the vectors in turn, on one node whose time follows theirs.
#[tokio::test(flavor = "multi_thread")]
async fn signed_requests_are_accepted_and_faulty_ones_refused() {
    let vectors = vectors("storage_signatures");
    let node = Node::start(&vectors, SIGNED_AT).await;
    for vector in entries(&vectors, "requests") {
        let params = &vector["request"]["params"];
        node.network.clock.set(params["timestamp"].as_u64().unwrap_or(SIGNED_AT).max(SIGNED_AT));

        let reply = node.envelope(&vector["request"]).await;

        // Nothing is there to be deleted, and one request insists.
        let expected = if params["required"] == true { 404 } else { 200 };
        assert_eq!(reply.status, expected, "{}: {}", vector["name"], reply.body);
    }
    // A group's right is taken back above, which must not decide what follows.
    node.network.stop().await;

    let node = Node::start(&vectors, SIGNED_AT).await;
    for vector in entries(&vectors, "negative") {
        let reply = node.envelope(&vector["request"]).await;

        assert_eq!(reply.status.to_string(), text(vector, "expected"), "{}: {}", vector["name"], reply.body);
    }
    for vector in entries(&vectors, "subaccounts") {
        let reply = node.envelope(&vector["request"]).await;

        let expected = match text(vector, "expected") {
            "accept" | "accept (extend only)" => 200,
            "reject 401" => 401,
            other => panic!("unknown outcome {other}"),
        };
        assert_eq!(reply.status, expected, "{}: {}", vector["name"], reply.body);
    }
    for vector in entries(&vectors, "blinded_member_subaccounts") {
        let group = Account::from_seed(bytes(text(vector, "group_seed")), Prefix::Group);
        let signed_at: u64 = text(vector, "message")["retrieve11".len()..].parse().expect("a time");
        node.network.clock.set(signed_at);
        let params = json!({
            "pubkey": group.id, "namespace": 11, "timestamp": signed_at, "signature": vector["signature"],
            "subaccount": vector["token"], "subaccount_sig": vector["subaccount_sig"],
        });

        let reply = node.ask("retrieve", params).await;

        assert_eq!(reply.status, 200, "{}: {}", vector["name"], reply.body);
    }
    node.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encodings_of_the_vectors_are_those_that_the_player_sends() {
    let vectors = vectors("storage_signatures");
    for vector in entries(&vectors, "requests") {
        let encoded = wire::encode(&vector["request"]["params"], Form::Bencode).expect("it can be bencoded");

        assert_eq!(hex::encode(encoded), text(vector, "request_bt_hex"), "{}", vector["name"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retrieve_returns_as_much_as_the_known_counts_say() {
    let vectors = vectors("storage_signatures");
    let node = Node::start(&vectors, SIGNED_AT).await;
    let mut stored = std::collections::BTreeMap::new();
    for (number, vector) in entries(&vectors, "retrieve_limits").iter().enumerate() {
        let number_of = |value: &Json| usize::try_from(value.as_u64().expect("a number")).expect("small");
        let held = (number_of(&vector["stored"]["count"]), number_of(&vector["stored"]["size"]));
        // Vectors that ask for the same messages share them.
        let account = match stored.get(&held) {
            Some(account) => *account,
            None => {
                let seed = [u8::try_from(number).expect("few vectors") + 1; 32];
                let account = Account::from_seed(seed, Prefix::Standard).id;
                let stores = (0..held.0).map(|index| {
                    let mut body = vec![0; held.1];
                    body[..8].copy_from_slice(&u64::try_from(index).expect("small").to_le_bytes());
                    let data = STANDARD.encode(body);
                    node.ask("store", json!({"pubkey": account, "namespace": -10, "timestamp": SIGNED_AT, "ttl": 86_400_000, "data": data}))
                });
                for reply in futures::future::join_all(stores).await {
                    assert_eq!(reply.status, 200, "{}", reply.body);
                }
                stored.insert(held, account);
                account
            }
        };

        let limits = (&vector["max_count"], &vector["max_size"]);
        let params =
            json!({"pubkey": account, "namespace": -10, "max_count": limits.0, "max_size": limits.1});
        let reply = node.ask("retrieve", params).await;

        let returned = reply.body["messages"].as_array().map(Vec::len);
        assert_eq!(returned, Some(number_of(&vector["returned"])), "{vector}");
        assert_eq!(reply.body["more"], vector["more"], "{vector}");
    }
    node.network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_bodies_get_the_known_hashes() {
    let (vectors, keys) = (vectors("message_hash"), vectors("storage_signatures"));
    let node = Node::start(&keys, SIGNED_AT).await;
    let mut stored = 0;
    for vector in entries(&vectors, "vectors") {
        let namespace = vector["namespace"].as_i64().expect("a number");
        // Without their keys only public inboxes can be stored to; the others' hashes are those of the library's tests.
        if namespace % 10 != 0 {
            continue;
        }
        let Some(data) = vector["data_b64"].as_str() else { continue };
        let params = json!({
            "pubkey": vector["pubkey"], "namespace": namespace, "timestamp": SIGNED_AT, "ttl": 60_000, "data": data,
        });

        let reply = node.ask("store", params).await;

        assert_eq!(reply.status, 200, "{}: {}", vector["name"], reply.body);
        assert_eq!(reply.body["hash"], vector["hash"], "{}", vector["name"]);
        assert_eq!(node.entry(&reply.body)["hash"], vector["hash"], "{}", vector["name"]);
        stored += 1;
    }
    assert!(stored >= 3, "only {stored} bodies were stored");
    let owner = Account::from_seed([9; 32], Prefix::Standard);
    for vector in entries(&vectors, "hash_format") {
        let params = signed(&owner, "delete", json!({"messages": [vector["value"]]}));

        let reply = node.ask("delete", params).await;

        let expected = if vector["valid"] == true { 200 } else { 400 };
        assert_eq!(reply.status, expected, "{vector}: {}", reply.body);
    }
    node.network.stop().await;
}

/// Those known answers whose messages say all that the request needs; the others are of messages whose bodies are not given.
#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_own_signatures_are_the_known_ones() {
    let vectors = vectors("storage_signatures");
    let node = Node::start(&vectors, SIGNED_AT).await;
    let account =
        |name: &str, prefix| Account::from_seed(bytes(text(&vectors["keys"][name], "seed")), prefix);
    let (user, group) = (account("user", Prefix::Standard), account("group", Prefix::Group));
    let mut compared = 0;
    for vector in entries(&vectors, "node_responses") {
        // 66 characters of account; then hashes of 43, or a time of 13 and tokens of 36 bytes.
        let request = match (text(vector, "name"), vector["message"].as_str(), vector["message_hex"].as_str())
        {
            ("delete_none", Some(message), _) => {
                let hashes = message.as_bytes()[66..].chunks(43).map(|hash| String::from_utf8_lossy(hash));
                let params = json!({"messages": hashes.collect::<Vec<_>>()});
                ("delete", signed(&user, "delete", params))
            }
            (name @ ("revoke" | "unrevoke"), _, Some(message)) => {
                let message = hex::decode(message).expect("hex");
                let time: u64 =
                    std::str::from_utf8(&message[66..79]).ok().and_then(|t| t.parse().ok()).expect("a time");
                node.network.clock.set(time);
                let tokens: Vec<_> = message[79..].chunks(36).map(|token| STANDARD.encode(token)).collect();
                let method = if name == "revoke" { "revoke_subaccount" } else { "unrevoke_subaccount" };
                (method, signed(&group, method, json!({name: tokens, "timestamp": time})))
            }
            _ => continue,
        };

        let reply = node.ask(request.0, request.1).await;

        let entry = node.entry(&reply.body);
        assert_eq!(entry["signature"], vector["entry"]["signature"], "{}: {}", vector["name"], reply.body);
        compared += 1;
    }
    assert_eq!(compared, 3, "of these the requests are known");
    node.network.stop().await;
}

/// The nodes of the vectors as one network, in one swarm.
async fn onion_network(vectors: &Json) -> Network {
    let seeds: Vec<_> =
        entries(vectors, "nodes").iter().map(|node| (bytes(text(node, "ed25519_seed")), 7)).collect();
    let plan = Plan::of_seeds(&seeds, HARDFORK).expect("the keys have images");
    Network::start(&plan, SIGNED_AT).await.expect("the nodes start")
}

fn onion(body: Vec<u8>) -> (Http, Vec<u8>) {
    let http = Http { method: "POST".to_owned(), path: "/onion_req/v2".to_owned(), ..Http::default() };
    (http, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn known_onion_requests_go_through_the_nodes_they_were_made_for() {
    let vectors = vectors("onion");
    let network = onion_network(&vectors).await;
    let https = HttpsDoor::default();
    let mut answered = 0;
    for vector in entries(&vectors, "requests").iter().filter(|vector| vector.get("final_payload").is_some())
    {
        let guard = usize::try_from(vector["hops"][0].as_u64().expect("a hop")).expect("small");
        let (http, body) = onion(hex::decode(text(vector, "post_body")).expect("hex"));

        let (reply, sealed) =
            https.raw(&network.nodes[guard].peer.url, &http, body).await.expect("an answer");

        let layer = vector["layers"].as_array().and_then(|layers| layers.last()).expect("layers");
        let secret = x25519::SecretKey::from_bytes(bytes(text(layer, "ephemeral_secret")));
        let node: x25519::PublicKey = text(layer, "to").parse().expect("a key");
        let cipher: Cipher = text(layer, "enc_type").parse().expect("a cipher");
        let key = LayerKey::for_client(cipher, &secret, &node).expect("a key");
        assert_eq!(reply.status, 200, "{}: {}", vector["name"], String::from_utf8_lossy(&sealed));
        let sealed = STANDARD.decode(&sealed).expect("base64 is the default");
        let opened = key.open(&sealed).expect("it opens with the destination's layer");
        let opened: Json = serde_json::from_slice(&opened).expect("JSON");
        let inner: Json = serde_json::from_str(text(&opened, "body")).expect("an object inside of the text");
        assert_eq!(
            (&opened["status"], inner["snodes"].as_array().map(Vec::len)),
            (&json!(200), Some(network.nodes.len()))
        );
        answered += 1;
    }
    assert!(answered >= 3, "only {answered} requests were answered");
    for vector in entries(&vectors, "bad_frames") {
        let (http, body) = onion(hex::decode(text(vector, "frame")).expect("hex"));

        let (reply, body) = https.raw(&network.nodes[0].peer.url, &http, body).await.expect("an answer");

        let said = String::from_utf8_lossy(&body);
        assert_eq!(reply.status, 400, "{vector}");
        assert!(said.starts_with("Error parsing onion request: "), "{said}");
    }
    network.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hop_finds_inside_decides_what_it_does() {
    let vectors = vectors("onion");
    let network = onion_network(&vectors).await;
    let (https, node) = (HttpsDoor::default(), &network.nodes[0]);
    let mut seed = [0; 32];
    for vector in entries(&vectors, "inner_payloads") {
        if vector["result"]["type"] == "relay_server" {
            // Its host is nobody's; a web server that is there is asked by the recorded exchanges.
            continue;
        }
        random_bytes(&mut seed);
        let ephemeral = x25519::SecretKey::from_bytes(seed);
        let key = LayerKey::for_client(Cipher::XChaCha20, &ephemeral, &node.node.x25519).expect("a key");
        let sealed = key.seal(&hex::decode(text(vector, "payload")).expect("hex"), &mut random_bytes);
        let outer = json!({"ephemeral_key": ephemeral.public(), "enc_type": "xchacha20"}).to_string();
        let len = u32::try_from(sealed.len()).expect("short").to_le_bytes();
        let (http, body) = onion([&len[..], &sealed, outer.as_bytes()].concat());

        let (reply, body) = https.raw(&node.peer.url, &http, body).await.expect("an answer");

        let opened = || {
            let sealed = std::str::from_utf8(&body).ok().and_then(wire::from_base64);
            let opened = key.open(sealed.as_deref().unwrap_or(&body)).expect("sealed for the asker");
            serde_json::from_slice::<Json>(&opened).expect("JSON")
        };
        let said = String::from_utf8_lossy(&body);
        match vector["result"]["type"].as_str() {
            // The bodies of these are no requests, and the destination says so to whoever can open it.
            Some("final") => {
                assert_eq!(
                    (reply.status, &opened()),
                    (200, &json!({"body": "invalid json", "status": 400})),
                    "{vector}"
                );
                assert_eq!(body.is_ascii(), vector["result"]["base64"] == true, "{vector}");
            }
            // The next node is one of these, and cannot open what is no ciphertext.
            Some("relay_node") => assert_eq!((reply.status, &*said), (400, "Invalid ciphertext"), "{vector}"),
            _ => assert_eq!(opened()["status"], 400, "{vector}: {said}"),
        }
    }
    network.stop().await;
}
