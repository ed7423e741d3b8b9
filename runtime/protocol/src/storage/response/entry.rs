//! What each member of a swarm says in an aggregated answer (storage-rpc §4.1, §5).

use serde_json::Value as Json;
use thiserror::Error;

use super::ReplyValue;
use crate::bencode::{self, Limits, Value as Bt};
use crate::crypto::ed25519;
use crate::storage::{MessageHash, base64_text, signed_text};

/// A member's answer to `store`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreEntry {
    /// The message's hash.
    pub hash: MessageHash,
    /// Until when it is kept, in milliseconds.
    pub expiry: i64,
    /// Whether it was there before.
    pub already: bool,
    /// The member's signature over the hash.
    pub signature: ed25519::Signature,
    /// The member's clock, in milliseconds; only the entry of the node that was asked has it.
    pub t: Option<i64>,
}

/// Why a member did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Failure {
    /// It did not answer in time.
    Timeout,
    /// It refused, with a status and a text.
    Refused {
        /// The status as text.
        code: String,
        /// The text.
        reason: String,
    },
    /// Its answer made no sense.
    BadPeerResponse,
    /// Its database failed.
    Query {
        /// What the database said.
        reason: String,
    },
}

/// A member's entry is not what an entry looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the swarm member's entry is malformed")]
pub struct EntryError;

impl StoreEntry {
    /// Signs an entry as the node that stored.
    #[must_use]
    pub fn sign(key: &ed25519::SecretKey, hash: MessageHash, expiry: i64, already: bool) -> Self {
        let signature = key.sign(&signed_text::reply::store(&hash));
        Self { hash, expiry, already, signature, t: None }
    }

    /// Whether the node with this key made the entry.
    #[must_use]
    pub fn is_signed_by(&self, node: &ed25519::PublicKey) -> bool {
        node.verify(&signed_text::reply::store(&self.hash), &self.signature)
    }

    /// The entry as a value. `already` is left out when it is not so.
    #[must_use]
    pub fn to_reply(&self) -> ReplyValue {
        let mut fields = vec![
            ("hash".to_owned(), ReplyValue::from(self.hash.as_str())),
            ("expiry".to_owned(), ReplyValue::from(self.expiry)),
            ("signature".to_owned(), ReplyValue::Binary(self.signature.as_bytes().to_vec())),
        ];
        if self.already {
            fields.push(("already".to_owned(), ReplyValue::from(true)));
        }
        if let Some(t) = self.t {
            fields.push(("t".to_owned(), ReplyValue::from(t)));
        }
        ReplyValue::Object(fields)
    }

    /// Reads the flat dict with which a member answers what was passed on to it.
    ///
    /// # Errors
    /// [`EntryError`].
    pub fn from_bencode(bytes: &[u8]) -> Result<Self, EntryError> {
        let value = bencode::decode(bytes, Limits::FLAT).map_err(|_| EntryError)?;
        let field = |name: &str| value.as_dict()?.get(name.as_bytes());
        Self::collect(
            field("hash").and_then(Bt::as_bytes).and_then(|hash| MessageHash::from_bytes(hash).ok()),
            field("expiry").and_then(Bt::as_integer).and_then(|expiry| expiry.try_into().ok()),
            field("signature").and_then(Bt::as_bytes).and_then(ed25519::Signature::from_slice),
            field("already").and_then(Bt::as_integer).is_some_and(|already| already != 0),
            field("t").and_then(Bt::as_integer).and_then(|t| t.try_into().ok()),
        )
    }

    /// Reads an entry out of a JSON answer; `already` may be a number there.
    ///
    /// # Errors
    /// [`EntryError`], for a [`Failure`] too.
    pub fn from_json(entry: &Json) -> Result<Self, EntryError> {
        let already = entry.get("already");
        Self::collect(
            entry.get("hash").and_then(Json::as_str).and_then(|hash| hash.parse().ok()),
            entry.get("expiry").and_then(Json::as_i64),
            entry
                .get("signature")
                .and_then(Json::as_str)
                .and_then(|text| base64_text::decode_array(text.as_bytes()))
                .map(ed25519::Signature),
            already
                .is_some_and(|already| already.as_bool().unwrap_or(already.as_i64().is_some_and(|n| n != 0))),
            entry.get("t").and_then(Json::as_i64),
        )
    }

    fn collect(
        hash: Option<MessageHash>,
        expiry: Option<i64>,
        signature: Option<ed25519::Signature>,
        already: bool,
        t: Option<i64>,
    ) -> Result<Self, EntryError> {
        let (Some(hash), Some(expiry), Some(signature)) = (hash, expiry, signature) else {
            return Err(EntryError);
        };
        Ok(Self { hash, expiry, already, signature, t })
    }
}

impl Failure {
    /// The entry as a value.
    #[must_use]
    pub fn to_reply(&self) -> ReplyValue {
        let failed = ("failed", ReplyValue::from(true));
        match self {
            Self::Timeout => ReplyValue::object([failed, ("timeout", true.into())]),
            Self::Refused { code, reason } => ReplyValue::object([
                failed,
                ("code", code.as_str().into()),
                ("reason", reason.as_str().into()),
            ]),
            Self::BadPeerResponse => ReplyValue::object([failed, ("bad_peer_response", true.into())]),
            Self::Query { reason } => ReplyValue::object([
                failed,
                ("query_failure", true.into()),
                ("reason", reason.as_str().into()),
            ]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_survives_both_encodings() {
        let key = ed25519::SecretKey::from_seed([3; 32]);
        let hash: MessageHash = "aZAwLUV0JcxbL6NxwfqfYD2JxvjE8sY7Fm+crd9gg/o".parse().unwrap();
        for (already, t) in [(true, None), (false, Some(7))] {
            let entry = StoreEntry { t, ..StoreEntry::sign(&key, hash, 1_796_602_022_370, already) };

            assert_eq!(StoreEntry::from_json(&entry.to_reply().to_json()), Ok(entry));
            assert_eq!(StoreEntry::from_bencode(&entry.to_reply().to_bencode().encode()), Ok(entry));
            assert!(entry.is_signed_by(&key.public()));
        }
    }

    #[test]
    fn a_failure_is_no_entry() {
        for failure in [
            Failure::Timeout,
            Failure::Refused { code: "406".to_owned(), reason: "late".to_owned() },
            Failure::BadPeerResponse,
            Failure::Query { reason: "full".to_owned() },
        ] {
            let reply = failure.to_reply();

            assert_eq!(reply.to_json()["failed"], true);
            assert_eq!(StoreEntry::from_json(&reply.to_json()), Err(EntryError));
            assert_eq!(StoreEntry::from_bencode(&reply.to_bencode().encode()), Err(EntryError));
        }
    }
}
