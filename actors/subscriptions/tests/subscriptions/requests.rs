//! What is answered to whom.

use std::time::Duration;

use bytes::Bytes;
use starling_contracts::subscriptions::Error;
use starling_kernel::CallError;
use starling_protocol::{
    account::Prefix,
    crypto::ed25519,
    storage::{
        Namespace,
        monitor::{Subscriber, Subscription},
        subaccount::{Access, SignedToken, Token},
    },
};
use starling_subscriptions::Config;

use crate::house::{
    House, OPENED, OPENED_SECONDS, Sign as _, code, group, heard, key, link, list, message, node, read,
    subscription, text, to_list, user_subscription,
};

/// Replaces one encoded pair of a request by others.
fn with(subscription: &Subscription, pair: &str, by: &str) -> Vec<u8> {
    let request = subscription.encode();
    let at = request.windows(pair.len()).position(|part| part == pair.as_bytes()).unwrap();
    [&request[..at], by.as_bytes(), &request[at + pair.len()..]].concat()
}

fn token(of: &ed25519::SecretKey, delegate: &ed25519::SecretKey, access: Access) -> SignedToken {
    let token = Token::new(Prefix::Group, access, &delegate.public());
    let signature = of.sign(token.as_bytes());
    SignedToken { token, signature }
}

const DAY: i64 = 24 * 60 * 60;

#[tokio::test]
async fn every_fault_has_the_code_and_text_of_the_network() {
    let house = House::open().await;
    let (link, _notices) = link(1, 8);
    let (owner, member) = (key(1), key(2));
    let good = subscription(&owner);
    let user = user_subscription(&owner);
    let aged = |age: i64| {
        Subscription { timestamp: OPENED_SECONDS - age, ..good.clone() }.signed_by(&owner).encode()
    };
    let delegated =
        |access| good.clone().delegated(token(&owner, &member, access)).signed_by(&member).encode();
    let forged = SignedToken { signature: member.sign(b"?"), ..token(&owner, &member, Access::READ) };
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            b"".to_vec(),
            "d7:errcodei1e5:error81:Invalid arguments: monitor request takes a single bencoded dict or list parametere",
        ),
        (
            b"{}".to_vec(),
            "d7:errcodei1e5:error81:Invalid arguments: monitor request takes a single bencoded dict or list parametere",
        ),
        (
            b"d1:ae".to_vec(),
            "d7:errcodei1e5:error62:Invalid arguments: Failed to parse monitor.messages data valuee",
        ),
        (
            b"ld1:aee".to_vec(),
            "d7:errcodei1e5:error62:Invalid arguments: Failed to parse monitor.messages data valuee",
        ),
        (
            with(&good, "1:p33:", "1:x33:"),
            "d7:errcodei1e5:error48:Invalid arguments: Either p= or P= must be givene",
        ),
        (with(&user, "1:di1e", "1:di2e"), "d7:errcodei1e5:error36:Invalid arguments: d= must be 0 or 1e"),
        (with(&good, "1:nli11ee", ""), "d7:errcodei1e5:error35:Invalid arguments: Key n not found!e"),
        (
            with(&good, "1:nli11ee", "1:nle"),
            "d7:errcodei1e5:error47:Invalid arguments: next value is not an integere",
        ),
        (with(&good, "1:p33:\u{3}", "1:p32:"), "d7:errcodei2e5:error35:Provided p= pubkey must be 33 bytese"),
        (
            with(&good, "1:nli11ee", "1:nli11ei11ee"),
            "d7:errcodei3e5:error55:Invalid n= namespace list: namespaces must be ascendinge",
        ),
        (
            with(&good, "1:nli11ee", "1:nli12ei11ee"),
            "d7:errcodei3e5:error55:Invalid n= namespace list: namespaces must be ascendinge",
        ),
        (aged(14 * DAY + 1), "d7:errcodei4e5:error52:Invalid t= signature timestamp: timestamp is too olde"),
        (
            aged(-DAY - 1),
            "d7:errcodei4e5:error58:Invalid t= signature timestamp: timestamp is in the futuree",
        ),
        (with(&good, "1:nli11ee", "1:nli12ee"), "d7:errcodei5e5:error29:Signature verification failede"),
        (with(&good, "1:di1e", ""), "d7:errcodei5e5:error29:Signature verification failede"),
        (good.clone().signed_by(&member).encode(), "d7:errcodei5e5:error29:Signature verification failede"),
        (
            delegated(Access::WRITE),
            "d7:errcodei5e5:error78:Subaccount verification failed: subaccount is missing the required permissionse",
        ),
        (
            good.clone().delegated(forged).signed_by(&member).encode(),
            "d7:errcodei5e5:error78:Subaccount verification failed: subaccount token signature verification failede",
        ),
        (aged(14 * DAY), "d7:successi1ee"),
        (aged(-DAY), "d7:successi1ee"),
        (delegated(Access::READ), "d7:successi1ee"),
        (good.encode(), "d7:successi1ee"),
        (user.encode(), "d7:successi1ee"),
        (b"le".to_vec(), "le"),
    ];

    for (request, reply) in cases {
        let shown = text(&request);
        assert_eq!(text(&house.subscribe(&link, request).await.unwrap()), reply, "{shown}");
    }
}

#[tokio::test]
async fn only_one_of_the_two_keys_may_be_given() {
    let house = House::open().await;
    let (link, _notices) = link(1, 8);
    let user = user_subscription(&key(1)).encode();
    let group = subscription(&key(1)).encode();
    let start = group.windows(6).position(|part| part == b"1:p33:").unwrap();
    let end = user.windows(6).position(|part| part == b"1:s64:").unwrap();
    let both = [&user[..end], &group[start..start + 6 + 33], &user[end..]].concat();

    let reply = house.subscribe(&link, both).await.unwrap();

    assert_eq!(
        text(&reply),
        "d7:errcodei1e5:error62:Invalid arguments: Cannot provide both p= and P= pubkey valuese"
    );
}

#[tokio::test]
async fn the_replies_of_a_list_stand_in_its_order() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 1000);
    let bad = |number: u32| number % 7 == 3;
    let entries = (0..300).map(|number| {
        let key = key(number);
        let signer = if bad(number) { self::key(number + 1000) } else { key.seed_copy() };
        subscription(&key).signed_by(&signer)
    });

    let replies = house.subscribe(&link, to_list(entries)).await.unwrap();
    house.announce((0..300).map(|number| message(group(&key(number)), 11))).await;

    let replies = read(&replies);
    let codes: Vec<_> = replies.as_list().unwrap().iter().map(code).collect();
    assert_eq!(codes.len(), 300);
    for (number, code) in (0..).zip(codes) {
        assert_eq!(code, if bad(number) { 5 } else { 0 }, "{number}");
    }
    assert_eq!(heard(&mut notices).len(), (0..300).filter(|number| !bad(*number)).count());
}

trait SeedCopy {
    fn seed_copy(&self) -> Self;
}

impl SeedCopy for ed25519::SecretKey {
    fn seed_copy(&self) -> Self {
        Self::from_seed(*self.seed())
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_to_its_end_subscribes_to_nothing() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 8);
    let mut request = to_list((0..2000).map(|number| Subscription { ..subscription(&key(number % 3)) }));
    request.truncate(request.len() - 2);
    request.push(b'e');

    let reply = house.subscribe(&link, request).await.unwrap();
    house.announce((0..3).map(|number| message(group(&key(number)), 11))).await;

    assert_eq!(code(&read(&reply)), 1);
    assert!(heard(&mut notices).is_empty());
    assert_eq!(house.observed("held").await, 0);
}

#[tokio::test]
async fn a_flood_of_entries_in_one_request_is_refused_as_a_whole() {
    let house = House::open().await;
    let (link, _notices) = link(1, 8);
    let flood = [&b"l"[..], &b"de".repeat(200_000), b"e"].concat();

    let reply = house.subscribe(&link, flood).await.unwrap();

    assert_eq!(
        text(&reply),
        "d7:errcodei1e5:error56:Invalid arguments: too many subscriptions in one requeste"
    );
}

#[tokio::test]
async fn an_account_of_another_swarm_is_sent_there() {
    let swarms = list(1, [node(1, 0), node(2, 1 << 63), node(3, 1 << 63)]);
    let house = House::open_with(Some(swarms), Config::default(), OPENED).await;
    let (link, mut notices) = link(1, 8);
    let (here, elsewhere) = keys_on_both_sides();

    let single = house.subscribe(&link, subscription(&elsewhere).encode()).await.unwrap();
    let both = to_list([subscription(&elsewhere), subscription(&here)]);
    let replies = house.subscribe(&link, both).await.unwrap();
    house.announce([message(group(&elsewhere), 11), message(group(&here), 11)]).await;

    let refusal = text(&single);
    assert!(
        refusal.starts_with(
            "d7:errcodei6e5:error50:Account is not stored by this service node's swarm6:snodesld7:address58:"
        ),
        "{refusal}"
    );
    assert!(refusal.ends_with("e5:swarm16:8000000000000000e"), "{refusal}");
    for number in [2, 3] {
        assert!(refusal.contains(&format!("14:pubkey_ed2551964:{}", node(number, 0).ed25519)), "{refusal}");
    }
    assert_eq!(text(&replies), format!("l{refusal}d7:successi1eee"));
    assert_eq!(heard(&mut notices).len(), 1);
}

/// A group that the ring gives to swarm 0, and one that it gives to swarm 2⁶³.
pub(crate) fn keys_on_both_sides() -> (ed25519::SecretKey, ed25519::SecretKey) {
    let is_far = |key: &ed25519::SecretKey| {
        let space = starling_protocol::swarm::mapping::space(&group(key));
        (1 << 62..3 << 62).contains(&space)
    };
    let find = |far: bool| (0..).map(key).find(|key| is_far(key) == far).unwrap();
    (find(false), find(true))
}

#[tokio::test]
async fn without_a_node_list_and_without_a_swarm_nobody_is_served() {
    let house = House::open_with(None, Config::default(), OPENED).await;
    let (link, _notices) = link(1, 8);
    let request = subscription(&key(1)).encode();

    let unknown = house.subscribe(&link, request.clone()).await;
    house.learn(list(1, [node(2, 5)])).await;
    let outside = house.subscribe(&link, request.clone()).await;
    house.learn(list(2, [node(1, 5)])).await;

    assert_eq!(unknown, Err(Error::NotReady("not done syncing".to_owned())));
    assert_eq!(outside, Err(Error::NotReady("not in any swarm".to_owned())));
    house.accepted(&link, request).await;
}

#[tokio::test]
async fn more_requests_than_are_checked_at_once_are_busy_and_hold_up_no_announcement() {
    let config = Config { requests_at_once: 1, ..Config::default() };
    let house = House::open_with(Some(list(1, [node(1, 100)])), config, OPENED).await;
    let ((crowd, _crowd_notices), (link, mut notices)) = (link(1, 8), link(2, 8));
    house.accepted(&link, subscription(&key(1)).encode()).await;
    let long = to_list((0..3000).map(|number| subscription(&key(number % 5))));

    let serving = house.subscribe(&crowd, long);
    tokio::pin!(serving);
    let begun = async {
        while house.observed("requests").await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        reply = &mut serving => panic!("thousands of signatures were checked before anybody looked: {reply:?}"),
        () = begun => {}
    }
    let second = house.subscribe(&link, subscription(&key(2)).encode()).await;
    house.announce([message(group(&key(1)), 11)]).await;
    let during = (heard(&mut notices).len(), house.observed("requests").await);
    let reply = serving.await.unwrap();

    assert_eq!(second, Err(CallError::Busy { actor: "subscriptions", capacity: 1 }.into()));
    assert_eq!(during, (1, 1), "told while the list was being checked");
    assert_eq!(read(&reply).as_list().unwrap().len(), 3000);
}

#[tokio::test]
async fn a_connection_that_holds_all_it_may_is_refused_more() {
    let config = Config { held: 3, held_per_link: 2, ..Config::default() };
    let house = House::open_with(Some(list(1, [node(1, 100)])), config, OPENED).await;
    let ((one, _a), (two, _b)) = (link(1, 8), link(2, 8));
    let all = || to_list((0..3).map(|number| subscription(&key(number))));

    let first = house.subscribe(&one, all()).await.unwrap();
    let second = house.subscribe(&two, all()).await.unwrap();

    let full =
        "d7:errcodei1e5:error69:Invalid arguments: no more subscriptions are held for this connectione";
    assert_eq!(text(&first), format!("ld7:successi1eed7:successi1ee{full}e"));
    assert_eq!(text(&second), format!("ld7:successi1ee{full}{full}e"));
}

#[tokio::test]
async fn namespaces_beyond_those_in_use_are_subscribed_like_others() {
    let house = House::open().await;
    let (link, mut notices) = link(1, 1000);
    let key = key(1);
    let namespaces: Vec<_> = (-600..600).step_by(3).map(Namespace).collect();
    let request = Subscription { namespaces: namespaces.clone(), ..subscription(&key) }.signed_by(&key);
    house.accepted(&link, request.encode()).await;

    house.announce((-700..700).map(|namespace| message(group(&key), namespace))).await;

    let heard: Vec<_> = heard(&mut notices).iter().map(|notification| notification.namespace).collect();
    assert_eq!(heard, namespaces);
}

#[tokio::test]
async fn arbitrary_bytes_are_answered() {
    let house = House::open().await;
    let (link, _notices) = link(1, 8);
    let good = subscription(&key(1)).encode();
    let mut seed = 1u32;
    for _ in 0..500 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = seed as usize % bytes.len();
            bytes[at] = seed.to_be_bytes()[1];
        }
        let reply = house.subscribe(&link, Bytes::from(bytes)).await.unwrap();
        assert!((0..=5).contains(&code(&read(&reply))));
    }
}

#[tokio::test]
async fn a_key_that_is_no_point_of_the_curve_is_a_bad_key() {
    let house = House::open().await;
    let (link, _notices) = link(1, 8);
    let nowhere = ed25519::PublicKey([0xff; 32]);
    let request = Subscription { subscriber: Subscriber::User(nowhere), ..subscription(&key(1)) };

    let reply = house.subscribe(&link, request.encode()).await.unwrap();
    house.clock.advance(Duration::from_secs(1));

    assert_eq!(code(&read(&reply)), 2, "{}", text(&reply));
}
