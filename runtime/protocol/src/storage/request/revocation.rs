//! `revoke_subaccount`, `unrevoke_subaccount` and `revoked_subaccounts` (storage-rpc §4.13): for the owner only.

use std::borrow::Cow;

use super::credentials::{Credentials, Needs, RawCredentials, Refused, Signed};
use super::encode::{Fields, Form, Value};
use super::error::ParseError;
use super::fields::Params;
use crate::account::AccountId;
use crate::storage::limits::MAX_REVOKED;
use crate::storage::signed_text;
use crate::storage::subaccount::Token;

/// Takes rights away from subaccounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeSubaccount {
    /// Whose storage.
    pub account: AccountId,
    /// Which tokens, at most [`MAX_REVOKED`].
    pub tokens: Vec<Token>,
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The owner's signature.
    pub credentials: Credentials,
}

/// Gives rights back to subaccounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrevokeSubaccount {
    /// Whose storage.
    pub account: AccountId,
    /// Which tokens.
    pub tokens: Vec<Token>,
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The owner's signature.
    pub credentials: Credentials,
}

/// Asks which tokens are revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedSubaccounts {
    /// Whose storage.
    pub account: AccountId,
    /// When it was signed, in milliseconds.
    pub timestamp: i64,
    /// The owner's signature.
    pub credentials: Credentials,
}

impl RevokeSubaccount {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load_owner(params)?;
        let revoke = params.texts("revoke")?;
        let timestamp = params.timestamp("timestamp")?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let revoke = revoke.ok_or(ParseError::Missing("revoke"))?;
        if revoke.len() > MAX_REVOKED {
            return Err(ParseError::Other("invalid revoke: cannot revoke more than 50 subaccounts at once"));
        }
        let tokens = parse_tokens(
            params,
            &revoke,
            "invalid revoke: expected base64 or hex-encoded subaccount tag",
            "invalid revoke subaccount: invalid subaccount tag length",
        )?;
        let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
        Ok(Self { account, tokens, timestamp, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add("revoke", token_field(&self.tokens, form));
        fields.add_number("timestamp", self.timestamp);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl UnrevokeSubaccount {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load_owner(params)?;
        let timestamp = params.timestamp("timestamp")?;
        let unrevoke = params.texts("unrevoke")?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
        let unrevoke = unrevoke.ok_or(ParseError::Missing("unrevoke"))?;
        let tokens = parse_tokens(
            params,
            &unrevoke,
            "invalid unrevoke: expected base64 or hex-encoded subaccount tag",
            "invalid unrevoke subaccount: invalid subaccount tag length",
        )?;
        Ok(Self { account, tokens, timestamp, credentials })
    }

    pub(super) fn fields(&self, form: Form) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add("unrevoke", token_field(&self.tokens, form));
        fields.add_number("timestamp", self.timestamp);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl RevokedSubaccounts {
    pub(super) fn parse(params: &Params<'_>) -> Result<Self, ParseError> {
        let pubkey = params.text("pubkey")?;
        let credentials = RawCredentials::load_owner(params)?;
        let timestamp = params.timestamp("timestamp")?;

        let account = params.account(pubkey)?;
        let credentials = credentials.parse(params, &account)?;
        let timestamp = timestamp.ok_or(ParseError::Missing("timestamp"))?;
        Ok(Self { account, timestamp, credentials })
    }

    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::new(&self.account);
        fields.add_number("timestamp", self.timestamp);
        self.credentials.encode(&mut fields);
        fields
    }
}

impl Signed for RevokeSubaccount {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::revoke_subaccount(self.timestamp, &self.tokens))
    }

    fn needs(&self) -> Needs {
        Needs::Owner
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("revoke_subaccount signature verification failed")
    }
}

impl Signed for UnrevokeSubaccount {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::unrevoke_subaccount(self.timestamp, &self.tokens))
    }

    fn needs(&self) -> Needs {
        Needs::Owner
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("unrevoke_subaccount signature verification failed")
    }
}

impl Signed for RevokedSubaccounts {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn credentials(&self) -> Option<&Credentials> {
        Some(&self.credentials)
    }

    fn signed_text(&self) -> Option<Vec<u8>> {
        Some(signed_text::revoked_subaccounts(self.timestamp))
    }

    fn needs(&self) -> Needs {
        Needs::Owner
    }

    fn refusal_text(&self, _: Refused) -> Cow<'static, str> {
        Cow::Borrowed("revoked_subaccounts signature verification failed")
    }
}

fn parse_tokens(
    params: &Params<'_>,
    texts: &[&[u8]],
    not_text: &'static str,
    wrong_length: &'static str,
) -> Result<Vec<Token>, ParseError> {
    let parse = |text: &&[u8]| {
        if params.is_bencode() {
            (*text).try_into().map(Token::from_bytes).map_err(|_| ParseError::Other(wrong_length))
        } else {
            Token::parse(text).ok_or(ParseError::Other(not_text))
        }
    };
    texts.iter().map(parse).collect()
}

/// Clients send a single token bare; members of a swarm always get a list.
fn token_field(tokens: &[Token], form: Form) -> Value {
    let binary = |token: &Token| Value::Binary(token.as_bytes().to_vec());
    match tokens {
        [token] if form == Form::Client => binary(token),
        tokens => Value::List(tokens.iter().map(binary).collect()),
    }
}
