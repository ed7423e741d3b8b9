//! The requests that are measured, signed and written.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use starling_protocol::{
    crypto::random_bytes,
    storage::{
        Namespace,
        request::{Batch, BatchOrder, Credentials, Expire, Lifetime, Request, Retrieve, RetrieveAuth, Store},
        signed_text::{self, ExpireMode},
    },
};

use super::{Account, STORAGE};
use crate::load::{Template, UNIQUE, Work};

/// A short text message, sealed and wrapped, is about as long.
const BODY: usize = 512;

/// How long messages are kept, in milliseconds: a day, so that nothing of a benchmark stays.
const TTL: u64 = 86_400_000;

/// The namespaces that a client looks into at each poll.
const POLLED: [i16; 6] = [0, 1, 2, 3, 4, 5];

/// Signs with the time at which it was made; signatures are good for a minute.
pub(crate) struct Signer {
    now: i64,
}

impl Signer {
    pub(crate) fn now() -> Self {
        Self { now: now() }
    }

    /// `retrieve` from the inbox.
    pub(crate) fn retrieve(&self, account: &Account) -> Result<Bytes> {
        written(&self.retrieve_from(account, Namespace::DEFAULT))
    }

    /// What a client sends at each poll: a look into six namespaces, and a longer life for one message.
    pub(crate) fn poll(&self, account: &Account, hash: &str) -> Result<Bytes> {
        let mut requests: Vec<_> =
            POLLED.iter().map(|namespace| self.retrieve_from(account, Namespace(*namespace))).collect();
        let messages = vec![hash.parse().context("a node's hash is none")?];
        let expiries = vec![self.now + 2 * 86_400_000];
        let text = signed_text::expire(ExpireMode::Extend, &expiries, &messages);
        let credentials = Credentials::sign(&account.id, &account.key, &text);
        requests.push(Request::Expire(Expire {
            account: account.id,
            messages,
            expiries,
            mode: ExpireMode::Extend,
            credentials,
        }));
        written(&Request::Batch(Batch { order: BatchOrder::All, requests }))
    }

    fn retrieve_from(&self, account: &Account, namespace: Namespace) -> Request {
        let text = signed_text::retrieve(namespace, self.now);
        let credentials = Credentials::sign(&account.id, &account.key, &text);
        Request::Retrieve(Retrieve {
            account: account.id,
            namespace,
            last_hash: None,
            max_count: None,
            max_size: None,
            auth: Some(RetrieveAuth { timestamp: self.now, credentials }),
        })
    }
}

/// `info`.
pub(crate) fn info() -> Bytes {
    Bytes::from(Request::Info.to_rpc_json().to_string())
}

/// One message for an inbox.
pub(crate) fn store(account: &Account, number: usize) -> Result<Bytes> {
    let mut data = random_body();
    data[..8].copy_from_slice(&u64::try_from(number)?.to_be_bytes());
    written(&store_of(account, data))
}

/// Messages for these inboxes, no two of them alike.
pub(crate) fn stores(accounts: &[Account]) -> Result<Work> {
    let mut bodies = Vec::new();
    for account in accounts {
        let body = store_of(account, random_body()).to_rpc_json();
        let data = body["params"]["data"].as_str().context("store has a body")?.to_owned();
        let text = body.to_string();
        // Hexadecimal digits are base64 too, and so the number can stand in the place of its first characters.
        let at = text.find(&data).context("the request holds its body as it is")?;
        anyhow::ensure!(data.len() > UNIQUE, "the body has room for a number");
        bodies.push(Template { body: text.into(), at });
    }
    Ok(Work::Unique { path: STORAGE, bodies: Arc::new(bodies) })
}

/// Looks into these inboxes, good for a minute.
pub(crate) fn retrieves(accounts: &[Account]) -> Result<Work> {
    let signer = Signer::now();
    let bodies = accounts.iter().map(|account| signer.retrieve(account)).collect::<Result<_>>()?;
    Ok(Work::Cycle { path: STORAGE, bodies: Arc::new(bodies) })
}

fn store_of(account: &Account, data: Vec<u8>) -> Request {
    Request::Store(Store {
        account: account.id,
        namespace: Namespace::DEFAULT,
        timestamp: now(),
        lifetime: Lifetime::Ttl(TTL),
        data,
        sig_timestamp: None,
        credentials: None,
    })
}

fn random_body() -> Vec<u8> {
    let mut data = vec![0; BODY];
    random_bytes(&mut data);
    data
}

fn written(request: &Request) -> Result<Bytes> {
    Ok(Bytes::from(request.to_rpc_json().to_string()))
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    i64::try_from(now).unwrap_or(i64::MAX)
}
