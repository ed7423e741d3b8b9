//! Replies and reactions.

use starling_contracts::inbox::{Detail, Error, MessageKind, MessageRef};
use starling_protocol::{
    content::Target,
    message::{self, Decoded, Incoming},
};

use crate::{
    network::Network,
    world::{Installation, id, keys},
};

fn opened(data: &[u8], person: &str) -> Incoming {
    match message::decode(data, &keys(person)) {
        Decoded::Message(incoming) => *incoming,
        other => panic!("must open: {other:?}"),
    }
}

/// The message of that time in the conversation of alice and bob, as alice names it.
fn to_bob(author: &str, sent_at: u64) -> MessageRef {
    MessageRef { conversation: id("bob"), author: id(author), sent_at }
}

/// The same, as bob names it.
fn to_alice(author: &str, sent_at: u64) -> MessageRef {
    MessageRef { conversation: id("alice"), author: id(author), sent_at }
}

#[tokio::test]
async fn a_reply_points_at_the_message_for_the_reader_and_for_ones_other_devices() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let asked = here.send("alice", id("bob"), "when?").await.unwrap();
    here.poll("bob").await.unwrap();

    let sent = here.reply("bob", to_alice("alice", asked.timestamp), "at nine").await.unwrap();

    let rows = network.rows_of(id("alice"));
    let received = opened(&rows.iter().find(|row| row.hash == sent.hash).unwrap().data, "alice");
    let data = received.content.data_message.as_ref().unwrap();
    let quoted = Target::of_quote(data.quote.as_ref().unwrap());
    assert_eq!(quoted, Some(Target { author: id("alice"), sent_at: asked.timestamp }));
    assert_eq!((data.body(), data.profile.is_some()), ("at nine", true));
    here.poll("alice").await.unwrap();
    assert_eq!(here.texts("alice").await, ["when?", "at nine"]);
    let elsewhere = Installation::new(&network).await;
    elsewhere.poll("bob").await.unwrap();
    let copied = elsewhere.list("bob").await.remove(1);
    assert_eq!((copied.body.as_str(), copied.from, copied.conversation), ("at nine", id("bob"), id("alice")));
    here.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn a_reaction_arrives_with_its_target_and_comes_off_again() {
    let network = Network::of(3);
    let (here, there) = (Installation::new(&network).await, Installation::new(&network).await);
    let said = here.send("alice", id("bob"), "hello").await.unwrap();
    there.poll("bob").await.unwrap();

    there.react("bob", to_alice("alice", said.timestamp), "\u{2764}", false).await.unwrap();
    there.react("bob", to_alice("alice", said.timestamp), "\u{2764}\u{fe0f}", true).await.unwrap();

    here.poll("alice").await.unwrap();
    let reaction = |target, is_removed| {
        let emoji = "\u{2764}\u{fe0f}".to_owned();
        Some(Detail::Reaction { target, emoji, is_removed })
    };
    let received = here.list("alice").await;
    let target = to_bob("alice", said.timestamp);
    assert_eq!(received.len(), 3);
    for (message, is_removed) in received[1..].iter().zip([false, true]) {
        assert_eq!((message.kind, message.body.as_str()), (MessageKind::Control, ""));
        assert_eq!((message.from, message.conversation), (id("bob"), id("bob")));
        assert_eq!(message.detail, reaction(target, is_removed));
    }
    let elsewhere = Installation::new(&network).await;
    elsewhere.poll("bob").await.unwrap();
    for bobs in [there.list("bob").await, elsewhere.list("bob").await] {
        assert_eq!(bobs[1].detail, reaction(to_alice("alice", said.timestamp), false));
        assert_eq!((bobs[1].from, bobs[1].conversation), (id("bob"), id("alice")));
    }
    for installation in [here, there, elsewhere] {
        installation.stop().await;
    }
}

#[tokio::test]
async fn a_reaction_whose_answers_were_lost_and_that_is_sent_again_is_the_same_message() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let said = here.send("alice", id("bob"), "hello").await.unwrap();
    let target = to_bob("alice", said.timestamp);
    network.state().answers_to_lose = 3;
    here.react("alice", target, "👍", false).await.unwrap_err();
    assert_eq!(here.list("alice").await.len(), 1);
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;

    let sent = here.react("alice", target, "👍", false).await.unwrap();

    assert_eq!(sent.timestamp, said.timestamp + 1);
    assert_eq!(network.rows_of(id("bob")).len(), 2);
    assert_eq!(here.list("alice").await.len(), 2);
    here.stop().await;
}

#[tokio::test]
async fn messages_without_a_text_are_told_apart_when_they_are_sent_again() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let said = here.send("alice", id("bob"), "hello").await.unwrap();
    let target = to_bob("alice", said.timestamp);
    network.state().answers_to_lose = 3;
    here.react("alice", target, "👍", false).await.unwrap_err();

    let other = here.react("alice", target, "😂", false).await.unwrap();
    network.state().answers_to_lose = 3;
    here.reply("alice", target, "hello").await.unwrap_err();
    let text = here.send("alice", id("bob"), "hello").await.unwrap();

    assert_eq!((other.timestamp, text.timestamp), (said.timestamp + 2, said.timestamp + 4));
    assert_eq!(here.list("alice").await.len(), 5, "those left open went along");
    assert_eq!(network.rows_of(id("bob")).len(), 5);
    here.stop().await;
}

#[tokio::test]
async fn what_cannot_be_pointed_at_or_put_on_is_refused_before_anything_leaves() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let of_carol = MessageRef { conversation: id("bob"), author: id("carol"), sent_at: 1 };

    let by_stranger = here.react("alice", of_carol, "👍", false).await;
    let elsewhere = here
        .kernel
        .ask(starling_contracts::inbox::SendReply {
            profile: "alice".parse().unwrap(),
            to: id("carol"),
            body: "x".to_owned(),
            quoted: to_bob("bob", 1),
        })
        .await;
    let no_emoji = here.react("alice", to_bob("bob", 1), "ok", false).await;
    let empty = here.reply("alice", to_bob("bob", 1), " ").await;

    assert!(matches!(by_stranger, Err(Error::BadTarget(_))));
    assert!(matches!(elsewhere, Err(Error::BadTarget(_))));
    assert_eq!(no_emoji.unwrap_err().to_string(), "a reaction is exactly one emoji");
    assert_eq!(empty, Err(Error::Empty));
    assert!(network.state().log.is_empty());
    here.stop().await;
}
