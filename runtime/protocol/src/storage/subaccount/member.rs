//! Tokens of group members under a blinded key, so that a token does not show whose it is.

use std::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

use super::{Access, SignedToken, Token};
use crate::account::{AccountId, Prefix};
use crate::crypto::hash::{blake2b_keyed, sha512};
use crate::crypto::{ed25519, scalar};

/// The secret number that ties a member's key to the key in its token.
#[derive(Clone, PartialEq, Eq)]
pub struct BlindFactor(Zeroizing<[u8; 32]>);

impl BlindFactor {
    /// Derives the factor that a group gives to a member. Only the group's seed leads to it.
    #[must_use]
    pub fn derive(group: &ed25519::SecretKey, member: &AccountId) -> Self {
        let mask: Zeroizing<[u8; 32]> =
            Zeroizing::new(blake2b_keyed(b"SessionGroupSubaccountMask", &[group.seed()]));
        let group_id = AccountId::new(Prefix::Group, *group.public().as_bytes());
        let wide: Zeroizing<[u8; 64]> =
            Zeroizing::new(blake2b_keyed(&*mask, &[member.as_bytes(), group_id.as_bytes()]));
        Self(Zeroizing::new(scalar::reduce64(&wide)))
    }

    /// The scalar, little-endian.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The key that stands in the token: k·T with T the member's key, its sign bit cleared.
    ///
    /// Clearing the sign is what makes T computable from an account id, which holds no sign. `None` if `member` is no
    /// point of the main subgroup.
    #[must_use]
    pub fn blinded_key(&self, member: &ed25519::PublicKey) -> Option<ed25519::PublicKey> {
        let mut unsigned = *member.as_bytes();
        unsigned[31] &= 0x7f;
        scalar::mul_noclamp(&self.0, &unsigned).map(ed25519::PublicKey)
    }
}

impl fmt::Debug for BlindFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlindFactor(..)")
    }
}

/// Why a member's authorisation cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MemberAuthError {
    /// It does not have 100 bytes.
    #[error("group authorisation has {got} bytes, expected 100")]
    Length {
        /// How many it has.
        got: usize,
    },
    /// The member's key is no usable point.
    #[error("the member key cannot be blinded")]
    Key,
}

/// What an admin hands to a member: 100 bytes, kind ‖ flags ‖ two zeros ‖ factor ‖ the group's signature on the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAuth {
    prefix: Prefix,
    access: Access,
    factor: BlindFactor,
    signature: ed25519::Signature,
}

impl MemberAuth {
    /// Length of the raw form in bytes.
    pub const LEN: usize = 100;

    /// Makes one as an admin. `member_key` is the Ed25519 key behind `member`; its sign does not matter.
    ///
    /// # Errors
    /// [`MemberAuthError::Key`] when the key is no usable point.
    pub fn grant(
        group: &ed25519::SecretKey,
        member: &AccountId,
        member_key: &ed25519::PublicKey,
        access: Access,
    ) -> Result<Self, MemberAuthError> {
        let factor = BlindFactor::derive(group, member);
        let key = factor.blinded_key(member_key).ok_or(MemberAuthError::Key)?;
        let signature = group.sign(Token::new(Prefix::Group, access, &key).as_bytes());
        Ok(Self { prefix: Prefix::Group, access, factor, signature })
    }

    /// Reads the raw form.
    ///
    /// # Errors
    /// [`MemberAuthError::Length`].
    pub fn decode(bytes: &[u8]) -> Result<Self, MemberAuthError> {
        let bytes: &[u8; 100] = bytes.try_into().map_err(|_| MemberAuthError::Length { got: bytes.len() })?;
        let mut factor = Zeroizing::new([0; 32]);
        factor.copy_from_slice(&bytes[4..36]);
        Ok(Self {
            prefix: Prefix::from_byte(bytes[0]),
            access: Access::from_bits(bytes[1]),
            factor: BlindFactor(factor),
            signature: ed25519::Signature(*bytes.last_chunk().expect("an authorisation has 100 bytes")),
        })
    }

    /// The raw form.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<[u8; 100]> {
        let mut bytes = Zeroizing::new([0; 100]);
        bytes[0] = self.prefix.byte();
        bytes[1] = self.access.bits();
        bytes[4..36].copy_from_slice(self.factor.as_bytes());
        bytes[36..].copy_from_slice(self.signature.as_bytes());
        bytes
    }

    /// The factor in it.
    #[must_use]
    pub const fn factor(&self) -> &BlindFactor {
        &self.factor
    }

    /// The signed token to send along with requests of this member.
    ///
    /// # Errors
    /// [`MemberAuthError::Key`] when the key is no usable point.
    pub fn signed_token(&self, member: &ed25519::PublicKey) -> Result<SignedToken, MemberAuthError> {
        let key = self.factor.blinded_key(member).ok_or(MemberAuthError::Key)?;
        Ok(SignedToken { token: Token::new(self.prefix, self.access, &key), signature: self.signature })
    }

    /// Signs in the name of the token, deterministically.
    ///
    /// # Errors
    /// [`MemberAuthError::Key`] when the factor is zero, which no admin hands out.
    pub fn sign(
        &self,
        member: &ed25519::SecretKey,
        message: &[u8],
    ) -> Result<ed25519::Signature, MemberAuthError> {
        let secret = self.blinded_secret(member);
        let public = scalar::mul_base_noclamp(&secret).ok_or(MemberAuthError::Key)?;
        let seed: Zeroizing<[u8; 32]> = Zeroizing::new(blake2b_keyed(b"SubaccountSeed", &[member.seed()]));
        let nonce =
            Zeroizing::new(scalar::reduce64(&blake2b_keyed(b"SubaccountSig", &[&*seed, &public, message])));
        let commitment = scalar::mul_base_noclamp(&nonce).ok_or(MemberAuthError::Key)?;
        let challenge = scalar::reduce64(&sha512(&[&commitment, &public, message]));
        let response = scalar::add(&nonce, &scalar::mul(&challenge, &secret));
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&commitment);
        signature[32..].copy_from_slice(&response);
        Ok(ed25519::Signature(signature))
    }

    /// k·t with t the member's secret scalar, negated where the member's key has the sign bit that T lacks.
    fn blinded_secret(&self, member: &ed25519::SecretKey) -> Zeroizing<[u8; 32]> {
        let mut wide = Zeroizing::new([0; 64]);
        wide[..32].copy_from_slice(member.to_x25519().as_bytes());
        let mut secret = Zeroizing::new(scalar::reduce64(&wide));
        if member.public().as_bytes()[31] & 0x80 != 0 {
            *secret = scalar::negate(&secret);
        }
        Zeroizing::new(scalar::mul(self.factor.as_bytes(), &secret))
    }
}
