//! The two layers around a sealed message: `Envelope` and `WebSocketMessage` (messages §5).

/// The messages of the schema, as generated; fields have the names and numbers of messages §2.1.
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/starling.envelope.rs"));
}

use prost::Message as _;
use thiserror::Error as ThisError;

use crate::content::{self, required};
use crate::crypto::{ed25519, hash, scalar};

pub use self::proto::Envelope;
use self::proto::{WebSocketMessage, WebSocketRequestMessage, envelope, web_socket_message};

/// The only device number there is.
const SOURCE_DEVICE: u32 = 1;

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Error {
    /// They are not well-formed, or lack a required field.
    #[error("malformed envelope")]
    Malformed(#[from] content::Error),
    /// The frame is not a request, or has no body.
    #[error("frame carries no envelope")]
    NoEnvelope,
    /// The envelope has no content.
    #[error("envelope is empty")]
    NoContent,
}

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Self::Malformed(error.into())
    }
}

/// Puts a sealed message into an envelope and a frame, with a decoy in the place of a paid-feature signature.
///
/// `timestamp` is in milliseconds and must equal the content's own; `random` must be fresh.
#[must_use]
pub fn wrap(sealed: Vec<u8>, timestamp: u64, random: &[u8; 64]) -> Vec<u8> {
    wrap_signed(sealed, timestamp, &decoy_signature(random))
}

/// As [`wrap`], with a real paid-feature signature over the sealed message.
#[must_use]
pub fn wrap_signed(sealed: Vec<u8>, timestamp: u64, pro_sig: &ed25519::Signature) -> Vec<u8> {
    frame(&encode(sealed, timestamp, pro_sig))
}

/// The envelope alone, fields in ascending order.
#[must_use]
pub fn encode(sealed: Vec<u8>, timestamp: u64, pro_sig: &ed25519::Signature) -> Vec<u8> {
    Envelope {
        r#type: envelope::Type::SessionMessage.into(),
        source: None,
        timestamp,
        source_device: Some(SOURCE_DEVICE),
        content: Some(sealed),
        server_timestamp: None,
        pro_sig: Some(pro_sig.0.to_vec()),
    }
    .encode_to_vec()
}

/// The frame around an encoded envelope; its empty texts and its zero are written, as the shared library does.
#[must_use]
pub fn frame(envelope: &[u8]) -> Vec<u8> {
    WebSocketMessage {
        r#type: Some(web_socket_message::Type::Request.into()),
        request: Some(WebSocketRequestMessage {
            verb: Some(String::new()),
            path: Some(String::new()),
            body: Some(envelope.to_vec()),
            request_id: Some(0),
            headers: Vec::new(),
        }),
        response: None,
    }
    .encode_to_vec()
}

/// Takes the frame off, or accepts an envelope without one (messages §18).
///
/// Verb, path, number and headers of the frame mean nothing, and neither does the envelope's type.
///
/// # Errors
/// See [`Error`].
pub fn unwrap(data: &[u8]) -> Result<Envelope, Error> {
    let envelope = match data {
        [0x08, 0x06 | 0x07, ..] => decode(data)?,
        _ => {
            let frame = WebSocketMessage::decode(data)?;
            if frame.r#type() != web_socket_message::Type::Request {
                return Err(Error::NoEnvelope);
            }
            decode(&frame.request.and_then(|request| request.body).ok_or(Error::NoEnvelope)?)?
        }
    };
    if envelope.content().is_empty() {
        return Err(Error::NoContent);
    }
    Ok(envelope)
}

fn decode(bytes: &[u8]) -> Result<Envelope, Error> {
    let envelope = Envelope::decode(bytes)?;
    required::check(bytes, &required::ENVELOPE)?;
    Ok(envelope)
}

/// 64 bytes that look like a signature and verify under no key, so that those who paid do not stand out.
///
/// R is a random point of the group and s a random scalar, as in a real signature (messages §5).
#[must_use]
pub fn decoy_signature(random: &[u8; 64]) -> ed25519::Signature {
    // Hashing first spreads the caller's bytes over more than the group order, so neither scalar is biased.
    let r = scalar::reduce64(&hash::blake2b_personal(None, b"decoy R", &[random]));
    let s = scalar::reduce64(&hash::blake2b_personal(None, b"decoy s", &[random]));
    let point =
        scalar::mul_base_noclamp(&r).expect("no input is known whose hash is a multiple of the group order");
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&point);
    signature[32..].copy_from_slice(&s);
    ed25519::Signature(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoy_has_the_shape_of_a_signature() {
        let decoy = decoy_signature(&[0; 64]);

        assert!(scalar::is_valid_point(decoy.0.first_chunk().unwrap()));
        assert_eq!(decoy.0[63] & 0xe0, 0, "s is below the group order");
        assert_ne!(decoy, decoy_signature(&[1; 64]));
    }

    #[test]
    fn older_frames_and_bare_envelopes_are_accepted() {
        let signature = decoy_signature(&[3; 64]);
        let bare = encode(vec![1, 2, 3], 77, &signature);
        let older = WebSocketMessage {
            r#type: Some(1),
            request: Some(WebSocketRequestMessage {
                verb: Some("PUT".into()),
                path: Some("/api/v1/message".into()),
                body: Some(bare.clone()),
                request_id: Some(u64::MAX),
                headers: vec!["x".into()],
            }),
            response: None,
        };

        let expected = unwrap(&wrap_signed(vec![1, 2, 3], 77, &signature)).unwrap();
        assert_eq!(unwrap(&bare).unwrap(), expected);
        assert_eq!(unwrap(&older.encode_to_vec()).unwrap(), expected);
        assert_eq!(expected.content(), [1, 2, 3]);
    }

    #[test]
    fn frames_without_an_envelope_are_refused() {
        assert_eq!(unwrap(&[0x08, 0x01]), Err(Error::NoEnvelope));
        assert_eq!(unwrap(&[0x08, 0x02, 0x12, 0x00]), Err(Error::NoEnvelope));
        assert!(matches!(unwrap(&[0x08, 0x06]), Err(Error::Malformed(content::Error::MissingField { .. }))));
        assert_eq!(unwrap(&[0x08, 0x06, 0x28, 0x01]), Err(Error::NoContent));
        assert!(matches!(unwrap(&[0x08, 0x01, 0x12, 0x7f]), Err(Error::Malformed(_))));
    }
}
