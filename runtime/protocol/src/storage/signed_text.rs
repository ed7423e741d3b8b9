//! The texts that requests and answers are signed over (storage-rpc §4): parts put together without separators.
//!
//! Functions of this module are the client's texts; [`reply`] holds those of the node that answers.

pub mod reply;

use super::subaccount::Token;
use super::{MessageHash, Namespace, NamespaceScope};
use crate::account::AccountId;

/// What `expire` does to an expiry that is already set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ExpireMode {
    /// Set it, whatever it was.
    #[default]
    Set,
    /// Only ever move it earlier.
    Shorten,
    /// Only ever move it later.
    Extend,
}

impl ExpireMode {
    const fn signed_text(self) -> &'static str {
        match self {
            Self::Set => "",
            Self::Shorten => "shorten",
            Self::Extend => "extend",
        }
    }
}

/// `store`; `sig_timestamp` is the message's time unless the request gives another.
#[must_use]
pub fn store(namespace: Namespace, sig_timestamp: i64) -> Vec<u8> {
    Text::new("store").add(namespace.signed_text()).add(sig_timestamp).into()
}

/// `retrieve`.
#[must_use]
pub fn retrieve(namespace: Namespace, timestamp: i64) -> Vec<u8> {
    Text::new("retrieve").add(namespace.signed_text()).add(timestamp).into()
}

/// `delete`, hashes as requested.
#[must_use]
pub fn delete(messages: &[MessageHash]) -> Vec<u8> {
    Text::new("delete").add_all(messages).into()
}

/// `delete_all`.
#[must_use]
pub fn delete_all(scope: NamespaceScope, timestamp: i64) -> Vec<u8> {
    Text::new("delete_all").add(scope.signed_text()).add(timestamp).into()
}

/// `delete_before`.
#[must_use]
pub fn delete_before(scope: NamespaceScope, before: i64) -> Vec<u8> {
    Text::new("delete_before").add(scope.signed_text()).add(before).into()
}

/// `expire_all`.
#[must_use]
pub fn expire_all(scope: NamespaceScope, expiry: i64) -> Vec<u8> {
    Text::new("expire_all").add(scope.signed_text()).add(expiry).into()
}

/// `expire`, expiries as sent, before a node clamps them.
#[must_use]
pub fn expire(mode: ExpireMode, expiries: &[i64], messages: &[MessageHash]) -> Vec<u8> {
    Text::new("expire").add(mode.signed_text()).add_all(expiries).add_all(messages).into()
}

/// `get_expiries`; its hashes are not checked for form.
#[must_use]
pub fn get_expiries(timestamp: i64, messages: &[String]) -> Vec<u8> {
    Text::new("get_expiries").add(timestamp).add_all(messages).into()
}

/// `revoke_subaccount`.
#[must_use]
pub fn revoke_subaccount(timestamp: i64, tokens: &[Token]) -> Vec<u8> {
    Text::new("revoke_subaccount").add(timestamp).add_tokens(tokens).into()
}

/// `unrevoke_subaccount`.
#[must_use]
pub fn unrevoke_subaccount(timestamp: i64, tokens: &[Token]) -> Vec<u8> {
    Text::new("unrevoke_subaccount").add(timestamp).add_tokens(tokens).into()
}

/// `revoked_subaccounts`.
#[must_use]
pub fn revoked_subaccounts(timestamp: i64) -> Vec<u8> {
    Text::new("revoked_subaccounts").add(timestamp).into()
}

/// A subscription (storage-rpc §7); here the time is in seconds.
#[must_use]
pub fn monitor(account: &AccountId, seconds: i64, wants_data: bool, namespaces: &[Namespace]) -> Vec<u8> {
    let namespaces: Vec<String> = namespaces.iter().map(Namespace::to_string).collect();
    Text::new("MONITOR").add(account).add(seconds).add(u8::from(wants_data)).add(namespaces.join(",")).into()
}

/// A signed text in the making.
struct Text(Vec<u8>);

impl Text {
    fn new(start: impl ToString) -> Self {
        Self(start.to_string().into_bytes())
    }

    fn add(mut self, part: impl ToString) -> Self {
        self.0.extend_from_slice(part.to_string().as_bytes());
        self
    }

    fn add_all<T: ToString>(self, parts: impl IntoIterator<Item = T>) -> Self {
        parts.into_iter().fold(self, Self::add)
    }

    /// Tokens stand in the text as raw bytes.
    fn add_tokens(mut self, tokens: &[Token]) -> Self {
        for token in tokens {
            self.0.extend_from_slice(token.as_bytes());
        }
        self
    }
}

impl From<Text> for Vec<u8> {
    fn from(text: Text) -> Self {
        text.0
    }
}
