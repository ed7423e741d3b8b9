//! How much is under way at once, to one server and to all, and how much of it is held.

use std::time::Duration;

use bytes::Bytes;
use bytesize::ByteSize;
use starling_contracts::transport::{Error, PostWeb};
use starling_kernel::CallError;
use starling_transport::Outside;

use crate::{
    internet::{at, post, transport},
    server::{Answer, Server},
};

fn to(server: &Server) -> PostWeb {
    post(at(&server.address.ip().to_string()), server.address.port())
}

#[track_caller]
fn is_busy<T: std::fmt::Debug>(outcome: &Result<T, Error>) {
    assert!(matches!(outcome, Err(Error::Call(CallError::Busy { .. }))), "{outcome:?}");
}

#[tokio::test]
async fn one_server_and_all_together_have_their_places_and_give_them_back() {
    let mut slow = Server::here(Answer::Never).await;
    let mut other = Server::elsewhere(Answer::Never).await;
    let transport = transport(Outside::default(), |config| {
        (config.web_calls, config.web_calls_per_server) = (3, 2);
    })
    .await;
    let asks: Vec<_> = [&slow, &slow].map(|server| tokio::spawn(ask(&transport, to(server)))).into();
    slow.until(|counts| counts.asked == 2).await;

    is_busy(&transport.ask(to(&slow)).await);
    let third = tokio::spawn(ask(&transport, to(&other)));
    other.until(|counts| counts.asked == 1).await;
    is_busy(&transport.ask(to(&other)).await);

    third.abort();
    for ask in asks {
        assert!(matches!(ask.await.unwrap(), Err(Error::TimedOut { .. })));
    }
    let echo = Server::here(Answer::Echo).await;
    assert_eq!(transport.ask(to(&echo)).await.unwrap().body, "question");
}

/// A request in a task of its own, which gives up after a while.
fn ask(
    transport: &starling_kernel::Kernel,
    post: PostWeb,
) -> impl Future<Output = Result<starling_contracts::transport::WebAnswer, Error>> + use<> {
    let recipient = transport.recipient::<PostWeb>();
    async move { recipient.ask(PostWeb { deadline: Duration::from_secs(2), ..post }).await }
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_them_are_refused_until_some_is_free() {
    let mut slow = Server::here(Answer::Never).await;
    // Room for two bodies of the longest kind.
    let transport = transport(Outside::default(), |config| config.memory = ByteSize::mib(96)).await;
    let long = |server: &Server| PostWeb { body: Bytes::from(vec![7; 9_900_000]), ..to(server) };
    let asked = transport.recipient::<PostWeb>();
    let post = PostWeb { deadline: Duration::from_secs(60), ..long(&slow) };
    let first = tokio::spawn(async move { asked.ask(post).await });
    slow.until(|counts| counts.asked == 1).await;

    let echo = Server::here(Answer::Echo).await;
    let answer = transport.ask(long(&echo)).await.unwrap();
    assert_eq!(answer.body.len(), 9_900_000, "what has been sent counts no more");
    let second = transport.ask(long(&echo)).await;
    assert_eq!(second.unwrap().body.len(), 9_900_000);
    is_busy(
        &transport
            .ask(PostWeb { max_answer: 11 << 20, body: Bytes::from(vec![7; 20 << 20]), ..to(&echo) })
            .await,
    );

    drop(answer);
    first.abort();
}
