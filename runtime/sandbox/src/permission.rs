//! What a plugin may be granted, as it stands in `permissions = […]` of its `plugin.toml` and in `grants = […]` of the settings.
//!
//! | written | means |
//! |---|---|
//! | `send:reply`, `send:direct`, `send:<account id>` | writing to accounts that wrote first, to any account, to this one |
//! | `react:…` | reacting, with the same scopes |
//! | `delete` | taking back what the plugin sent |
//! | `read:direct`, `read:<account id>` | reading all conversations, or this one |
//! | `http:<origin>` | asking the web server there, see [`Origin`] |
//! | `secret:<name>`, `secret-reveal:<name>` | having the host use a secret; reading it, which includes using it |
//! | `kv`, `timers`, `config`, `log`, `clock`, `random`, `identity` | the interface of that name |
//!
//! A wider permission covers a narrower one of its kind; nothing covers a permission of another kind.

mod grants;
mod origin;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, de};
use starling_protocol::account::{AccountId, ParseIdError};
use thiserror::Error;

pub use self::grants::{Grants, Reach};
pub use self::origin::{Origin, OriginError};
use crate::nearest::hint;

/// One thing that a plugin may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "String")]
pub enum Permission {
    /// Writing messages.
    Send(Scope),
    /// Putting emoji on messages, and taking them off.
    React(Scope),
    /// Taking back messages that the plugin sent.
    Delete,
    /// Reading stored conversations.
    Read(Conversations),
    /// The plugin's own store.
    Kv,
    /// Being called later.
    Timers,
    /// Asking web servers of that origin.
    Http(Origin),
    /// What the operator and the author set.
    Config,
    /// Having the host put the secret of that name into a header.
    Secret(SecretName),
    /// Reading the secret of that name.
    SecretReveal(SecretName),
    /// Writing to the plugin's log.
    Log,
    /// The time.
    Clock,
    /// Randomness.
    Random,
    /// The plugin's own account id.
    Identity,
}

/// With whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `reply`: accounts that have written to this one first.
    Reply,
    /// `direct`: any account.
    Direct,
    /// That account, whether or not it has written.
    Account(AccountId),
}

/// Which conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Conversations {
    /// `direct`: all of them.
    Direct,
    /// The one with that account.
    Account(AccountId),
}

/// The name under which an operator lends a secret: 1 to 64 of `a-z A-Z 0-9 - _`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// Why a text is no permission.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParsePermissionError {
    /// No permission begins like that.
    #[error("unknown permission {name:?}{hint}")]
    Unknown {
        /// What stands before the first colon, shortened.
        name: String,
        /// What was probably meant.
        hint: String,
    },
    /// Something has to follow.
    #[error("permission {name} lacks what it is for: expected {expected}")]
    Incomplete {
        /// What stands before the colon.
        name: &'static str,
        /// The forms there are.
        expected: &'static str,
    },
    /// Something follows where nothing may.
    #[error("permission {name} is for nothing in particular: expected just {name}")]
    TooMuch {
        /// What stands before the colon.
        name: &'static str,
    },
    /// What follows is neither a scope nor an account id.
    #[error("permission {name} has a wrong scope: expected {expected}, or the account id is wrong: {reason}")]
    Scope {
        /// What stands before the colon.
        name: &'static str,
        /// The forms there are.
        expected: &'static str,
        /// Why it is no account id.
        reason: ParseIdError,
    },
    /// What follows is no origin of web servers.
    #[error("permission http: {0}")]
    Origin(#[from] OriginError),
    /// What follows is no name of a secret.
    #[error("permission {name}: {reason}")]
    Secret {
        /// What stands before the colon.
        name: &'static str,
        /// Why it is no name.
        reason: BadSecretName,
    },
}

/// A text that is no name of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a secret's name has 1 to 64 characters of a-z, A-Z, 0-9, - and _")]
pub struct BadSecretName;

const SEND: &str = "send:reply, send:direct or send:<account id>";
const REACT: &str = "react:reply, react:direct or react:<account id>";
const READ: &str = "read:direct or read:<account id>";
const HTTP: &str = "http:<origin>, such as http:https://api.example.org";
const SECRET: &str = "secret:<name>";
const SECRET_REVEAL: &str = "secret-reveal:<name>";

/// So much of an unknown name is repeated.
const REPEATED: usize = 32;

impl Permission {
    /// What stands before the colon of each permission.
    pub const NAMES: &'static [&'static str] = &[
        "send",
        "react",
        "delete",
        "read",
        "kv",
        "timers",
        "http",
        "config",
        "secret",
        "secret-reveal",
        "log",
        "clock",
        "random",
        "identity",
    ];

    /// What stands before its colon: one of [`NAMES`](Self::NAMES).
    pub fn name(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::React(_) => "react",
            Self::Delete => "delete",
            Self::Read(_) => "read",
            Self::Kv => "kv",
            Self::Timers => "timers",
            Self::Http(_) => "http",
            Self::Config => "config",
            Self::Secret(_) => "secret",
            Self::SecretReveal(_) => "secret-reveal",
            Self::Log => "log",
            Self::Clock => "clock",
            Self::Random => "random",
            Self::Identity => "identity",
        }
    }

    /// Does whoever holds this hold `narrower` too?
    pub fn covers(&self, narrower: &Self) -> bool {
        match (self, narrower) {
            (Self::Send(wide), Self::Send(narrow)) | (Self::React(wide), Self::React(narrow)) => {
                wide.covers(narrow)
            }
            (Self::Read(wide), Self::Read(narrow)) => wide.covers(narrow),
            (Self::Http(wide), Self::Http(narrow)) => wide.covers(narrow),
            (Self::SecretReveal(name), Self::Secret(used)) => name == used,
            _ => self == narrower,
        }
    }
}

impl Scope {
    fn covers(&self, narrower: &Self) -> bool {
        *self == Self::Direct || self == narrower
    }
}

impl Conversations {
    fn covers(&self, narrower: &Self) -> bool {
        *self == Self::Direct || self == narrower
    }
}

impl FromStr for Permission {
    type Err = ParsePermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, rest) = match text.split_once(':') {
            Some((name, rest)) => (name, Some(rest)),
            None => (text, None),
        };
        let needed = |name, expected| rest.ok_or(ParsePermissionError::Incomplete { name, expected });
        let plain = |permission: Self| match rest {
            None => Ok(permission),
            Some(_) => Err(ParsePermissionError::TooMuch { name: permission.name() }),
        };
        match name {
            "send" => needed("send", SEND).and_then(|rest| scope("send", SEND, rest)).map(Self::Send),
            "react" => needed("react", REACT).and_then(|rest| scope("react", REACT, rest)).map(Self::React),
            "read" => needed("read", READ).and_then(conversations).map(Self::Read),
            "http" => Ok(Self::Http(needed("http", HTTP)?.parse()?)),
            "secret" => secret("secret", needed("secret", SECRET)?).map(Self::Secret),
            "secret-reveal" => {
                secret("secret-reveal", needed("secret-reveal", SECRET_REVEAL)?).map(Self::SecretReveal)
            }
            "delete" => plain(Self::Delete),
            "kv" => plain(Self::Kv),
            "timers" => plain(Self::Timers),
            "config" => plain(Self::Config),
            "log" => plain(Self::Log),
            "clock" => plain(Self::Clock),
            "random" => plain(Self::Random),
            "identity" => plain(Self::Identity),
            unknown => Err(unknown_name(unknown)),
        }
    }
}

fn scope(name: &'static str, expected: &'static str, text: &str) -> Result<Scope, ParsePermissionError> {
    match text {
        "reply" => Ok(Scope::Reply),
        "direct" => Ok(Scope::Direct),
        _ => account(name, expected, text).map(Scope::Account),
    }
}

fn conversations(text: &str) -> Result<Conversations, ParsePermissionError> {
    match text {
        "direct" => Ok(Conversations::Direct),
        _ => account("read", READ, text).map(Conversations::Account),
    }
}

fn account(
    name: &'static str,
    expected: &'static str,
    text: &str,
) -> Result<AccountId, ParsePermissionError> {
    AccountId::parse_target(text).map_err(|reason| ParsePermissionError::Scope { name, expected, reason })
}

fn secret(name: &'static str, text: &str) -> Result<SecretName, ParsePermissionError> {
    text.parse().map_err(|reason| ParsePermissionError::Secret { name, reason })
}

fn unknown_name(name: &str) -> ParsePermissionError {
    let name: String = name.chars().take(REPEATED).collect();
    let hint = hint(&name, Permission::NAMES.iter().copied());
    ParsePermissionError::Unknown { name, hint }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Send(scope) | Self::React(scope) => write!(f, "{name}:{scope}"),
            Self::Read(conversations) => write!(f, "{name}:{conversations}"),
            Self::Http(origin) => write!(f, "{name}:{origin}"),
            Self::Secret(secret) | Self::SecretReveal(secret) => write!(f, "{name}:{secret}"),
            _ => f.write_str(name),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply => f.write_str("reply"),
            Self::Direct => f.write_str("direct"),
            Self::Account(id) => id.fmt(f),
        }
    }
}

impl fmt::Display for Conversations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("direct"),
            Self::Account(id) => id.fmt(f),
        }
    }
}

/// By hand, because a derived one fails where TOML has forgotten which item of the list it is at.
impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl de::Visitor<'_> for TextVisitor {
    type Value = Permission;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a permission, such as \"send:reply\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Permission, E> {
        text.parse().map_err(E::custom)
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

impl SecretName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretName {
    type Err = BadSecretName;

    fn from_str(text: &str) -> Result<Self, BadSecretName> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
        if fits { Ok(Self(text.to_owned())) } else { Err(BadSecretName) }
    }
}

impl TryFrom<String> for SecretName {
    type Error = BadSecretName;

    fn try_from(text: String) -> Result<Self, BadSecretName> {
        text.parse()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
