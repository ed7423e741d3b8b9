//! What a plugin asks, and what it is answered or is not.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rustls::version::TLS13;
use starling_contracts::transport::{Error, FetchWeb, Reach, WebMethod, WebPage};
use starling_kernel::Kernel;
use starling_transport::{Outside, Roots};

use crate::{
    internet::{Own, at, fetch, named, transport},
    server::{Answer, Server},
};

async fn real() -> Kernel {
    transport(Outside::default(), |_| {}).await
}

fn to(server: &Server) -> FetchWeb {
    fetch(at(&server.address.ip().to_string()), server.address.port())
}

fn own(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

async fn answer_to(method: WebMethod, raw: &str) -> Result<WebPage, Error> {
    let server = Server::here(Answer::raw(raw)).await;
    real().await.ask(FetchWeb { method, ..to(&server) }).await
}

#[tokio::test]
async fn a_request_says_what_is_given_and_where_it_comes_from() {
    let server = Server::here(Answer::Echo).await;
    let transport = real().await;

    let page = transport.ask(to(&server)).await.unwrap();
    let headers = own(&[("User-Agent", "mine"), ("ACCEPT", "text/plain"), ("x-a", "1"), ("x-a", "2")]);
    let post = FetchWeb { method: WebMethod::Post, headers, body: "question".into(), ..to(&server) };
    let echoed = transport.ask(post).await.unwrap();

    assert_eq!((page.status, page.body), (200, Bytes::new()));
    assert_eq!(echoed.body, "question");
    let (host, version) = (format!("Host: {}", server.address), env!("CARGO_PKG_VERSION"));
    let agent = format!("User-Agent: starling/{version}");
    let requests = server.requests();
    assert_eq!(requests[0].head, ["GET /page?of=1 HTTP/1.1", &host, &agent, "Accept: */*"]);
    let mut given = requests[1].head.clone();
    given.sort_unstable();
    let expected = [
        "Accept: text/plain",
        "Content-Length: 8",
        &host,
        "POST /page?of=1 HTTP/1.1",
        "User-Agent: mine",
        "X-A: 1",
        "X-A: 2",
    ];
    assert_eq!(given, expected);
}

#[tokio::test]
async fn every_method_is_sent_by_its_name_with_its_body() {
    let server = Server::here(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let transport = real().await;

    for method in WebMethod::ALL {
        for body in [&b""[..], b"question"] {
            let fetch = FetchWeb { method, body: Bytes::from_static(body), ..to(&server) };
            assert_eq!(transport.ask(fetch).await.unwrap().status, 200, "{method:?}");
            let request = server.requests().pop().unwrap();
            assert_eq!(request.head[0], format!("{} /page?of=1 HTTP/1.1", method.name()));
            assert_eq!(request.body, body, "{method:?}");
            let is_framed = request.head.contains(&format!("Content-Length: {}", body.len()));
            let takes_a_body = matches!(method, WebMethod::Post | WebMethod::Put | WebMethod::Patch);
            assert_eq!(is_framed, takes_a_body || !body.is_empty(), "{method:?}");
        }
    }

    assert_eq!(server.counts().opened, 12, "each over a connection of its own");
}

#[tokio::test]
async fn headers_of_an_answer_are_told_as_text() {
    let mut head =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n".to_vec();
    head.extend_from_slice("X-Utf8: z\u{fc}rich\r\n".as_bytes());
    head.extend_from_slice(
        b"x-other: z\xfcrich\r\nx-empty:\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nraw",
    );
    let server = Server::here(Answer::Raw(head)).await;

    let WebPage { status, mut headers, body } = real().await.ask(to(&server)).await.unwrap();

    headers.sort_unstable();
    let expected = own(&[
        ("content-encoding", "gzip"),
        ("content-length", "3"),
        ("content-type", "text/plain"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-empty", ""),
        ("x-other", "z\u{fffd}rich"),
        ("x-utf8", "z\u{fc}rich"),
    ]);
    assert_eq!(headers, expected);
    assert_eq!((status, body), (200, Bytes::from_static(b"raw")), "and the body as it came");
}

#[tokio::test]
async fn whatever_status_a_server_answers_is_an_answer() {
    use WebMethod::{Delete, Get, Head};
    for (method, raw, status, body) in [
        (Get, "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", 404, "no"),
        (Delete, "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", 500, ""),
        (Delete, "HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        (Get, "HTTP/1.1 204 No Content\r\ncontent-length: 9\r\n\r\n", 204, ""),
        (Get, "HTTP/1.1 304 Not Modified\r\ncontent-length: 999999999\r\n\r\n", 304, ""),
        (Head, "HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n", 200, ""),
        (Head, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200, ""),
        (
            Get,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx: y\r\n\r\n",
            200,
            "abcde",
        ),
        (Get, "HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"),
        (
            Get,
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1",
            200,
            "1",
        ),
        (Get, "HTTP/1.1 999 Whatever\r\ncontent-length: 0\r\n\r\n", 999, ""),
    ] {
        let page = answer_to(method, raw).await.unwrap();
        assert_eq!((page.status, page.body), (status, Bytes::from_static(body.as_bytes())), "{raw:?}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let elsewhere = Server::here(Answer::Echo).await;
    let location = format!("http://{}/", elsewhere.address);
    for status in [300, 301, 302, 303, 307, 308] {
        let raw =
            format!("HTTP/1.1 {status} Over There\r\nlocation: {location}\r\ncontent-length: 5\r\n\r\nthere");
        let page = answer_to(WebMethod::Get, &raw).await.unwrap();
        assert_eq!((page.status, page.body), (status, Bytes::from_static(b"there")));
        assert!(page.headers.contains(&("location".to_owned(), location.clone())), "{status}");
    }

    assert_eq!(elsewhere.counts().opened, 0);
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    for raw in [
        "",
        "no http\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    ] {
        let outcome = answer_to(WebMethod::Get, raw).await;
        assert!(matches!(outcome, Err(Error::Broken(_))), "{raw:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn headers_that_belong_to_the_connection_are_refused_and_nobody_is_asked() {
    let server = Server::here(Answer::Echo).await;
    let transport = real().await;

    for name in ["Host", "content-length", "Transfer-Encoding", "connection", "Proxy-Authorization", "a\r\nb"]
    {
        let fetch = FetchWeb { headers: own(&[("x-ok", "1"), (name, "a secret")]), ..to(&server) };
        let error = transport.ask(fetch).await.unwrap_err();
        assert!(matches!(&error, Error::BadHeader { name: told, .. } if told == name), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let split = own(&[("x-key", "a secret\r\nhost: other")]);
    let error = transport.ask(FetchWeb { headers: split, ..to(&server) }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the header \"x-key\" cannot be sent: expected a value without control characters"
    );
    let target = "/ HTTP/1.1\r\nx: y".to_owned();
    assert_eq!(transport.ask(FetchWeb { target, ..to(&server) }).await, Err(Error::BadAddress));

    assert_eq!(server.counts().opened, 0);
}

#[tokio::test]
async fn the_own_machine_is_asked_only_where_anywhere_may_be() {
    let server = Server::here(Answer::Echo).await;
    let transport = real().await;
    let port = server.address.port();

    for host in [named("localhost"), at("127.0.0.1"), at("::ffff:127.0.0.1")] {
        let fetch = FetchWeb { reach: Reach::Public, ..fetch(host, port) };
        assert_eq!(transport.ask(fetch).await, Err(Error::ForbiddenAddress));
    }
    assert_eq!(server.counts().opened, 0);
    for host in [named("localhost"), at("127.0.0.1")] {
        assert_eq!(transport.ask(fetch(host, port)).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_name_that_moves_to_loopback_after_it_was_checked_is_not_followed_there() {
    let (elsewhere, here) = (Server::elsewhere(Answer::Echo).await, Server::here(Answer::Echo).await);
    let internet = Arc::new(Own::default());
    internet
        .name("rebinding.example", &[&["151.101.1.1"], &["127.0.0.1"], &["10.0.0.1", "151.101.1.1", "::1"]]);
    internet.route("151.101.1.1", elsewhere.address);
    internet.route("127.0.0.1", here.address);
    let transport = transport(internet.outside(Roots::System), |_| {}).await;
    let ask = || {
        let fetch = fetch(named("rebinding.example"), 80);
        transport.ask(FetchWeb { reach: Reach::Public, ..fetch })
    };

    assert_eq!(ask().await.unwrap().status, 200);
    let first = internet.seen();
    assert_eq!(first.lookups.len(), 1, "what was looked up is what is connected to");
    assert_eq!(ask().await, Err(Error::ForbiddenAddress));
    assert_eq!(internet.seen().connections, []);
    assert_eq!(ask().await.unwrap().status, 200);
    assert_eq!(internet.seen().connections, first.connections, "of several, only what is public");

    assert_eq!(here.counts().opened, 0);
}

#[tokio::test]
async fn a_certificate_has_to_be_trusted_and_for_the_name() {
    let server = Server::secure(&["files.example"], &[&TLS13], Answer::Echo).await;
    let internet = Arc::new(Own::default());
    for name in ["files.example", "other.example"] {
        internet.name(name, &[&["151.101.1.1"]]);
    }
    internet.route("151.101.1.1", server.address);
    let trusted = internet.outside(Roots::Only(vec![server.certificate.clone()]));
    let (trusting, system) =
        (transport(trusted, |_| {}).await, transport(internet.outside(Roots::System), |_| {}).await);
    let secure = |name| FetchWeb { tls: true, reach: Reach::Public, ..fetch(named(name), 443) };

    assert_eq!(system.ask(secure("files.example")).await, Err(Error::Untrusted));
    assert_eq!(trusting.ask(secure("other.example")).await, Err(Error::Untrusted));
    assert_eq!(server.requests(), [], "nothing is sent before");
    assert_eq!(trusting.ask(secure("files.example")).await.unwrap().status, 200);
    assert_eq!(server.requests()[0].head[1], "Host: files.example");
}

#[tokio::test]
async fn a_server_that_is_slow_is_given_up_at_the_deadline() {
    let mut server = Server::here(Answer::Never).await;
    let fetch = FetchWeb { deadline: Duration::from_millis(300), ..to(&server) };

    assert_eq!(real().await.ask(fetch).await, Err(Error::TimedOut { within_ms: 300 }));

    server.until(|counts| counts.closed == 1).await;
}
