//! Revocable rights to act in somebody's swarm (storage-rpc §6).

mod member;
mod token;

pub use self::member::{BlindFactor, MemberAuth, MemberAuthError};
pub use self::token::{Access, SignedToken, Token};
