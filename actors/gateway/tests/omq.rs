//! The OxenMQ door, asked by libzmq's own client; storage and subscriptions are stand-ins that say what they were asked.

#[path = "omq/house.rs"]
mod house;
#[path = "omq/recorded.rs"]
mod recorded;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    sync::atomic::Ordering,
    time::Duration,
};

use bytes::Bytes;
use house::{Client, House, MEBIBYTE, notice};
use starling_contracts::{gateway::OmqAddress, subscriptions::Notice};
use starling_kernel::RateLimit;
use starling_protocol::{
    crypto::x25519,
    omq::{Delivery, MAX_MESSAGE, MAX_PARTS},
};

fn texts(parts: &[Bytes]) -> Vec<&str> {
    parts.iter().map(|part| std::str::from_utf8(part).expect("a text")).collect()
}

#[track_caller]
fn answers(client: &mut Client, command: &str, params: &[u8], expected: &[&str]) {
    let answer = client.ask(command, &[params]);
    assert_eq!(texts(&answer), expected, "{command} {}", String::from_utf8_lossy(params));
}

#[actix_rt::test]
async fn what_the_other_actors_cannot_do_has_a_status_and_a_text() {
    let house = House::open().await;
    let mut client = house.client();

    answers(&mut client, "storage.info", b"", &["nothing was given"]);
    answers(&mut client, "storage.store", b"{}", &["store got 2 bytes"]);
    answers(
        &mut client,
        "storage.info",
        b"not ready",
        &["503", "Service node is not ready: not done syncing\n"],
    );
    answers(&mut client, "storage.info", b"stopping", &["503", "Service node is not ready: shutting down\n"]);
    answers(&mut client, "storage.info", b"busy", &["503", "Server busy, try again later"]);
    answers(&mut client, "storage.info", b"disk", &["500", "request failed"]);
    answers(
        &mut client,
        "monitor.messages",
        b"not ready",
        &["503", "Service node is not ready: not done syncing\n"],
    );
    assert_eq!(texts(&client.ask("storage.info", &[])), ["nothing was given"]);
    assert_eq!(client.ask("storage.active_nodes_bin", &[b"binary"]), [&b"\x00\xff"[..]]);
    assert_eq!(
        texts(&client.ask("storage.info", &[b"{}", b"{}"])),
        ["400", "Invalid request: expected 1 message parts, received 2"]
    );

    house.close().await;
}

#[actix_rt::test]
async fn a_greeting_is_returned_and_a_farewell_closes_the_connection() {
    let house = House::open().await;
    let client = house.client();

    client.greet();
    house.connections(1).await;
    client.socket.send("BYE", 0).expect("sent");
    house.connections(0).await;

    house.close().await;
}

#[actix_rt::test]
async fn who_asks_too_often_is_told_and_subscriptions_are_not_counted() {
    let rate = RateLimit { per_second: 1, burst: 2, callers: 10 };
    let house = House::open_with(|settings| settings.rate = rate).await;
    let (mut client, mut neighbour) = (house.client(), house.client());

    for _ in 0..2 {
        answers(&mut client, "storage.info", b"{}", &["info got 2 bytes"]);
    }
    let refused = ["429", "Too many requests, try again later"];
    answers(&mut client, "storage.info", b"{}", &refused);
    answers(&mut neighbour, "storage.info", b"{}", &refused);
    answers(&mut neighbour, "monitor.messages", b"de", &["d7:successi1ee"]);

    house.close().await;
}

#[actix_rt::test]
async fn clients_come_over_ipv6_too() {
    let listen = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let house = House::open_with(|settings| settings.config.listen = listen).await;
    assert!(house.address.is_ipv6());

    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);

    house.close().await;
}

#[actix_rt::test]
async fn a_client_that_expects_another_server_gets_nothing_and_harms_nobody() {
    let house = House::open().await;
    let mut client = house.client();
    client.greet();

    let stranger = Client::connect(house.address, &x25519::PublicKey([9; 32]));
    stranger.socket.send("HI", 0).expect("queued");
    stranger.socket.set_rcvtimeo(300).expect("a wish");

    assert_eq!(stranger.socket.recv_bytes(0), Err(zmq::Error::EAGAIN));
    answers(&mut client, "storage.info", b"{}", &["info got 2 bytes"]);

    house.close().await;
}

#[actix_rt::test]
async fn the_longest_message_passes_and_a_longer_one_ends_its_connection() {
    let house = House::open().await;
    let (mut client, mut other) = (house.client(), house.client());
    other.greet();

    let longest = vec![b'x'; MAX_MESSAGE - 100];
    let expected = format!("store got {} bytes", longest.len());
    answers(&mut client, "storage.store", &longest, &[&expected]);
    house.connections(2).await;
    client.send("storage.store", &[&vec![b'x'; MAX_MESSAGE + 1]]);

    house.connections(1).await;
    answers(&mut other, "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn too_many_parts_are_refused_and_too_much_in_them_is_not_waited_for() {
    let house = House::open_with(|settings| settings.config.progress_within = Duration::from_secs(1)).await;
    let mut client = house.client();

    let answer = client.ask("storage.info", &[&b"x"[..]; MAX_PARTS - 1]);
    assert_eq!(texts(&answer)[0], "400");
    assert!(texts(&answer)[1].contains("got 17 of"), "{answer:?}");
    answers(&mut client, "storage.info", b"{}", &["info got 2 bytes"]);
    let part = vec![0; MEBIBYTE];
    client.send("storage.info", &[&part[..]; 30]);

    house.connections(0).await;
    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn a_client_that_does_not_read_is_hung_up_on() {
    let house = House::open_with(|settings| {
        settings.config.unread = bytesize::ByteSize::mib(12);
        settings.config.max_requests_per_connection = 1000;
    })
    .await;
    let mut lazy = Client::connect_with(house.address, &house.server, |socket| {
        socket.set_rcvhwm(1).expect("a wish");
        socket.set_rcvbuf(4096).expect("a wish");
    });

    for _ in 0..40 {
        lazy.send("storage.retrieve", &[b"large"]);
    }

    house.connections(0).await;
    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn a_busy_house_says_so_and_recovers() {
    let house = House::open_with(|settings| settings.config.max_requests_per_connection = 1).await;
    let (mut client, mut other) = (house.client(), house.client());

    let slow = client.send("storage.info", &[b"slow"]);
    house.stage.slow_began.notified().await;
    let refused = client.ask("storage.info", &[b"{}"]);
    assert_eq!(texts(&refused), ["503", "Server busy, try again later"]);
    answers(&mut other, "storage.info", b"{}", &["info got 2 bytes"]);
    house.stage.slow_may_end.notify_one();

    let data = vec![Bytes::from_static(b"at last")];
    assert_eq!(client.receive(), Delivery::Reply { tag: slow, data });
    answers(&mut client, "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn notices_reach_the_connection_that_subscribed_until_it_is_gone() {
    let house = House::open().await;
    let (mut client, mut other) = (house.client(), house.client());

    answers(&mut client, "monitor.messages", b"de", &["d7:successi1ee"]);
    let link = house.link();
    answers(&mut client, "monitor.messages", b"le", &["d7:successi1ee"]);
    assert_eq!(house.link().id, link.id, "a connection has one link");
    answers(&mut other, "monitor.messages", b"de", &["d7:successi1ee"]);
    let others = house.link();
    assert_ne!(others.id, link.id);

    link.outlet.send(notice(b"d1:h1:1e")).await.expect("the link is open");
    link.outlet.send(Notice::Ended(Bytes::from_static(b"d1:h1:2e"))).await.expect("the link is open");
    for (name, body) in [("notify.message", "d1:h1:1e"), ("notify.monitor_ended", "d1:h1:2e")] {
        let (name, data) = (Bytes::from(name), vec![Bytes::from(body)]);
        assert_eq!(client.receive(), Delivery::Command { name, data });
    }
    drop(client);

    link.outlet.closed().await;
    others.outlet.send(notice(b"d1:h1:3e")).await.expect("the other link is open");
    assert!(matches!(other.receive(), Delivery::Command { .. }));
    house.close().await;
}

#[actix_rt::test]
async fn a_subscriber_who_does_not_read_loses_notices_and_holds_nobody_up() {
    let house = House::open_with(|settings| settings.config.unread = bytesize::ByteSize::mib(12)).await;
    let mut lazy = Client::connect_with(house.address, &house.server, |socket| {
        socket.set_rcvhwm(1).expect("a wish");
        socket.set_rcvbuf(4096).expect("a wish");
    });
    answers(&mut lazy, "monitor.messages", b"de", &["d7:successi1ee"]);
    let link = house.link();

    // Four times what may be left unread; every one is taken, for none is waited for.
    for _ in 0..48 {
        let body = Bytes::from(vec![0; MEBIBYTE]);
        link.outlet.send(Notice::Message(body)).await.expect("the link is open");
    }

    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn a_restart_keeps_the_port_and_closes_every_link() {
    let house = House::open().await;
    let (mut client, mut breaker) = (house.client(), house.client());
    answers(&mut client, "monitor.messages", b"de", &["d7:successi1ee"]);
    let link = house.link();

    house.stage.break_entropy.store(true, Ordering::SeqCst);
    breaker.send("monitor.messages", &[b"de"]);
    link.outlet.closed().await;

    assert_eq!(house.kernel.ask(OmqAddress).await, Ok(house.address));
    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn a_stop_answers_what_was_accepted() {
    let house = House::open().await;
    let mut client = house.client();
    let tag = client.send("storage.info", &[b"slow"]);
    house.stage.slow_began.notified().await;

    let kernel = house.kernel.clone();
    let stopping = actix_rt::spawn(async move { kernel.stop().await });
    let mut other = house.client();
    while texts(&other.ask("storage.info", &[b"{}"]))[0] != "503" {
        tokio::task::yield_now().await;
    }
    house.stage.slow_may_end.notify_one();

    assert!(stopping.await.expect("the stop ends").is_empty(), "nobody had to be killed");
    assert_eq!(client.receive(), Delivery::Reply { tag, data: vec![Bytes::from_static(b"at last")] });
}

#[actix_rt::test]
async fn an_address_has_so_many_connections() {
    let house = House::open_with(|settings| settings.config.max_connections_per_address = 2).await;
    let mut clients = [house.client(), house.client()];
    for client in &clients {
        client.greet();
    }

    let mut third = TcpStream::connect(house.address).expect("accepted, for a moment");
    third.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    assert!(matches!(third.read(&mut [0; 64]), Ok(0) | Err(_)), "nothing is said to one too many");
    for client in &mut clients {
        answers(client, "storage.info", b"{}", &["info got 2 bytes"]);
    }

    house.close().await;
}

#[actix_rt::test]
async fn who_only_connects_or_talks_nonsense_is_sent_away() {
    let house = House::open_with(|settings| settings.config.idle_within = Duration::from_millis(300)).await;

    let silent = TcpStream::connect(house.address).expect("accepted");
    let mut loud = TcpStream::connect(house.address).expect("accepted");
    // It may be sent away before it has said everything.
    let _ = loud.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let _ = loud.write_all(&[0xff; 200]);
    for mut stream in [silent, loud] {
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let mut greeting = Vec::new();
        // A reset is as good an end as a close.
        let ended = stream.read_to_end(&mut greeting);
        assert!(!ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "still open");
    }

    house.connections(0).await;
    answers(&mut house.client(), "storage.info", b"{}", &["info got 2 bytes"]);
    house.close().await;
}

#[actix_rt::test]
async fn a_taken_port_is_named_with_its_key() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address");

    let error = House::try_open(|settings| settings.config.listen = taken).await.err().expect("must fail");

    let error = format!("{error:?} {error}");
    assert!(error.contains(&taken.to_string()) && error.contains("gateway.omq.listen"), "{error}");
}

#[actix_rt::test]
async fn any_port_means_the_number_of_the_quic_door_if_that_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let quic = holder.local_addr().expect("an address");

    let beside = House::open_with(|settings| settings.quic = quic).await;
    assert_ne!(beside.address.port(), quic.port(), "the number is taken");
    beside.close().await;
    drop(holder);
    let house = House::open_with(|settings| settings.quic = quic).await;

    assert_eq!(house.address.port(), quic.port());
    house.close().await;
}
