//! Who wants to hear of which namespaces, signed.

use std::fmt;

use super::{MAX_AGE_SECONDS, MAX_AHEAD_SECONDS, MonitorError};
use crate::account::AccountId;
use crate::bencode::{self, Dict, Limits, Value};
use crate::crypto::ed25519;
use crate::storage::subaccount::{Access, SignedToken, Token};
use crate::storage::{Namespace, signed_text};

/// Enough for one subscription with every namespace there could sensibly be.
const LIMITS: Limits = Limits { max_bytes: 10 << 20, max_depth: 2, max_items: 2_048 };

/// One subscription as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// For whose messages.
    pub subscriber: Subscriber,
    /// The right by which somebody else than the account asks.
    pub subaccount: Option<SignedToken>,
    /// Whether notifications shall hold the bodies.
    pub wants_data: bool,
    /// Which namespaces, strictly ascending, at least one.
    pub namespaces: Vec<Namespace>,
    /// Over the signed text.
    pub signature: ed25519::Signature,
    /// When it was signed, in **seconds**.
    pub timestamp: i64,
}

/// How the account is named. `Debug` does not name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subscriber {
    /// By the Ed25519 key of a `05` account, whose id is derived from it (`P`).
    User(ed25519::PublicKey),
    /// By an id whose key is Ed25519 (`p`).
    Account(AccountId),
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User(_) => "User(..)",
            Self::Account(_) => "Account(..)",
        })
    }
}

/// The subscriptions of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    /// Whether a list was sent, and so a list has to be answered.
    pub is_list: bool,
    /// Each one, or why it is refused.
    pub entries: Vec<Result<Subscription, MonitorError>>,
}

const MALFORMED: MonitorError = MonitorError::Arguments("Failed to parse monitor.messages data value");

/// Reads a dict, or a list of dicts.
///
/// # Errors
/// Only when the request as a whole cannot be read; otherwise each entry has its own outcome.
pub fn parse(payload: &[u8]) -> Result<Subscriptions, MonitorError> {
    if !is_list(payload)? {
        let (entry, used) = parse_entry(payload)?;
        return match used == payload.len() {
            true => Ok(Subscriptions { is_list: false, entries: vec![entry] }),
            false => Err(MALFORMED),
        };
    }
    // Entry by entry, because a request holds tens of thousands and only one needs to be in memory as a tree.
    let (mut rest, mut entries) = (&payload[1..], Vec::new());
    while rest.first() != Some(&b'e') {
        let (entry, used) = parse_entry(rest)?;
        entries.push(entry);
        rest = &rest[used..];
    }
    Ok(Subscriptions { is_list: true, entries })
}

/// Tells a list of dicts from one dict, by their marks alone; the entries of a list begin at its second byte.
///
/// # Errors
/// It is neither.
pub fn is_list(payload: &[u8]) -> Result<bool, MonitorError> {
    match (payload.first(), payload.last()) {
        (Some(b'd'), Some(b'e')) => Ok(false),
        (Some(b'l'), Some(b'e')) if payload.len() > 1 => Ok(true),
        _ => Err(MonitorError::Arguments("monitor request takes a single bencoded dict or list parameter")),
    }
}

/// Reads the dict that `bytes` begin with: its outcome, and how many bytes it takes.
///
/// For requests that are read in pieces; [`parse`] reads a whole one.
///
/// # Errors
/// What is there is no dict, so that the request as a whole cannot be read.
pub fn parse_entry(bytes: &[u8]) -> Result<(Result<Subscription, MonitorError>, usize), MonitorError> {
    let (value, used) = bencode::decode_prefix(bytes, LIMITS).map_err(|_| MALFORMED)?;
    Ok((Subscription::parse(value.as_dict().ok_or(MALFORMED)?), used))
}

/// Encodes the outcome of each subscription, as a list if a list was sent.
#[must_use]
pub fn encode_replies(is_list: bool, outcomes: &[Result<(), MonitorError>]) -> Vec<u8> {
    let mut replies = outcomes.iter().map(|outcome| match outcome {
        Ok(()) => Value::Dict(Dict::from([(b"success".to_vec(), Value::from(1u8))])),
        Err(error) => error.to_reply(),
    });
    if is_list {
        Value::List(replies.collect()).encode()
    } else {
        replies.next().map_or_else(Vec::new, |reply| reply.encode())
    }
}

impl Subscription {
    /// Checks time, key, token and signature; gives the account. Revocation and swarm are for the caller.
    ///
    /// # Errors
    /// What to answer.
    pub fn verify(&self, now_seconds: i64) -> Result<AccountId, MonitorError> {
        if self.timestamp < now_seconds.saturating_sub(MAX_AGE_SECONDS) {
            return Err(MonitorError::TooOld);
        }
        if self.timestamp > now_seconds.saturating_add(MAX_AHEAD_SECONDS) {
            return Err(MonitorError::InFuture);
        }
        let account = self.account().ok_or(MonitorError::Key("Invalid P= ed25519 public key"))?;
        let owner = match self.subscriber {
            Subscriber::User(key) => key,
            Subscriber::Account(account) => ed25519::PublicKey(*account.key()),
        };
        let signer = match &self.subaccount {
            Some(delegated) => {
                delegated.verify(&account, &owner, Access::READ).map_err(MonitorError::Subaccount)?;
                delegated.token.key()
            }
            None => owner,
        };
        let text = signed_text::monitor(&account, self.timestamp, self.wants_data, &self.namespaces);
        if signer.verify(&text, &self.signature) { Ok(account) } else { Err(MonitorError::Signature) }
    }

    /// The account; `None` if the given key has no X25519 image.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self.subscriber {
            Subscriber::User(key) => key.to_x25519().map(AccountId::standard),
            Subscriber::Account(account) => Some(account),
        }
    }

    /// The bencoded dict.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut pairs = Dict::from([
            (b"n".to_vec(), self.namespaces.iter().map(|n| Value::from(n.0)).collect::<Vec<_>>().into()),
            (b"s".to_vec(), Value::from(self.signature.as_bytes().as_slice())),
            (b"t".to_vec(), Value::from(self.timestamp)),
        ]);
        match &self.subscriber {
            Subscriber::User(key) => pairs.insert(b"P".to_vec(), Value::from(key.as_bytes().as_slice())),
            Subscriber::Account(account) => {
                pairs.insert(b"p".to_vec(), Value::from(account.as_bytes().as_slice()))
            }
        };
        if let Some(delegated) = &self.subaccount {
            pairs.insert(b"S".to_vec(), Value::from(delegated.signature.as_bytes().as_slice()));
            pairs.insert(b"T".to_vec(), Value::from(delegated.token.as_bytes().as_slice()));
        }
        if self.wants_data {
            pairs.insert(b"d".to_vec(), Value::from(1u8));
        }
        bencode::encode_dict(&pairs)
    }

    /// Looks at the keys in the order of bencode, so that the first fault in that order is the one that is told.
    fn parse(pairs: &Dict) -> Result<Self, MonitorError> {
        let user = bytes(pairs, "P")?
            .map(|key| {
                ed25519::PublicKey::from_slice(key)
                    .ok_or(MonitorError::Key("Provided P= Session Ed25519 pubkey must be 32 bytes"))
            })
            .transpose()?;
        let subaccount = parse_subaccount(pairs)?;
        let wants_data = match pairs.get(b"d".as_slice()).map(Value::as_integer) {
            None | Some(Some(0)) => false,
            Some(Some(1)) => true,
            Some(_) => return Err(MonitorError::Arguments("d= must be 0 or 1")),
        };
        let namespaces = parse_namespaces(pairs)?;
        let subscriber = match (user, bytes(pairs, "p")?) {
            (Some(_), Some(_)) => {
                return Err(MonitorError::Arguments("Cannot provide both p= and P= pubkey values"));
            }
            (Some(key), None) => Subscriber::User(key),
            (None, Some(account)) => Subscriber::Account(
                AccountId::from_bytes_any(account)
                    .map_err(|_| MonitorError::Key("Provided p= pubkey must be 33 bytes"))?,
            ),
            (None, None) => return Err(MonitorError::Arguments("Either p= or P= must be given")),
        };
        let signature = bytes(pairs, "s")?.ok_or(MonitorError::Arguments("Key s not found!"))?;
        let signature = ed25519::Signature::from_slice(signature).ok_or(MonitorError::SignatureLength)?;
        let timestamp = pairs
            .get(b"t".as_slice())
            .ok_or(MonitorError::Arguments("required signature timestamp is missing"))?
            .as_integer()
            .and_then(|timestamp| timestamp.try_into().ok())
            .ok_or(MonitorError::Arguments("t= must be a number"))?;
        Ok(Self { subscriber, subaccount, wants_data, namespaces, signature, timestamp })
    }
}

/// `T` is looked at only if there is an `S`.
fn parse_subaccount(pairs: &Dict) -> Result<Option<SignedToken>, MonitorError> {
    let Some(signature) = bytes(pairs, "S")? else { return Ok(None) };
    let signature = ed25519::Signature::from_slice(signature)
        .ok_or(MonitorError::Key("Provided S subaccount signature must be 64 bytes"))?;
    let token = bytes(pairs, "T")?.ok_or(MonitorError::Arguments("Key T not found!"))?;
    let token =
        token.try_into().map_err(|_| MonitorError::Key("Provided T subaccount token must be 36 bytes"))?;
    Ok(Some(SignedToken { token: Token::from_bytes(token), signature }))
}

fn parse_namespaces(pairs: &Dict) -> Result<Vec<Namespace>, MonitorError> {
    let list = pairs
        .get(b"n".as_slice())
        .ok_or(MonitorError::Arguments("Key n not found!"))?
        .as_list()
        .ok_or(MonitorError::Arguments("next bt dict value is not a list"))?;
    if list.is_empty() {
        return Err(MonitorError::Arguments("next value is not an integer"));
    }
    let number = |value: &Value| value.as_integer().and_then(|number| number.try_into().ok()).map(Namespace);
    let namespaces: Option<Vec<Namespace>> = list.iter().map(number).collect();
    let namespaces = namespaces.ok_or(MonitorError::Arguments("n= must hold 16-bit integers"))?;
    if namespaces.is_sorted_by(|a, b| a < b) { Ok(namespaces) } else { Err(MonitorError::Namespaces) }
}

fn bytes<'a>(pairs: &'a Dict, name: &str) -> Result<Option<&'a [u8]>, MonitorError> {
    match pairs.get(name.as_bytes()) {
        None => Ok(None),
        Some(value) => value.as_bytes().map(Some).ok_or(MonitorError::Arguments("expected a string")),
    }
}
