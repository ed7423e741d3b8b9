//! Subscriptions and notifications: each entry is read or refused by itself, one that was read is written so that it reads
//! alike, and replies are bencode.
#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_protocol::{
    bencode::{Limits, decode},
    storage::monitor::{Notification, encode_replies, parse},
};

fuzz_target!(|payload: &[u8]| {
    if let Ok(notification) = Notification::decode(payload) {
        assert!(Notification::decode(&notification.encode()) == Ok(notification));
    }
    let Ok(subscriptions) = parse(payload) else { return };
    assert!(subscriptions.is_list || subscriptions.entries.len() == 1);
    let mut outcomes = Vec::new();
    for entry in subscriptions.entries {
        let Ok(subscription) = entry else {
            outcomes.push(entry.map(drop));
            continue;
        };
        assert!(subscription.namespaces.is_sorted_by(|a, b| a < b));
        let again = parse(&subscription.encode()).expect("what was read can be written");
        assert_eq!(again.entries, [Ok(subscription.clone())]);
        outcomes.push(subscription.verify(1_800_000_000).map(drop));
    }
    let replies = encode_replies(subscriptions.is_list, &outcomes);
    let limits = Limits { max_items: usize::MAX, ..Limits::REQUEST };
    assert!(decode(&replies, limits).is_ok(), "{}", replies.escape_ascii());
});
