//! Who somebody is, and where things are said.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An account's public id: 66 characters of lower-case hex, of which the first two are `05`.
///
/// In config and stored values it is its text; another text is refused there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

impl AccountId {
    /// An id that a person wrote; upper case is understood.
    pub fn parse(text: &str) -> Result<Self, NoAccountId> {
        let id = text.trim().to_ascii_lowercase();
        let is_id = id.len() == 66 && id.starts_with("05") && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id { Ok(Self(id)) } else { Err(NoAccountId) }
    }

    /// An id that the host gave, which has seen to its form.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn from_host(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AccountId {
    type Err = NoAccountId;

    fn from_str(text: &str) -> Result<Self, NoAccountId> {
        Self::parse(text)
    }
}

impl TryFrom<String> for AccountId {
    type Error = NoAccountId;

    fn try_from(text: String) -> Result<Self, NoAccountId> {
        Self::parse(&text)
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.0
    }
}

/// A text is no account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoAccountId;

impl fmt::Display for NoAccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account id is 66 characters of hex and begins with 05")
    }
}

impl std::error::Error for NoAccountId {}

/// Where things are said. Opaque: compare it, keep it, hand it back to the host.
///
/// The conversation with an account is made from its id: `Conversation::from(&account)`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conversation(String);

impl Conversation {
    /// A conversation that the host named.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn from_host(name: String) -> Self {
        Self(name)
    }

    /// Its name, fit for a part of a `kv` key or of a timer's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<AccountId> for Conversation {
    fn from(account: AccountId) -> Self {
        Self(account.0)
    }
}

impl From<&AccountId> for Conversation {
    fn from(account: &AccountId) -> Self {
        Self(account.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_people_paste_it() {
        let pasted = format!(" 05{} ", "AB".repeat(32));

        let id = AccountId::parse(&pasted).unwrap();

        assert_eq!(id.as_str(), format!("05{}", "ab".repeat(32)));
    }

    #[test]
    fn what_is_no_id_is_refused_in_config_too() {
        for text in ["", "05", &"05".repeat(32), &"15".repeat(33), &format!("05{}", "xy".repeat(32))] {
            assert_eq!(AccountId::parse(text), Err(NoAccountId), "{text}");
        }

        let refused = serde_json::from_str::<AccountId>("\"alice\"").unwrap_err();

        assert!(refused.to_string().contains("66 characters"), "{refused}");
    }
}
