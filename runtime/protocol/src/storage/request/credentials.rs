//! Who signed a request: the account's own key, or a subaccount's (storage-rpc §2, §6).

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::encode::{Fields, Value};
use super::error::ParseError;
use super::fields::Params;
use crate::account::{AccountId, Prefix};
use crate::crypto::ed25519;
use crate::storage::subaccount::{Access, SignedToken, Token};

/// The signature on a request, and what is needed to check it. `Debug` tells who signed without naming the key, which is
/// as good as the account's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The Ed25519 key behind a `05` account, whose id holds only the X25519 image.
    pub pubkey_ed25519: Option<ed25519::PublicKey>,
    /// Over the method's signed text.
    pub signature: ed25519::Signature,
    /// The right by which somebody else than the account signed.
    pub subaccount: Option<SignedToken>,
}

/// Whom a method obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Anybody: a signature is not even looked at.
    Nothing,
    /// The account's own key.
    Owner,
    /// The account's own key, or a subaccount with this access.
    Access(Access),
}

/// By what right a request was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Authority {
    /// None was needed.
    NotNeeded,
    /// The account's own key signed.
    Owner,
    /// A subaccount signed. The caller still has to see that the token was not revoked.
    Subaccount(Token),
}

/// Why a request is answered with 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refused {
    /// There is no signature where one is needed.
    #[error("no signature")]
    Unsigned,
    /// The given Ed25519 key is not the one behind the account.
    #[error("the ed25519 key does not belong to the account")]
    Key,
    /// The token is for another kind of account.
    #[error("subaccount network prefix mismatch")]
    TokenKind,
    /// The token does not permit this.
    #[error("subaccount is missing the required permissions")]
    TokenAccess,
    /// The account did not sign the token.
    #[error("subaccount token signature verification failed")]
    TokenSignature,
    /// The signature on the request is wrong.
    #[error("the signature is wrong")]
    Signature,
}

/// A request that is signed, or may be.
pub trait Signed {
    /// Whose storage it is about.
    fn account(&self) -> &AccountId;

    /// The signature, if there is one.
    fn credentials(&self) -> Option<&Credentials>;

    /// What has to be signed; `None` for an unsigned `retrieve`, which lacks the time that the text holds.
    fn signed_text(&self) -> Option<Vec<u8>>;

    /// Whom the method obeys.
    fn needs(&self) -> Needs;

    /// The text that goes with status 401.
    fn refusal_text(&self, refused: Refused) -> Cow<'static, str>;

    /// Checks the signature, the key and the token; not the time window, and not revocations.
    ///
    /// # Errors
    /// Why it is refused.
    fn verify(&self) -> Result<Authority, Refused> {
        let needed = match self.needs() {
            Needs::Nothing => return Ok(Authority::NotNeeded),
            Needs::Owner => None,
            Needs::Access(access) => Some(access),
        };
        let (Some(credentials), Some(text)) = (self.credentials(), self.signed_text()) else {
            return Err(Refused::Unsigned);
        };
        credentials.verify(self.account(), needed, &text)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subaccount {
            None => f.write_str("Credentials(owner)"),
            Some(delegated) => write!(f, "Credentials({:?})", delegated.token),
        }
    }
}

impl Credentials {
    /// Signs as the account's owner; the key of a `05` account is sent along, as nodes need it.
    #[must_use]
    pub fn sign(account: &AccountId, key: &ed25519::SecretKey, text: &[u8]) -> Self {
        let pubkey_ed25519 = (account.prefix() == Prefix::Standard).then(|| key.public());
        Self { pubkey_ed25519, signature: key.sign(text), subaccount: None }
    }

    /// Puts a subaccount's signature together with its token, for a group's storage.
    #[must_use]
    pub const fn delegated(signature: ed25519::Signature, subaccount: SignedToken) -> Self {
        Self { pubkey_ed25519: None, signature, subaccount: Some(subaccount) }
    }

    /// Checks everything against `text`; `needed` is `None` where only the owner may.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(
        &self,
        account: &AccountId,
        needed: Option<Access>,
        text: &[u8],
    ) -> Result<Authority, Refused> {
        let owner = self.owner_key(account)?;
        let (signer, authority) = match (&self.subaccount, needed) {
            (Some(delegated), Some(access)) => {
                delegated.verify(account, &owner, access)?;
                (delegated.token.key(), Authority::Subaccount(delegated.token))
            }
            _ => (owner, Authority::Owner),
        };
        if signer.verify(text, &self.signature) { Ok(authority) } else { Err(Refused::Signature) }
    }

    /// The account's Ed25519 key. In ids other than `05` the key itself is one, and so it is taken to be in a `05` id that comes
    /// without a key beside it: whose id is made of an X25519 key cannot sign for it.
    fn owner_key(&self, account: &AccountId) -> Result<ed25519::PublicKey, Refused> {
        let Some(image) = account.x25519() else {
            return Ok(ed25519::PublicKey(*account.key()));
        };
        let Some(key) = self.pubkey_ed25519 else {
            return Ok(ed25519::PublicKey(*account.key()));
        };
        if key.to_x25519() == Some(image) { Ok(key) } else { Err(Refused::Key) }
    }

    pub(super) fn encode(&self, fields: &mut Fields) {
        fields.add("signature", Value::Binary(self.signature.as_bytes().to_vec()));
        if let Some(key) = self.pubkey_ed25519 {
            fields.add("pubkey_ed25519", Value::Key(key));
        }
        if let Some(delegated) = self.subaccount {
            fields.add("subaccount", Value::Binary(delegated.token.as_bytes().to_vec()));
            fields.add("subaccount_sig", Value::Binary(delegated.signature.as_bytes().to_vec()));
        }
    }
}

/// The raw fields that make up credentials: types are checked when they are loaded, values only where they count.
#[derive(Clone, Copy)]
pub(super) struct RawCredentials<'a> {
    pub(super) pubkey_ed25519: Option<&'a [u8]>,
    pub(super) signature: Option<&'a [u8]>,
    subaccount: Option<&'a [u8]>,
    subaccount_sig: Option<&'a [u8]>,
}

impl<'a> RawCredentials<'a> {
    pub(super) fn load(params: &Params<'a>) -> Result<Self, ParseError> {
        Ok(Self {
            pubkey_ed25519: params.text("pubkey_ed25519")?,
            signature: params.text("signature")?,
            subaccount: params.text("subaccount")?,
            subaccount_sig: params.text("subaccount_sig")?,
        })
    }

    /// Loads those of a method that obeys the owner only: fields of subaccounts mean nothing there.
    pub(super) fn load_owner(params: &Params<'a>) -> Result<Self, ParseError> {
        Ok(Self {
            pubkey_ed25519: params.text("pubkey_ed25519")?,
            signature: params.text("signature")?,
            subaccount: None,
            subaccount_sig: None,
        })
    }

    pub(super) fn parse(self, params: &Params<'a>, account: &AccountId) -> Result<Credentials, ParseError> {
        let signature = self.signature.ok_or(ParseError::Missing("signature"))?;
        let pubkey_ed25519 = self.pubkey_ed25519.map(|key| parse_key(key, params, account)).transpose()?;
        let signature =
            params.signature(signature, "invalid signature: expected base64 encoded Ed25519 signature")?;
        Ok(Credentials { pubkey_ed25519, signature, subaccount: self.parse_subaccount(params)? })
    }

    fn parse_subaccount(self, params: &Params<'a>) -> Result<Option<SignedToken>, ParseError> {
        let Some(token) = self.subaccount.filter(|token| !token.is_empty()) else { return Ok(None) };
        let signature = self.subaccount_sig.ok_or(ParseError::Other(
            "invalid subaccount: subaccount_sig is required when using subaccount",
        ))?;
        let token = if params.is_bencode() {
            let raw = token.try_into().map(Token::from_bytes);
            raw.map_err(|_| ParseError::Other("invalid subaccount token: invalid token length"))?
        } else {
            Token::parse(token).ok_or(ParseError::Other(
                "invalid subaccount: expected base64 or hex-encoded subaccount token",
            ))?
        };
        let signature = params.signature(
            signature,
            "invalid subaccount signature: expected base64 encoded Ed25519 signature",
        )?;
        Ok(Some(SignedToken { token, signature }))
    }
}

fn parse_key(key: &[u8], params: &Params<'_>, account: &AccountId) -> Result<ed25519::PublicKey, ParseError> {
    if account.prefix() != Prefix::Standard {
        return Err(ParseError::Other("pubkey_ed25519 is only permitted for 05[...] pubkeys"));
    }
    match key.len() {
        64 => {
            let mut bytes = [0; 32];
            hex::decode_to_slice(key, &mut bytes)
                .map_err(|_| ParseError::Other("invalid pubkey_ed25519: value is not hex"))?;
            Ok(ed25519::PublicKey(bytes))
        }
        _ => ed25519::PublicKey::from_slice(key)
            .filter(|_| params.is_bencode())
            .ok_or(ParseError::Other("Invalid pubkey_ed25519: expected 64 hex char or 32 byte pubkey")),
    }
}
