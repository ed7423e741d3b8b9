//! What is sent, what is believed, and what is refused.

use std::time::Duration;

use bytes::Bytes;
use starling_contracts::transport::{Error, HttpsAnswer, PostHttps, Trust};
use starling_kernel::Kernel;

use crate::server::{Answer, Server};

async fn transport() -> Kernel {
    let config = starling_transport::Config::default();
    Kernel::builder().actor(starling_transport::spec(config, None, false)).start().await.unwrap()
}

fn to(server: &Server, trust: Trust) -> PostHttps {
    PostHttps {
        url: server.url("/json_rpc"),
        content_type: Some("application/json"),
        body: Bytes::from_static(b"{}"),
        trust,
        max_answer: 1000,
        deadline: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_post_is_sent_as_clients_send_it_and_its_answer_comes_back() {
    let server = Server::start(Answer::ok("{\"a\":1}")).await;

    let answer = transport().await.ask(to(&server, Trust::AnyCertificate)).await.unwrap();

    let content_type = Some("application/json".to_owned());
    assert_eq!(answer, HttpsAnswer { status: 200, content_type, body: Bytes::from_static(b"{\"a\":1}") });
    let request = server.requests().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("post /json_rpc http/1.1\r\n"), "{request}");
    for header in ["user-agent: whatsapp", "accept-language: en-us", "content-type: application/json"] {
        assert!(request.contains(&format!("\r\n{header}\r\n")), "{request}");
    }
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[tokio::test]
async fn the_pinned_certificate_is_taken_and_any_other_refused() {
    let server = Server::start(Answer::ok("fine")).await;
    let transport = transport().await;
    let right = Trust::Pinned(vec![[1; 32], server.digest]);
    let mut flipped = server.digest;
    flipped[31] ^= 1;

    let taken = transport.ask(to(&server, right)).await;
    let wrong = transport.ask(to(&server, Trust::Pinned(vec![flipped]))).await;
    let none = transport.ask(to(&server, Trust::Pinned(vec![]))).await;

    assert_eq!(taken.unwrap().body, "fine");
    assert_eq!(wrong, Err(Error::WrongCertificate));
    assert_eq!(none, Err(Error::WrongCertificate));
    assert_eq!(server.requests().len(), 1, "nothing is sent to the wrong server");
}

#[tokio::test]
async fn a_certificate_without_its_key_is_refused() {
    let server = Server::start_with_foreign_key(Answer::ok("stolen")).await;

    let outcome = transport().await.ask(to(&server, Trust::Pinned(vec![server.digest]))).await;

    assert!(matches!(outcome, Err(Error::WrongCertificate)), "{outcome:?}");
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let server = Server::start(Answer::ok("fine")).await;
    let transport = transport().await;

    for _ in 0..5 {
        transport.ask(to(&server, Trust::AnyCertificate)).await.unwrap();
    }

    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn plain_http_is_for_servers_without_pins_only() {
    let server = Server::start_plain(Answer::ok("plain")).await;
    let transport = transport().await;

    let plain = transport.ask(to(&server, Trust::AnyCertificate)).await;
    let pinned = transport.ask(to(&server, Trust::Pinned(vec![[0; 32]]))).await;

    assert_eq!(plain.unwrap().body, "plain");
    assert_eq!(pinned, Err(Error::BadAddress));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused_whether_announced_or_not() {
    let transport = transport().await;
    let announced = Server::start(Answer::ok(&"x".repeat(1001))).await;
    let unannounced = Server::start(Answer::endless()).await;
    let longest = Server::start(Answer::ok(&"x".repeat(1000))).await;

    let first = transport.ask(to(&announced, Trust::AnyCertificate)).await;
    let second = transport.ask(to(&unannounced, Trust::AnyCertificate)).await;
    let third = transport.ask(to(&longest, Trust::AnyCertificate)).await;

    assert_eq!(first, Err(Error::TooLarge { what: "answer", size: 1001, limit: 1000 }));
    assert!(matches!(second, Err(Error::TooLarge { what: "answer", limit: 1000, .. })), "{second:?}");
    assert_eq!(third.unwrap().body.len(), 1000);
}

#[tokio::test]
async fn a_redirect_is_an_error_and_not_followed() {
    let elsewhere = Server::start(Answer::ok("elsewhere")).await;
    let server = Server::start(Answer::redirect(&elsewhere.url("/"))).await;

    let outcome = transport().await.ask(to(&server, Trust::AnyCertificate)).await;

    assert_eq!(outcome, Err(Error::Broken("the server sent a redirect".to_owned())));
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn a_server_that_is_slow_is_given_up_at_the_deadline() {
    let transport = transport().await;
    for answer in [Answer::never(), Answer::stuck_in_body()] {
        let server = Server::start(answer).await;
        let post = PostHttps { deadline: Duration::from_millis(300), ..to(&server, Trust::AnyCertificate) };

        assert_eq!(transport.ask(post).await, Err(Error::TimedOut { within_ms: 300 }));
    }
}

#[tokio::test]
async fn what_is_no_server_is_told_apart() {
    let transport = transport().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Server::start(Answer::ok("")).await;
    let post = |url: &str| PostHttps { url: url.to_owned(), ..to(&nobody, Trust::AnyCertificate) };

    let refused = transport.ask(post(&format!("https://{closed}/"))).await;
    let nonsense = transport.ask(post("no url")).await;
    let ftp = transport.ask(post("ftp://127.0.0.1/")).await;

    assert!(matches!(refused, Err(Error::Unreachable(_))), "{refused:?}");
    assert_eq!(nonsense, Err(Error::BadAddress));
    assert_eq!(ftp, Err(Error::BadAddress));
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::start(Answer::cut_short()).await;

    let outcome = transport().await.ask(to(&server, Trust::AnyCertificate)).await;

    assert!(matches!(outcome, Err(Error::Broken(_))), "{outcome:?}");
}
