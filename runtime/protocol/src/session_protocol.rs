//! Session Protocol v1: a padded message is signed with the sender's Ed25519 key and sealed for the recipient (messages §4).
//!
//! [`seal`] and [`open`] are what a conversation needs: they pad and unpad. The `_raw` forms take the padded message as
//! it is and single keys instead of accounts.

use std::fmt;

use thiserror::Error as ThisError;
use zeroize::Zeroizing;

use crate::account::{AccountId, AccountKeys};
use crate::crypto::{ed25519, hash, sealed_box, x25519};
use crate::padding;

/// Bytes that sealing adds to the padded message: sealed box (48), sender's key (32), signature (64).
pub const OVERHEAD: usize = sealed_box::OVERHEAD + TRAILER;

/// Sender's key and signature behind the message.
const TRAILER: usize = 32 + 64;

/// Key of the hash that makes the ephemeral key of the deterministic form.
const EPHEMERAL_KEY: &[u8] = b"SessionBoxEphemeralHashKey";

/// Why a message cannot be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// The recipient is no account, or its key is one that anybody could open messages for.
    #[error("recipient has no usable key")]
    RecipientKey,
    /// The ciphertext, or what was sealed in it, has no room for key and signature.
    #[error("sealed message is too short")]
    TooShort,
    /// It was not sealed for this account, or was altered.
    #[error("sealed message does not open")]
    Decrypt,
    /// Its signature is not the named sender's, or was made for another recipient.
    #[error("sealed message has a wrong signature")]
    Signature,
    /// The sender's key has no account id.
    #[error("sealed message has an invalid sender key")]
    SenderKey,
}

/// An opened message; the sender is proven.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Who wrote it.
    pub sender: AccountId,
    /// The Ed25519 key that signed it.
    pub sender_ed25519: ed25519::PublicKey,
    /// The message; unpadded if [`open`] gave it, as it was sealed if [`open_raw`] did.
    pub content: Vec<u8>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("content_len", &self.content.len()).finish_non_exhaustive()
    }
}

/// Pads, signs and seals `content` for `recipient`, with an ephemeral key that must be fresh.
///
/// # Errors
/// [`Error::RecipientKey`].
pub fn seal(
    content: &[u8],
    sender: &AccountKeys,
    recipient: &AccountId,
    ephemeral: &x25519::SecretKey,
) -> Result<Vec<u8>, Error> {
    let recipient = recipient.x25519().ok_or(Error::RecipientKey)?;
    seal_raw(&padding::pad(content), sender.ed25519(), &recipient, ephemeral)
}

/// As [`seal`], with the ephemeral key derived from sender, recipient and message: the same input gives the same bytes.
///
/// # Errors
/// [`Error::RecipientKey`].
pub fn seal_deterministic(
    content: &[u8],
    sender: &AccountKeys,
    recipient: &AccountId,
) -> Result<Vec<u8>, Error> {
    let recipient = recipient.x25519().ok_or(Error::RecipientKey)?;
    seal_raw_deterministic(&padding::pad(content), sender.ed25519(), &recipient)
}

/// Opens what another account sealed for this one, checks the signature and takes the padding off.
///
/// # Errors
/// All but [`Error::RecipientKey`].
pub fn open(ciphertext: &[u8], recipient: &AccountKeys) -> Result<Opened, Error> {
    let mut opened = open_raw(ciphertext, recipient.x25519())?;
    opened.content.truncate(padding::unpad(&opened.content).len());
    Ok(opened)
}

/// Signs and seals a message that is padded already.
///
/// # Errors
/// [`Error::RecipientKey`].
pub fn seal_raw(
    padded: &[u8],
    sender: &ed25519::SecretKey,
    recipient: &x25519::PublicKey,
    ephemeral: &x25519::SecretKey,
) -> Result<Vec<u8>, Error> {
    let signature = sender.sign(&signed_bytes(padded, &sender.public(), recipient));
    let plaintext = Zeroizing::new([padded, &sender.public().0, &signature.0].concat());
    sealed_box::seal_with(&plaintext, recipient, ephemeral).ok_or(Error::RecipientKey)
}

/// As [`seal_raw`], with the derived ephemeral key.
///
/// # Errors
/// [`Error::RecipientKey`].
pub fn seal_raw_deterministic(
    padded: &[u8],
    sender: &ed25519::SecretKey,
    recipient: &x25519::PublicKey,
) -> Result<Vec<u8>, Error> {
    let seed = Zeroizing::new(hash::blake2b_keyed(EPHEMERAL_KEY, &[sender.seed(), &recipient.0, padded]));
    seal_raw(padded, sender, recipient, &sealed_box::ephemeral_from_seed(&seed))
}

/// Opens a message and checks its signature, leaving the padding.
///
/// # Errors
/// All but [`Error::RecipientKey`].
pub fn open_raw(ciphertext: &[u8], recipient: &x25519::SecretKey) -> Result<Opened, Error> {
    if ciphertext.len() < OVERHEAD {
        return Err(Error::TooShort);
    }
    let mut content = sealed_box::open(ciphertext, recipient).ok_or(Error::Decrypt)?;
    let trailer = content.split_off(content.len() - TRAILER);
    let (key, signature) = trailer.split_at(32);
    let key = ed25519::PublicKey::from_slice(key).ok_or(Error::TooShort)?;
    let signature = ed25519::Signature::from_slice(signature).ok_or(Error::TooShort)?;
    if !key.verify(&signed_bytes(&content, &key, &recipient.public()), &signature) {
        return Err(Error::Signature);
    }
    let sender = AccountId::standard(key.to_x25519().ok_or(Error::SenderKey)?);
    Ok(Opened { sender, sender_ed25519: key, content })
}

/// What the sender signs: padded message ‖ sender's Ed25519 key ‖ recipient's X25519 key.
#[must_use]
pub fn signed_bytes(padded: &[u8], sender: &ed25519::PublicKey, recipient: &x25519::PublicKey) -> Vec<u8> {
    [padded, &sender.0, &recipient.0].concat()
}
