//! What is served to whom, and in which form.

use starling_contracts::transport::{Error, FROM_CLIENT, FROM_NODE, ListenAddresses, Protocol};
use starling_protocol::peer_wire::{SwarmAnswer, decode_answer, encode_swarm_request};
use starling_transport::{Carrier, Config};

use crate::setup::{Node, call, client, config, key, node, only};

const MIB: usize = 1 << 20;

async fn listed_pair(config: Config) -> (Node, Node) {
    let (one, two) = (node(1, config.clone()).await, node(2, config).await);
    for node in [&one, &two] {
        node.learn(1, vec![one.listed(), two.listed()]).await;
    }
    (one, two)
}

async fn every_protocol_works(carrier: Carrier) {
    let (one, two) = listed_pair(only(carrier)).await;
    let (from, to) = (&one.kernel, two.address());

    let ping = call(from, to.clone(), Protocol::Ping, b"hello").await.unwrap();
    let rpc = call(from, to.clone(), Protocol::Storage, b"an envelope").await.unwrap();
    let entered =
        call(from, to.clone(), Protocol::Onion, &[&[FROM_CLIENT][..], b"frame"].concat()).await.unwrap();
    let relayed = call(from, to.clone(), Protocol::Onion, &[FROM_NODE, b'd', b'e']).await.unwrap();
    let applied =
        call(from, to.clone(), Protocol::Swarm, &encode_swarm_request("store", b"d1:ai1ee")).await.unwrap();
    let refused = call(from, to, Protocol::Swarm, &encode_swarm_request("refuse", b"de")).await.unwrap();

    assert_eq!(ping, "hello");
    assert_eq!(decode_answer(&rpc), Ok((200, b"an envelope".to_vec())));
    assert_eq!(decode_answer(&entered), Ok((418, b"frame".to_vec())));
    assert_eq!(
        decode_answer(&relayed),
        Ok((200, one.key.to_string().into_bytes())),
        "names who passes it on"
    );
    assert_eq!(SwarmAnswer::decode(&applied), Ok(SwarmAnswer::Done(b"d1:ai1ee".to_vec())));
    let reason = "no".to_owned();
    assert_eq!(SwarmAnswer::decode(&refused), Ok(SwarmAnswer::Refused { code: 421, reason }));
}

#[tokio::test]
async fn every_protocol_works_over_quic() {
    every_protocol_works(Carrier::Quic).await;
}

#[tokio::test]
async fn every_protocol_works_over_tcp() {
    every_protocol_works(Carrier::Tcp).await;
}

#[tokio::test]
async fn the_longest_bodies_pass_and_longer_ones_do_not() {
    let (one, two) = listed_pair(config()).await;
    let longest = vec![7; 10 * MIB];

    let answer = call(&one.kernel, two.address(), Protocol::Storage, &longest).await.unwrap();
    let too_long = call(&one.kernel, two.address(), Protocol::Storage, &vec![7; 10 * MIB + 1]).await;
    let too_long_a_ping = call(&one.kernel, two.address(), Protocol::Ping, &[0; 65]).await;
    let too_long_an_answer = call(&one.kernel, two.address(), Protocol::Storage, b"too long").await;
    let afterwards = call(&one.kernel, two.address(), Protocol::Ping, b"hello").await.unwrap();

    assert_eq!(decode_answer(&answer), Ok((200, longest)));
    let size = 10 * MIB + 1;
    assert_eq!(too_long, Err(Error::TooLarge { what: "request", size, limit: 10 * MIB }));
    assert_eq!(too_long_a_ping, Err(Error::TooLarge { what: "request", size: 65, limit: 64 }));
    assert_eq!(decode_answer(&too_long_an_answer.unwrap()), Ok((500, b"response too large".to_vec())));
    assert_eq!(afterwards, "hello");
}

#[tokio::test]
async fn clients_are_served_but_not_as_nodes() {
    let node = node(1, config()).await;
    node.learn(1, vec![node.listed()]).await;
    let client = client().await;
    let enter = [&[FROM_CLIENT][..], b"frame"].concat();

    let entered = call(&client, node.address(), Protocol::Onion, &enter).await.unwrap();
    let rpc = call(&client, node.address(), Protocol::Storage, b"json").await.unwrap();
    let relayed = call(&client, node.address(), Protocol::Onion, &[FROM_NODE]).await;
    let applied = call(&client, node.address(), Protocol::Swarm, b"l1:adee").await;

    assert_eq!(decode_answer(&entered), Ok((418, b"frame".to_vec())));
    assert_eq!(decode_answer(&rpc), Ok((200, br#"{"t":1}"#.to_vec())));
    assert_eq!(relayed, Err(Error::NotServed { protocol: Protocol::Onion }));
    assert_eq!(applied, Err(Error::NotServed { protocol: Protocol::Swarm }));
}

#[tokio::test]
async fn a_node_that_is_not_listed_is_refused_until_it_is() {
    let (known, unknown) = (node(1, config()).await, node(2, config()).await);
    let both = vec![known.listed(), unknown.listed()];
    known.learn(1, vec![known.listed()]).await;
    unknown.learn(1, both.clone()).await;
    let write = encode_swarm_request("store", b"de");
    let (from, to) = (&unknown.kernel, known.address());

    let applied = call(from, to.clone(), Protocol::Swarm, &write).await;
    let relayed = call(from, to.clone(), Protocol::Onion, &[FROM_NODE]).await;
    known.learn(2, both).await;
    let mut later = call(from, to.clone(), Protocol::Swarm, &write).await;
    // The old connection is closed by the other side when the list changes; a call that met it is told so.
    while matches!(later, Err(Error::Broken(_) | Error::NotServed { .. })) {
        later = call(from, to.clone(), Protocol::Swarm, &write).await;
    }

    assert_eq!(applied, Err(Error::NotServed { protocol: Protocol::Swarm }));
    assert_eq!(relayed, Err(Error::NotServed { protocol: Protocol::Onion }));
    assert_eq!(later.unwrap(), "de");
}

#[tokio::test]
async fn what_cannot_be_served_now_is_answered_in_the_texts_of_the_network() {
    let (one, two) = listed_pair(config()).await;
    let own = two.key.to_string();
    let cases: [(Protocol, &[u8], u16, String); 5] = [
        (Protocol::Storage, b"busy", 503, "Server busy, try again later".to_owned()),
        (Protocol::Storage, b"not ready", 503, "Service node is not ready: not done syncing\n".to_owned()),
        (Protocol::Onion, b"\0busy", 503, "Server busy, try again later".to_owned()),
        (Protocol::Onion, b"\0not ready", 503, format!("Snode not ready: {own}")),
        (
            Protocol::Onion,
            b"\x09",
            400,
            "Error parsing onion request: neither from a client nor from a node".to_owned(),
        ),
    ];
    for (protocol, request, status, text) in cases {
        let answer = call(&one.kernel, two.address(), protocol, request).await.unwrap();

        assert_eq!(decode_answer(&answer), Ok((status, text.into_bytes())));
    }
    let answer = call(&one.kernel, two.address(), Protocol::Swarm, b"nonsense").await.unwrap();
    assert!(matches!(SwarmAnswer::decode(&answer), Ok(SwarmAnswer::Refused { code: 400, .. })));
}

#[tokio::test]
async fn a_node_may_ask_itself() {
    let node = node(1, config()).await;

    let answer = call(&node.kernel, node.address(), Protocol::Onion, &[FROM_NODE]).await.unwrap();

    assert_eq!(decode_answer(&answer), Ok((200, key(1).public().to_string().into_bytes())));
}

#[tokio::test]
async fn a_client_listens_nowhere_and_a_node_says_where_it_does() {
    let node = node(1, config()).await;

    let there = node.kernel.ask(ListenAddresses).await.unwrap();
    let nowhere = client().await.ask(ListenAddresses).await.unwrap();

    let (port, id) = (there.port, &there.peer_id);
    assert_eq!(
        there.addresses,
        [
            format!("/ip4/127.0.0.1/udp/{port}/quic-v1/p2p/{id}"),
            format!("/ip4/127.0.0.1/tcp/{port}/p2p/{id}")
        ]
    );
    assert_eq!((nowhere.port, nowhere.addresses), (0, vec![]));
}
