//! Keys from passwords, for keys at rest.

use sodiumoxide::crypto::pwhash::argon2id13 as sodium;
use zeroize::Zeroizing;

use super::init;

/// How much work one guess at a password costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// libsodium's interactive limits: 2 passes over 64 MiB, a fraction of a second.
    Interactive,
    /// libsodium's moderate limits: 3 passes over 256 MiB, about a second.
    Moderate,
    /// libsodium's sensitive limits: 4 passes over 1 GiB, several seconds.
    Sensitive,
}

impl Strength {
    const fn limits(self) -> (sodium::OpsLimit, sodium::MemLimit) {
        match self {
            Self::Interactive => (sodium::OPSLIMIT_INTERACTIVE, sodium::MEMLIMIT_INTERACTIVE),
            Self::Moderate => (sodium::OPSLIMIT_MODERATE, sodium::MEMLIMIT_MODERATE),
            Self::Sensitive => (sodium::OPSLIMIT_SENSITIVE, sodium::MEMLIMIT_SENSITIVE),
        }
    }
}

/// Argon2id 1.3: a 32-byte key from a password and a salt that is unique per use.
///
/// # Panics
/// When the operating system refuses the memory that `strength` names, like any other failed allocation.
#[must_use]
pub fn argon2id(password: &[u8], salt: &[u8; 16], strength: Strength) -> Zeroizing<[u8; 32]> {
    init();
    let (passes, memory) = strength.limits();
    let mut key = Zeroizing::new([0; 32]);
    sodium::derive_key(&mut *key, password, &sodium::Salt(*salt), passes, memory)
        .expect("the memory that the password hash asks for is there");
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_password_and_salt() {
        let key = argon2id(b"correct horse", &[1; 16], Strength::Interactive);

        assert_eq!(key, argon2id(b"correct horse", &[1; 16], Strength::Interactive));
        assert_ne!(key, argon2id(b"correct horsf", &[1; 16], Strength::Interactive));
        assert_ne!(key, argon2id(b"correct horse", &[2; 16], Strength::Interactive));
    }
}
