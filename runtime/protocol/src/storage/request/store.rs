//! `store` (storage-rpc §4.1).

use std::borrow::Cow;
use std::fmt;

use super::credentials::{Credentials, Needs, RawCredentials, Refused, Signed};
use super::encode::{Fields, Form, Value};
use super::error::ParseError;
use super::fields::{Params, one_name};
use crate::account::AccountId;
use crate::storage::limits::MAX_BODY;
use crate::storage::{Namespace, base64_text, signed_text};

/// Keeps a message in an account's swarm. `Debug` tells the body's length only.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// Whose storage.
    pub account: AccountId,
    /// Which slot of it.
    pub namespace: Namespace,
    /// The message's time, in milliseconds. Any number may be given; whether it is near enough, the node decides.
    pub timestamp: i64,
    /// Until when, in one of two forms.
    pub lifetime: Lifetime,
    /// The body, at most [`MAX_BODY`] bytes.
    pub data: Vec<u8>,
    /// The time that was signed, where it is not the message's; in milliseconds.
    pub sig_timestamp: Option<i64>,
    /// The signature, which public inboxes do without.
    pub credentials: Option<Credentials>,
}

/// How long a message is kept, as the client says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// Milliseconds from the message's time on.
    Ttl(u64),
    /// The moment, in milliseconds.
    Expiry(i64),
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("account", &self.account)
            .field("namespace", &self.namespace)
            .field("timestamp", &self.timestamp)
            .field("lifetime", &self.lifetime)
            .field("data_len", &self.data.len())
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// When the message goes, in milliseconds; a time to live beyond all bounds gives the largest number.
    #[must_use]
    pub fn expiry(&self) -> i64 {
        match self.lifetime {
            Lifetime::Ttl(ttl) => self.timestamp.saturating_add_unsigned(ttl),
            Lifetime::Expiry(expiry) => expiry,
        }
    }

    /// Time to live in milliseconds, which [`Namespace::max_ttl`] bounds; negative when the expiry comes first.
    #[must_use]
    pub fn ttl(&self) -> i64 {
        self.expiry().saturating_sub(self.timestamp)
    }

    /// The time that the signature covers, in milliseconds.
    #[must_use]
    pub fn signed_at(&self) -> i64 {
        self.sig_timestamp.unwrap_or(self.timestamp)
    }

    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let data = params.text("data")?;
        let expiry = params.timestamp("expiry")?;
        let namespace = params.namespace("namespace")?.unwrap_or_default();
        let old_name = params.text("pubKey")?;
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;
        let sig_timestamp = params.timestamp("sig_timestamp")?;
        let timestamp = params
            .integer_or_text("timestamp", |params| params.integer("timestamp"))?
            .ok_or(ParseError::Missing("timestamp"))?;
        let ttl = params.integer_or_text("ttl", |params| params.unsigned("ttl"))?;
        let lifetime = match (expiry, ttl) {
            (Some(_), Some(_)) => return Err(ParseError::Both("expiry", "ttl")),
            (Some(expiry), None) => Lifetime::Expiry(expiry),
            (None, Some(ttl)) => Lifetime::Ttl(ttl),
            (None, None) => return Err(ParseError::MissingEither("expiry", "ttl")),
        };
        let account = params.account(one_name(("pubkey", pubkey), ("pubKey", old_name))?)?;
        // Without a signature the rest of the credentials is not looked at, nor is the time they would cover.
        let credentials = credentials.signature.map(|_| credentials.parse(params, &account)).transpose()?;
        let sig_timestamp = sig_timestamp.filter(|_| credentials.is_some());
        let data = parse_data(params, data.ok_or(ParseError::Missing("data"))?)?;
        Ok(Self { account, namespace, timestamp, lifetime, data, sig_timestamp, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_namespace(self.namespace);
        fields.add_number("timestamp", self.timestamp);
        match self.lifetime {
            Lifetime::Ttl(ttl) if form == Form::Client => fields.add_number("ttl", ttl),
            _ => fields.add_number("expiry", self.expiry()),
        }
        fields.add("data", Value::Binary(self.data.clone()));
        if let Some(credentials) = &self.credentials {
            credentials.encode(&mut fields);
            match (self.sig_timestamp, form) {
                (None, Form::Client) => {}
                _ => fields.add_number("sig_timestamp", self.signed_at()),
            }
        }
        fields
    }
}

impl Signed for Store {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::store(self.namespace, self.signed_at()))
    }

    fn needs(&self) -> Needs {
        if self.namespace.store_needs_auth() {
            Needs::Access(self.namespace.store_access())
        } else {
            Needs::Nothing
        }
    }

    fn refusal_text(&self, refused: Refused) -> Cow<'static, str> {
        match refused {
            Refused::Unsigned => {
                Cow::Owned(format!("store: signature required to store to namespace {}", self.namespace))
            }
            _ => Cow::Borrowed("store signature verification failed"),
        }
    }
}

fn parse_data(params: &Params<'_>, data: &[u8]) -> Result<Vec<u8>, ParseError> {
    const TOO_LONG: ParseError =
        ParseError::Other("Message body exceeds maximum allowed length of 76800 bytes");
    if params.is_bencode() {
        return if data.len() > MAX_BODY { Err(TOO_LONG) } else { Ok(data.to_vec()) };
    }
    // An overlong body is decoded first all the same, because what is not base64 at all is told so.
    let decoded =
        base64_text::decode(data).ok_or(ParseError::Other("Invalid 'data' value: not base64 encoded"))?;
    if data.len() > MAX_BODY / 3 * 4 { Err(TOO_LONG) } else { Ok(decoded) }
}
