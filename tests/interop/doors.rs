//! Known answers for what only some doors have: subscriptions, web servers behind a node, and being asked too often.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use starling::protocol::{
    account::Prefix,
    crypto::{random_bytes, x25519},
    onion::{Cipher, layer::LayerKey},
};
use starling_tests::{
    QuicClient,
    replay::{
        door::{HttpsDoor, omq},
        network::{Network, Plan},
        recorded::web_server::WebServer,
        signing::{self, Signer},
        target::Account,
        transcript::Http,
    },
    repository,
};

/// When the subscriptions of the vectors were signed.
const SIGNED_AT: u64 = 1_736_942_400_000;
const HARDFORK: [u16; 2] = [20, 0];
/// When the messages of the vectors' notifications expire.
const EXPIRES_AT: u64 = 1_738_152_000_000;
/// A busy machine takes its time.
const TOLD_WITHIN: Duration = Duration::from_secs(15);
/// Requests that the node with a limit takes at once.
const BURST: u32 = 5;

fn vectors(name: &str) -> Json {
    let path = repository().join(format!("runtime/protocol/tests/vectors/{name}.json"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("vectors are JSON")
}

#[track_caller]
fn named<'a>(vectors: &'a Json, list: &str, name: &str) -> &'a Json {
    let entries = vectors[list].as_array().expect("a list");
    entries.iter().find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("{list} has no {name}"))
}

#[track_caller]
fn bytes(value: &Json) -> Vec<u8> {
    hex::decode(value.as_str().expect("hex")).expect("hex")
}

fn array<const N: usize>(value: &Json) -> [u8; N] {
    bytes(value).try_into().expect("of the right length")
}

fn post(path: &str, exact: bool) -> Http {
    Http { method: "POST".to_owned(), path: path.to_owned(), exact, ..Http::default() }
}

/// A node with the vectors' key, alone in its swarm.
async fn node(vectors: &Json, set: impl Fn(&mut starling::Config)) -> Network {
    let plan =
        Plan::single(&array(&vectors["keys"]["node"]["seed"]), HARDFORK).expect("the key has an image");
    Network::start_with(&plan, SIGNED_AT, set).await.expect("the node starts")
}

/// Byte by byte, but for the hash: the vectors have one that is not of their body.
#[tokio::test(flavor = "multi_thread")]
async fn known_subscriptions_bring_the_known_notifications() {
    let vectors = vectors("storage_signatures");
    let network = node(&vectors, |_| ()).await;
    let peer = network.nodes[0].peer.clone();
    let quic =
        QuicClient::connect(peer.quic.expect("QUIC is served"), peer.ed25519).await.expect("connected");
    let mut omq = omq::connect(&peer).await.expect("connected");
    let payload = |name: &str| bytes(&named(&vectors, "monitor", name)["payload_hex"]);
    let success = payload("success_reply");
    for name in ["group_subaccount", "group_admin", "user"] {
        let reply = quic.request("monitor", payload(name)).await.expect("an answer");
        assert_eq!((reply.is_error, &reply.body[..]), (false, &success[..]), "{name}");
    }
    let multi = payload("multi");
    let subscribed = tokio::task::spawn_blocking(move || {
        (omq.request("monitor.messages", &[&multi]).expect("an answer"), omq)
    });
    let (replies, mut omq) = subscribed.await.expect("no panic");
    assert_eq!(replies, [[b"l", &success[..], &success[..], b"e"].concat()]);

    let with_data = payload("notify_with_data");
    let user = json!({
        "pubkey": vectors["keys"]["user"]["account"], "timestamp": SIGNED_AT, "expiry": EXPIRES_AT,
        "data": STANDARD.encode(&with_data[with_data.len() - 49..with_data.len() - 1]),
    });
    let group = Account::from_seed(array(&vectors["keys"]["group"]["seed"]), Prefix::Group);
    let mut stored_by_group = json!({
        "pubkey": group.id, "namespace": 11, "timestamp": SIGNED_AT, "expiry": EXPIRES_AT, "data": "Z3JvdXA=",
    });
    let signer = Signer { key: &group.key, pubkey_ed25519: None, token: None };
    let params = stored_by_group.as_object_mut().expect("an object");
    signing::sign("store", params, &signer, None).expect("everything to sign is there");
    let mut expected = Vec::new();
    for (params, known) in [(user, with_data), (stored_by_group, payload("notify_no_data"))] {
        let stored = quic.request("store", params.to_string()).await.expect("an answer");
        assert!(!stored.is_error, "{stored:?}");
        let answer: Json = serde_json::from_slice(&stored.body).expect("JSON");
        expected.push(with_hash(known, answer[1]["hash"].as_str().expect("a hash")));
    }

    let notified = quic.notification().await.expect("the connection lives");
    assert_eq!((&notified.name[..], &notified.body[..]), (&b"notify"[..], &expected[0][..]));
    let told = tokio::task::spawn_blocking(move || {
        [(); 2]
            .map(|()| omq.notification(TOLD_WITHIN).expect("the connection lives").expect("a notification"))
    });
    for (told, expected) in told.await.expect("no panic").iter().zip(&expected) {
        assert_eq!(
            (told.command.as_str(), &told.parts[..]),
            ("notify.message", std::slice::from_ref(expected))
        );
    }
    network.stop().await;
}

/// A known notification with another hash in place of its own.
fn with_hash(mut notification: Vec<u8>, hash: &str) -> Vec<u8> {
    let at = notification.windows(6).position(|six| six == b"1:h43:");
    let at = at.expect("a notification has a hash") + 6;
    notification[at..at + 43].copy_from_slice(hash.as_bytes());
    notification
}

/// A node carries what is sealed for a web server there and back without a change.
#[tokio::test(flavor = "multi_thread")]
async fn known_requests_to_web_servers_arrive_and_their_answers_come_back() {
    let (vectors, keys) = (vectors("onion"), vectors("storage_signatures"));
    let network = node(&keys, |_| ()).await;
    let (node, https) = (&network.nodes[0], HttpsDoor::default());
    let server = WebServer::start_at(([127, 0, 0, 1], 0).into()).await.expect("loopback has a free port");
    let responses = vectors["v4_responses"].as_array().expect("a list");
    for response in responses {
        let request = named(&vectors, "requests", response["request"].as_str().expect("a name"));
        let sealed = request["layers"].as_array().and_then(|layers| layers.last()).expect("layers");
        let answer = bytes(&response["http_body"]);
        server.answers_with(answer.clone());
        // The host of the vectors is nobody's: only where the server is differs.
        let relay = json!({
            "host": "127.0.0.1", "port": server.address().port(), "protocol": "http", "target": "/oxen/v4/lsrpc",
            "method": "POST", "ephemeral_key": sealed["ephemeral_public"], "enc_type": sealed["enc_type"],
        })
        .to_string();
        let inner = frame(&bytes(&sealed["ciphertext"]), &relay);
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        let ephemeral = x25519::SecretKey::from_bytes(seed);
        let key = LayerKey::for_client(Cipher::XChaCha20, &ephemeral, &node.node.x25519).expect("a key");
        let outer = json!({"ephemeral_key": ephemeral.public(), "enc_type": "xchacha20"}).to_string();
        let sent = frame(&key.seal(&inner, &mut random_bytes), &outer);

        let (reply, body) =
            https.raw(&node.peer.url, &post("/onion_req/v2", false), sent).await.expect("an answer");

        let name = &response["name"];
        assert_eq!((reply.status, &body), (200, &answer), "{name}: {}", String::from_utf8_lossy(&body));
        let received = server.received();
        assert_eq!(received.len(), 1, "{name}");
        assert_eq!(
            (&received[0]["method"], &received[0]["path"]),
            (&json!("POST"), &json!("/oxen/v4/lsrpc"))
        );
        let arrived = STANDARD.decode(received[0]["body_b64"].as_str().expect("a text")).expect("base64");
        assert_eq!(arrived, inner, "{name}");
        assert_eq!(opened(request, sealed, &arrived), bytes(&request["final_plaintext"]), "{name}");
    }
    assert!(responses.len() >= 4, "only {} answers", responses.len());
    network.stop().await;
}

fn frame(ciphertext: &[u8], json: &str) -> Vec<u8> {
    let len = u32::try_from(ciphertext.len()).expect("short").to_le_bytes();
    [&len[..], ciphertext, json.as_bytes()].concat()
}

/// What the vectors' web server finds in a frame.
fn opened(request: &Json, sealed: &Json, frame: &[u8]) -> Vec<u8> {
    let secret = x25519::SecretKey::from_bytes(array(&request["server"]["x25519_secret"]));
    let ephemeral: x25519::PublicKey =
        sealed["ephemeral_public"].as_str().expect("hex").parse().expect("a key");
    let cipher: Cipher = sealed["enc_type"].as_str().expect("a cipher").parse().expect("a cipher");
    let key = LayerKey::for_node(cipher, &secret, &ephemeral).expect("a key");
    let len = u32::from_le_bytes(frame[..4].try_into().expect("four bytes"));
    key.open(&frame[4..4 + usize::try_from(len).expect("small")]).expect("it is sealed for the server")
}

/// One bound for all doors together: what came through one counts for the others.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_so_through_every_door() {
    let network = node(&vectors("storage_signatures"), |config| {
        (config.gateway.rate.per_second, config.gateway.rate.burst) = (1, BURST);
    })
    .await;
    let peer = network.nodes[0].peer.clone();
    let https = HttpsDoor::default();
    let quic =
        QuicClient::connect(peer.quic.expect("QUIC is served"), peer.ed25519).await.expect("connected");
    let mut omq = omq::connect(&peer).await.expect("connected");
    let body = br#"{"method":"info","params":{}}"#;
    let mut head = post("/storage_rpc/v1", true);
    head.headers.insert("Content-Length".to_owned(), body.len().to_string());
    let (began, mut served) = (std::time::Instant::now(), 0);

    let limited = loop {
        let (reply, said) = https.raw(&peer.url, &head, body.to_vec()).await.expect("an answer");
        match reply.status {
            200 => served += 1,
            _ => break (reply, said),
        }
    };
    assert!(served >= BURST, "only {served} requests were served");
    let over_quic = loop {
        let reply = quic.request("info", "{}").await.expect("an answer");
        match reply.is_error {
            false => served += 1,
            true => break reply,
        }
    };
    let over_omq = tokio::task::spawn_blocking(move || {
        loop {
            let parts = omq.request("storage.info", &[b"{}"]).expect("an answer");
            match parts.len() {
                1 => served += 1,
                _ => break (parts, served),
            }
        }
    });
    let (over_omq, served) = over_omq.await.expect("no panic");
    let lasted = u32::try_from(began.elapsed().as_secs()).expect("not that long");
    let ping = quic.request("snode_ping", "").await.expect("an answer");
    let (onion, _) =
        https.raw(&peer.url, &post("/onion_req/v2", false), b"x".to_vec()).await.expect("an answer");

    assert_eq!((limited.0.status, &limited.1[..]), (429, &b"Too Many Requests\n"[..]));
    let wait: u64 = limited.0.headers["retry-after"].parse().expect("whole seconds");
    assert!((1..=BURST.into()).contains(&wait), "{wait} s");
    assert_eq!(&over_quic.body[..], b"429 Too Many Requests\n\nToo many requests, try again later");
    assert_eq!(over_omq, [&b"429"[..], b"Too many requests, try again later"]);
    assert!(served <= BURST + lasted + 1, "{served} requests were served in {lasted} s");
    assert_eq!((ping.is_error, &ping.body[..]), (false, &b"pong"[..]), "pings are not counted");
    assert_eq!(onion.status, 400, "onion requests are not counted");
    network.stop().await;
}
