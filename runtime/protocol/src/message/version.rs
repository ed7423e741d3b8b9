//! Wire versions, told by the first bytes (messages §18).

use std::fmt;

/// Which wire version stored bytes are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// A frame or a bare envelope around a sealed box; what released clients speak.
    V1,
    /// The draft with rotating keys, `00 02`.
    V2,
    /// `00` and another byte (0 when there is none): reserved.
    Reserved(u8),
    /// Anything else, also nothing at all.
    Unknown,
}

impl Version {
    /// The version that the first bytes name.
    #[must_use]
    pub const fn of(data: &[u8]) -> Self {
        match data {
            [0x08, 0x01 | 0x06 | 0x07, ..] => Self::V1,
            [0x00, 0x02, ..] => Self::V2,
            [0x00, reserved, ..] => Self::Reserved(*reserved),
            [0x00] => Self::Reserved(0),
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 => f.write_str("1"),
            Self::V2 => f.write_str("2"),
            Self::Reserved(byte) => write!(f, "reserved {byte:02x}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}
