//! The accounts of this installation. Secrets leave the actor only as [`AccountSecrets`], which wipe themselves.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use starling_kernel::{CallError, ErrorKind, Kinded, message};
use starling_protocol::account::{AccountId, AccountKeys};
use thiserror::Error;
use zeroize::Zeroizing;

/// The local name of an account: 1 to 32 of `a-z 0-9 - _`, never sent anywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Profile(String);

impl Profile {
    /// The longest name, in characters.
    pub const MAX_LEN: usize = 32;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Profile {
    type Error = BadProfile;

    fn try_from(name: String) -> Result<Self, BadProfile> {
        let fits = (1..=Self::MAX_LEN).contains(&name.len());
        let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        if fits && name.bytes().all(plain) { Ok(Self(name)) } else { Err(BadProfile { name }) }
    }
}

impl std::str::FromStr for Profile {
    type Err = BadProfile;

    fn from_str(name: &str) -> Result<Self, BadProfile> {
        Self::try_from(name.to_owned())
    }
}

impl From<Profile> for String {
    fn from(profile: Profile) -> Self {
        profile.0
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name that is no profile name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} is not a profile name: 1 to 32 characters of a-z, 0-9, - and _ are")]
pub struct BadProfile {
    name: String,
}

/// Makes a new account.
#[derive(Debug, Clone)]
pub struct CreateAccount {
    /// Its local name; must be free.
    pub profile: Profile,
    /// The display name that contacts see, to be cleaned by identity §4; none when absent.
    pub name: Option<String>,
}
message!(CreateAccount => Created, Error, "create_account");

/// A new account, with the words that restore it: the one time they are handed out unasked.
#[derive(Debug, Clone)]
pub struct Created {
    /// The account.
    pub account: Account,
    /// The recovery password.
    pub recovery: Zeroizing<String>,
}

/// Brings an account back from its recovery password.
#[derive(Clone)]
pub struct RestoreAccount {
    /// Its local name; must be free.
    pub profile: Profile,
    /// The display name that contacts see; none when absent.
    pub name: Option<String>,
    /// The recovery password as typed.
    pub recovery: Zeroizing<String>,
}
message!(RestoreAccount => Account, Error, "restore_account");

impl std::fmt::Debug for RestoreAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestoreAccount").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What may be known of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The account id.
    pub id: AccountId,
    /// Its local name.
    pub profile: Profile,
    /// The display name that contacts see; empty when it has none.
    pub name: String,
}

/// Which accounts are there? Sorted by profile.
#[derive(Debug, Clone, Copy)]
pub struct ListAccounts;
message!(ListAccounts => Vec<Account>, Error, "list_accounts");

/// Which account has that local name?
#[derive(Debug, Clone)]
pub struct ShowAccount {
    /// The local name.
    pub profile: Profile,
}
message!(ShowAccount => Account, Error, "show_account");

/// Shows the recovery password again.
#[derive(Debug, Clone)]
pub struct RevealRecovery {
    /// The local name.
    pub profile: Profile,
}
message!(RevealRecovery => Zeroizing<String>, Error, "reveal_recovery");

/// Hands the keys to another client actor of this process.
#[derive(Debug, Clone)]
pub struct UnlockAccount {
    /// The local name.
    pub profile: Profile,
}
message!(UnlockAccount => Arc<AccountSecrets>, Error, "unlock_account");

/// The keys of an account, and the key under which its data lie on disk. Wiped when the last holder drops it.
#[derive(Debug)]
pub struct AccountSecrets {
    /// What may be known.
    pub account: Account,
    /// When the display name was last chosen, Unix seconds; 1 after a restore, so that any profile found elsewhere wins
    /// (identity §6).
    pub name_updated_at: u64,
    /// The account's keys.
    pub keys: AccountKeys,
    /// Encrypts the account's data at rest (XChaCha20-Poly1305).
    pub at_rest: Zeroizing<[u8; 32]>,
}

/// Why the keeper of accounts refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The local name is taken.
    #[error("there is already an account with the profile {0}; choose another profile name")]
    ProfileTaken(Profile),
    /// The account is here under another local name.
    #[error("this account is already here, under the profile {0}")]
    AlreadyHere(Profile),
    /// No such local name.
    #[error("there is no account with the profile {0}; `starling account list` shows those there are")]
    UnknownProfile(Profile),
    /// The display name is no good; the text says why.
    #[error("{0}")]
    BadName(String),
    /// The recovery password is no good; the text says which word.
    #[error("{0}")]
    BadRecovery(String),
    /// The stored keys cannot be opened.
    #[error("{0}")]
    Locked(String),
    /// The disk said no.
    #[error("the account store failed: {0}")]
    Store(String),
    /// The actor could not be asked.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::ProfileTaken(_)
            | Error::AlreadyHere(_)
            | Error::UnknownProfile(_)
            | Error::BadName(_)
            | Error::BadRecovery(_) => ErrorKind::Rejected,
            Error::Locked(_) | Error::Store(_) => ErrorKind::Operator,
            Error::Call(error) => error.kind(),
        }
    }
}
