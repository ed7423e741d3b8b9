//! Accounts: the public id that others write to, and the secret keys behind one's own (identity §1-2).

mod error;
mod id;
mod keys;

pub use self::error::{NotATarget, ParseIdError};
pub use self::id::{AccountId, Prefix};
pub use self::keys::AccountKeys;
