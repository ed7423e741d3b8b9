//! What strangers and members of the swarm may try.

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use starling_contracts::inbox::{Detail, MessageKind, MessageRef};
use starling_protocol::{
    account::AccountId,
    content::{Content, DataMessage, Text, proto},
    message::{self, Outgoing, Version},
};

use crate::{
    network::Network,
    world::{Installation, id, keys},
};

/// Seals `content` from one person to another, as a client that follows no rules could.
pub(crate) fn sealed(from: &str, to: AccountId, sent_at: u64, content: Content) -> Vec<u8> {
    let mut byte = 0_u8;
    let mut random = |bytes: &mut [u8]| {
        for slot in bytes {
            byte = byte.wrapping_add(37);
            *slot = byte;
        }
    };
    let outgoing = Outgoing { recipient: to, sent_at, content };
    message::encode(Version::V1, &outgoing, &keys(from), &mut random).unwrap()
}

pub(crate) fn text(body: &str, sent_at: u64) -> Content {
    Text::new(body, sent_at).unwrap().into_content()
}

#[tokio::test]
async fn the_same_message_stored_twice_under_two_hashes_is_one_message() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let data = sealed("alice", id("bob"), 77, text("hello", 77));
    // Another ephemeral key: other bytes, another hash, the same message.
    let mut other_random = |bytes: &mut [u8]| bytes.fill(9);
    let outgoing = Outgoing { recipient: id("bob"), sent_at: 77, content: text("hello", 77) };
    let twin = message::encode(Version::V1, &outgoing, &keys("alice"), &mut other_random).unwrap();
    network.plant(id("bob"), &data);
    network.plant(id("bob"), &twin);
    network.plant(id("bob"), &data);

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.known, polled.dropped), (1, 2, 0));
    assert_eq!(here.texts("bob").await, ["hello"]);
    here.stop().await;
}

#[tokio::test]
async fn messages_against_the_rules_are_dropped_and_do_not_hold_up_others() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let to_target = |target: &str| {
        let mut content = text("forged", 80);
        content.data_message.as_mut().unwrap().sync_target = Some(target.to_owned());
        content
    };
    let empty = Content { data_message: Some(DataMessage::default()), ..Content::default() };
    for data in [
        sealed("alice", id("bob"), 80, to_target(&id("carol").to_string())),
        sealed("bob", id("bob"), 81, to_target("no id")),
        sealed("bob", id("bob"), 82, to_target(&format!("03{}", "00".repeat(32)))),
        sealed("alice", id("bob"), 83, empty),
        sealed("alice", id("carol"), 84, text("not for bob", 84)),
        Vec::new(),
        vec![0x08, 0x01],
    ] {
        network.plant(id("bob"), &data);
    }
    network.plant(id("bob"), &sealed("alice", id("bob"), 85, text("real", 85)));

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.dropped), (1, 7));
    assert_eq!(here.texts("bob").await, ["real"]);
    here.stop().await;
}

#[tokio::test]
async fn any_flipped_byte_of_a_message_is_refused() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let good = sealed("alice", id("bob"), 90, text("hello", 90));
    // The sealed box starts behind frame and envelope headers; its every byte is under the seal.
    let start = good.windows(2).position(|pair| pair == [0x38, 0x01]).unwrap() + 6;
    for position in (start..start + 300).step_by(7) {
        let mut bad = good.clone();
        bad[position] ^= 0x10;
        network.plant(id("bob"), &bad);
    }

    let polled = here.poll("bob").await.unwrap();

    assert_eq!((polled.new, polled.dropped), (0, 43));
    here.stop().await;
}

#[tokio::test]
async fn a_member_that_gives_rubbish_under_the_hash_of_a_message_hides_nothing() {
    let network = Network::of(2);
    let here = Installation::new(&network).await;
    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    network.state().nodes[0].rows.iter_mut().filter(|row| row.hash == sent.hash).for_each(|row| {
        row.data = b"rubbish".to_vec();
    });
    network.state().nodes[1].is_down = true;
    let lied_to = here.poll("bob").await.unwrap();
    network.state().nodes[1].is_down = false;

    let polled = here.poll("bob").await.unwrap();

    assert!(lied_to.new == 0 && lied_to.dropped > 0);
    assert_eq!(polled.new, 1);
    assert_eq!(here.texts("bob").await, ["hello"]);
    here.stop().await;
}

#[tokio::test]
async fn what_is_no_text_is_kept_as_control() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let typing = proto::TypingMessage { timestamp: 95, action: 0 };
    let content = Content { typing_message: Some(typing), ..Content::default() };
    network.plant(id("bob"), &sealed("alice", id("bob"), 95, content));

    here.poll("bob").await.unwrap();

    let listed = here.list("bob").await;
    assert_eq!((listed.len(), listed[0].kind, listed[0].body.as_str()), (1, MessageKind::Control, ""));
    assert_eq!(listed[0].conversation, id("alice"));
    assert_eq!(listed[0].detail, Some(Detail::Other { kind: "typing".to_owned() }));
    here.stop().await;
}

#[tokio::test]
async fn what_a_control_message_says_is_bounded_and_what_says_nothing_is_other() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let receipt = proto::ReceiptMessage { r#type: 1, timestamp: (0..3000).collect() };
    let reaction = |author: &str, emoji: &str| {
        let (author, emoji) = (author.to_owned(), Some(emoji.to_owned()));
        let reaction = proto::Reaction { id: 7, author, emoji, action: 0 };
        let data = DataMessage { reaction: Some(reaction), ..DataMessage::default() };
        Content { data_message: Some(data), ..Content::default() }
    };
    let contents = [
        Content { receipt_message: Some(receipt), ..Content::default() },
        reaction("no id", "👍"),
        reaction(&id("bob").to_string(), &"👍".repeat(17)),
        reaction(&id("bob").to_string(), "\u{1b}[0m"),
        reaction(&id("bob").to_string(), "👍👍"),
    ];
    for (sent_at, content) in (100..).zip(contents) {
        network.plant(id("bob"), &sealed("alice", id("bob"), sent_at, content));
    }

    here.poll("bob").await.unwrap();

    let details: Vec<_> = here.list("bob").await.into_iter().map(|message| message.detail.unwrap()).collect();
    assert_eq!(details[0], Detail::ReadReceipt { sent_at: (0..1000).collect() });
    for detail in &details[1..4] {
        assert_eq!(*detail, Detail::Other { kind: "reaction".to_owned() });
    }
    let target = MessageRef { conversation: id("alice"), author: id("bob"), sent_at: 7 };
    let emoji = "👍👍".to_owned();
    assert_eq!(details[4], Detail::Reaction { target, emoji, is_removed: false }, "shown as it was written");
    here.stop().await;
}

#[test]
fn arbitrary_bytes_never_panic_and_never_hold_up_later_messages() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let network = Network::of(2);
    let here = runtime.block_on(Installation::new(&network));
    let good = sealed("alice", id("bob"), 1, text("template", 1));
    let heads =
        [b"".to_vec(), b"\x08\x01".to_vec(), b"\x08\x06".to_vec(), b"\x00\x02".to_vec(), good[..40].to_vec()];
    let item =
        (select(heads.to_vec()), vec(any::<u8>(), 0..400)).prop_map(|(head, tail)| [head, tail].concat());
    let last_sent_at = std::cell::Cell::new(1_000_u64);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() });

    let outcome = runner.run(&vec(item, 1..20), |items| {
        let stamp = last_sent_at.get() + 1;
        last_sent_at.set(stamp);
        for item in &items {
            network.plant(id("bob"), item);
        }
        network.plant(id("bob"), &sealed("alice", id("bob"), stamp, text(&format!("text {stamp}"), stamp)));
        runtime.block_on(here.poll("bob")).unwrap();
        let texts = runtime.block_on(here.texts("bob"));
        let arrived = texts.contains(&format!("text {stamp}"));
        prop_assert!(arrived);
        Ok(())
    });

    outcome.unwrap();
    assert!(last_sent_at.get() >= 1_024, "every case was run");
    runtime.block_on(here.stop());
}
