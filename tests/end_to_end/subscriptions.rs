//! What becomes of subscriptions when an account's swarm moves, over every transport that carries them.

use std::{
    net::Ipv4Addr,
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use starling::{Role, Runtime};
use starling_contracts::{
    subscriptions::Notice,
    transport::{PeerAddress, SubscribePeer},
};
use starling_protocol::{
    AccountKeys,
    bencode::{self, Limits},
    crypto::random_bytes,
    peer_wire::decode_answer,
    storage::{
        Namespace,
        monitor::{Subscriber, Subscription},
        signed_text,
    },
    swarm::{SwarmId, mapping},
};
use starling_tests::{Authority, PythonProcess, RunningNode};
use tokio::{sync::mpsc, task::block_in_place, time::timeout};

/// Where the swarm of the first node is, before and after.
const HERE: SwarmId = SwarmId(0x4000_0000_0000_0000);
/// Where the other swarm is at first, and where it goes.
const FAR: SwarmId = SwarmId(0xc000_0000_0000_0000);
const NEAR: SwarmId = SwarmId(0x6000_0000_0000_0000);
/// Accounts there are nearest to [`HERE`], until the other swarm is [`NEAR`].
const MOVING: Range<u64> = 0x5800_0000_0000_0000..0x6000_0000_0000_0000;
/// Accounts there are nearest to [`HERE`] either way.
const STAYING: Range<u64> = 0x3000_0000_0000_0000..0x4000_0000_0000_0000;

const PATIENCE: Duration = Duration::from_secs(30);

fn account_at(places: Range<u64>) -> AccountKeys {
    let fresh = || {
        let mut seed = [0; 16];
        random_bytes(&mut seed);
        AccountKeys::from_seed(&seed)
    };
    let mut accounts = std::iter::repeat_with(fresh);
    accounts.find(|keys| places.contains(&mapping::space(&keys.id()))).expect("there is no end of accounts")
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(now.as_millis()).expect("before the year 292 million")
}

async fn store(node: &RunningNode, account: &AccountKeys, data: &str) -> (u16, String) {
    let params =
        json!({ "pubkey": account.id().to_string(), "timestamp": now_ms(), "ttl": 600_000, "data": data });
    node.call("store", params).await
}

/// A subscriber on our own transport.
struct Peer {
    runtime: Runtime,
    notices: mpsc::Receiver<Notice>,
    _folder: tempfile::TempDir,
}

impl Peer {
    async fn subscribe(node: &RunningNode, accounts: &[&AccountKeys]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Runtime::builder()
            .roles([Role::Client])
            .data_dir(folder.path().join("client"))
            .without("gateway")
            .set("network.seeds", &format!("[{{ url = \"https://{}\" }}]", node.https()))
            .start()
            .await
            .expect("the client starts");
        let (outlet, notices) = mpsc::channel(16);
        let peer = PeerAddress { ed25519: node.key(), ip: Ipv4Addr::LOCALHOST, port: node.libp2p_port() };
        let mut request = vec![b'l'];
        request.extend(accounts.iter().flat_map(|keys| subscription(keys)));
        request.push(b'e');
        let subscribe = SubscribePeer { peer, request: request.into(), notices: outlet, deadline: PATIENCE };
        let answer = runtime.ask(subscribe).await.expect("the node answers");
        let expected = format!("l{}e", "d7:successi1ee".repeat(accounts.len()));
        assert_eq!(decode_answer(&answer), Ok((200, expected.into_bytes())));
        Self { runtime, notices, _folder: folder }
    }

    /// The next notice, as the python clients tell theirs.
    async fn next(&mut self) -> Value {
        let notice = timeout(PATIENCE, self.notices.recv()).await.expect("something comes in time");
        let (name, dict) = match notice.expect("the connection lives") {
            Notice::Message(dict) => ("notify", dict),
            Notice::Ended(dict) => ("monitor_ended", dict),
        };
        let dict = bencode::decode(&dict, Limits::REQUEST).expect("a bencoded dict");
        json!({ "name": name, "body": readable(&dict) })
    }
}

fn subscription(keys: &AccountKeys) -> Vec<u8> {
    let timestamp = i64::try_from(now_ms() / 1000).expect("seconds are few");
    let namespaces = vec![Namespace(0)];
    let text = signed_text::monitor(&keys.id(), timestamp, true, &namespaces);
    let signature = keys.ed25519().sign(&text);
    let subscriber = Subscriber::User(keys.ed25519().public());
    Subscription { subscriber, subaccount: None, wants_data: true, namespaces, signature, timestamp }.encode()
}

/// Bencode as JSON: texts as they are, other bytes in hex.
fn readable(value: &bencode::Value) -> Value {
    let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => hex::encode(bytes),
    };
    match value {
        bencode::Value::Bytes(bytes) => text(bytes).into(),
        bencode::Value::List(values) => values.iter().map(readable).collect(),
        bencode::Value::Dict(pairs) => {
            Value::Object(pairs.iter().map(|(key, value)| (text(key), readable(value))).collect())
        }
        number => number.as_integer().and_then(|number| i64::try_from(number).ok()).into(),
    }
}

/// The subscribers of one node, one on each transport, all of the same accounts.
struct Subscribers {
    omq: PythonProcess,
    quic: PythonProcess,
    peer: Peer,
}

impl Subscribers {
    /// Subscribes; each will be told `n_notices` times.
    async fn of(node: &RunningNode, accounts: &[&AccountKeys], n_notices: usize) -> Self {
        let seeds: Vec<_> = accounts.iter().map(|keys| hex::encode(keys.seed())).collect();
        let (seeds, count) = (seeds.join(","), n_notices.to_string());
        let (omq, quic, key) = (node.omq(), node.quic(), node.key());
        let x25519 = key.to_x25519().expect("a node's key converts").to_string();
        let (omq_port, quic_port) = (omq.port().to_string(), quic.port().to_string());
        let words = ["--monitor", &seeds, "--told", &count, "127.0.0.1", &omq_port, &x25519];
        let mut omq = PythonProcess::start("omq_client.py", &words);
        let words = ["127.0.0.1", &quic_port, &key.to_string(), "monitor", &seeds, "1", &count];
        let mut quic = PythonProcess::start("quic_client.py", &words);
        let expected = json!({ "subscribed": vec![json!({ "success": 1 }); accounts.len()] });
        let subscribed = block_in_place(|| [omq.line(), quic.line()]);
        assert_eq!(subscribed, [expected.clone(), expected]);
        Self { omq, quic, peer: Peer::subscribe(node, accounts).await }
    }

    /// What all of them are told next; `names` is what OxenMQ and the others call it.
    async fn next(&mut self, names: [&str; 2]) -> Value {
        let [omq, quic] = block_in_place(|| [self.omq.line(), self.quic.line()]);
        let peer = self.peer.next().await;
        assert_eq!([&omq["name"], &quic["name"], &peer["name"]], [names[0], names[1], names[1]]);
        assert_eq!(omq["body"], quic["body"], "over OxenMQ and QUIC");
        assert_eq!(quic["body"], peer["body"], "over QUIC and libp2p");
        peer["body"].clone()
    }

    async fn message(&mut self) -> Value {
        self.next(["notify.message", "notify"]).await
    }

    async fn finish(self) {
        block_in_place(|| {
            self.omq.finish();
            self.quic.finish();
        });
        self.peer.runtime.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_subscribed_is_told_that_the_account_has_moved_and_of_nothing_after() {
    let authority = Authority::generate();
    let nodes = [(); 2].map(|()| RunningNode::start(&authority.key(), &[]));
    let [here, there] = &nodes;
    authority.list(1, &[(here, HERE), (there, FAR)]);
    here.wait_until_ready().await;
    there.wait_until_ready().await;
    let (moving, staying) = (account_at(MOVING), account_at(STAYING));
    let mut told = Subscribers::of(here, &[&moving, &staying], 3).await;
    assert_eq!(store(here, &moving, "Zmlyc3Q=").await.0, 200);
    let first = told.message().await;
    assert_eq!((&first["@"], &first["~"]), (&json!(moving.id().to_string()), &json!("first")));

    authority.list(2, &[(here, HERE), (there, NEAR)]);

    let ended = told.next(["notify.monitor_ended", "monitor_ended"]).await;
    let (status, refusal) = store(here, &moving, "dG9vIGxhdGU=").await;
    assert_eq!(status, 421, "{refusal}");
    let refusal: Value = serde_json::from_str(&refusal).expect("JSON");
    assert_eq!(refusal["snodes"][0]["pubkey_ed25519"], there.key().to_string());
    assert_eq!(refusal["swarm"], "6000000000000000");
    let expected = json!({
        "@": moving.id().to_string(), "errcode": 6, "error": ended["error"],
        "snodes": refusal["snodes"], "swarm": refusal["swarm"],
    });
    assert_eq!(ended, expected);
    assert!(ended["error"].as_str().is_some_and(|error| !error.is_empty()), "{ended}");

    // The new swarm takes messages as soon as it knows of itself.
    let mut last = (0, String::new());
    for _ in 0..600 {
        last = store(there, &moving, "c2Vjb25k").await;
        if last.0 == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(last.0, 200, "{}", last.1);
    // What is told next is of the account that stayed, stored after.
    assert_eq!(store(here, &staying, "dGhpcmQ=").await.0, 200);
    let third = told.message().await;
    assert_eq!((&third["@"], &third["~"]), (&json!(staying.id().to_string()), &json!("third")));
    told.finish().await;
}
