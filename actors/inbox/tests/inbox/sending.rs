//! Texts on their way out.

use starling_contracts::{
    accounts,
    inbox::{Error, MessageKind},
    routing,
};
use starling_protocol::{
    account::{AccountId, Prefix},
    content::{self, proto::content::ExpirationType},
    message::{self, Decoded},
    swarm::SwarmId,
};

use crate::{
    network::{NOW_MS, Network},
    world::{Installation, id, keys},
};

#[tokio::test]
async fn a_text_is_stored_by_all_members_and_what_others_read_is_what_real_clients_write() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello bob").await.unwrap();

    let rows = network.rows_of(id("bob"));
    assert_eq!((rows.len(), rows[0].hash, sent.stored_by.len()), (1, sent.hash, 3));
    assert_eq!(
        (sent.timestamp, sent.swarm, sent.path.len(), sent.synced),
        (NOW_MS, Some(SwarmId(7)), 3, true)
    );
    assert_eq!(rows[0].expiry - rows[0].timestamp, 14 * 24 * 3600 * 1000);
    let Decoded::Message(read) = message::decode(&rows[0].data, &keys("bob")) else { panic!("must open") };
    let data = read.content.data_message.as_ref().unwrap();
    assert_eq!((read.sender, read.sent_at, data.body()), (id("alice"), NOW_MS, "hello bob"));
    assert_eq!(read.content.sig_timestamp(), NOW_MS);
    assert_eq!(read.content.expiration_timer, Some(0));
    assert!(read.content.expiration_type() == ExpirationType::Unknown);
    let profile = data.profile.as_ref().unwrap();
    assert_eq!((profile.display_name(), profile.last_update_seconds()), ("alice", 1_700_000_000));
    here.stop().await;
}

#[tokio::test]
async fn the_copy_to_oneself_has_the_same_time_names_the_recipient_and_its_hash_is_the_one_kept() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello bob").await.unwrap();

    let copies = network.rows_of(id("alice"));
    assert_eq!(copies.len(), 1);
    let Decoded::Message(copy) = message::decode(&copies[0].data, &keys("alice")) else {
        panic!("must open")
    };
    assert!(copy.from_self);
    assert_eq!((copy.sync_target, copy.sent_at), (Some(id("bob")), sent.timestamp));
    assert_eq!(copy.content.data_message.as_ref().unwrap().profile, None);
    let kept = here.list("alice").await;
    assert_eq!((kept.len(), kept[0].hash, kept[0].from), (1, copies[0].hash, id("alice")));
    assert_eq!((kept[0].conversation, kept[0].sent_at, kept[0].kind), (id("bob"), NOW_MS, MessageKind::Text));
    let polled = here.poll("alice").await.unwrap();
    assert_eq!((polled.new, polled.dropped), (0, 0), "the own copy is recognised");
    assert_eq!(here.list("alice").await, kept);
    here.stop().await;
}

#[tokio::test]
async fn a_note_to_oneself_is_stored_once() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("alice"), "buy milk").await.unwrap();

    let rows = network.rows_of(id("alice"));
    assert_eq!((rows.len(), rows[0].hash, sent.synced), (1, sent.hash, true));
    let Decoded::Message(read) = message::decode(&rows[0].data, &keys("alice")) else { panic!("must open") };
    assert_eq!(read.sync_target, Some(id("alice")));
    here.poll("alice").await.unwrap();
    let kept = here.list("alice").await;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].conversation, kept[0].hash), (id("alice"), sent.hash));
    here.stop().await;
}

#[tokio::test]
async fn times_are_unique_and_grow_across_restarts_even_when_the_clock_stands() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let mut times = Vec::new();
    for to in ["bob", "carol", "bob"] {
        times.push(here.send("alice", id(to), "x").await.unwrap().timestamp);
    }
    let folder = here.stop().await;
    let here = Installation::over(&network, folder).await;
    times.push(here.send("alice", id("bob"), "x").await.unwrap().timestamp);

    assert_eq!(times, [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 3]);
    here.stop().await;
}

#[tokio::test]
async fn texts_sent_at_once_to_one_person_keep_their_order() {
    let network = Network::of(3);
    let here = Installation::new(&network).await;
    let bodies: Vec<String> = (0..20).map(|n| format!("number {n}")).collect();

    let sending = bodies.iter().map(|body| here.send("alice", id("bob"), body));
    let sent = futures::future::try_join_all(sending).await.unwrap();

    assert!(sent.is_sorted_by(|left, right| left.timestamp < right.timestamp));
    here.poll("bob").await.unwrap();
    assert_eq!(here.texts("bob").await, bodies);
    here.stop().await;
}

#[tokio::test]
async fn a_wrong_clock_is_mended_once_and_the_message_bears_the_right_time() {
    let network = Network::of(3);
    network.state().clock_error_ms = 3_600_000;
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();
    let next = here.send("alice", id("bob"), "again").await.unwrap();

    assert_eq!(sent.timestamp, NOW_MS, "the time that was refused is not used");
    assert_eq!(next.timestamp, NOW_MS + 1, "and does not hold up those to come");
    let rows = network.rows_of(id("bob"));
    let Decoded::Message(read) = message::decode(&rows[0].data, &keys("bob")) else { panic!("must open") };
    assert_eq!((rows.len(), read.sent_at, read.content.sig_timestamp()), (2, NOW_MS, NOW_MS));
    here.stop().await;
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_one_clear_error_and_nothing_is_kept() {
    let network = Network::of(3);
    network.state().refuse_stores = Some((406, "Timestamp error: check your clock"));
    let here = Installation::new(&network).await;

    let error = here.send("alice", id("bob"), "hello").await.unwrap_err();

    assert_eq!(error.to_string(), "the swarm refused with status 406: Timestamp error: check your clock");
    assert_eq!(network.state().log.len(), 2, "one more try, and no third");
    assert!(here.list("alice").await.is_empty());
    here.stop().await;
}

#[tokio::test]
async fn a_try_whose_answer_is_lost_makes_no_second_message() {
    let network = Network::of(3);
    network.state().answers_to_lose = 2;
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();

    assert_eq!((network.rows_of(id("bob")).len(), sent.stored_by.len()), (1, 3));
    here.poll("bob").await.unwrap();
    assert_eq!(here.texts("bob").await, ["hello"]);
    here.stop().await;
}

#[tokio::test]
async fn tries_are_bounded_and_the_network_error_comes_through() {
    let network = Network::of(3);
    network.state().unreachable.insert(id("bob"));
    let here = Installation::new(&network).await;
    let lost = here.send("alice", id("bob"), "hello").await.unwrap_err();
    network.state().unreachable.clear();
    network.state().refuse_stores = Some((503, "Server busy, try again later"));
    let busy = here.send("alice", id("bob"), "hello").await.unwrap_err();
    let tries = network.state().log.len();
    network.state().refuse_stores = Some((403, "Provided expiry/TTL is not valid."));
    let refused = here.send("alice", id("bob"), "hello").await.unwrap_err();

    assert!(matches!(lost, Error::Network(routing::Error::NoAnswer { .. })));
    assert_eq!(busy.to_string(), "the swarm refused with status 503: Server busy, try again later");
    assert_eq!((tries, network.state().log.len()), (3, 4), "what will not change is asked once");
    assert!(matches!(refused, Error::Refused { status: 403, .. }));
    assert!(here.list("alice").await.is_empty());
    here.stop().await;
}

#[tokio::test]
async fn only_members_that_stored_are_named() {
    let network = Network::of(4);
    for node in [1, 3] {
        network.state().nodes[node].is_down = true;
    }
    let here = Installation::new(&network).await;

    let sent = here.send("alice", id("bob"), "hello").await.unwrap();

    let mut up: Vec<_> = [0, 2].map(|node| network.state().nodes[node].key().public()).to_vec();
    up.sort();
    assert_eq!(sent.stored_by, up);
    here.stop().await;
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_leaves() {
    let network = Network::of(1);
    let here = Installation::new(&network).await;
    let error = async |from, to, body: &str| here.send(from, to, body).await.unwrap_err().to_string();

    assert_eq!(error("alice", id("bob"), " \n").await, "the message is empty");
    assert_eq!(
        error("alice", id("bob"), &"é".repeat(2001)).await,
        "the message is too long: it has 2001 characters, and at most 2000 are shown"
    );
    assert!(here.send("alice", id("bob"), &"é".repeat(2000)).await.is_ok());
    let group = AccountId::new(Prefix::Group, [7; 32]);
    assert!(error("alice", group, "x").await.contains("a group, which is written to through its own swarm"));
    let weak = AccountId::new(Prefix::Standard, [0; 32]);
    assert!(error("alice", weak, "x").await.contains("no usable key"));
    assert!(matches!(
        here.send("nobody", id("bob"), "x").await,
        Err(Error::Account(accounts::Error::UnknownProfile(_)))
    ));
    assert_eq!(network.state().log.len(), 2, "only the one that fits, and its copy");
    assert_eq!(content::MAX_BODY_CHARS, 2000);
    here.stop().await;
}
