//! Whose messages are requests.

use crate::{
    network::Network,
    world::{Installation, id},
};

async fn requests(here: &Installation, person: &str) -> Vec<bool> {
    here.list(person).await.into_iter().map(|message| message.is_request).collect()
}

#[tokio::test]
async fn what_comes_before_one_has_written_is_a_request_and_what_comes_later_is_not() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    here.send("alice", id("bob"), "may I?").await.unwrap();
    here.poll("bob").await.unwrap();
    here.send("bob", id("alice"), "you may").await.unwrap();
    here.send("alice", id("bob"), "thanks").await.unwrap();
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;

    here.poll("bob").await.unwrap();
    here.poll("alice").await.unwrap();

    assert_eq!(requests(&here, "bob").await, [true, false, false]);
    assert_eq!(requests(&here, "alice").await, [false, false, false], "alice began");
    here.stop().await;
}

#[tokio::test]
async fn what_another_device_wrote_counts_too() {
    let network = Network::of(3);
    let (here, elsewhere) = (Installation::new(&network).await, Installation::new(&network).await);
    here.send("bob", id("alice"), "hello").await.unwrap();
    here.send("bob", id("bob"), "a note").await.unwrap();
    here.send("alice", id("bob"), "hello bob").await.unwrap();
    here.send("carol", id("bob"), "hello too").await.unwrap();

    elsewhere.poll("bob").await.unwrap();

    let listed = elsewhere.list("bob").await;
    let strangers: Vec<_> =
        listed.iter().filter(|message| message.is_request).map(|message| message.from).collect();
    assert_eq!((listed.len(), strangers), (4, vec![id("carol")]));
    here.stop().await;
    elsewhere.stop().await;
}
