//! `delete`, `delete_all` and `delete_before` (storage-rpc §4.4 to §4.6).

use std::borrow::Cow;

use super::credentials::{Credentials, Needs, RawCredentials, Refused, Signed};
use super::encode::{Fields, Form, Value};
use super::error::ParseError;
use super::fields::Params;
use crate::account::AccountId;
use crate::storage::subaccount::Access;
use crate::storage::{MessageHash, NamespaceScope, signed_text};

/// Deletes messages by hash. Its text holds no time, so it can be replayed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delete {
    /// Whose storage.
    pub account: AccountId,
    /// What to delete, at least one.
    pub messages: Vec<MessageHash>,
    /// Whether to answer 404 if nothing was deleted. It is not passed on to the other members.
    pub required: bool,
    /// The signature.
    pub credentials: Credentials,
}

/// Deletes everything in a namespace, or everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteAll {
    /// Whose storage.
    pub account: AccountId,
    /// Which slots of it.
    pub scope: NamespaceScope,
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The signature.
    pub credentials: Credentials,
}

/// Deletes what is not newer than a given time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteBefore {
    /// Whose storage.
    pub account: AccountId,
    /// Which slots of it.
    pub scope: NamespaceScope,
    /// Messages of this time and before go; in milliseconds.
    pub before: i64,
    /// The signature.
    pub credentials: Credentials,
}

impl Delete {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let messages = params.texts("messages")?;
        let pubkey = params.text("pubkey")?;
        let required = params.flag("required")?.unwrap_or(false);
        let credentials = RawCredentials::load(params)?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        Ok(Self { account, messages: params.hashes(messages)?, required, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_hashes(&self.messages);
        if self.required && form == Form::Client {
            fields.add("required", Value::Flag(true));
        }
        self.credentials.encode(&mut fields);
        fields
    }
}

impl DeleteAll {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let scope = params.scope("namespace")?.unwrap_or_default();
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;
        let timestamp = params.timestamp("timestamp")?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
        Ok(Self { account, scope, timestamp, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_scope(self.scope, form);
        fields.add_number("timestamp", self.timestamp);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl DeleteBefore {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let before = params.timestamp("before")?;
        let scope = params.scope("namespace")?.unwrap_or_default();
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load(params)?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let before = before.ok_or(ParseError::Missing("before"))?;
        Ok(Self { account, scope, before, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_scope(self.scope, form);
        fields.add_number("before", self.before);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl Signed for Delete {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::delete(&self.messages))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::DELETE)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("delete_msgs signature verification failed")
    }
}

impl Signed for DeleteAll {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::delete_all(self.scope, self.timestamp))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::DELETE)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("delete_all signature verification failed")
    }
}

impl Signed for DeleteBefore {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::delete_before(self.scope, self.before))
    }

    fn needs(&self) -> Needs {
        Needs::Access(Access::DELETE)
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("delete_before signature verification failed")
    }
}
