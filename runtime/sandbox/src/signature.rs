//! Who vouches for a component: its digest, and detached signatures in minisign's format, `component.wasm.minisig` beside it.

mod digest;
mod key;

use minisign_verify::Signature;
use thiserror::Error;

pub use self::digest::{BadDigest, Digest};
pub use self::key::{BadKey, KeyId, TrustedKey};

/// No signature is longer, in bytes; its comments are a line each.
pub const MAX_LEN: usize = 16 * 1024;

/// What an operator demands of a component.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demands {
    /// The digest that it has to have.
    pub digest: Option<Digest>,
    /// The key that has to have signed it, trusted otherwise or not.
    pub signer: Option<TrustedKey>,
    /// Does it need the signature of one of `trusted_keys`?
    pub require_signed: bool,
    /// Keys of those who may sign.
    pub trusted_keys: Vec<TrustedKey>,
}

/// What is known of a component that fulfils all demands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The SHA-256 of the component.
    pub digest: Digest,
    /// The key that signed it; nothing when no known key did, and none was demanded.
    pub signer: Option<TrustedKey>,
}

/// Why a component was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// It is another component than the one that was pinned.
    #[error("the component's digest is {found}, expected {expected}")]
    Digest {
        /// The pinned one.
        expected: Digest,
        /// The component's.
        found: Digest,
    },
    /// There is no signature beside it, and one is needed.
    #[error("the component is not signed: expected component.wasm.minisig beside it, signed by {expected}")]
    Missing {
        /// Whose signature would do.
        expected: String,
    },
    /// The signature is none.
    #[error("the signature is damaged or not in minisign's format")]
    Malformed,
    /// The signature is over the component itself instead of its hash, as early versions of minisign made them.
    #[error("the signature is of the legacy form, which is not accepted: sign with a current minisign")]
    Legacy,
    /// A key signed that is not among those that may.
    #[error("the component is signed by key {found}, expected {expected}")]
    UnknownKey {
        /// The signature says so.
        found: KeyId,
        /// Whose signature would do.
        expected: String,
    },
    /// The signature does not belong to the component: one of them was altered.
    #[error("the component or its signature was altered after key {key} signed it")]
    Altered {
        /// The signature says so.
        key: KeyId,
    },
}

impl Demands {
    /// Checks a component against all demands. Hashes it twice; not for the threads of actors.
    ///
    /// A signature of a known key has to be right even where none is demanded; one of an unknown key counts for nothing there.
    ///
    /// # Errors
    /// [`SignatureError`]: the first demand that is not met.
    pub fn check(&self, component: &[u8], signature: Option<&str>) -> Result<Provenance, SignatureError> {
        let digest = Digest::of(component);
        if let Some(expected) = self.digest.filter(|expected| *expected != digest) {
            return Err(SignatureError::Digest { expected, found: digest });
        }
        let signer = match (signature, self.is_signature_needed()) {
            (Some(signature), _) => self.signer_of(component, signature)?,
            (None, false) => None,
            (None, true) => return Err(SignatureError::Missing { expected: self.expected() }),
        };
        Ok(Provenance { digest, signer })
    }

    fn is_signature_needed(&self) -> bool {
        self.require_signed || self.signer.is_some()
    }

    fn signer_of(&self, component: &[u8], text: &str) -> Result<Option<TrustedKey>, SignatureError> {
        let key = key_of(text)?;
        let signature = Signature::decode(text).map_err(|_| SignatureError::Malformed)?;
        // Ids are eight random bytes, so two keys can share one; it is enough that one of them signed.
        let mut candidates = self.acceptable().filter(|known| known.id() == key).peekable();
        if candidates.peek().is_none() {
            let unknown = SignatureError::UnknownKey { found: key, expected: self.expected() };
            return if self.is_signature_needed() { Err(unknown) } else { Ok(None) };
        }
        let signer = candidates.find(|known| known.verify(component, &signature));
        signer.cloned().map(Some).ok_or(SignatureError::Altered { key })
    }

    /// The keys whose signature counts: the one that is demanded, else all that are trusted.
    fn acceptable(&self) -> impl Iterator<Item = &TrustedKey> {
        let trusted = if self.signer.is_some() { &[] } else { self.trusted_keys.as_slice() };
        self.signer.iter().chain(trusted)
    }

    fn expected(&self) -> String {
        let ids: Vec<_> = self.acceptable().map(|key| key.id().to_string()).collect();
        match ids.as_slice() {
            [] => "a trusted key, of which there are none".to_owned(),
            [one] => format!("key {one}"),
            many => format!("one of the keys {}", many.join(", ")),
        }
    }
}

/// Which key a signature says it is by.
fn key_of(signature: &str) -> Result<KeyId, SignatureError> {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    if signature.len() > MAX_LEN {
        return Err(SignatureError::Malformed);
    }
    let line = signature.lines().nth(1).ok_or(SignatureError::Malformed)?;
    let bytes = BASE64_STANDARD.decode(line.trim()).map_err(|_| SignatureError::Malformed)?;
    match bytes.split_first_chunk() {
        Some((b"ED", rest)) => rest.first_chunk().map(|id| KeyId(*id)).ok_or(SignatureError::Malformed),
        Some((b"Ed", _)) => Err(SignatureError::Legacy),
        _ => Err(SignatureError::Malformed),
    }
}

#[cfg(test)]
pub(crate) mod tests;
