//! Swarms: which one keeps an account, and how the chain deals nodes out to them (swarms §1, §2, §6).
//!
//! Assignment is consensus: every node must come to the same result, so the generator, the way a number is drawn from
//! it and even the unstable sort of the reference's compiler library are reproduced exactly.

pub mod assignment;
mod id;
mod introsort;
pub mod mapping;
pub mod quorum;
pub mod random;

pub use self::id::{ParseSwarmIdError, SwarmId};
