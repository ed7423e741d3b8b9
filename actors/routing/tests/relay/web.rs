//! Onion requests whose destination is a web server: what it is asked, what is refused, what comes back.

use std::net::IpAddr;

use bytes::Bytes;
use starling_contracts::{
    routing::OnionAnswer,
    transport::{self, PostWeb, Reach, WebAnswer, WebHost},
};
use starling_kernel::CallError;
use starling_protocol::{
    crypto::ed25519,
    onion::{
        Built, Cipher, Destination, ReplyBody,
        build::{Protocol, Server},
        frame::Frame,
        layer::LayerKey,
        parse_node_reply, peel,
    },
    peer_wire::MAX_BODY,
};
use starling_routing::relay::RelayConfig;

use super::{build, hop, key, plain, town::Town};

/// A request for `payload` at a web server, by way of node 1 alone.
fn to_server(host: &str, port: Option<u16>, protocol: Option<Protocol>, target: &str) -> Built {
    let server = Server {
        host: host.to_owned(),
        target: target.to_owned(),
        protocol,
        port,
        x25519: hop(7).x25519,
        payload: b"payload".to_vec(),
    };
    build(&[1], &Destination::Server(server), Cipher::XChaCha20)
}

fn to_host(host: &str) -> Built {
    to_server(host, None, None, "/oxen/v4/lsrpc")
}

async fn town_with(change: impl Fn(&mut RelayConfig)) -> Town {
    let town = Town::build_with(vec![[1; 32]], change).await;
    town.post.web_says(Ok(WebAnswer { status: 200, body: Bytes::from_static(b"\x00sealed\xff") }));
    town
}

/// The answer that a hop sealed with the key of the layer that it opened.
#[track_caller]
fn sealed_by_hop(built: &Built, answer: &OnionAnswer) -> (u16, ReplyBody) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let outer = peel::outer(&built.post_body).expect("a frame");
    let secret = ed25519::SecretKey::from_seed([1; 32]).to_x25519();
    let layer = LayerKey::for_node(outer.cipher, &secret, &outer.ephemeral).expect("a good key");
    let opened =
        starling_protocol::onion::ReplyKey::new(layer).open(&answer.body).expect("sealed by the hop");
    let reply = parse_node_reply(&opened).expect("a node's answer");
    (reply.status, reply.body)
}

#[actix_rt::test]
async fn a_server_gets_the_whole_layer_and_its_answer_comes_back_as_it_is() {
    let town = town_with(|_| {}).await;
    for (protocol, port, expected) in [
        (None, None, (true, 443)),
        (Some(Protocol::Https), Some(8443), (true, 8443)),
        (Some(Protocol::Http), Some(80), (false, 80)),
        (Some(Protocol::Http), None, (false, 443)),
    ] {
        for target in ["/oxen/v4/lsrpc", "/loki/v3/lsrpc"] {
            let built = to_server("Files.Example.", port, protocol, target);
            let answer = town.enter(&key(1), built.post_body).await;

            assert_eq!((answer.status, answer.body.as_ref()), (200, &b"\x00sealed\xff"[..]));
            let [PostWeb { tls, host, port, target: asked, body, reach, max_answer, deadline }] =
                &town.post.posted()[..]
            else {
                panic!("one request for one")
            };
            assert_eq!((*tls, *port), expected);
            assert!(*host == WebHost::Name("files.example".to_owned()));
            assert_eq!((asked.as_str(), *reach, *max_answer), (target, Reach::Public, MAX_BODY));
            assert_eq!(deadline.as_secs(), 25);
            let frame = Frame::parse(body).expect("the layer is a frame");
            let json: serde_json::Value = serde_json::from_slice(frame.json).expect("with its json");
            assert_eq!((&json["method"], &json["host"]), (&"POST".into(), &"Files.Example.".into()));
            let ephemeral = json["ephemeral_key"].as_str().expect("a key").parse().expect("hex");
            let secret = ed25519::SecretKey::from_seed([7; 32]).to_x25519();
            let layer = LayerKey::for_node(Cipher::XChaCha20, &secret, &ephemeral).expect("a good key");
            assert_eq!(layer.open(frame.ciphertext).as_deref(), Some(&b"payload"[..]));
        }
    }
    town.stop().await;
}

#[actix_rt::test]
async fn whatever_status_a_server_answers_goes_back() {
    let town = town_with(|_| {}).await;
    for status in [200, 204, 304, 400, 404, 406, 429, 500, 502, 599] {
        town.post.web_says(Ok(WebAnswer { status, body: Bytes::from_static(b"its own words") }));

        let answer = town.enter(&key(1), to_host("files.example").post_body).await;

        assert_eq!(plain(&answer), (status, "its own words"));
    }
    town.stop().await;
}

#[actix_rt::test]
async fn what_is_no_url_is_told_under_the_seal_of_the_hop() {
    let town = town_with(|config| config.web.enabled = false).await;
    let bad_targets = [
        "/evil",
        "/loki/v3/lsrpc?x",
        "/oxen/v4",
        "/lsrpc",
        "/oxen/../admin",
        "/oxen/v4/lsrpc#",
        "oxen/lsrpc",
    ];
    let bad_hosts = [
        "",
        "a/b",
        "a@b",
        "a:80",
        "a b",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "[127.0.0.1]",
        "[::1%25lo]",
        "a\r\nb",
    ];
    let targets = bad_targets.iter().map(|target| to_server("files.example", None, None, target));
    let hosts = bad_hosts.iter().map(|host| to_host(host));

    for built in targets.chain(hosts) {
        let answer = town.enter(&key(1), built.post_body.clone()).await;
        assert_eq!(sealed_by_hop(&built, &answer), (400, ReplyBody::Text("Invalid url".to_owned())));
    }
    assert!(town.post.posted().is_empty());

    town.stop().await;
}

#[actix_rt::test]
async fn without_the_way_out_every_server_is_refused() {
    let town = town_with(|config| config.web.enabled = false).await;

    let answer = town.enter(&key(1), to_host("files.example").post_body).await;

    assert_eq!(plain(&answer), (502, "This service node does not relay to web servers"));
    assert!(town.post.posted().is_empty());
    town.stop().await;
}

#[actix_rt::test]
async fn the_operator_decides_which_servers_are_asked() {
    let town = town_with(|config| {
        config.web.allow = vec!["*.example".to_owned(), "10.0.0.1".to_owned()];
        config.web.deny = vec!["evil.example".to_owned()];
        config.web.deny_ports = vec![25];
    })
    .await;
    let refused = (502, "This service node does not relay to that web server");

    for host in ["evil.example", "EVIL.example.", "other.org", "10.0.0.2", "[::ffff:10.0.0.2]"] {
        let answer = town.enter(&key(1), to_host(host).post_body).await;
        assert_eq!(plain(&answer), refused, "{host}");
    }
    let built = to_server("files.example", Some(25), None, "/oxen/v4/lsrpc");
    assert_eq!(plain(&town.enter(&key(1), built.post_body).await), refused);
    assert!(town.post.posted().is_empty());

    for host in ["files.example", "[::ffff:10.0.0.1]"] {
        assert_eq!(town.enter(&key(1), to_host(host).post_body).await.status, 200, "{host}");
    }
    let ten: IpAddr = [10, 0, 0, 1].into();
    assert!(town.post.posted()[1].host == WebHost::Address(ten), "the transport judges addresses");
    town.stop().await;
}

#[actix_rt::test]
async fn only_a_private_network_reaches_everywhere() {
    let town = town_with(|config| config.web.private_addresses = true).await;

    town.enter(&key(1), to_host("127.0.0.1").post_body).await;

    assert_eq!(town.post.posted()[0].reach, Reach::Anywhere);
    town.stop().await;
}

#[actix_rt::test]
async fn a_server_that_does_not_answer_is_told_in_the_clear() {
    let town = town_with(|_| {}).await;
    let busy = CallError::Busy { actor: "transport", capacity: 1 };

    for (error, status, text) in [
        (transport::Error::Unreachable(String::new()), 502, "The web server could not be reached"),
        (transport::Error::TimedOut { within_ms: 25_000 }, 504, "The web server did not answer in time"),
        (transport::Error::Redirected, 502, "The web server answered with a redirect"),
        (transport::Error::ForbiddenAddress, 502, "This service node does not relay to that web server"),
        (
            transport::Error::TooLarge { what: "answer", size: 20 << 20, limit: MAX_BODY },
            502,
            "The answer of the web server is too large",
        ),
        (busy.into(), 503, "Next hop congested"),
    ] {
        town.post.web_says(Err(error));
        let answer = town.enter(&key(1), to_host("files.example").post_body).await;
        assert_eq!(plain(&answer), (status, text));
    }
    // The last check of a target is with whoever sends it.
    town.post.web_says(Err(transport::Error::BadAddress));
    let built = to_host("files.example");
    let answer = town.enter(&key(1), built.post_body.clone()).await;
    assert_eq!(sealed_by_hop(&built, &answer), (400, ReplyBody::Text("Invalid url".to_owned())));

    town.stop().await;
}

#[actix_rt::test]
async fn three_hops_and_a_node_that_is_two_of_them_lead_to_a_server_in_any_cipher() {
    let town = Town::build(vec![[1; 32], [2; 32], [3; 32]]).await;
    town.post.web_says(Ok(WebAnswer { status: 200, body: Bytes::from_static(b"sealed") }));

    for path in [&[1, 2, 3][..], &[1, 1, 2], &[3, 2, 3], &[1]] {
        for cipher in [Cipher::XChaCha20, Cipher::AesGcm, Cipher::AesCbc] {
            let server = Server {
                host: "files.example".to_owned(),
                target: "/oxen/v4/lsrpc".to_owned(),
                protocol: None,
                port: None,
                x25519: hop(7).x25519,
                payload: vec![7; 1 << 20],
            };
            let built = build(path, &Destination::Server(server), cipher);
            let answer = town.enter(&key(path[0]), built.post_body).await;
            assert_eq!(plain(&answer), (200, "sealed"), "{path:?} {cipher}");
            assert!(town.post.posted()[0].body.len() > 1 << 20);
        }
    }

    town.stop().await;
}
