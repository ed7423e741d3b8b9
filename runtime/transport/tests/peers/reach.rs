//! Ports, dead peers, wrong keys, wrong addresses.

use std::{
    net::{Ipv4Addr, TcpListener, UdpSocket},
    sync::Arc,
    time::Duration,
};

use starling_contracts::transport::{Error, ListenAddresses, PeerAddress, Protocol};
use starling_kernel::{CallError, Clock, Kernel, Sleep, StartError, SystemClock};
use starling_protocol::peer_wire::encode_swarm_request;
use starling_transport::{Carrier, Config};

use crate::setup::{PATIENCE, call, call_within, client, config, key, listed, node, only};

fn nobody_at(port: u16) -> PeerAddress {
    PeerAddress { ed25519: key(99).public(), ip: Ipv4Addr::LOCALHOST, port }
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[track_caller]
fn check_unreachable(outcome: Result<bytes::Bytes, Error>, reason: &str) {
    match outcome {
        Err(Error::Unreachable(text)) => assert!(text.contains(reason), "{text}"),
        other => panic!("expected unreachable, got {other:?}"),
    }
}

#[tokio::test]
async fn tcp_and_udp_have_one_port() {
    let node = node(1, config()).await;

    assert_ne!(node.port, 0);
    assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, node.port)).is_err());
    assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, node.port)).is_err());
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_key() {
    async fn check(port: u16) {
        let config = Config { port, ..config() };
        let spec = starling_transport::spec(config, Some(key(1)), true);
        let Err(StartError::Fault { fault, .. }) = Kernel::builder().actor(spec).start().await else {
            panic!("the port is taken");
        };
        let text = fault.to_string();
        assert!(text.contains(&port.to_string()) && text.contains("transport.port"), "{text}");
        assert!(text.contains("in use"), "{text}");
    }
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let other = node(2, config()).await;

    check(tcp.local_addr().unwrap().port()).await;
    check(udp.local_addr().unwrap().port()).await;
    check(other.port).await;
}

#[tokio::test]
async fn an_address_of_another_machine_is_named_with_its_key() {
    let config = Config { listen: Ipv4Addr::new(192, 0, 2, 1), ..config() };
    let spec = starling_transport::spec(config, Some(key(1)), true);

    let Err(error) = Kernel::builder().actor(spec).start().await else { panic!("no such address") };

    assert!(error.to_string().contains("set transport.listen"), "{error}");
}

#[tokio::test]
async fn a_dead_peer_is_unreachable_at_once_and_then_left_alone_for_a_while() {
    let client = client().await;
    let dead = nobody_at(free_port());

    let first = call(&client, dead.clone(), Protocol::Ping, b"").await;
    let second = call(&client, dead, Protocol::Ping, b"").await;

    check_unreachable(first, "nothing answered");
    check_unreachable(second, "back-off");
}

#[tokio::test]
async fn a_peer_that_moved_is_tried_at_its_new_address_in_spite_of_the_back_off() {
    let client = client().await;
    let peer = node(1, config()).await;
    let stale = PeerAddress { port: free_port(), ..peer.address() };

    check_unreachable(call(&client, stale.clone(), Protocol::Ping, b"").await, "nothing answered");
    check_unreachable(call(&client, stale.clone(), Protocol::Ping, b"").await, "back-off");
    let found = call(&client, peer.address(), Protocol::Ping, b"here").await;

    assert_eq!(found.unwrap(), "here");
    assert_eq!(call(&client, stale, Protocol::Ping, b"again").await.unwrap(), "again", "is connected by now");
}

#[tokio::test]
async fn another_key_at_the_right_address_is_refused() {
    for carrier in [Carrier::Quic, Carrier::Tcp] {
        let (impostor, asking) = (node(1, only(carrier)).await, node(2, only(carrier)).await);
        let wanted = nobody_at(impostor.port);

        let outcome = call(&asking.kernel, wanted, Protocol::Storage, b"secret").await;

        check_unreachable(outcome, "another key");
    }
}

#[tokio::test]
async fn peers_without_key_or_address_are_refused_without_a_try() {
    let client = client().await;
    let no_port = nobody_at(0);
    let no_point = PeerAddress {
        ed25519: starling_protocol::crypto::ed25519::PublicKey([
            2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]),
        ..nobody_at(1)
    };

    check_unreachable(call(&client, no_port, Protocol::Ping, b"").await, "no libp2p address");
    check_unreachable(call(&client, no_point, Protocol::Ping, b"").await, "no point");
}

#[tokio::test]
async fn a_listed_peer_is_found_through_others_when_its_listed_address_is_wrong() {
    let (asking, moved, helper) = (node(1, config()).await, node(2, config()).await, node(3, config()).await);
    let stale = listed(moved.key, free_port());
    moved.learn(1, vec![asking.listed(), moved.listed(), helper.listed()]).await;
    for node in [&asking, &helper] {
        node.learn(1, vec![asking.listed(), stale.clone(), helper.listed()]).await;
    }
    let wrong = PeerAddress { port: stale.libp2p_port, ..moved.address() };
    // The helper gets to know where the peer is when the peer connects to it; the asking node knows the helper.
    assert_eq!(call(&moved.kernel, helper.address(), Protocol::Ping, b"hi").await.unwrap(), "hi");
    assert_eq!(call(&asking.kernel, helper.address(), Protocol::Ping, b"hi").await.unwrap(), "hi");

    let write = encode_swarm_request("store", b"de");
    let mut found = call(&asking.kernel, wrong.clone(), Protocol::Swarm, &write).await;
    // What peers tell of themselves travels beside the requests, so that the helper may know it a moment later.
    let began = std::time::Instant::now();
    while found.is_err() && began.elapsed() < PATIENCE {
        tokio::task::yield_now().await;
        found = call(&asking.kernel, wrong.clone(), Protocol::Swarm, &write).await;
    }

    assert_eq!(found.unwrap(), "de");
}

#[tokio::test]
async fn a_listener_that_never_says_a_word_is_unreachable_within_the_deadline() {
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let client = client().await;
    let peer = nobody_at(mute.local_addr().unwrap().port());

    let outcome = call_within(&client, peer, Protocol::Ping, b"", Duration::from_millis(700)).await;

    check_unreachable(outcome, "no connection within 700 ms");
}

/// The machine's clock, but whoever wants to sleep for exactly [`FATAL`] panics.
struct BrittleClock(SystemClock);

const FATAL: Duration = Duration::from_millis(12_345);

impl Clock for BrittleClock {
    fn now_ms(&self) -> u64 {
        self.0.now_ms()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        assert_ne!(duration, FATAL, "this is the panic that the test wants");
        self.0.sleep(duration)
    }
}

#[tokio::test]
async fn a_restart_comes_back_at_the_same_port() {
    let kernel = Kernel::builder()
        .clock(Arc::new(BrittleClock(SystemClock::default())))
        .actor(starling_transport::spec(config(), Some(key(1)), true))
        .start()
        .await
        .unwrap();
    let before = kernel.ask(ListenAddresses).await.unwrap();
    let address = PeerAddress { ed25519: key(1).public(), ip: Ipv4Addr::LOCALHOST, port: before.port };

    let panicked = call_within(&kernel, nobody_at(1), Protocol::Ping, b"", FATAL).await;
    let after = kernel.ask(ListenAddresses).await.unwrap();
    let answer = call(&client().await, address, Protocol::Ping, b"hello").await;

    assert!(matches!(panicked, Err(Error::Call(CallError::Panicked { .. }))), "{panicked:?}");
    assert_eq!(kernel.observe().await[0].restarts, 1);
    assert_eq!(after, before);
    assert_eq!(answer.unwrap(), "hello");
}

/// Carries datagrams between one client and a node until it is dropped, as a cable that can be cut.
struct Cable {
    port: u16,
    task: tokio::task::JoinHandle<()>,
}

impl Cable {
    async fn to(node: u16) -> Self {
        let near = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let far = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        far.connect((Ipv4Addr::LOCALHOST, node)).await.unwrap();
        let port = near.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            let (mut there, mut back) = (vec![0; 65536], vec![0; 65536]);
            let mut client = None;
            loop {
                tokio::select! {
                    Ok((count, from)) = near.recv_from(&mut there) => {
                        client = Some(from);
                        let _ = far.send(&there[..count]).await;
                    }
                    Ok(count) = far.recv(&mut back) => {
                        if let Some(client) = client {
                            let _ = near.send_to(&back[..count], client).await;
                        }
                    }
                }
            }
        });
        Self { port, task }
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_given_up_long_before_the_deadline() {
    let quick = Config { dead_after: Duration::from_secs(1), ..only(Carrier::Quic) };
    let (asking, silent) = (node(1, quick).await, node(2, only(Carrier::Quic)).await);
    let cable = Cable::to(silent.port).await;
    let address = PeerAddress { port: cable.port, ..silent.address() };
    assert_eq!(call(&asking.kernel, address.clone(), Protocol::Ping, b"1").await.unwrap(), "1");

    drop(cable);
    let began = std::time::Instant::now();
    let outcome = call(&asking.kernel, address, Protocol::Storage, b"2").await;

    assert!(matches!(outcome, Err(Error::Broken(_))), "{outcome:?}");
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_peer_that_comes_back_is_reached_again() {
    let client = client().await;
    let peer = node(1, config()).await;
    let address = peer.address();
    assert_eq!(call(&client, address.clone(), Protocol::Ping, b"1").await.unwrap(), "1");

    peer.kernel.stop().await;
    drop(peer);
    let gone = call(&client, address.clone(), Protocol::Ping, b"2").await;
    let again = node(1, Config { port: address.port, ..config() }).await;
    let began = std::time::Instant::now();
    let mut back = call(&client, address.clone(), Protocol::Ping, b"3").await;
    while back.is_err() && began.elapsed() < PATIENCE {
        tokio::task::yield_now().await;
        back = call(&client, address.clone(), Protocol::Ping, b"3").await;
    }

    assert!(gone.is_err(), "{gone:?}");
    assert_eq!(back.unwrap(), "3");
    drop(again);
}
