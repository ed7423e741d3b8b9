//! Makes requests as clients do, signed by what is in the protocol crate.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value as Json;
use starling_protocol::{
    AccountId,
    account::Prefix,
    crypto::ed25519,
    storage::{
        MessageHash, Namespace, NamespaceScope,
        request::{
            Credentials, Delete, DeleteAll, DeleteBefore, Expire, ExpireAll, GetExpiries, Lifetime, Request,
            Retrieve, RetrieveAuth, RevokeSubaccount, RevokedSubaccounts, Store, UnrevokeSubaccount,
        },
        signed_text::{self, ExpireMode},
        subaccount::{Access, SignedToken, Token},
    },
};

pub(crate) const DAY: i64 = 86_400_000;

/// Somebody with an account.
pub(crate) struct Client {
    pub(crate) key: ed25519::SecretKey,
    pub(crate) account: AccountId,
}

impl Client {
    /// A user, `05`.
    pub(crate) fn user(number: u8) -> Self {
        let key = ed25519::SecretKey::from_seed([number; 32]);
        let account = AccountId::standard(key.to_x25519().public());
        Self { key, account }
    }

    /// A group, `03`.
    pub(crate) fn group(number: u8) -> Self {
        let key = ed25519::SecretKey::from_seed([number; 32]);
        let account = AccountId::new(Prefix::Group, *key.public().as_bytes());
        Self { key, account }
    }

    pub(crate) fn sign(&self, text: &[u8]) -> Credentials {
        Credentials::sign(&self.account, &self.key, text)
    }

    /// A store, signed where the namespace asks for it; 1 day to live.
    pub(crate) fn store(&self, namespace: i16, data: &[u8], now: i64) -> Request {
        let namespace = Namespace(namespace);
        let credentials =
            namespace.store_needs_auth().then(|| self.sign(&signed_text::store(namespace, now)));
        Request::Store(Store {
            account: self.account,
            namespace,
            timestamp: now,
            lifetime: Lifetime::Ttl(u64::try_from(DAY).expect("a day is positive")),
            data: data.to_vec(),
            sig_timestamp: None,
            credentials,
        })
    }

    pub(crate) fn retrieve(&self, namespace: i16, last_hash: Option<MessageHash>, now: i64) -> Request {
        let namespace = Namespace(namespace);
        let credentials = self.sign(&signed_text::retrieve(namespace, now));
        Request::Retrieve(Retrieve {
            account: self.account,
            namespace,
            last_hash,
            max_count: None,
            max_size: None,
            auth: Some(RetrieveAuth { timestamp: now, credentials }),
        })
    }

    pub(crate) fn delete(&self, messages: &[MessageHash], required: bool) -> Request {
        let credentials = self.sign(&signed_text::delete(messages));
        Request::Delete(Delete { account: self.account, messages: messages.to_vec(), required, credentials })
    }

    pub(crate) fn delete_all(&self, scope: NamespaceScope, timestamp: i64) -> Request {
        let credentials = self.sign(&signed_text::delete_all(scope, timestamp));
        Request::DeleteAll(DeleteAll { account: self.account, scope, timestamp, credentials })
    }

    pub(crate) fn delete_before(&self, scope: NamespaceScope, before: i64) -> Request {
        let credentials = self.sign(&signed_text::delete_before(scope, before));
        Request::DeleteBefore(DeleteBefore { account: self.account, scope, before, credentials })
    }

    pub(crate) fn expire_all(&self, scope: NamespaceScope, expiry: i64) -> Request {
        let credentials = self.sign(&signed_text::expire_all(scope, expiry));
        Request::ExpireAll(ExpireAll { account: self.account, scope, expiry, credentials })
    }

    pub(crate) fn expire(&self, mode: ExpireMode, expiries: &[i64], messages: &[MessageHash]) -> Request {
        let credentials = self.sign(&signed_text::expire(mode, expiries, messages));
        let (messages, expiries) = (messages.to_vec(), expiries.to_vec());
        Request::Expire(Expire { account: self.account, messages, expiries, mode, credentials })
    }

    pub(crate) fn get_expiries(&self, messages: &[&str], timestamp: i64) -> Request {
        let messages: Vec<String> = messages.iter().map(|hash| (*hash).to_owned()).collect();
        let credentials = self.sign(&signed_text::get_expiries(timestamp, &messages));
        Request::GetExpiries(GetExpiries { account: self.account, messages, timestamp, credentials })
    }

    pub(crate) fn revoke(&self, tokens: &[Token], timestamp: i64) -> Request {
        let credentials = self.sign(&signed_text::revoke_subaccount(timestamp, tokens));
        Request::RevokeSubaccount(RevokeSubaccount {
            account: self.account,
            tokens: tokens.to_vec(),
            timestamp,
            credentials,
        })
    }

    pub(crate) fn unrevoke(&self, tokens: &[Token], timestamp: i64) -> Request {
        let credentials = self.sign(&signed_text::unrevoke_subaccount(timestamp, tokens));
        Request::UnrevokeSubaccount(UnrevokeSubaccount {
            account: self.account,
            tokens: tokens.to_vec(),
            timestamp,
            credentials,
        })
    }

    pub(crate) fn revoked(&self, timestamp: i64) -> Request {
        let credentials = self.sign(&signed_text::revoked_subaccounts(timestamp));
        Request::RevokedSubaccounts(RevokedSubaccounts { account: self.account, timestamp, credentials })
    }

    /// A right to act for this account, with the key that has it.
    pub(crate) fn delegate(&self, number: u8, access: Access) -> Delegate {
        let key = ed25519::SecretKey::from_seed([number; 32]);
        let token = Token::new(self.account.prefix(), access, &key.public());
        let signature = self.key.sign(token.as_bytes());
        Delegate { key, signed: SignedToken { token, signature } }
    }
}

/// Somebody who may act for an account.
pub(crate) struct Delegate {
    key: ed25519::SecretKey,
    pub(crate) signed: SignedToken,
}

impl Delegate {
    /// Puts this delegate's signature in place of the owner's.
    pub(crate) fn resign(&self, request: Request) -> Request {
        let text = request.as_signed().and_then(|signed| signed.signed_text()).expect("a signed request");
        let credentials = Credentials::delegated(self.key.sign(&text), self.signed);
        match request {
            Request::Store(inner) => Request::Store(Store { credentials: Some(credentials), ..inner }),
            Request::Retrieve(inner) => {
                let auth = inner.auth.map(|auth| RetrieveAuth { credentials, ..auth });
                Request::Retrieve(Retrieve { auth, ..inner })
            }
            Request::Delete(inner) => Request::Delete(Delete { credentials, ..inner }),
            Request::Expire(inner) => Request::Expire(Expire { credentials, ..inner }),
            other => panic!("no test delegates {}", other.method()),
        }
    }
}

/// The envelope of a request.
pub(crate) fn envelope(request: &Request) -> String {
    request.to_rpc_json().to_string()
}

/// The hash in the answer to a store.
#[track_caller]
pub(crate) fn hash_of(body: &Json) -> MessageHash {
    body["hash"].as_str().expect("a hash").parse().expect("a message hash")
}

/// The bodies in the answer to a retrieve.
#[track_caller]
pub(crate) fn bodies(body: &Json) -> Vec<Vec<u8>> {
    let messages = body["messages"].as_array().expect("messages");
    messages
        .iter()
        .map(|message| STANDARD.decode(message["data"].as_str().expect("data")).expect("base64"))
        .collect()
}
