//! The door for stored messages: tells wire versions apart, opens what it can, keeps what it cannot (messages §18).
//!
//! Each wire version is a [`Codec`]; the list of them is the only place that a new version is added to. What names a
//! version that no codec claims comes back as [`Decoded::Unsupported`] with all its bytes, so that a client can keep it, show a placeholder,
//! and read it again once it has learned the version.

mod error;
mod incoming;
mod v1;
mod version;

use crate::account::{AccountId, AccountKeys};
use crate::content::Content;

pub use self::error::{EncodeError, Ignored};
pub use self::incoming::Incoming;
pub use self::version::Version;

/// Longest stored message in bytes, after sealing and wrapping and before base64; nodes refuse more (storage-rpc §4).
pub const MAX_LEN: usize = 76_800;

/// Fills a buffer with fresh random bytes.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]);

/// One wire version of stored messages.
pub trait Codec: Sync {
    /// Which version this is.
    fn version(&self) -> Version;

    /// Opens and checks a message of this version; `data` is at most [`MAX_LEN`] long.
    ///
    /// # Errors
    /// The reason why the message is neither shown nor acted on.
    fn decode(&self, data: &[u8], recipient: &AccountKeys) -> Result<Incoming, Ignored>;

    /// Seals a message for its recipient.
    ///
    /// # Errors
    /// When the recipient cannot be written to.
    fn encode(
        &self,
        message: &Outgoing,
        sender: &AccountKeys,
        random: Random<'_>,
    ) -> Result<Vec<u8>, EncodeError>;
}

/// Every version that can be read and written.
static CODECS: [&dyn Codec; 1] = [&v1::V1];

/// A message on its way out.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Whom it is sealed for: the peer, or oneself for a sync copy.
    pub recipient: AccountId,
    /// When it is sent, in milliseconds of network time; unique among one's messages. It is written into the content.
    pub sent_at: u64,
    /// What it says.
    pub content: Content,
}

/// What became of stored bytes.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Decoded {
    /// A message whose sender is proven and whose content passed the rules of messages §8 and §9.
    Message(Box<Incoming>),
    /// A version that cannot be read yet: keep it and show a placeholder.
    Unsupported {
        /// What it seems to be.
        version: Version,
        /// All its bytes.
        raw: Vec<u8>,
    },
    /// A message of a known version that is not to be shown: remember its hash and go on.
    Ignored(Ignored),
}

/// Opens the stored bytes of a message (what base64 in `data` held) for their owner; never panics.
#[must_use]
pub fn decode(data: &[u8], recipient: &AccountKeys) -> Decoded {
    if data.len() > MAX_LEN {
        return Decoded::Ignored(Ignored::TooLong { got: data.len(), limit: MAX_LEN });
    }
    let version = Version::of(data);
    match codec(version) {
        Some(codec) => match codec.decode(data, recipient) {
            Ok(message) => Decoded::Message(Box::new(message)),
            Err(ignored) => Decoded::Ignored(ignored),
        },
        // Bytes that name no version are no message of anybody: kept, they would be a way to fill inboxes with placeholders.
        None if version == Version::Unknown => Decoded::Ignored(Ignored::NoVersion),
        None => Decoded::Unsupported { version, raw: data.to_vec() },
    }
}

/// Seals a message into the bytes that a swarm stores.
///
/// # Errors
/// When the version cannot be written, the recipient cannot be written to, or the result is longer than [`MAX_LEN`].
pub fn encode(
    version: Version,
    message: &Outgoing,
    sender: &AccountKeys,
    random: Random<'_>,
) -> Result<Vec<u8>, EncodeError> {
    let codec = codec(version).ok_or(EncodeError::Version { version })?;
    let data = codec.encode(message, sender, random)?;
    if data.len() > MAX_LEN {
        return Err(EncodeError::TooLong { got: data.len(), limit: MAX_LEN });
    }
    Ok(data)
}

fn codec(version: Version) -> Option<&'static dyn Codec> {
    CODECS.into_iter().find(|codec| codec.version() == version)
}
