//! The whole way to a web server and back: a client, nodes, a server that opens what is sealed for it. And what nodes refuse.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::{Value, json};
use starling::Runtime;
use starling_contracts::{
    routing::{AskServer, Error},
    transport::{self, FetchWeb, Reach, WebHost, WebMethod},
};
use starling_protocol::{
    crypto::random_bytes,
    onion::{
        Built, Cipher, Destination, Hop,
        build::{CONTROL, Ciphers, Options, Protocol, Server, build_with},
        v4,
    },
    swarm::SwarmId,
};
use starling_tests::{Authority, Devnet, Names, RunningNode, WebServer, insecure_client};

struct Client {
    runtime: Runtime,
    server: WebServer,
    _folder: tempfile::TempDir,
}

impl Client {
    async fn start(devnet: &Devnet, first_hop: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Runtime::builder()
            .config_file(devnet.network())
            .set("runtime.roles", "[\"client\"]")
            .set("gateway.operator", "127.0.0.1:0")
            .set("runtime.data_dir", &format!("{:?}", folder.path().join("client")))
            .set("transport.first_hop", &format!("{first_hop:?}"))
            .start()
            .await
            .expect("the client starts");
        Self { runtime, server: WebServer::start(), _folder: folder }
    }

    async fn ask(&self, target: &str, payload: Vec<u8>) -> Result<Bytes, Error> {
        let ask = AskServer {
            host: self.server.address.ip().to_string(),
            port: self.server.address.port(),
            tls: false,
            target: target.to_owned(),
            x25519: self.server.key,
            payload: payload.into(),
            deadline: Duration::from_secs(60),
        };
        self.runtime.ask(ask).await
    }

    /// Asks for a page without any hop, as plugins do.
    async fn fetch(&self, reach: Reach) -> Result<transport::WebPage, transport::Error> {
        let fetch = FetchWeb {
            tls: false,
            host: WebHost::Address(self.server.address.ip()),
            port: self.server.address.port(),
            method: WebMethod::Post,
            target: WebServer::REDIRECT.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            reach,
            max_answer: 256 << 10,
            deadline: Duration::from_secs(60),
        };
        self.runtime.ask(fetch).await
    }
}

fn v4(endpoint: &str, body: Option<Vec<u8>>) -> Vec<u8> {
    let headers = v4::Headers::default();
    v4::Request { method: "POST".to_owned(), endpoint: endpoint.to_owned(), headers, body }.encode()
}

async fn web_servers_are_reached(first_hop: &str) {
    let devnet = tokio::task::spawn_blocking(|| Devnet::start(7)).await.expect("the network starts");
    let client = Client::start(&devnet, first_hop).await;

    for size in [0, 1, 1 << 20, 9_900_000] {
        let body = vec![7; size];
        let answer = client.ask(WebServer::V4, v4(WebServer::ECHO, Some(body.clone()))).await;
        let answer = v4::Response::decode(&answer.expect("an answer")).expect("a v4 answer");
        assert_eq!(answer.code, 201);
        assert!(answer.body.unwrap_or_default() == body, "{size} bytes over {first_hop}");
    }
    let legacy = json!({ "method": "POST", "endpoint": "x", "headers": {}, "body": "hello" }).to_string();
    let answer = client.ask(WebServer::V3, legacy.into_bytes()).await.expect("an answer");
    let answer: Value = serde_json::from_slice(&answer).expect("a v3 answer");
    assert_eq!(answer, json!({ "status": 200, "body": "hello" }));
    let redirected = client.ask(WebServer::REDIRECT, v4(WebServer::ECHO, None)).await;
    assert_eq!(redirected, Err(Error::Refused { status: 502 }));
    let long = client.ask(WebServer::V4, v4(WebServer::LONG, None)).await;
    assert_eq!(long, Err(Error::Refused { status: 502 }), "no node carries 20 MB back");
    let fetched = client.fetch(Reach::Anywhere).await.expect("a client asks for itself too");
    assert_eq!((fetched.status, fetched.body), (302, Bytes::new()));
    let location = ("location".to_owned(), WebServer::V4.to_owned());
    assert!(fetched.headers.contains(&location), "which is told, not followed");
    assert_eq!(client.fetch(Reach::Public).await, Err(transport::Error::ForbiddenAddress));

    client.runtime.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_reached_over_https_and_three_hops() {
    web_servers_are_reached("https").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_server_is_reached_over_libp2p_and_three_hops() {
    web_servers_are_reached("libp2p").await;
}

/// A node alone in its network, asked without hops before it: what it says arrives as it says it.
struct Exit {
    node: RunningNode,
    server: WebServer,
}

/// What came back: the server's answer if it is sealed for who asked, else what the node said.
#[derive(Debug, PartialEq)]
enum Answer {
    Server { code: u16, body: Vec<u8> },
    Plain { status: u16, text: String },
}

fn plain(status: u16, text: &str) -> Answer {
    Answer::Plain { status, text: text.to_owned() }
}

impl Exit {
    async fn start(assignments: &[&str]) -> Self {
        Self::start_in(assignments, &[]).await
    }

    async fn start_in(assignments: &[&str], environment: &[(&str, PathBuf)]) -> Self {
        let authority = Authority::generate();
        let node = RunningNode::start_in(&authority.key(), assignments, environment);
        authority.list(1, &[(&node, SwarmId(1))]);
        node.wait_until_ready().await;
        Self { node, server: WebServer::start() }
    }

    async fn ask(&self, host: &str, target: &str, endpoint: &str) -> Answer {
        let server = Server {
            host: host.to_owned(),
            target: target.to_owned(),
            protocol: Some(Protocol::Http),
            port: Some(self.server.address.port()),
            x25519: self.server.key,
            payload: v4(endpoint, Some(b"a body".to_vec())),
        };
        let hop = Hop::from_ed25519(self.node.key()).expect("a node's key converts");
        let ciphers = Ciphers::Same(Cipher::XChaCha20);
        let options = Options { ciphers, explicit_enc_type: true, control: CONTROL };
        let built = build_with(&[hop], &Destination::Server(server), &options, &mut random_bytes);
        let Built { post_body, reply_key } = built.expect("a request");
        let url = format!("https://{}/onion_req/v2", self.node.https());
        let answer = insecure_client().post(url).body(post_body).send().await.expect("the node answers");
        let (status, body) = (answer.status().as_u16(), answer.bytes().await.expect("a body"));
        if let Ok(opened) = reply_key.open(&body) {
            let response = v4::Response::decode(&opened).expect("a v4 answer");
            return Answer::Server { code: response.code, body: response.body.unwrap_or_default() };
        }
        Answer::Plain { status, text: String::from_utf8_lossy(&body).into_owned() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_wrong_is_told_with_its_status() {
    let slow = "routing.relay.web.answer_within=\"1s\"";
    let exit = Exit::start(&["routing.relay.web.private_addresses=true", slow]).await;

    let began = Instant::now();
    let slow = exit.ask("127.0.0.1", WebServer::SLOW, WebServer::ECHO).await;
    let took = began.elapsed();

    // Half of a head and a body come in time; what counts is the end.
    assert_eq!(slow, plain(504, "The web server did not answer in time"));
    assert!(took >= Duration::from_secs(1), "it had {took:?}");
    println!("a server that never ends was given up after {took:?}");
    let redirected = exit.ask("127.0.0.1", WebServer::REDIRECT, WebServer::ECHO).await;
    assert_eq!(redirected, plain(502, "The web server answered with a redirect"));
    assert_eq!(exit.server.asked(), 2, "nobody followed it");
    let long = exit.ask("127.0.0.1", WebServer::V4, WebServer::LONG).await;
    assert_eq!(long, plain(502, "The answer of the web server is too large"));
    let echoed = exit.ask("localhost", WebServer::V4, WebServer::ECHO).await;
    assert_eq!(echoed, Answer::Server { code: 201, body: b"a body".to_vec() }, "and the node goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_addresses_of_the_own_machine_are_refused_outside_of_private_networks() {
    let exit = Exit::start(&[]).await;

    // A name says nothing about where it leads: what it resolves to is looked at.
    for host in ["localhost", "LOCALHOST.", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let answer = exit.ask(host, WebServer::V4, WebServer::ECHO).await;
        assert_eq!(answer, plain(502, "This service node does not relay to that web server"), "{host}");
    }
    assert_eq!(exit.server.asked(), 0, "nobody was asked");
}

/// An address of the public internet that nobody has: its block was given back, and no route leads there.
const NOBODYS: &str = "3ffe::1";

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_system_resolves_to_the_own_machine_is_refused_wherever_else_it_leads() {
    let names = Names::new(&[
        ("rebind.test", &["127.0.0.1"]),
        ("mixed.test", &[NOBODYS, "127.0.0.1", "::1"]),
        ("mapped.test", &["::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254"]),
        ("moves.test", &[NOBODYS]),
    ]);
    let quick = "transport.connect_within=\"1s\"";
    let exit = Exit::start_in(&[quick], &names.environment()).await;
    let refused = plain(502, "This service node does not relay to that web server");
    let unreachable = plain(502, "The web server could not be reached");

    assert_eq!(exit.ask("rebind.test", WebServer::V4, WebServer::ECHO).await, refused);
    assert_eq!(exit.ask("mapped.test", WebServer::V4, WebServer::ECHO).await, refused);
    // Only what is public of it is tried.
    assert_eq!(exit.ask("mixed.test", WebServer::V4, WebServer::ECHO).await, unreachable);
    assert_eq!(exit.ask("moves.test", WebServer::V4, WebServer::ECHO).await, unreachable);
    names.set(&[("moves.test", &["127.0.0.1"])]);
    assert_eq!(exit.ask("moves.test", WebServer::V4, WebServer::ECHO).await, refused);

    assert_eq!(exit.server.asked(), 0, "nobody was asked");
    let once_each = ["rebind.test", "mapped.test", "mixed.test", "moves.test", "moves.test"];
    assert_eq!(names.asked(), once_each, "no second lookup that could say something else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_system_resolves_to_the_own_machine_is_asked_in_private_networks() {
    let names = Names::new(&[("rebind.test", &["127.0.0.1"]), ("mixed.test", &[NOBODYS, "127.0.0.1"])]);
    let private = ["routing.relay.web.private_addresses=true", "transport.connect_within=\"1s\""];
    let exit = Exit::start_in(&private, &names.environment()).await;

    for name in ["rebind.test", "mixed.test"] {
        let answer = exit.ask(name, WebServer::V4, WebServer::ECHO).await;
        assert_eq!(answer, Answer::Server { code: 201, body: b"a body".to_vec() }, "{name}");
    }

    assert_eq!(exit.server.asked(), 2);
    assert_eq!(names.asked(), ["rebind.test", "mixed.test"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_operator_switched_it_off_relays_to_nobody() {
    let off = ["routing.relay.web.enabled=false", "routing.relay.web.private_addresses=true"];
    let exit = Exit::start(&off).await;

    let answer = exit.ask("127.0.0.1", WebServer::V4, WebServer::ECHO).await;

    assert_eq!(answer, plain(502, "This service node does not relay to web servers"));
    assert_eq!(exit.server.asked(), 0, "nobody was asked");
}
