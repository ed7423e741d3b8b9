//! Servers with TLS: what their certificates have to be.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use starling_contracts::transport::{Error, PostWeb, Reach};
use starling_transport::Roots;

use crate::{
    internet::{Own, named, post, transport},
    server::{Answer, Server},
};

const PUBLIC: &str = "151.101.1.1";

fn secure(name: &str, port: u16) -> PostWeb {
    PostWeb { tls: true, reach: Reach::Public, ..post(named(name), port) }
}

fn internet(server: &Server) -> Arc<Own> {
    let internet = Arc::new(Own::default());
    internet.name("files.example", &[&[PUBLIC]]);
    internet.name("other.example", &[&[PUBLIC]]);
    internet.route(PUBLIC, server.address);
    internet
}

#[tokio::test]
async fn a_trusted_certificate_for_the_name_is_taken_with_either_version() {
    for versions in [&[&TLS12][..], &[&TLS13], &[&TLS12, &TLS13]] {
        let server = Server::secure(&["files.example"], versions, Answer::Echo).await;
        let roots = Roots::Only(vec![server.certificate.clone()]);
        let transport = transport(internet(&server).outside(roots), |_| {}).await;

        let answer = transport.ask(secure("files.example", 443)).await;

        assert_eq!(answer.unwrap().body, "question");
        assert_eq!(server.requests()[0].head[1], "Host: files.example", "443 is implied");
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_or_not_for_the_name_is_refused_before_anything_is_sent() {
    let server = Server::secure(&["files.example"], &[&TLS13], Answer::Echo).await;
    let stranger = Server::secure(&["files.example"], &[&TLS13], Answer::Echo).await;
    let trusted = Roots::Only(vec![server.certificate.clone()]);
    let right = transport(internet(&server).outside(trusted), |_| {}).await;
    let wrong = Roots::Only(vec![stranger.certificate.clone()]);
    let wrong = transport(internet(&server).outside(wrong), |_| {}).await;
    let system = transport(internet(&server).outside(Roots::System), |_| {}).await;

    assert_eq!(right.ask(secure("other.example", 443)).await, Err(Error::Untrusted));
    assert_eq!(wrong.ask(secure("files.example", 443)).await, Err(Error::Untrusted));
    assert_eq!(system.ask(secure("files.example", 443)).await, Err(Error::Untrusted));

    assert_eq!(server.requests(), []);
}

#[tokio::test]
async fn a_server_without_tls_is_no_answer_to_a_request_with_it() {
    let server = Server::elsewhere(Answer::raw("HTTP/1.1 200 OK\r\n\r\n")).await;
    let transport = transport(internet(&server).outside(Roots::System), |_| {}).await;

    // It waits for the end of a head that never comes; a server that answers at once ends it sooner.
    let post = PostWeb { deadline: std::time::Duration::from_millis(500), ..secure("files.example", 80) };
    let outcome = transport.ask(post).await;

    assert!(matches!(outcome, Err(Error::Broken(_) | Error::TimedOut { .. })), "{outcome:?}");
    assert_eq!(server.requests(), []);
}
