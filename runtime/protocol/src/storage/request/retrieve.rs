//! `retrieve` (storage-rpc §4.3).

use std::borrow::Cow;

use super::credentials::{Credentials, Needs, RawCredentials, Refused, Signed};
use super::encode::{Fields, Value};
use super::error::ParseError;
use super::fields::{Params, one_name};
use crate::account::AccountId;
use crate::storage::subaccount::Access;
use crate::storage::{MessageHash, Namespace, signed_text};

/// Fetches what is stored after a known message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieve {
    /// Whose storage.
    pub account: AccountId,
    /// Which slot of it.
    pub namespace: Namespace,
    /// The newest message that the client has from this very node; an unknown one counts as none.
    pub last_hash: Option<MessageHash>,
    /// Most messages wanted; `None` and 0 mean no bound.
    pub max_count: Option<i64>,
    /// Most bytes wanted, or a negative share, see [`RetrieveLimits`](crate::storage::response::RetrieveLimits).
    pub max_size: Option<i64>,
    /// The signature with its time; a few namespaces do without.
    pub auth: Option<RetrieveAuth>,
}

/// A signature and the time it covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RetrieveAuth {
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The signature.
    pub credentials: Credentials,
}

impl Retrieve {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let old_last_hash = params.text("lastHash")?;
        let last_hash = params.text("last_hash")?;
        let max_count = params.integer("max_count")?;
        let max_size = params.integer("max_size")?;
        let namespace = params.namespace("namespace")?;
        let old_name = params.text("pubKey")?;
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;
        let timestamp = params.timestamp("timestamp")?;

        let account = params.account(one_name(("pubkey", pubkey), ("pubKey", old_name))?)?;
        // A namespace that was left out is refused later and with another text than one that was named: so the
        // reference does.
        let is_signed = credentials.pubkey_ed25519.is_some()
            || credentials.signature.is_some()
            || timestamp.is_some()
            || namespace.is_some_and(Namespace::retrieve_needs_auth);
        let auth = is_signed.then(|| {
            let credentials = credentials.parse(params, &account)?;
            let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
            Ok::<_, ParseError>(RetrieveAuth { timestamp, credentials })
        });
        let last_hash = one_name(("last_hash", last_hash), ("lastHash", old_last_hash))?;
        Ok(Self {
            account,
            namespace: namespace.unwrap_or_default(),
            auth: auth.transpose()?,
            last_hash: last_hash.filter(|hash| !hash.is_empty()).map(parse_last_hash).transpose()?,
            max_count,
            max_size,
        })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_namespace(self.namespace);
        if let Some(hash) = &self.last_hash {
            fields.add("last_hash", Value::Text(hash.to_string()));
        }
        for (name, limit) in [("max_count", self.max_count), ("max_size", self.max_size)] {
            if let Some(limit) = limit {
                fields.add_number(name, limit);
            }
        }
        if let Some(auth) = &self.auth {
            fields.add_number("timestamp", auth.timestamp);
            auth.credentials.encode(&mut fields);
        }
        fields
    }
}

impl Signed for Retrieve {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.auth.as_ref().map(|auth| &auth.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        self.auth.as_ref().map(|auth| signed_text::retrieve(self.namespace, auth.timestamp))
    }

    fn needs(&self) -> Needs {
        // Where no signature is needed, one that is sent is checked nevertheless.
        if self.auth.is_some() || self.namespace.retrieve_needs_auth() {
            Needs::Access(Access::READ)
        } else {
            Needs::Nothing
        }
    }

    fn refusal_text(&self, refused: Refused) -> Cow<'static, str> {
        Cow::Borrowed(match refused {
            Refused::Unsigned => "retrieve: request signature required",
            _ => "retrieve signature verification failed",
        })
    }
}

fn parse_last_hash(text: &[u8]) -> Result<MessageHash, ParseError> {
    MessageHash::from_bytes(text).map_err(|_| {
        ParseError::Other(if text.len() == MessageHash::LEN {
            "Invalid last_hash: not base64"
        } else {
            "Invalid last_hash: expected base64 (43 chars)"
        })
    })
}
