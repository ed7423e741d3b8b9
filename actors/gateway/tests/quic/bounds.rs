//! What strangers may not do: each bound, and that others do not notice.

use std::time::Duration;

use bytes::Bytes;
use quinn::{ConnectionError, ReadError, StreamId};
use starling_kernel::RateLimit;
use starling_protocol::quic_frame::Message;

use crate::{error, house::House, reply, visitor::Manner};

const BUSY: &str = "503 Service Unavailable\n\nServer busy, try again later";
const TOO_OFTEN: &str = "429 Too Many Requests\n\nToo many requests, try again later";

#[actix_rt::test]
async fn a_framing_error_ends_its_stream_and_no_other() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let mut good = visitor.open().await;
    assert_eq!(good.ask(0, "snode_ping", "").await, reply(0, "pong"));

    for bad in
        ["10000001:", "99999999:l1:C", "123456789:", "x", "0:", "6:l1:Ce\n", "22:d1:Ci0e10:snode_ping0:e"]
    {
        let mut stream = visitor.open().await;
        stream.raw(bad.as_bytes()).await;
        assert_eq!(stream.next().await, None, "{bad}");
        let stopped = stream.outgoing.stopped().await.unwrap();
        assert_eq!(stopped, Some(1_u32.into()), "{bad}");
    }

    assert_eq!(good.ask(1, "snode_ping", "").await, reply(1, "pong"));
    house.close().await;
}

#[actix_rt::test]
async fn a_message_that_does_not_come_to_its_end_ends_its_stream() {
    let house = House::open_with(|config, _| config.message_within = Duration::from_millis(200)).await;
    let visitor = house.visitor().await;
    let (mut first, mut cut, mut late) = (visitor.open().await, visitor.open().await, visitor.open().await);

    late.raw(b"10000000:l1:Ci0e5:store9999900:half").await;
    cut.raw(b"23:l1:Ci0e").await;
    cut.outgoing.finish().unwrap();

    assert_eq!(cut.next().await, None);
    assert_eq!(late.next().await, None);
    assert_eq!(late.outgoing.stopped().await.unwrap(), Some(1_u32.into()));
    assert_eq!(first.ask(0, "snode_ping", "").await, reply(0, "pong"), "a stream at rest has all the time");
    house.close().await;
}

#[actix_rt::test]
async fn the_longest_request_goes_in_and_the_longest_answer_comes_out() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let mut stream = visitor.open().await;

    assert_eq!(stream.ask(0, "store", vec![b'x'; 9_999_900]).await, reply(0, "9999900 bytes"));
    let answer = stream.ask(1, "store", "megabytes").await;

    assert_eq!(answer, Message::Reply { id: 1, body: Bytes::from(vec![b'm'; 8 << 20]) });
    house.close().await;
}

#[actix_rt::test]
async fn a_client_has_thirty_two_streams_and_no_more() {
    let house = House::open().await;
    let visitor = house.visitor().await;
    let mut streams = Vec::new();
    for _ in 0..32 {
        let mut stream = visitor.open().await;
        assert_eq!(stream.ask(0, "snode_ping", "").await, reply(0, "pong"));
        streams.push(stream);
    }
    assert_eq!(streams[31].outgoing.id(), StreamId::new(quinn::Side::Client, quinn::Dir::Bi, 31));

    let further = tokio::time::timeout(Duration::from_millis(200), visitor.connection.open_bi()).await;
    let one_way = tokio::time::timeout(Duration::from_millis(200), visitor.connection.open_uni()).await;

    assert!(further.is_err() && one_way.is_err(), "the server grants no more");
    house.close().await;
}

#[actix_rt::test]
async fn who_asks_too_often_is_told_so_and_onion_requests_are_not_counted() {
    let slow = RateLimit { per_second: 1, burst: 2, callers: 10 };
    let house = House::open_with(|_, rate| *rate = slow).await;
    let (visitor, neighbour) = (house.visitor().await, house.visitor().await);
    let (mut stream, mut other) = (visitor.open().await, neighbour.open().await);

    assert_eq!(stream.ask(0, "store", "1").await, reply(0, "1 bytes"));
    assert_eq!(other.ask(0, "store", "1").await, reply(0, "1 bytes"));
    assert_eq!(stream.ask(1, "store", "1").await, error(1, TOO_OFTEN));
    for id in 2..10 {
        assert_eq!(stream.ask(id, "onion_req", "frame").await, reply(id, "seen:frame"));
        assert_eq!(other.ask(id, "snode_ping", "").await, reply(id, "pong"));
    }
    house.close().await;
}

#[actix_rt::test]
async fn a_connection_with_too_much_under_way_is_read_no_further_and_still_served() {
    let house = House::open_with(|config, _| config.requests_per_connection = 2).await;
    let (visitor, neighbour) = (house.visitor().await, house.visitor().await);
    let mut stream = visitor.open().await;

    stream.command(0, "store", "slow").await;
    house.signals.slow_began.notified().await;
    stream.command(1, "store", "slow").await;
    house.signals.slow_began.notified().await;
    for id in 2..50 {
        stream.command(id, "store", "quick").await;
    }
    assert_eq!(neighbour.open().await.ask(0, "store", "quick").await, reply(0, "5 bytes"));
    let early = tokio::time::timeout(Duration::from_millis(100), stream.incoming.read_chunk(1, true)).await;
    assert!(early.is_err(), "its places are taken");

    // One place becomes free, and the messages behind it go on through that one: which of the two had it is not
    // said.
    house.signals.slow_may_end.notify_one();
    let first = stream.next().await.expect("an answer");
    assert!(first == reply(0, "at last") || first == reply(1, "at last"), "{first:?}");
    house.signals.slow_may_end.notify_one();

    let mut answered = vec![first.id()];
    while answered.len() < 50 {
        answered.push(stream.next().await.expect("an answer").id());
    }
    answered.sort_unstable();
    assert_eq!(answered, (0..50).collect::<Vec<_>>());
    house.close().await;
}

#[actix_rt::test]
async fn with_too_much_under_way_in_all_callers_are_told_to_come_back() {
    let house = House::open_with(|config, _| config.requests = 1).await;
    let (visitor, neighbour) = (house.visitor().await, house.visitor().await);
    let (mut stream, mut other) = (visitor.open().await, neighbour.open().await);

    stream.command(0, "store", "slow").await;
    house.signals.slow_began.notified().await;
    assert_eq!(other.ask(3, "store", "quick").await, error(3, BUSY));
    house.signals.slow_may_end.notify_one();

    assert_eq!(stream.next().await.unwrap(), reply(0, "at last"));
    assert_eq!(stream.ask(1, "store", "quick").await, reply(1, "5 bytes"));
    house.close().await;
}

#[actix_rt::test]
async fn a_message_for_which_no_memory_is_left_is_answered_and_passed_over() {
    let least = bytesize::ByteSize::b(20_020_000);
    let house = House::open_with(|config, _| config.memory = least).await;
    let (visitor, neighbour) = (house.visitor().await, house.visitor().await);
    let (mut hoarder, mut second, mut other) =
        (visitor.open().await, visitor.open().await, neighbour.open().await);

    // Nine tenths of two messages, which are held until the rest comes.
    let command = |id| {
        let body = Bytes::from(vec![b'x'; 9_999_900]);
        Message::Command { id, name: Bytes::from_static(b"store"), body }.encode()
    };
    let (one, two) = (command(0), command(1));
    hoarder.raw(&one[..one.len() - 1]).await;
    second.raw(&two[..two.len() - 1]).await;
    house.memory_is(|bytes| bytes > 20_000_000).await;
    assert_eq!(other.ask(5, "store", vec![b'x'; 1 << 20]).await, error(5, BUSY));
    assert_eq!(other.ask(6, "snode_ping", "").await, reply(6, "pong"), "the rest of it was passed over");

    hoarder.outgoing.reset(0_u32.into()).unwrap();
    second.raw(&two[two.len() - 1..]).await;
    assert_eq!(second.next().await.unwrap(), reply(1, "9999900 bytes"));
    house.memory_is(|bytes| bytes < 1 << 20).await;
    assert_eq!(other.ask(7, "store", vec![b'x'; 1 << 20]).await, reply(7, "1048576 bytes"));
    house.close().await;
}

#[actix_rt::test]
async fn who_does_not_read_is_shown_out_and_nobody_waits_for_him() {
    let house = House::open_with(|config, _| config.write_within = Duration::from_millis(300)).await;
    let lazy = house.try_visit(Manner { window: Some(10_000), ..house.manner() }).await.unwrap();
    let mut unread = lazy.open().await;

    unread.command(0, "store", "megabytes").await;
    let visitor = house.visitor().await;
    assert_eq!(visitor.open().await.ask(0, "store", "quick").await, reply(0, "5 bytes"));

    let ended = lazy.ended().await;
    let ConnectionError::ApplicationClosed(close) = &ended else { panic!("by the server: {ended}") };
    assert_eq!(close.error_code, 1_u32.into());
    let lost = unread.incoming.read_to_end(1 << 24).await;
    assert!(matches!(lost, Err(quinn::ReadToEndError::Read(ReadError::ConnectionLost(_)))), "{lost:?}");
    house.close().await;
}

#[actix_rt::test]
async fn a_subscriber_who_does_not_read_loses_notifications_and_the_link_is_never_waited_for() {
    let mut house = House::open_with(|config, _| config.notices = 4).await;
    let lazy = house.try_visit(Manner { window: Some(10_000), ..house.manner() }).await.unwrap();
    let mut stream = lazy.open().await;
    assert_eq!(stream.ask(0, "monitor", "le").await, reply(0, "d7:successi1ee"));
    let link = house.links.recv().await.unwrap();

    let notice = || starling_contracts::subscriptions::Notice::Message(Bytes::from(vec![b'x'; 1 << 20]));
    let taken = (0..100).filter(|_| link.outlet.try_send(notice()).is_ok()).count();

    assert!((4..100).contains(&taken), "a bounded number waits: {taken}");
    assert!(stream.next().await.is_some(), "what was taken can be read");
    lazy.connection.close(0_u32.into(), b"");
    house.close().await;
}
