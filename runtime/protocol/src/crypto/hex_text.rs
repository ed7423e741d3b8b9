//! Text and serde forms of fixed-size keys: lower-case hex out, hex of either case in.

use thiserror::Error;

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParseKeyError {
    /// The text has the wrong number of characters.
    #[error("key has {got} characters, expected {expected} hexadecimal ones")]
    Length {
        /// How many characters were given.
        got: usize,
        /// How many the key has.
        expected: usize,
    },
    /// A character is no hexadecimal digit.
    #[error("character {position} of the key is not a hexadecimal digit")]
    NotHex {
        /// Which character, counted from 1.
        position: usize,
    },
}

/// Decodes exactly `N` bytes of hex.
pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], ParseKeyError> {
    let expected = N * 2;
    if let Some(position) = text.chars().position(|c| !c.is_ascii_hexdigit())
        && text.chars().count() == expected
    {
        return Err(ParseKeyError::NotHex { position: position + 1 });
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| ParseKeyError::Length { got: text.chars().count(), expected })?;
    Ok(bytes)
}

/// Gives a tuple struct over `[u8; N]` its text forms, byte access and conversions.
macro_rules! hex_newtype {
    ($name:ident, $len:literal) => {
        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Takes the bytes as they are; any value of the right length is accepted here.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Takes a slice, or `None` when it does not have the right length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The raw bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::crypto::ParseKeyError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::crypto::hex_text::decode(text).map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use hex_newtype;
