//! Version 1: content, padded, signed and sealed, in an envelope in a frame (messages §1, one-to-one).

use zeroize::Zeroizing;

use super::incoming::Parts;
use super::{Codec, EncodeError, Ignored, Incoming, Outgoing, Random, Version};
use crate::account::AccountKeys;
use crate::crypto::{ed25519, x25519};
use crate::{content, envelope, session_protocol};

/// The codec of version 1.
pub(super) struct V1;

impl Codec for V1 {
    fn version(&self) -> Version {
        Version::V1
    }

    fn decode(&self, data: &[u8], recipient: &AccountKeys) -> Result<Incoming, Ignored> {
        let envelope = envelope::unwrap(data)?;
        let opened = session_protocol::open(envelope.content(), recipient)?;
        let parts = Parts {
            version: Version::V1,
            sender: opened.sender,
            sender_ed25519: opened.sender_ed25519,
            sent_at: envelope.timestamp,
            content: content::decode(&opened.content)?,
            pro_signature: ed25519::Signature::from_slice(envelope.pro_sig()),
        };
        Incoming::check(parts, &recipient.id())
    }

    fn encode(
        &self,
        message: &Outgoing,
        sender: &AccountKeys,
        random: Random<'_>,
    ) -> Result<Vec<u8>, EncodeError> {
        let mut content = message.content.clone();
        content.sig_timestamp = Some(message.sent_at);
        let mut secret = Zeroizing::new([0; 32]);
        random(&mut *secret);
        let ephemeral = x25519::SecretKey::from_bytes(*secret);
        let encoded = Zeroizing::new(content::encode(&content));
        let sealed = session_protocol::seal(&encoded, sender, &message.recipient, &ephemeral)?;
        let mut decoy = [0; 64];
        random(&mut decoy);
        Ok(envelope::wrap(sealed, message.sent_at, &decoy))
    }
}
