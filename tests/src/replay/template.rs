//! What a transcript leaves open until it is played: times, accounts, captured answers.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use serde_json::{Map, Value as Json};
use starling_protocol::{
    account::Prefix,
    crypto::{ed25519, hash::blake2b},
};

use super::{
    signing::{self, Flaw, Signer, plain},
    target::{Account, Accounts},
    transcript::{SubaccountPlan, Transcript},
    wire::from_base64,
};

/// A right to act for an account, with the key that has it.
pub struct Delegate {
    account: String,
    key: ed25519::SecretKey,
    token: [u8; 36],
    signature: ed25519::Signature,
}

impl Delegate {
    /// The right that a transcript asks for; the key is drawn.
    ///
    /// # Errors
    /// The account is not one of the transcript's.
    pub fn new(plan: &SubaccountPlan, accounts: &Accounts, seed: [u8; 32]) -> Result<Self> {
        let owner = accounts.get(&plan.of).with_context(|| format!("no account is named {:?}", plan.of))?;
        let key = ed25519::SecretKey::from_seed(seed);
        let prefix = match &plan.prefix {
            Some(text) => u8::from_str_radix(text, 16).context("the token's prefix")?,
            None => owner.id.prefix().byte(),
        };
        let mut token = [0; 36];
        token[..2].copy_from_slice(&[prefix, plan.flags]);
        token[4..].copy_from_slice(&key.public().0);
        let signature = owner.key.sign(&token);
        Ok(Self { account: plan.of.clone(), key, token, signature })
    }
}

/// What stands for the open parts.
pub struct Values<'a> {
    /// The node's time.
    pub now: i64,
    /// Accounts by name.
    pub accounts: &'a Accounts,
    /// Subaccounts by name.
    pub delegates: &'a BTreeMap<String, Delegate>,
    /// Parts of earlier answers by name.
    pub captures: &'a BTreeMap<String, Json>,
    /// `hf` and `version` of the node.
    pub node: &'a BTreeMap<String, Json>,
}

impl Values<'_> {
    /// Puts values in place of all that is open, and signs what is to be signed.
    ///
    /// # Errors
    /// A name that is not known, or something that cannot be signed.
    pub fn fill(&self, open: &Json) -> Result<Json> {
        match open {
            Json::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Json::Object(fields) => {
                if let Some(value) = self.open_value(fields)? {
                    return Ok(value);
                }
                let filled: Result<Map<_, _>> =
                    fields.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?))).collect();
                let mut filled = filled?;
                if filled.contains_key("method")
                    && let Some(sign) = filled.remove("sign")
                {
                    self.sign_call(&mut filled, &sign)?;
                }
                Ok(Json::Object(filled))
            }
            other => Ok(other.clone()),
        }
    }

    fn sign_call(&self, call: &mut Map<String, Json>, sign: &Json) -> Result<()> {
        let method = call["method"].as_str().context("`method` is not a text")?.to_owned();
        let params = call.get_mut("params").and_then(Json::as_object_mut).context("nothing to sign")?;
        self.sign(&method, params, sign)
    }

    /// Signs parameters as `"name"` or `{"by": "name", "flaw": "…"}` says.
    ///
    /// # Errors
    /// A name that is not known, or something that cannot be signed.
    pub fn sign(&self, method: &str, params: &mut Map<String, Json>, sign: &Json) -> Result<()> {
        let (_, signer, flaw) = self.signer(sign)?;
        signing::sign(method, params, &signer, flaw)
    }

    /// A subscription, or a list of them, filled and signed as each one's `sign` says.
    ///
    /// # Errors
    /// As [`sign`](Self::sign).
    pub fn subscription(&self, open: &Json) -> Result<Json> {
        if let Json::Array(items) = open {
            return items.iter().map(|item| self.subscription(item)).collect();
        }
        let mut filled = self.fill(open)?;
        let Some(fields) = filled.as_object_mut() else { return Ok(filled) };
        if let Some(sign) = fields.remove("sign") {
            let (account, signer, flaw) = self.signer(&sign)?;
            signing::sign_subscription(fields, &account.id.to_string(), &signer, flaw)?;
        }
        Ok(filled)
    }

    /// Who signs, for which account, and what is wrong with it.
    fn signer(&self, sign: &Json) -> Result<(&Account, Signer<'_>, Option<Flaw>)> {
        let name = sign.as_str().or_else(|| sign["by"].as_str()).context("`sign` names nobody")?;
        let flaw: Option<Flaw> = match &sign["flaw"] {
            Json::Null => None,
            flaw => Some(serde_json::from_value(flaw.clone()).context("`flaw`")?),
        };
        if let Some(account) = self.accounts.get(name) {
            let pubkey_ed25519 = account.pubkey_ed25519();
            return Ok((account, Signer { key: &account.key, pubkey_ed25519, token: None }, flaw));
        }
        let delegate = self.delegates.get(name).with_context(|| format!("nobody is named {name:?}"))?;
        let account = self.account(&delegate.account)?;
        // A 05 account's Ed25519 key is needed to check its signature on the token.
        let pubkey_ed25519 = account.pubkey_ed25519();
        let token = Some((delegate.token, delegate.signature));
        Ok((account, Signer { key: &delegate.key, pubkey_ed25519, token }, flaw))
    }

    fn account(&self, name: &str) -> Result<&Account> {
        self.accounts.get(name).with_context(|| format!("no account is named {name:?}"))
    }

    /// The value of `{"$name": argument}`; `None` for anything else, patterns among them.
    fn open_value(&self, fields: &Map<String, Json>) -> Result<Option<Json>> {
        let mut pairs = fields.iter();
        let (Some((name, argument)), None) = (pairs.next(), pairs.next()) else { return Ok(None) };
        let text = || argument.as_str().with_context(|| format!("{name} needs a name"));
        let offset = || argument.as_i64().with_context(|| format!("{name} needs a number of milliseconds"));
        Ok(Some(match name.as_str() {
            "$now" => (self.now + offset()?).into(),
            "$now_text" => (self.now + offset()?).to_string().into(),
            "$seconds" => ((self.now + offset()?) / 1000).into(),
            "$account" => self.account(text()?)?.id.to_string().into(),
            "$ed25519" => self.account(text()?)?.key.public().to_string().into(),
            "$token" => {
                let delegate = self.delegates.get(text()?).context("no subaccount of that name")?;
                STANDARD.encode(delegate.token).into()
            }
            "$token_signature" => {
                let delegate = self.delegates.get(text()?).context("no subaccount of that name")?;
                STANDARD.encode(delegate.signature.0).into()
            }
            "$tokens" => {
                let number =
                    |name: &str| argument[name].as_u64().with_context(|| format!("$tokens needs `{name}`"));
                let owner = self.account(argument["of"].as_str().context("$tokens needs `of`")?)?;
                let (from, count) = (number("from")?, number("count")?);
                (from..from + count).map(|index| Json::from(numbered_token(owner, index))).collect()
            }
            "$node" => self.node.get(text()?).context("the node has no fact of that name")?.clone(),
            "$capture" => {
                let captured = self.captures.get(text()?);
                captured.with_context(|| format!("no earlier case captured {argument}"))?.clone()
            }
            "$bytes" => {
                let len = argument.as_u64().context("$bytes needs a length")?;
                STANDARD.encode(vec![b'x'; usize::try_from(len)?]).into()
            }
            "$text" => STANDARD.encode(text()?).into(),
            "$concat" => {
                let parts = self.fill(argument)?;
                let parts = parts.as_array().context("$concat needs a list")?;
                Json::from(parts.iter().map(plain).collect::<String>())
            }
            "$repeat" => {
                let (times, item) = (argument[0].as_u64().context("$repeat needs a number")?, &argument[1]);
                (0..times).map(|_| self.fill(item)).collect::<Result<Json>>()?
            }
            "$hash" => self.hash(&self.fill(argument)?)?.into(),
            _ => return Ok(None),
        }))
    }

    /// The hash of a message by storage-rpc §4.2.
    fn hash(&self, message: &Json) -> Result<String> {
        let account = message["pubkey"].as_str().context("$hash needs a pubkey")?;
        let account = hex::decode(account).context("the pubkey is not hex")?;
        let namespace = match message["namespace"].as_i64() {
            None | Some(0) => String::new(),
            Some(number) => number.to_string(),
        };
        let data = message["data"].as_str().and_then(from_base64).context("$hash needs data")?;
        let hash: [u8; 32] = blake2b(&[&account, namespace.as_bytes(), &data]);
        Ok(STANDARD_NO_PAD.encode(hash))
    }
}

/// A token of nobody, for a request that names many; base64.
fn numbered_token(owner: &Account, index: u64) -> String {
    let mut token = [0; 36];
    token[..2].copy_from_slice(&[owner.id.prefix().byte(), 3]);
    token[28..].copy_from_slice(&index.to_be_bytes());
    STANDARD.encode(token)
}

/// The type byte of a transcript's account.
///
/// # Errors
/// It is not two hex characters.
pub fn prefix(text: &str) -> Result<Prefix> {
    let byte = u8::from_str_radix(text, 16).with_context(|| format!("{text:?} is no account type"))?;
    Ok(Prefix::from_byte(byte))
}

/// The rights of a transcript, with keys drawn anew.
///
/// # Errors
/// A right of an account that is not there.
pub fn delegates(transcript: &Transcript, accounts: &Accounts) -> Result<BTreeMap<String, Delegate>> {
    let mut delegates = BTreeMap::new();
    for (name, plan) in &transcript.subaccounts {
        ensure!(!accounts.contains_key(name), "an account and a subaccount are named {name:?}");
        let mut seed = [0; 32];
        starling_protocol::crypto::random_bytes(&mut seed);
        delegates.insert(name.clone(), Delegate::new(plan, accounts, seed)?);
    }
    Ok(delegates)
}
