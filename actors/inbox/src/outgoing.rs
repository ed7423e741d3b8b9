//! What leaves for a swarm: a message, its copy to oneself, and the `store` request around them.

use bytes::Bytes;
use serde_json::Value as Json;
use starling_contracts::{accounts::AccountSecrets, inbox::Error};
use starling_protocol::{
    account::{AccountId, NotATarget},
    content::{self, Content},
    crypto::ed25519,
    message::{self, EncodeError, Outgoing, Version},
    storage::{
        MessageHash, Namespace, limits, message_hash,
        request::{Lifetime, Request, Store},
        response::StoreEntry,
    },
};

use crate::{draft::Draft, filing::Kept, polling};

/// A message made ready: everything that has to be stored, and what is kept of it here.
pub(crate) struct Prepared {
    /// For the recipient's swarm; absent in a note to oneself, which is stored once.
    pub(crate) peer: Option<Packet>,
    /// For one's own swarm.
    pub(crate) copy: Packet,
    /// For the own inbox.
    pub(crate) kept: Kept,
}

/// Sealed bytes on their way to a swarm.
#[derive(Clone)]
pub(crate) struct Packet {
    /// Whose swarm.
    pub(crate) account: AccountId,
    /// What it will be named there.
    pub(crate) hash: MessageHash,
    /// At most [`limits::MAX_BODY`] bytes.
    pub(crate) data: Vec<u8>,
}

/// Builds and seals a message of `secrets`' account for `to`, once for the recipient and once for oneself (messages §2.7, §9).
///
/// `sent_at` is in milliseconds of network time. It blocks for a few signatures and key agreements.
pub(crate) fn prepare(
    secrets: &AccountSecrets,
    to: &AccountId,
    draft: &Draft,
    sent_at: u64,
    random: message::Random<'_>,
) -> Result<Prepared, Error> {
    let own = secrets.keys.id();
    let content = draft.content(secrets, sent_at)?;
    let copy = draft.copy(secrets, to, sent_at)?;
    let peer = match *to == own {
        true => None,
        false => Some(seal(secrets, to, &content, sent_at, random)?),
    };
    let kept = Kept {
        from: own,
        conversation: *to,
        body: draft.body().to_owned(),
        sent_at,
        kind: draft.kind(),
        detail: draft.detail(&own, to),
        attachments: 0,
        review: None,
        content: content::encode(&copy),
    };
    Ok(Prepared { peer, copy: seal(secrets, &own, &copy, sent_at, random)?, kept })
}

/// Refuses who cannot be written to, before anything is done.
pub(crate) fn check_recipient(to: &AccountId) -> Result<(), Error> {
    match to.is_conversation_target() {
        true => Ok(()),
        false => Err(Error::BadRecipient(NotATarget { prefix: to.prefix() }.to_string())),
    }
}

fn seal(
    secrets: &AccountSecrets,
    recipient: &AccountId,
    content: &Content,
    sent_at: u64,
    random: message::Random<'_>,
) -> Result<Packet, Error> {
    let outgoing = Outgoing { recipient: *recipient, sent_at, content: content.clone() };
    let data =
        message::encode(Version::V1, &outgoing, &secrets.keys, random).map_err(|error| match error {
            EncodeError::TooLong { got, limit } => Error::TooLong { size: got, limit },
            error => Error::BadRecipient(error.to_string()),
        })?;
    Ok(Packet::new(*recipient, data))
}

impl Packet {
    pub(crate) fn new(account: AccountId, data: Vec<u8>) -> Self {
        Self { account, hash: message_hash(&account, Namespace::DEFAULT, &data), data }
    }

    /// The `store` request; `now` is in milliseconds of network time and is not part of the message (messages §5).
    pub(crate) fn store_request(&self, now: u64) -> Bytes {
        let store = Store {
            account: self.account,
            namespace: Namespace::DEFAULT,
            timestamp: i64::try_from(now).unwrap_or(i64::MAX),
            lifetime: Lifetime::Ttl(limits::MAX_TTL_PUBLIC_INBOX.unsigned_abs()),
            data: self.data.clone(),
            sig_timestamp: None,
            credentials: None,
        };
        Request::Store(store).to_rpc_json().to_string().into()
    }

    /// The members that have stored the packet, by the answer to its `store` (storage-rpc §4.1).
    ///
    /// An entry counts when it names the packet's own hash and is signed by the member; failed ones have neither.
    pub(crate) fn stored_by(&self, answer: &Json) -> Vec<ed25519::PublicKey> {
        let Some(swarm) = answer.get("swarm").and_then(Json::as_object) else { return Vec::new() };
        let stored = |(node, entry): (&String, &Json)| {
            let node: ed25519::PublicKey = node.parse().ok()?;
            let failed = polling::truth(entry.get("failed"));
            let entry = StoreEntry::from_json(entry).ok()?;
            (!failed && entry.hash == self.hash && entry.is_signed_by(&node)).then_some(node)
        };
        swarm.iter().filter_map(stored).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use starling_contracts::accounts::Account;
    use starling_protocol::{account::AccountKeys, content::DataMessage, storage::response::Failure};
    use zeroize::Zeroizing;

    use super::*;

    fn secrets() -> AccountSecrets {
        let keys = AccountKeys::from_seed(&[1; 16]);
        let account = Account { id: keys.id(), profile: "a".parse().unwrap(), name: "A".to_owned() };
        AccountSecrets { account, name_updated_at: 5, keys, at_rest: Zeroizing::new([2; 32]) }
    }

    fn fill(bytes: &mut [u8]) {
        bytes.fill(7);
    }

    #[test]
    fn only_entries_that_their_node_signed_for_this_very_packet_count() {
        let packet = Packet::new(secrets().keys.id(), b"sealed".to_vec());
        let node = |n: u8| ed25519::SecretKey::from_seed([n; 32]);
        let entry = |n, hash| StoreEntry::sign(&node(n), hash, 9, false).to_reply().to_json();
        let other = Packet::new(secrets().keys.id(), b"other".to_vec()).hash;
        let mut failed = entry(4, packet.hash);
        failed["failed"] = json!(1);
        let key = |n| node(n).public().to_string();
        let answer = json!({"hash": packet.hash, "swarm": {
            key(1): entry(1, packet.hash),
            key(2): Failure::Timeout.to_reply().to_json(),
            key(3): entry(3, other),
            key(4): failed,
            key(5): entry(6, packet.hash),
            "no key": entry(7, packet.hash),
        }});

        assert_eq!(packet.stored_by(&answer), [node(1).public()]);
        for nonsense in [json!(null), json!("text"), json!({"swarm": []}), json!({"swarm": {key(1): 7}})] {
            assert!(packet.stored_by(&nonsense).is_empty());
        }
    }

    #[test]
    fn what_a_swarm_would_not_take_is_refused_with_its_exact_size() {
        let secrets = secrets();
        let to = AccountKeys::from_seed(&[3; 16]).id();
        let of = |len: usize| {
            let data = DataMessage { body: Some("x".repeat(len)), ..DataMessage::default() };
            let content = Content { data_message: Some(data), ..Content::default() };
            seal(&secrets, &to, &content, 1_763_000_000_000, &mut fill)
        };
        let longest = (76_000..76_800).rev().find_map(|len| of(len).ok()).unwrap().data.len();

        assert!((limits::MAX_BODY - 160 + 1..=limits::MAX_BODY).contains(&longest), "{longest}");
        assert!(matches!(of(76_800), Err(Error::TooLong { size, limit: 76_800 }) if size > 76_800));
    }

    #[test]
    fn the_longest_text_fits_whatever_its_characters() {
        let draft = Draft::text("𝄞".repeat(2000)).unwrap();

        let prepared = prepare(&secrets(), &secrets().keys.id(), &draft, 1, &mut fill);

        assert!(prepared.is_ok_and(|prepared| prepared.peer.is_none()));
    }
}
