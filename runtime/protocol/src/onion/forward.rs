//! What one node sends to the next, the dict of `sn.onion_request` (onion-requests §4).

use thiserror::Error;

use super::cipher::Cipher;
use crate::bencode::{self, Dict, Limits, Value};
use crate::crypto::x25519;

/// How far along its path a request is. It keeps a loop of hops from running for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HopNumber(u8);

/// A request went over too many hops (status 400). `Display` is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("onion request max path length exceeded")]
pub struct PathTooLong;

impl HopNumber {
    /// Where the guard is, unless the client says otherwise.
    pub const GUARD: Self = Self(0);
    /// The highest number that is accepted.
    pub const MAX: Self = Self(15);

    /// The number that a client gives to its guard; below 0 is 0.
    ///
    /// # Errors
    /// [`PathTooLong`] above 15.
    pub fn from_client(number: i64) -> Result<Self, PathTooLong> {
        Self::new(number.max(0))
    }

    /// The number that another node sends; below 1 is 1, for nobody but a guard is at 0.
    ///
    /// # Errors
    /// [`PathTooLong`] above 15.
    pub fn from_peer(number: i64) -> Result<Self, PathTooLong> {
        Self::new(number.max(1))
    }

    fn new(number: i64) -> Result<Self, PathTooLong> {
        u8::try_from(number).map(Self).ok().filter(|number| *number <= Self::MAX).ok_or(PathTooLong)
    }

    /// The number to send on. It may be above the highest, which the next node then refuses.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A layer on its way to the node it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The layer.
    pub data: Vec<u8>,
    /// Its cipher.
    pub cipher: Cipher,
    /// The client's ephemeral key for it.
    pub ephemeral: x25519::PublicKey,
    /// The receiver's place on the path.
    pub hop_no: HopNumber,
}

/// Why a node refuses what another sent, unencrypted and with status 400. `Display` is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// It is not the dict.
    #[error("Invalid internal onion request: {0}")]
    Parse(&'static str),
    /// It went over too many hops.
    #[error(transparent)]
    PathTooLong(#[from] PathTooLong),
}

impl Forward {
    /// The bencoded dict.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        bencode::encode_dict(&Dict::from([
            (b"data".to_vec(), Value::from(self.data.as_slice())),
            (b"enc_type".to_vec(), Value::from(self.cipher.name())),
            (b"ephemeral_key".to_vec(), Value::from(self.ephemeral.as_bytes().as_slice())),
            (b"hop_no".to_vec(), Value::from(self.hop_no.get())),
        ]))
    }

    /// Reads the dict; unknown keys are ignored.
    ///
    /// # Errors
    /// What to answer.
    pub fn decode(bytes: &[u8]) -> Result<Self, ForwardError> {
        let Ok(Value::Dict(mut pairs)) = bencode::decode(bytes, LIMITS) else {
            return Err(ForwardError::Parse("expected a bencoded dict"));
        };
        let Some(Value::Bytes(data)) = pairs.remove(b"data".as_slice()) else {
            return Err(ForwardError::Parse("data missing"));
        };
        let ephemeral = pairs.get(b"ephemeral_key".as_slice()).and_then(Value::as_bytes);
        let ephemeral = ephemeral
            .and_then(x25519::PublicKey::from_slice)
            .ok_or(ForwardError::Parse("ephemeral_key missing or not 32 bytes"))?;
        let cipher = match pairs.get(b"enc_type".as_slice()) {
            None => Some(Cipher::AesGcm),
            Some(name) => name.as_text().and_then(|name| name.parse().ok()),
        };
        let cipher = cipher.ok_or(ForwardError::Parse("unknown enc_type"))?;
        let hop_no = pairs.get(b"hop_no".as_slice()).map_or(Some(1), Value::as_integer);
        let hop_no = hop_no.ok_or(ForwardError::Parse("hop_no is not a number"))?;
        // Beyond 64 bits it is too high or below 1 in any case.
        let hop_no = i64::try_from(hop_no).unwrap_or(if hop_no < 0 { 0 } else { i64::MAX });
        Ok(Self { data, cipher, ephemeral, hop_no: HopNumber::from_peer(hop_no)? })
    }
}

/// The largest body of the edge and what the dict adds to it.
const LIMITS: Limits = Limits { max_bytes: super::MAX_REQUEST + 1024, ..Limits::FLAT };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hop_numbers_are_lifted_and_bounded() {
        assert_eq!(HopNumber::from_client(-3), Ok(HopNumber::GUARD));
        assert_eq!(HopNumber::from_client(15), Ok(HopNumber::MAX));
        assert_eq!(HopNumber::from_client(16), Err(PathTooLong));
        assert_eq!(HopNumber::from_peer(0).map(HopNumber::get), Ok(1));
        assert_eq!(HopNumber::from_peer(i64::MIN).map(HopNumber::get), Ok(1));
        assert_eq!(HopNumber::from_peer(300), Err(PathTooLong));
        assert_eq!(HopNumber::from_peer(HopNumber::MAX.next().get().into()), Err(PathTooLong));
    }

    #[test]
    fn a_dict_with_something_missing_is_refused() {
        for bytes in
            [&b""[..], b"de", b"le", b"d4:data1:xe", b"d4:data1:x13:ephemeral_key1:ye", b"d4:datai1ee"]
        {
            let error = Forward::decode(bytes).unwrap_err().to_string();
            assert!(error.starts_with("Invalid internal onion request: "), "{error}");
        }
    }
}
