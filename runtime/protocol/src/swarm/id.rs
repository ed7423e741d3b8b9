//! The number of a swarm on the ring.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A swarm's place on the ring of 64-bit numbers. Shown in hex without padding, as `get_swarm` answers it; in JSON it
/// is a number, which may exceed 2⁵³.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SwarmId(pub u64);

impl SwarmId {
    /// What a node has that is in no swarm; never a swarm itself, although an account may map to this very number.
    pub const UNASSIGNED: Self = Self(u64::MAX);

    /// The largest number that a swarm can have.
    pub const MAX: Self = Self(u64::MAX - 1);

    /// Whether this is a swarm and not [`SwarmId::UNASSIGNED`].
    #[must_use]
    pub const fn is_assigned(self) -> bool {
        self.0 != Self::UNASSIGNED.0
    }
}

impl fmt::Display for SwarmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// Why a text is not a swarm id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("swarm id is not a hexadecimal number of 64 bits")]
pub struct ParseSwarmIdError(#[source] ParseIntError);

/// Reads the hexadecimal form.
impl FromStr for SwarmId {
    type Err = ParseSwarmIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self).map_err(ParseSwarmIdError)
    }
}
