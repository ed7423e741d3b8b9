//! Which addresses are connected to: only such as were checked, and none that a stranger has no business with.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use starling_contracts::{
    node::ServiceNode,
    staking::{NodeList, NodeListChanged},
    transport::{Error, PostWeb, Reach},
};
use starling_kernel::Kernel;
use starling_protocol::{crypto::ed25519, swarm::SwarmId};
use starling_transport::{Config, Roots};

use crate::{
    internet::{Own, Seen, at, named, post, transport},
    server::{Answer, Server},
};

const PUBLIC: &str = "151.101.1.1";
const OTHER: &str = "2a04:4e42::1";

fn public(post: PostWeb) -> PostWeb {
    PostWeb { reach: Reach::Public, ..post }
}

fn seen(lookups: &[&str], connections: &[&str]) -> Seen {
    Seen {
        lookups: lookups.iter().map(|name| (*name).to_owned()).collect(),
        connections: connections.iter().map(|address| address.parse().unwrap()).collect(),
    }
}

#[tokio::test]
async fn a_name_that_moves_to_loopback_after_it_was_checked_is_not_followed_there() {
    let (elsewhere, here) = (Server::elsewhere(Answer::Echo).await, Server::here(Answer::Echo).await);
    let internet = Arc::new(Own::default());
    internet.name("rebinding.example", &[&[PUBLIC], &["127.0.0.1"]]);
    internet.route(PUBLIC, elsewhere.address);
    internet.route("127.0.0.1", here.address);
    let transport = transport(internet.outside(Roots::System), |_| {}).await;
    let ask = || transport.ask(public(post(named("rebinding.example"), 80)));

    let first = ask().await;
    assert_eq!(first.unwrap().body, "question");
    let once = seen(&["rebinding.example"], &["151.101.1.1:80"]);
    assert_eq!(internet.seen(), once, "one lookup, and a connection to what it said");
    let second = ask().await;
    assert_eq!(second, Err(Error::ForbiddenAddress));
    assert_eq!(internet.seen(), seen(&["rebinding.example"], &[]));

    assert_eq!((elsewhere.counts().opened, here.counts().opened), (1, 0));
}

#[tokio::test]
async fn of_several_addresses_only_public_ones_are_tried() {
    let server = Server::elsewhere(Answer::Echo).await;
    let internet = Arc::new(Own::default());
    internet.name("mixed.example", &[&["10.0.0.1", "151.101.1.9", "127.0.0.1", OTHER, "::1"]]);
    internet.route(OTHER, server.address);
    let transport = transport(internet.outside(Roots::System), |_| {}).await;

    let answer = transport.ask(public(post(named("mixed.example"), 8080))).await;

    assert_eq!(answer.unwrap().body, "question");
    let tried = seen(&["mixed.example"], &["151.101.1.9:8080", "[2a04:4e42::1]:8080"]);
    assert_eq!(internet.seen(), tried, "one after the other");
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused_in_every_form() {
    let internet = Arc::new(Own::default());
    let transport = transport(internet.outside(Roots::System), |_| {}).await;
    for address in [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "192.168.1.1",
        "172.20.0.1",
        "169.254.169.254",
        "100.100.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:a00:1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2002:c0a8:101::1",
        "2001:db8::1",
    ] {
        internet.name("private.example", &[&[address]]);
        let literal = transport.ask(public(post(at(address), 80))).await;
        let resolved = transport.ask(public(post(named("private.example"), 80))).await;
        assert_eq!(literal, Err(Error::ForbiddenAddress), "{address}");
        assert_eq!(resolved, Err(Error::ForbiddenAddress), "{address}");
    }
    internet.name("empty.example", &[&[]]);
    assert_eq!(transport.ask(public(post(named("empty.example"), 80))).await, Err(Error::UnknownName));

    assert_eq!(internet.seen().connections, []);
}

#[tokio::test]
async fn localhost_is_refused_when_only_the_internet_may_be_asked() {
    let server = Server::here(Answer::Echo).await;
    let transport = transport(starling_transport::Outside::default(), |_| {}).await;
    let port = server.address.port();

    for host in [named("localhost"), at("127.0.0.1"), at("::ffff:127.0.0.1")] {
        assert_eq!(transport.ask(public(post(host, port))).await, Err(Error::ForbiddenAddress));
    }

    assert_eq!(server.counts().opened, 0);
}

#[tokio::test]
async fn addresses_of_this_node_are_refused() {
    const LISTED: Ipv4Addr = Ipv4Addr::new(151, 101, 1, 3);
    let (server, here) = (Server::elsewhere(Answer::Echo).await, Server::here(Answer::Echo).await);
    let internet = Arc::new(Own::default());
    for address in ["151.101.1.2", "151.101.1.3", "151.101.1.4"] {
        internet.route(address, server.address);
    }
    // Its own as well, but nobody said so.
    internet.route("151.101.1.5", here.address);
    let key = Arc::new(ed25519::SecretKey::from_seed([1; 32]));
    let config = Config {
        listen: Ipv4Addr::LOCALHOST,
        port: 0,
        public_ip: Some(Ipv4Addr::new(151, 101, 1, 2)),
        ..Config::default()
    };
    let outside = internet.outside(Roots::System);
    let spec = starling_transport::spec_with(config, Some(Arc::clone(&key)), true, outside);
    let node = Kernel::builder().actor(spec).start().await.unwrap();
    let list = NodeList::new(1, [20, 0], [0; 32], vec![listed(&key, LISTED)]);
    node.publisher().publish(NodeListChanged { list: Arc::new(list) }).await;
    let ask = |address: &str| node.ask(public(post(at(address), 80)));

    for own in ["151.101.1.2", "151.101.1.3", "::ffff:151.101.1.3"] {
        assert_eq!(ask(own).await, Err(Error::ForbiddenAddress), "{own}");
    }
    assert_eq!(internet.seen().connections, []);
    assert_eq!(ask("151.101.1.5").await, Err(Error::ForbiddenAddress));
    assert_eq!(here.requests(), [], "the connection shows what it is, and nothing is sent");
    assert_eq!(ask("151.101.1.4").await.unwrap().body, "question");
    let anywhere = PostWeb { reach: Reach::Anywhere, ..post(at("151.101.1.2"), 80) };
    assert_eq!(node.ask(anywhere).await.unwrap().body, "question");
}

fn listed(key: &ed25519::SecretKey, public_ip: Ipv4Addr) -> ServiceNode {
    ServiceNode {
        ed25519: key.public(),
        x25519: key.to_x25519().public(),
        legacy: key.public(),
        public_ip,
        storage_port: 1,
        omq_port: 0,
        libp2p_port: 1,
        swarm: SwarmId(1),
        version: [2, 8, 0],
        requested_unlock_height: 0,
    }
}

#[tokio::test]
async fn a_name_that_takes_too_long_costs_no_more_than_the_deadline() {
    let internet = Arc::new(Own::default());
    let transport = transport(internet.outside(Roots::System), |_| {}).await;
    let post = PostWeb { deadline: Duration::from_millis(200), ..post(named("slow.example"), 80) };

    assert_eq!(transport.ask(post).await, Err(Error::TimedOut { within_ms: 200 }));
}
