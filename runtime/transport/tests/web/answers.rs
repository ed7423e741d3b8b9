//! What is sent, and what comes back or does not.

use std::time::Duration;

use bytes::Bytes;
use starling_contracts::transport::{Error, PostWeb, WebAnswer};
use starling_kernel::Kernel;
use starling_transport::Outside;

use crate::{
    internet::{at, named, post, transport},
    server::{Answer, Server},
};

async fn real() -> Kernel {
    transport(Outside::default(), |_| {}).await
}

fn to(server: &Server) -> PostWeb {
    post(at(&server.address.ip().to_string()), server.address.port())
}

#[tokio::test]
async fn a_request_is_sent_as_nodes_send_it() {
    let server = Server::here(Answer::Echo).await;

    let answer = real().await.ask(to(&server)).await.unwrap();

    assert_eq!(answer, WebAnswer { status: 200, body: Bytes::from_static(b"question") });
    let request = server.requests().remove(0);
    let host = format!("Host: {}", server.address);
    assert_eq!(
        request.head,
        [
            "POST /oxen/v4/lsrpc HTTP/1.1",
            host.as_str(),
            "User-Agent: Oxen Storage Server/2.8.0",
            "Accept: */*",
            "Content-Type: application/octet-stream",
            "Content-Length: 8",
        ]
    );
}

#[tokio::test]
async fn a_name_is_resolved_by_the_system() {
    let server = Server::here(Answer::Echo).await;
    let post = PostWeb { host: named("localhost"), ..to(&server) };

    let answer = real().await.ask(post).await.unwrap();

    assert_eq!(answer.body, "question");
    assert_eq!(server.requests()[0].head[1], format!("Host: localhost:{}", server.address.port()));
}

#[tokio::test]
async fn bodies_of_every_size_go_there_and_come_back() {
    let server = Server::here(Answer::Echo).await;
    let transport = real().await;

    for size in [0, 1, 1 << 20, 9_900_000] {
        let body = Bytes::from(vec![7; size]);
        let answer = transport.ask(PostWeb { body: body.clone(), ..to(&server) }).await.unwrap();
        assert!(answer.body == body, "{size}");
    }

    assert_eq!(server.counts().opened, 4, "each over a connection of its own");
}

#[tokio::test]
async fn whatever_status_a_server_answers_is_told() {
    for (head, status, body) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", 404, "no"),
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", 500, ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""),
        ("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nraw", 200, "raw"),
        ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1", 200, "1"),
    ] {
        let server = Server::here(Answer::raw(head)).await;
        let answer = real().await.ask(to(&server)).await;
        assert_eq!(answer, Ok(WebAnswer { status, body: Bytes::from_static(body.as_bytes()) }), "{head:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_answer() {
    let elsewhere = Server::here(Answer::Echo).await;
    for status in [301, 302, 303, 307, 308] {
        let to_elsewhere = format!(
            "HTTP/1.1 {status} Over There\r\nlocation: http://{}/oxen/v4/lsrpc\r\ncontent-length: 0\r\n\r\n",
            elsewhere.address
        );
        let server = Server::here(Answer::raw(&to_elsewhere)).await;
        assert_eq!(real().await.ask(to(&server)).await, Err(Error::Redirected), "{status}");
    }
    assert_eq!(elsewhere.counts().opened, 0);
}

#[tokio::test]
async fn a_server_that_is_slow_is_given_up_at_the_deadline() {
    let mut server = Server::here(Answer::Never).await;
    let post = PostWeb { deadline: Duration::from_millis(300), ..to(&server) };

    assert_eq!(real().await.ask(post).await, Err(Error::TimedOut { within_ms: 300 }));

    server.until(|counts| counts.closed == 1).await;
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_to_its_end() {
    const LONG: usize = 20 << 20;
    for is_announced in [true, false] {
        let mut server = Server::here(Answer::Long { bytes: LONG, is_announced }).await;

        let outcome = real().await.ask(to(&server)).await;

        let is_expected = matches!(outcome, Err(Error::TooLarge { what: "answer", limit: 10_485_760, .. }));
        assert!(is_expected, "{outcome:?}");
        let counts = server.until(|counts| counts.closed == 1).await;
        assert!(counts.sent < LONG, "what is left is never sent: {counts:?}");
    }
    let longest = Server::here(Answer::Long { bytes: 10 << 20, is_announced: false }).await;
    assert_eq!(real().await.ask(to(&longest)).await.unwrap().body.len(), 10 << 20);
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    let lines = "x-long: 0123456789\r\n".repeat(4000);
    for head in [
        "",
        "no http\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        &format!("HTTP/1.1 200 OK\r\n{lines}\r\n"),
        &format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20)),
    ] {
        let server = Server::here(Answer::raw(head)).await;
        let outcome = real().await.ask(to(&server)).await;
        assert!(matches!(outcome, Err(Error::Broken(_))), "{:?}: {outcome:?}", head.get(..40));
    }
}

#[tokio::test]
async fn what_is_no_server_is_told_apart() {
    let transport = real().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let refused = transport.ask(post(at("127.0.0.1"), closed.port())).await;
    let nameless = transport.ask(post(named("nobody.invalid"), 80)).await;
    let bad = transport.ask(PostWeb { target: "no path".to_owned(), ..post(at("127.0.0.1"), 80) }).await;

    assert!(matches!(refused, Err(Error::Unreachable(_))), "{refused:?}");
    assert_eq!(nameless, Err(Error::UnknownName));
    assert_eq!(bad, Err(Error::BadAddress));
}
