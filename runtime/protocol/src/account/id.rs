//! The public id: one prefix byte that tells the kind, and a 32-byte key.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{NotATarget, ParseIdError};
use crate::crypto::x25519;

/// The kind of an id, told by its first byte (identity §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// `05`: an account; the key is X25519.
    Standard,
    /// `03`: a group; the key is Ed25519.
    Group,
    /// `15`: an account as a community shows it, first scheme.
    Blinded15,
    /// `25`: the same, second scheme.
    Blinded25,
    /// `00`: an account in a community that does not blind; the key is Ed25519.
    Unblinded,
    /// `07`: used only to ask for the newest client version.
    VersionBlinded,
    /// A byte that means nothing to clients, but that storage nodes accept.
    Other(u8),
}

impl Prefix {
    /// The byte on the wire.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Standard => 0x05,
            Self::Group => 0x03,
            Self::Blinded15 => 0x15,
            Self::Blinded25 => 0x25,
            Self::Unblinded => 0x00,
            Self::VersionBlinded => 0x07,
            Self::Other(byte) => byte,
        }
    }

    /// The kind that a first byte names; never fails, see [`Prefix::Other`].
    #[must_use]
    pub const fn from_byte(byte: u8) -> Self {
        match byte {
            0x05 => Self::Standard,
            0x03 => Self::Group,
            0x15 => Self::Blinded15,
            0x25 => Self::Blinded25,
            0x00 => Self::Unblinded,
            0x07 => Self::VersionBlinded,
            other => Self::Other(other),
        }
    }

    pub(super) const fn meaning(self) -> &'static str {
        match self {
            Self::Standard => "an account",
            Self::Group => "a group, which is written to through its own swarm",
            Self::Blinded15 | Self::Blinded25 => {
                "a blinded id, which is reachable only through its community"
            }
            Self::Unblinded => "an id inside one community",
            Self::VersionBlinded => "an id for version checks only",
            Self::Other(_) => "which is no known kind of id",
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}", self.byte())
    }
}

/// A public id: 33 bytes, written as 66 hexadecimal characters in lower case.
///
/// `Debug` hides the key, because an id must not reach a log; print it with `Display` where a person asked for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId([u8; 33]);

impl AccountId {
    /// Length of the raw form in bytes.
    pub const LEN: usize = 33;

    /// Puts an id together from its kind and key.
    #[must_use]
    pub fn new(prefix: Prefix, key: [u8; 32]) -> Self {
        let mut bytes = [prefix.byte(); 33];
        bytes[1..].copy_from_slice(&key);
        Self(bytes)
    }

    /// The id of the account behind an X25519 key.
    #[must_use]
    pub fn standard(key: x25519::PublicKey) -> Self {
        Self::new(Prefix::Standard, key.0)
    }

    /// Reads the 33-byte form; the prefix must be one that clients know.
    ///
    /// # Errors
    /// A wrong length or an unknown prefix.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ParseIdError> {
        Self::from_bytes_any(bytes)?.with_known_prefix()
    }

    /// Reads the 33-byte form with any prefix, as storage nodes do (storage-rpc §2).
    ///
    /// # Errors
    /// A wrong length.
    pub fn from_bytes_any(bytes: &[u8]) -> Result<Self, ParseIdError> {
        bytes.try_into().map(Self).map_err(|_| ParseIdError::ByteLength { got: bytes.len() })
    }

    /// Reads 66 hexadecimal characters with any prefix, as storage nodes do (storage-rpc §2).
    ///
    /// # Errors
    /// A wrong length, or a character that is no hexadecimal digit.
    pub fn parse_any(text: &str) -> Result<Self, ParseIdError> {
        let got = text.chars().count();
        if got != Self::LEN * 2 {
            return Err(ParseIdError::Length { got });
        }
        if let Some(index) = text.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(ParseIdError::NotHex { position: index + 1 });
        }
        let mut bytes = [0; Self::LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError::Length { got })?;
        Ok(Self(bytes))
    }

    /// Reads an id that a one-to-one message can be sent to: `05` and a key.
    ///
    /// # Errors
    /// As [`FromStr`], and [`ParseIdError::NotATarget`] for ids of another kind.
    pub fn parse_target(text: &str) -> Result<Self, ParseIdError> {
        let id: Self = text.parse()?;
        if id.is_conversation_target() { Ok(id) } else { Err(NotATarget { prefix: id.prefix() }.into()) }
    }

    /// The kind of id.
    #[must_use]
    pub const fn prefix(&self) -> Prefix {
        Prefix::from_byte(self.0[0])
    }

    /// The 32 bytes behind the prefix; the swarm is found from these alone.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        self.0.last_chunk().expect("an id has 33 bytes")
    }

    /// The key as X25519; `None` unless this is an account, for in the other kinds it is an Ed25519 key.
    #[must_use]
    pub fn x25519(&self) -> Option<x25519::PublicKey> {
        (self.prefix() == Prefix::Standard).then(|| x25519::PublicKey(*self.key()))
    }

    /// The raw form, prefix first.
    #[must_use]
    pub const fn bytes(&self) -> [u8; 33] {
        self.0
    }

    /// The raw form, prefix first, borrowed.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// Whether a one-to-one message can be sent to it.
    #[must_use]
    pub fn is_conversation_target(&self) -> bool {
        self.prefix() == Prefix::Standard
    }

    /// What to show when no name is known: first and last four characters, `(0512...ab34)` (identity §4).
    #[must_use]
    pub fn short(&self) -> String {
        format!("({}...{})", hex::encode(&self.0[..2]), hex::encode(&self.0[31..]))
    }

    fn with_known_prefix(self) -> Result<Self, ParseIdError> {
        match self.prefix() {
            Prefix::Other(prefix) => Err(ParseIdError::UnknownPrefix { prefix }),
            _ => Ok(self),
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({}..)", self.prefix())
    }
}

/// Accepts 66 hexadecimal characters of either case with a prefix that clients know.
impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse_any(text)?.with_known_prefix()
    }
}

impl AsRef<[u8]> for AccountId {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for AccountId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Accepts any prefix, so that whatever a node has stored can be read back.
impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_any(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "05ba8dc42e86ee7f80757caa906deb0072b21a4e59cf4b3ae96cae4d07afbdb73f";

    #[track_caller]
    fn refused(text: &str, because: &str) {
        let error = AccountId::parse_target(text).expect_err("must be refused");
        assert_eq!(error.to_string(), because);
    }

    #[test]
    fn refusals_say_what_is_wrong_and_what_was_expected() {
        refused(&ID[2..], "account id has 64 characters, expected 66");
        refused("", "account id has 0 characters, expected 66");
        refused(&ID.replace('c', "é"), "character 7 of the account id is not a hexadecimal digit (0-9, a-f)");
        refused(
            &ID.replacen("05", "9a", 1),
            "account id starts with 9a, which is no known kind of id: \
             expected 05 (account), 03 (group), 15 or 25 (blinded), 00 (unblinded) or 07 (version check)",
        );
        refused(
            &ID.replacen("05", "15", 1),
            "account id starts with 15, a blinded id, which is reachable only through its community: expected 05",
        );
    }

    #[test]
    fn text_bytes_and_json_give_the_id_back() {
        let id: AccountId = ID.to_uppercase().parse().unwrap();

        assert_eq!(id.to_string(), ID);
        assert_eq!(AccountId::from_bytes(&id.bytes()).unwrap(), id);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{ID}\""));
        assert_eq!(serde_json::from_str::<AccountId>(&format!("\"{ID}\"")).unwrap(), id);
        assert_eq!(id.short(), "(05ba...b73f)");
    }

    #[test]
    fn nodes_accept_prefixes_that_clients_refuse() {
        let strange = ID.replacen("05", "9a", 1);

        assert_eq!(AccountId::parse_any(&strange).unwrap().prefix(), Prefix::Other(0x9a));
        assert_eq!(strange.parse::<AccountId>(), Err(ParseIdError::UnknownPrefix { prefix: 0x9a }));
        assert!(AccountId::from_bytes(AccountId::parse_any(&strange).unwrap().as_bytes()).is_err());
    }

    #[test]
    fn every_prefix_byte_survives() {
        for byte in 0..=255 {
            assert_eq!(Prefix::from_byte(byte).byte(), byte);
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", ID.parse::<AccountId>().unwrap()), "AccountId(05..)");
    }
}
