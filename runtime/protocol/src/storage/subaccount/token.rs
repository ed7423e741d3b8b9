//! The 36 bytes that name a delegated key and what it may do.

use std::fmt;

use crate::account::{AccountId, Prefix};
use crate::crypto::ed25519;
use crate::storage::base64_text;
use crate::storage::request::Refused;

/// What a token permits, as a set of flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Access(u8);

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Retrieve, subscribe, ask for expiries.
    pub const READ: Self = Self(1);
    /// Store, and extend expiries.
    pub const WRITE: Self = Self(2);
    /// Delete, and shorten expiries.
    pub const DELETE: Self = Self(4);
    /// Use the token for accounts of another kind than it names.
    pub const ANY_PREFIX: Self = Self(8);

    /// The set of a token's flag byte; bits without a meaning are kept.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The flag byte.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether everything in `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::READ, "read"),
            (Self::WRITE, "write"),
            (Self::DELETE, "delete"),
            (Self::ANY_PREFIX, "any prefix"),
        ];
        f.debug_set()
            .entries(names.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| name))
            .finish()
    }
}

/// A subaccount token: kind of account ‖ flags ‖ two zeros ‖ Ed25519 key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token([u8; 36]);

impl Token {
    /// Length in bytes.
    pub const LEN: usize = 36;

    /// Puts a token together.
    #[must_use]
    pub fn new(prefix: Prefix, access: Access, key: &ed25519::PublicKey) -> Self {
        let mut bytes = [0; 36];
        bytes[0] = prefix.byte();
        bytes[1] = access.bits();
        bytes[4..].copy_from_slice(key.as_bytes());
        Self(bytes)
    }

    /// Takes the 36 bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 36]) -> Self {
        Self(bytes)
    }

    /// Reads 48 characters of base64 or 72 of hex.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        match text.len() {
            48 => base64_text::decode_array(text).map(Self),
            72 => {
                let mut bytes = [0; 36];
                hex::decode_to_slice(text, &mut bytes).ok().map(|()| Self(bytes))
            }
            _ => None,
        }
    }

    /// The kind of account it is for.
    #[must_use]
    pub const fn prefix(&self) -> Prefix {
        Prefix::from_byte(self.0[0])
    }

    /// What it permits.
    #[must_use]
    pub const fn access(&self) -> Access {
        Access::from_bits(self.0[1])
    }

    /// The key that signs requests in its name.
    #[must_use]
    pub fn key(&self) -> ed25519::PublicKey {
        ed25519::PublicKey(*self.0.last_chunk().expect("a token has 36 bytes"))
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 36] {
        &self.0
    }

    /// Base64 without padding, of which 36 bytes need none.
    #[must_use]
    pub fn to_base64(&self) -> String {
        base64_text::encode(&self.0)
    }
}

/// Says what the token permits, not whose it is.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {:?})", self.prefix(), self.access())
    }
}

/// A token with the account key's signature over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignedToken {
    /// The token.
    pub token: Token,
    /// The account key's signature over the token's 36 bytes.
    pub signature: ed25519::Signature,
}

impl SignedToken {
    /// Checks that `owner`, the Ed25519 key of `account`, gave this token, for this kind of account, with the access
    /// that is needed. Whether it was revoked only the node's database knows.
    ///
    /// # Errors
    /// Which of these does not hold.
    pub fn verify(
        &self,
        account: &AccountId,
        owner: &ed25519::PublicKey,
        needed: Access,
    ) -> Result<(), Refused> {
        let access = self.token.access();
        if self.token.prefix() != account.prefix() && !access.contains(Access::ANY_PREFIX) {
            return Err(Refused::TokenKind);
        }
        if !access.contains(needed) {
            return Err(Refused::TokenAccess);
        }
        if !owner.verify(self.token.as_bytes(), &self.signature) {
            return Err(Refused::TokenSignature);
        }
        Ok(())
    }
}
