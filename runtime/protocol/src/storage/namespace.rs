//! The numbered slots of an account's storage, and what each number allows (storage-rpc §3).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits;
use super::subaccount::Access;

/// A slot of an account's storage. The number fixes who may read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Namespace(pub i16);

impl Namespace {
    /// Messages to a user.
    pub const DEFAULT: Self = Self(0);
    /// A user's own profile.
    pub const USER_PROFILE: Self = Self(2);
    /// A user's contacts.
    pub const CONTACTS: Self = Self(3);
    /// What a user has read, per conversation.
    pub const CONVO_INFO_VOLATILE: Self = Self(4);
    /// Groups and communities a user is in.
    pub const USER_GROUPS: Self = Self(5);
    /// Messages of the groups of old.
    pub const LEGACY_GROUP: Self = Self(-10);
    /// Messages of a group.
    pub const GROUP_MESSAGES: Self = Self(11);
    /// Encryption keys of a group.
    pub const GROUP_KEYS: Self = Self(12);
    /// Name and settings of a group.
    pub const GROUP_INFO: Self = Self(13);
    /// Members of a group.
    pub const GROUP_MEMBERS: Self = Self(14);
    /// Notices to removed members of a group, which they can read in spite of their revocation.
    pub const GROUP_REVOKED: Self = Self(-11);
    /// Reserved for tests: stores are always refused, retrieves are empty.
    pub const REFUSED: Self = Self(-3741);

    /// Anyone may store; a signature is not looked at.
    #[must_use]
    pub const fn is_public_inbox(self) -> bool {
        self.0 % 10 == 0
    }

    /// The slot of the groups of old: anyone may store and retrieve.
    #[must_use]
    pub const fn is_legacy_group(self) -> bool {
        self.0 == Self::LEGACY_GROUP.0
    }

    /// Anyone may retrieve; it holds one message only, the newest.
    #[must_use]
    pub const fn is_public_outbox(self) -> bool {
        !self.is_refused() && self.0 < 0 && (self.0 as i32).unsigned_abs() % 20 == 1
    }

    /// Readable by revoked subaccounts too.
    #[must_use]
    pub const fn is_unrevocable(self) -> bool {
        self.0 < 0 && (self.0 as i32).unsigned_abs() % 100 == 11
    }

    /// See [`Namespace::REFUSED`].
    #[must_use]
    pub const fn is_refused(self) -> bool {
        self.0 == Self::REFUSED.0
    }

    /// Whether `store` must be signed.
    #[must_use]
    pub const fn store_needs_auth(self) -> bool {
        !self.is_public_inbox()
    }

    /// Whether `retrieve` must be signed.
    #[must_use]
    pub const fn retrieve_needs_auth(self) -> bool {
        !(self.is_legacy_group() || self.is_public_outbox())
    }

    /// What a subaccount needs to store here.
    #[must_use]
    pub const fn store_access(self) -> Access {
        if self.is_public_outbox() { Access::WRITE.and(Access::DELETE) } else { Access::WRITE }
    }

    /// Longest time to live of a message here, in milliseconds.
    #[must_use]
    pub const fn max_ttl(self) -> i64 {
        if self.is_public_inbox() { limits::MAX_TTL_PUBLIC_INBOX } else { limits::MAX_TTL }
    }

    /// How signed texts and message hashes name it: nothing for 0, else the decimal number.
    #[must_use]
    pub fn signed_text(self) -> String {
        if self == Self::DEFAULT { String::new() } else { self.0.to_string() }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One namespace, or all of an account's at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamespaceScope {
    /// This one.
    One(Namespace),
    /// `"all"`.
    All,
}

impl NamespaceScope {
    /// How signed texts name it.
    #[must_use]
    pub fn signed_text(self) -> String {
        match self {
            Self::One(namespace) => namespace.signed_text(),
            Self::All => "all".to_owned(),
        }
    }
}

impl Default for NamespaceScope {
    fn default() -> Self {
        Self::One(Namespace::DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refused_namespace_is_no_outbox_although_its_number_is_one() {
        assert!(Namespace(-3721).is_public_outbox());
        assert!(!Namespace::REFUSED.is_public_outbox());
        assert!(Namespace::REFUSED.store_needs_auth());
    }

    #[test]
    fn the_ends_of_the_range_have_a_class() {
        assert!(!Namespace(i16::MIN).is_public_inbox());
        assert!(!Namespace(i16::MIN).is_public_outbox());
        assert!(!Namespace(i16::MAX).is_unrevocable());
        assert!(Namespace(-32_701).is_public_outbox());
    }
}
