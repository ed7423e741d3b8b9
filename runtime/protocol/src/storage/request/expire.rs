//! `expire`, `expire_all` and `get_expiries` (storage-rpc §4.7 to §4.9).

use std::borrow::Cow;

use thiserror::Error;

use super::credentials::{Authority, Credentials, Needs, RawCredentials, Refused, Signed};
use super::encode::{Fields, Form, Value};
use super::error::ParseError;
use super::fields::Params;
use crate::account::AccountId;
use crate::storage::signed_text::{self, ExpireMode};
use crate::storage::subaccount::Access;
use crate::storage::{MessageHash, NamespaceScope};

/// Sets when messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expire {
    /// Whose storage.
    pub account: AccountId,
    /// Which messages, at least one.
    pub messages: Vec<MessageHash>,
    /// One expiry for all, or one for each message; in milliseconds, as sent.
    pub expiries: Vec<i64>,
    /// Which way an expiry may move.
    pub mode: ExpireMode,
    /// The signature.
    pub credentials: Credentials,
}

/// Brings the expiry of everything in a namespace, or everywhere, forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireAll {
    /// Whose storage.
    pub account: AccountId,
    /// Which slots of it.
    pub scope: NamespaceScope,
    /// The latest expiry that is left, in milliseconds.
    pub expiry: i64,
    /// The signature.
    pub credentials: Credentials,
}

/// Asks when messages go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetExpiries {
    /// Whose storage.
    pub account: AccountId,
    /// Which messages, at least one. Their form is not checked: what is no hash is simply not found.
    pub messages: Vec<String>,
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The signature.
    pub credentials: Credentials,
}

/// A subaccount without the right to delete asked to shorten (status 400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expire: shorten parameter cannot be used with this subaccount token (missing delete access)")]
pub struct ExpireNotAllowed;

impl Expire {
    /// What the signer may really do: a subaccount that must not delete can only extend.
    ///
    /// # Errors
    /// [`ExpireNotAllowed`] when it asked to shorten.
    pub fn permitted_mode(&self, authority: &Authority) -> Result<ExpireMode, ExpireNotAllowed> {
        match (authority, self.mode) {
            (Authority::Subaccount(token), mode) if !token.access().contains(Access::DELETE) => match mode {
                ExpireMode::Shorten => Err(ExpireNotAllowed),
                ExpireMode::Set | ExpireMode::Extend => Ok(ExpireMode::Extend),
            },
            (_, mode) => Ok(mode),
        }
    }

    /// Pairs each message with its expiry, before clamping.
    pub fn pairs(&self) -> impl Iterator<Item = (&MessageHash, i64)> {
        let single = if self.expiries.len() == 1 { self.expiries.first().copied() } else { None };
        self.messages.iter().enumerate().filter_map(move |(index, hash)| {
            Some((hash, single.or_else(|| self.expiries.get(index).copied())?))
        })
    }

    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let expiries = params.timestamps("expiry")?;
        let extend = params.flag("extend")?.unwrap_or(false);
        let messages = params.texts("messages")?;
        let pubkey = params.text("pubkey")?;
        let shorten = params.flag("shorten")?.unwrap_or(false);
        let credentials = RawCredentials::load(params)?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let expiries = expiries.ok_or(ParseError::Missing("expiry"))?;
        if expiries.is_empty() {
            return Err(ParseError::Other("'expiry' does not contain any expiration timestamps"));
        }
        let mode = match (shorten, extend) {
            (true, true) => return Err(ParseError::Other("cannot specify both 'shorten' and 'extend'")),
            (true, false) => ExpireMode::Shorten,
            (false, true) => ExpireMode::Extend,
            (false, false) => ExpireMode::Set,
        };
        let n_messages = messages.as_ref().map(Vec::len);
        if n_messages.is_some_and(|n| n > 0 && expiries.len() > 1 && expiries.len() != n) {
            return Err(ParseError::Other(
                "'expiry' must be a single expiry, or the same length as 'messages'",
            ));
        }
        Ok(Self { account, messages: params.hashes(messages)?, expiries, mode, credentials })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_hashes(&self.messages);
        match self.expiries.as_slice() {
            [expiry] => fields.add_number("expiry", *expiry),
            expiries => {
                let numbers = expiries.iter().map(|expiry| Value::Number((*expiry).into()));
                fields.add("expiry", Value::List(numbers.collect()));
            }
        }
        match self.mode {
            ExpireMode::Set => {}
            ExpireMode::Shorten => fields.add("shorten", Value::Flag(true)),
            ExpireMode::Extend => fields.add("extend", Value::Flag(true)),
        }
        self.credentials.encode(&mut fields);
        fields
    }
}

impl ExpireAll {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let expiry = params.timestamp("expiry")?;
        let scope = params.scope("namespace")?.unwrap_or_default();
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let expiry = expiry.ok_or(ParseError::Missing("expiry"))?;
        Ok(Self { account, scope, expiry, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_scope(self.scope, form);
        fields.add_number("expiry", self.expiry);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl GetExpiries {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let messages = params.texts("messages")?;
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;
        let timestamp = params.timestamp("timestamp")?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
        let messages = messages.ok_or(ParseError::Missing("messages"))?;
        if messages.is_empty() {
            return Err(ParseError::Other("messages does not contain any message hashes"));
        }
        let as_text = |hash: &[u8]| String::from_utf8(hash.to_vec()).ok();
        let messages: Option<Vec<String>> = messages.into_iter().map(as_text).collect();
        let messages = messages.ok_or(ParseError::Type { field: "messages", expected: "string array" })?;
        Ok(Self { account, messages, timestamp, credentials })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add("messages", Value::List(self.messages.iter().cloned().map(Value::Text).collect()));
        fields.add_number("timestamp", self.timestamp);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl Signed for Expire {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::expire(self.mode, &self.expiries, &self.messages))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::WRITE)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("expire: signature verification failed")
    }
}

impl Signed for ExpireAll {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::expire_all(self.scope, self.expiry))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::DELETE)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("expire_all signature verification failed")
    }
}

impl Signed for GetExpiries {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::get_expiries(self.timestamp, &self.messages))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::READ)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("get_expiries signature verification failed")
    }
}
