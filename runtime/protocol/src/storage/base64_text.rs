//! Base64 as the network's nodes read it: standard alphabet, padding optional but never partial, spare bits ignored.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Padded base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    TOLERANT.encode(bytes)
}

/// Base64 without padding.
pub(crate) fn encode_unpadded(bytes: &[u8]) -> String {
    let mut text = encode(bytes);
    text.truncate(text.trim_end_matches('=').len());
    text
}

/// Reads base64; `None` for another alphabet, an impossible length, or padding that does not fill up to four.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.last() == Some(&b'=') && !text.len().is_multiple_of(4) {
        return None;
    }
    TOLERANT.decode(text).ok()
}

/// As [`decode`] for a value of known length.
pub(crate) fn decode_array<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    decode(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_padding_is_padding() {
        for (text, bytes) in
            [("", &b""[..]), ("YQ", b"a"), ("YQ==", b"a"), ("YWI=", b"ab"), ("YWI", b"ab"), ("YR", b"a")]
        {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes), "{text}");
        }
        for text in ["Y", "YQ=", "YWI==", "YQ===", "Y=Q=", "Y Q=", "Y-Q_", "====", "YWJj=", "YQ==\n"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
        assert_eq!((encode(b"a"), encode_unpadded(b"a")), ("YQ==".to_owned(), "YQ".to_owned()));
    }
}
