//! Messages that other implementations made.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value as Json;
use starling_contracts::inbox::{MessageKind, StoredMessage};
use starling_inbox::Config;
use starling_protocol::{
    account::{AccountId, AccountKeys},
    content,
    crypto::ed25519,
    envelope,
};

use crate::{network::Network, world::Installation};

fn vectors() -> Json {
    serde_json::from_str(include_str!("session_protocol.json")).unwrap()
}

fn account(seed32: &Json) -> AccountKeys {
    let seed = hex::decode(seed32.as_str().unwrap()).unwrap();
    assert!(seed[16..].iter().all(|byte| *byte == 0));
    AccountKeys::from_seed(seed[..16].try_into().unwrap())
}

fn base64(text: &Json) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap()
}

async fn installation_of(network: &Network, keys: AccountKeys) -> Installation {
    let people = vec![("owner".to_owned(), keys, "Owner".to_owned())];
    Installation::with(network, Arc::new(tempfile::tempdir().unwrap()), people, Config::default()).await
}

#[tokio::test]
async fn their_messages_are_read_with_author_time_and_conversation() {
    let vectors = vectors();
    let entries = vectors["v1_messages"].as_array().unwrap();
    let mut read = 0;
    for entry in entries {
        let network = Network::of(2);
        let keys = account(&entry["recipient"]["seed32"]);
        let here = installation_of(&network, keys.clone()).await;
        let hash = network.plant(keys.id(), &base64(&entry["stored_base64"]));

        let polled = here.poll("owner").await.unwrap();

        let name = &entry["name"];
        let sent_at = entry["envelope_timestamp"].as_u64().unwrap();
        let content = content::decode(&hex::decode(entry["plaintext"].as_str().unwrap()).unwrap());
        let Some(content) = content.ok().filter(|content| content.sig_timestamp() == sent_at) else {
            // An entry about sealing alone: it opens, but holds no content, or one of another time (messages §8).
            assert_eq!((polled.new, polled.dropped), (0, 1), "{name}");
            here.stop().await;
            continue;
        };
        read += 1;
        assert_eq!((polled.new, polled.dropped), (1, 0), "{name}");
        let data = content.data_message.as_ref().unwrap();
        let from: AccountId = entry["sender"]["account_id"].as_str().unwrap().parse().unwrap();
        let conversation = data.sync_target.as_ref().map_or(from, |target| target.parse().unwrap());
        let expected = StoredMessage {
            id: 1,
            hash,
            from,
            conversation,
            body: data.body().to_owned(),
            sent_at,
            received_at: crate::network::NOW_MS,
            kind: MessageKind::Text,
            detail: None,
            is_request: from != keys.id(),
            attachments: u32::try_from(data.attachments.len()).unwrap(),
            review: None,
        };
        assert_eq!(here.list("owner").await, [expected], "{name}");
        here.stop().await;
    }
    assert!(read > 0, "some of the entries are messages");
}

#[tokio::test]
async fn what_they_refuse_is_dropped_and_not_asked_for_again() {
    let vectors = vectors();
    let entries = vectors["v1_rejects"].as_array().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        let network = Network::of(1);
        let keys = account(&entry["recipient_seed32"]);
        let here = installation_of(&network, keys.clone()).await;
        let sealed = hex::decode(entry["sealed_box"].as_str().unwrap()).unwrap();
        let framed = envelope::wrap_signed(sealed, 1_754_971_101_123, &ed25519::Signature([0; 64]));
        network.plant(keys.id(), &framed);

        let first = here.poll("owner").await.unwrap();
        let second = here.poll("owner").await.unwrap();

        let name = &entry["name"];
        assert_eq!((first.new, first.dropped), (0, 1), "{name}");
        assert_eq!((second.new, second.known, second.dropped), (0, 0, 0), "{name}");
        assert!(here.list("owner").await.is_empty(), "{name}");
        here.stop().await;
    }
}

#[tokio::test]
async fn a_later_version_is_kept_and_shown_as_a_placeholder() {
    let vectors = vectors();
    let entries = vectors["v2_draft"]["messages"].as_array().unwrap();
    assert!(!entries.is_empty());
    let network = Network::of(2);
    let keys = account(&entries[0]["recipient"]["seed32"]);
    let here = installation_of(&network, keys.clone()).await;
    let mut planted: Vec<_> =
        entries.iter().map(|entry| network.plant(keys.id(), &base64(&entry["message"]))).collect();
    planted.push(network.plant(keys.id(), b"\x00\x63 a version nobody has thought of"));

    let polled = here.poll("owner").await.unwrap();

    assert_eq!((polled.new, polled.dropped), (planted.len(), 0));
    let listed = here.list("owner").await;
    assert_eq!(listed.iter().map(|message| message.hash).collect::<Vec<_>>(), planted);
    for message in listed {
        assert_eq!((message.kind, message.body.as_str()), (MessageKind::Unsupported, ""));
        assert_eq!(message.from, StoredMessage::unknown_author());
        assert_eq!(message.sent_at, crate::network::NOW_MS);
    }
    here.stop().await;
}
