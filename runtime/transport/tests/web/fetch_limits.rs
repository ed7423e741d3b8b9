//! How much plugins may ask at once and be answered, and that what they do takes nothing from the relay.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use starling_contracts::transport::{Error, FetchWeb, WebMethod, WebPage};
use starling_kernel::{CallError, Kernel};
use starling_transport::Outside;

use crate::{
    internet::{at, fetch, post, transport},
    server::{Answer, Server},
};

async fn real() -> Kernel {
    transport(Outside::default(), |_| {}).await
}

fn to(server: &Server) -> FetchWeb {
    fetch(at(&server.address.ip().to_string()), server.address.port())
}

fn is_busy<T>(outcome: &Result<T, Error>) -> bool {
    matches!(outcome, Err(Error::Call(CallError::Busy { .. })))
}

/// A request in a task of its own.
fn started(transport: &Kernel, fetch: FetchWeb) -> tokio::task::JoinHandle<Result<WebPage, Error>> {
    let recipient = transport.recipient::<FetchWeb>();
    tokio::spawn(async move { recipient.ask(fetch).await })
}

#[tokio::test]
async fn an_answer_over_the_limit_is_not_read_to_its_end() {
    const LONG: usize = 20 << 20;
    let transport = real().await;
    for (is_announced, asked, limit) in
        [(true, 256 << 10, 256 << 10), (false, 256 << 10, 256 << 10), (false, LONG, 10 << 20)]
    {
        let mut server = Server::here(Answer::Long { bytes: LONG, is_announced }).await;

        let outcome = transport.ask(FetchWeb { max_answer: asked, ..to(&server) }).await;

        let Err(Error::TooLarge { what: "answer", limit: told, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!(told, limit);
        let counts = server.until(|counts| counts.closed == 1).await;
        assert!(counts.sent < LONG, "what is left is never sent: {counts:?}");
    }
    for is_announced in [true, false] {
        let longest = Server::here(Answer::Long { bytes: 256 << 10, is_announced }).await;
        let page = transport.ask(FetchWeb { max_answer: 256 << 10, ..to(&longest) }).await;
        assert_eq!(page.unwrap().body.len(), 256 << 10);
    }
}

#[tokio::test]
async fn a_head_of_an_answer_has_its_limits() {
    let lines = |count: usize| "x-long: 0123456789\r\n".repeat(count);
    let head = |lines: &str| format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
    let transport = real().await;
    for (raw, is_taken) in [
        (head(&lines(128)), true),
        (head(&lines(129)), false),
        (head(&lines(100_000)), false),
        (head(&format!("x: {}\r\n", "x".repeat(1 << 20))), false),
    ] {
        let server = Server::here(Answer::raw(&raw)).await;

        let outcome = transport.ask(to(&server)).await;

        match is_taken {
            true => assert_eq!(outcome.unwrap().headers.len(), 128),
            false => assert!(matches!(outcome, Err(Error::Broken(_))), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_request_has_its_limits() {
    let server = Server::here(Answer::Echo).await;
    let transport = real().await;
    let post = |body: usize| FetchWeb {
        method: WebMethod::Post,
        body: Bytes::from(vec![7; body]),
        max_answer: 0,
        ..to(&server)
    };

    let long = transport.ask(post((10 << 20) + 1)).await;
    let headers = vec![("x-many".to_owned(), "x".repeat(10_000)); 4];
    let many = transport.ask(FetchWeb { headers, ..to(&server) }).await;
    let target = format!("/{}", "x".repeat(8 << 10));
    let far = transport.ask(FetchWeb { target, ..to(&server) }).await;

    assert!(matches!(long, Err(Error::TooLarge { what: "request", .. })), "{long:?}");
    assert!(matches!(many, Err(Error::TooLarge { what: "header list", .. })), "{many:?}");
    assert_eq!(far, Err(Error::BadAddress));
    assert_eq!(server.counts().opened, 0);
    assert_eq!(transport.ask(post(0)).await.unwrap().body, "", "nothing may be answered, and it is");
}

#[tokio::test]
async fn plugins_have_their_places_and_the_relay_keeps_its_own() {
    let mut slow = Server::here(Answer::Never).await;
    let mut other = Server::elsewhere(Answer::Never).await;
    let (echo, transport) = (
        Server::here(Answer::Echo).await,
        transport(Outside::default(), |config| {
            (config.web_fetches, config.web_fetches_per_server) = (3, 2);
            (config.web_calls, config.web_calls_per_server) = (1, 1);
        })
        .await,
    );
    let brief = |server: &Server| FetchWeb { deadline: Duration::from_secs(2), ..to(server) };
    let mut asks: Vec<_> = (0..2).map(|_| started(&transport, brief(&slow))).collect();
    slow.until(|counts| counts.asked == 2).await;

    assert!(is_busy(&transport.ask(to(&slow)).await), "one server has two places");
    asks.push(started(&transport, brief(&other)));
    other.until(|counts| counts.asked == 1).await;
    assert!(is_busy(&transport.ask(to(&echo)).await), "and all have three");
    let relayed = transport.ask(post(at("127.0.0.1"), echo.address.port())).await;
    assert_eq!(relayed.unwrap().body, "question", "the relay has one all the same");

    for ask in asks {
        assert!(matches!(ask.await.unwrap(), Err(Error::TimedOut { .. })));
    }
    assert_eq!(transport.ask(to(&echo)).await.unwrap().status, 200, "a place is given back");
}

#[tokio::test]
async fn of_many_at_once_those_that_have_a_place_are_answered_and_the_others_told() {
    let mut slow = Server::here(Answer::Never).await;
    let transport = transport(Outside::default(), |config| {
        (config.web_fetches, config.web_fetches_per_server) = (8, 8);
    })
    .await;
    let fetch = || FetchWeb { deadline: Duration::from_secs(2), ..to(&slow) };

    let asks: Vec<_> = (0..200).map(|_| started(&transport, fetch())).collect();
    let outcomes = futures::future::join_all(asks).await;

    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| is_busy(outcome)).count(), 192);
    let late = |outcome: &&Result<_, _>| matches!(outcome, Err(Error::TimedOut { .. }));
    assert_eq!(outcomes.iter().filter(late).count(), 8);
    assert_eq!(slow.until(|counts| counts.closed == 8).await.opened, 8);
}

#[tokio::test]
async fn bodies_of_plugins_take_no_memory_from_the_relay() {
    let echo = Server::here(Answer::Echo).await;
    // The least there is: room for one body of the longest kind.
    let transport = transport(Outside::default(), |config| config.memory = ByteSize::mib(96)).await;
    let long = Server::here(Answer::Long { bytes: 9 << 20, is_announced: false }).await;
    let fetch = || FetchWeb { max_answer: 10 << 20, ..to(&long) };

    let held = transport.ask(fetch()).await.unwrap();
    assert!(is_busy(&transport.ask(fetch()).await), "no two of them are held");
    let body = Bytes::from(vec![7; 9_900_000]);
    let post = starling_contracts::transport::PostWeb {
        body: body.clone(),
        ..post(at("127.0.0.1"), echo.address.port())
    };
    assert!(transport.ask(post).await.unwrap().body == body);

    drop(held);
    assert_eq!(transport.ask(fetch()).await.unwrap().body.len(), 9 << 20, "what is dropped is given back");
}
