//! Subscriptions over libp2p: notices come back over the connection, which is kept for them.

use std::time::Duration;

use bytes::Bytes;
use starling_contracts::{
    subscriptions::{Link, Notice},
    transport::{Error, Protocol, SubscribePeer},
};
use starling_kernel::Kernel;
use starling_protocol::peer_wire::decode_answer;
use starling_transport::{Carrier, Config};
use tokio::sync::mpsc;

use crate::setup::{Node, PATIENCE, call, config, node, only};

const IDLE: Duration = Duration::from_millis(300);

fn message(number: u64) -> Notice {
    Notice::Message(format!("d1:ti{number}ee").into())
}

/// A client with these settings.
async fn client(config: Config) -> Kernel {
    Kernel::builder().actor(starling_transport::spec(config, None, false)).start().await.unwrap()
}

async fn ask(
    from: &Kernel,
    to: &Node,
    request: &'static str,
    notices: &mpsc::Sender<Notice>,
) -> Result<(u16, Vec<u8>), Error> {
    let (peer, notices) = (to.address(), notices.clone());
    let subscribe = SubscribePeer { peer, request: request.into(), notices, deadline: PATIENCE };
    let answer = from.ask(subscribe).await?;
    Ok(decode_answer(&answer).unwrap())
}

/// Subscribes; gives what the node knows of the connection.
async fn subscribe(from: &Kernel, to: &Node, notices: &mpsc::Sender<Notice>) -> Link {
    let success = (200, b"d7:successi1ee".to_vec());
    assert_eq!(ask(from, to, "yes", notices).await, Ok(success));
    to.links.lock().unwrap().pop().unwrap()
}

async fn next(notices: &mut mpsc::Receiver<Notice>) -> Option<Notice> {
    tokio::time::timeout(PATIENCE, notices.recv()).await.expect("a notice, or the end of them")
}

async fn a_subscriber_is_told(carrier: Carrier) {
    let node = node(1, only(carrier)).await;
    let client = client(only(carrier)).await;
    let (outlet, mut notices) = mpsc::channel(8);
    let link = subscribe(&client, &node, &outlet).await;
    let body = Bytes::from([&b"d1:~76800:"[..], &vec![7; 76_800], b"e"].concat());
    let ended = Notice::Ended(Bytes::from_static(b"d1:@1:x7:errcodei6ee"));

    for notice in [message(1), Notice::Message(body.clone()), ended.clone()] {
        link.outlet.send(notice.clone()).await.unwrap();
        assert!(next(&mut notices).await == Some(notice), "as it was sent");
    }
}

#[tokio::test]
async fn a_subscriber_is_told_over_quic() {
    a_subscriber_is_told(Carrier::Quic).await;
}

#[tokio::test]
async fn a_subscriber_is_told_over_tcp() {
    a_subscriber_is_told(Carrier::Tcp).await;
}

#[tokio::test]
async fn three_thousand_notices_reach_a_subscriber_who_reads_and_each_of_its_listeners() {
    let node = node(1, config()).await;
    let client = client(config()).await;
    let (outlet, mut notices) = mpsc::channel(3_000);
    let (second, mut second_notices) = mpsc::channel(3_000);
    let link = subscribe(&client, &node, &outlet).await;
    let again = subscribe(&client, &node, &outlet).await;
    subscribe(&client, &node, &second).await;

    let mut expected = Vec::new();
    let mut heard = Vec::new();
    for round in 0..30 {
        // No more at a time than wait for a subscriber, so that none is lost.
        for number in round * 100..(round + 1) * 100 {
            link.outlet.send(message(number)).await.unwrap();
            expected.push(number);
        }
        for _ in 0..100 {
            let Some(Notice::Message(dict)) = next(&mut notices).await else { panic!("a message is due") };
            let text = String::from_utf8(dict[5..dict.len() - 2].to_vec()).unwrap();
            heard.push(text.parse::<u64>().unwrap());
        }
    }

    heard.sort();
    assert_eq!(heard, expected);
    assert_eq!(link.id, again.id, "one connection is one link");
    assert!(notices.try_recv().is_err(), "who subscribes twice is told once");
    for _ in 0..3_000 {
        assert!(next(&mut second_notices).await.is_some());
    }
}

#[tokio::test]
async fn the_connection_is_kept_while_there_are_subscriptions_and_not_longer() {
    let hasty = || Config { idle_connection: IDLE, ..config() };
    let node = node(1, hasty()).await;
    let client = client(hasty()).await;
    let (outlet, mut notices) = mpsc::channel(8);
    let link = subscribe(&client, &node, &outlet).await;
    drop(outlet);

    // Time in which a connection that is not kept would have been closed, ten times over.
    tokio::time::sleep(10 * IDLE).await;
    link.outlet.send(message(1)).await.unwrap();
    let kept = next(&mut notices).await;
    drop(link);
    let after = next(&mut notices).await;

    assert_eq!(kept, Some(message(1)));
    assert_eq!(after, None, "the channel closes with the connection");
}

#[tokio::test]
async fn a_client_that_stops_listening_lets_the_connection_go() {
    let hasty = || Config { idle_connection: IDLE, ..config() };
    let node = node(1, hasty()).await;
    let client = client(hasty()).await;
    let (outlet, notices) = mpsc::channel(8);
    let link = subscribe(&client, &node, &outlet).await;

    drop((outlet, notices));

    tokio::time::timeout(PATIENCE, link.outlet.closed()).await.expect("the link closes");
}

#[tokio::test]
async fn a_node_that_stops_closes_the_channel_and_one_that_is_back_is_subscribed_anew() {
    let first = node(1, config()).await;
    let client = client(config()).await;
    let (outlet, mut notices) = mpsc::channel(8);
    let old = subscribe(&client, &first, &outlet).await;
    drop(outlet);

    first.kernel.stop().await;
    drop(first);
    assert_eq!(next(&mut notices).await, None);
    let second = node(1, config()).await;
    let (outlet, mut notices) = mpsc::channel(8);
    let new = subscribe(&client, &second, &outlet).await;
    new.outlet.send(message(2)).await.unwrap();

    assert_eq!(next(&mut notices).await, Some(message(2)));
    assert!(old.outlet.is_closed() && old.id != new.id);
}

#[tokio::test]
async fn a_peer_that_did_not_listen_gets_no_second_notice() {
    let node = node(1, config()).await;
    let client = client(config()).await;
    let answer = call(&client, node.address(), Protocol::Monitor, b"yes").await.unwrap();
    let link = node.links.lock().unwrap().pop().unwrap();

    link.outlet.send(message(1)).await.unwrap();
    tokio::time::timeout(PATIENCE, link.outlet.closed()).await.expect("the link closes");

    assert_eq!(decode_answer(&answer), Ok((200, b"d7:successi1ee".to_vec())));
    let uncalled = call(&client, node.address(), Protocol::Notify, b"l6:notifydee").await;
    assert_eq!(uncalled, Err(Error::NotServed { protocol: Protocol::Notify }));
}

#[tokio::test]
async fn a_listener_that_does_not_read_loses_notices_and_stays_subscribed() {
    let node = node(1, config()).await;
    let client = client(config()).await;
    let (slow_outlet, mut slow) = mpsc::channel(1);
    let (quick_outlet, mut quick) = mpsc::channel(100);
    subscribe(&client, &node, &slow_outlet).await;
    let link = subscribe(&client, &node, &quick_outlet).await;

    for number in 0..50 {
        link.outlet.send(message(number)).await.unwrap();
        assert_eq!(next(&mut quick).await, Some(message(number)));
    }
    assert!(next(&mut slow).await.is_some());
    link.outlet.send(message(50)).await.unwrap();

    assert_eq!(next(&mut slow).await, Some(message(50)), "what came between is lost");
}

#[tokio::test]
async fn refusals_come_as_answers_and_nothing_is_kept_for_them() {
    let node = node(1, Config { idle_connection: IDLE, ..config() }).await;
    let client = client(config()).await;
    let (outlet, mut notices) = mpsc::channel(8);

    let not_ready = ask(&client, &node, "not ready", &outlet).await;
    let refused = ask(&client, &node, "no", &outlet).await;
    drop(outlet);

    let text = b"Service node is not ready: not in any swarm\n".to_vec();
    assert_eq!(not_ready, Ok((503, text)));
    assert_eq!(refused, Ok((200, b"d7:errcodei5ee".to_vec())));
    assert_eq!(next(&mut notices).await, None, "the node does not keep the connection");
}

#[tokio::test]
async fn a_process_may_subscribe_at_its_own_node() {
    let node = node(1, config()).await;
    let (outlet, mut notices) = mpsc::channel(8);
    let link = subscribe(&node.kernel, &node, &outlet).await;

    link.outlet.send(message(1)).await.unwrap();

    assert_eq!(next(&mut notices).await, Some(message(1)));
}

#[tokio::test]
async fn who_serves_no_subscriptions_says_so() {
    let key = crate::setup::key(7);
    let spec = starling_transport::spec(config(), Some(std::sync::Arc::clone(&key)), true);
    let kernel = Kernel::builder().actor(spec).start().await.unwrap();
    let port = kernel.ask(starling_contracts::transport::ListenAddresses).await.unwrap().port;
    let client = client(config()).await;
    let (notices, _receiver) = mpsc::channel(8);
    let ip = std::net::Ipv4Addr::LOCALHOST;
    let peer = starling_contracts::transport::PeerAddress { ed25519: key.public(), ip, port };

    let request = Bytes::from_static(b"yes");
    let answer = client.ask(SubscribePeer { peer, request, notices, deadline: PATIENCE }).await;

    assert_eq!(answer, Err(Error::NotServed { protocol: Protocol::Monitor }));
}
