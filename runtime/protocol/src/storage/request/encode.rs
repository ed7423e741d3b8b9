//! Requests as JSON and as bencode, from one list of fields.

use serde_json::{Map, Value as Json, json};

use super::Request;
use crate::account::AccountId;
use crate::bencode::{self, Dict, Value as Bt};
use crate::crypto::ed25519;
use crate::storage::{MessageHash, Namespace, NamespaceScope, base64_text};

/// For whom a request is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A client's request: what is the default is left out.
    Client,
    /// What the entry node sends to the other members of its swarm.
    Replicated,
}

/// The fields of a request, in any order.
#[derive(Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

/// A field's value, before it is known in which encoding it goes out.
pub(super) enum Value {
    Account(AccountId),
    Key(ed25519::PublicKey),
    /// Base64 in JSON, raw in bencode.
    Binary(Vec<u8>),
    Text(String),
    Number(i128),
    Flag(bool),
    List(Vec<Value>),
    /// An object; bencode carries it as JSON text.
    Object(Map<String, Json>),
    /// A nested request.
    Nested(Fields),
}

impl Fields {
    pub(super) fn new(account: &AccountId) -> Self {
        let mut fields = Self::default();
        fields.add("pubkey", Value::Account(*account));
        fields
    }

    pub(super) fn add(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    pub(super) fn add_number(&mut self, name: &'static str, number: impl Into<i128>) {
        self.add(name, Value::Number(number.into()));
    }

    pub(super) fn add_namespace(&mut self, namespace: Namespace) {
        if namespace != Namespace::DEFAULT {
            self.add_number("namespace", namespace.0);
        }
    }

    pub(super) fn add_scope(&mut self, scope: NamespaceScope, form: Form) {
        match scope {
            NamespaceScope::All => self.add("namespace", Value::Text("all".to_owned())),
            NamespaceScope::One(Namespace::DEFAULT) if form == Form::Client => {}
            NamespaceScope::One(namespace) => self.add_number("namespace", namespace.0),
        }
    }

    pub(super) fn add_hashes(&mut self, messages: &[MessageHash]) {
        self.add(
            "messages",
            Value::List(messages.iter().map(|hash| Value::Text(hash.to_string())).collect()),
        );
    }

    fn into_json(self) -> Map<String, Json> {
        self.0.into_iter().map(|(name, value)| (name.to_owned(), value.into_json())).collect()
    }

    fn into_bencode(self) -> Dict {
        self.0.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bencode())).collect()
    }
}

impl Value {
    fn into_json(self) -> Json {
        match self {
            Self::Account(account) => Json::from(account.to_string()),
            Self::Key(key) => Json::from(key.to_string()),
            Self::Binary(bytes) => Json::from(base64_text::encode(&bytes)),
            Self::Text(text) => Json::from(text),
            // Every number of a request fits one of the two.
            Self::Number(number) => {
                i64::try_from(number).map(Json::from).unwrap_or_else(|_| json!(u64::try_from(number).ok()))
            }
            Self::Flag(flag) => Json::from(flag),
            Self::List(values) => values.into_iter().map(Self::into_json).collect(),
            Self::Object(object) => Json::Object(object),
            Self::Nested(fields) => Json::Object(fields.into_json()),
        }
    }

    fn into_bencode(self) -> Bt {
        match self {
            Self::Account(account) => Bt::from(account.as_bytes().as_slice()),
            Self::Key(key) => Bt::from(key.as_bytes().as_slice()),
            Self::Binary(bytes) => Bt::from(bytes),
            Self::Text(text) => Bt::from(text),
            Self::Number(number) => Bt::Integer(number),
            Self::Flag(flag) => Bt::from(flag),
            Self::List(values) => values.into_iter().map(Self::into_bencode).collect::<Vec<_>>().into(),
            Self::Object(object) => Bt::from(Json::Object(object).to_string()),
            Self::Nested(fields) => Bt::Dict(fields.into_bencode()),
        }
    }
}

impl Request {
    /// The parameters as a JSON object, binary values in base64 or hex.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::Object(self.fields(Form::Client).into_json())
    }

    /// The whole request as HTTPS and onion requests carry it: `{"method":…,"params":…}`.
    #[must_use]
    pub fn to_rpc_json(&self) -> Json {
        json!({"method": self.method(), "params": self.to_json()})
    }

    /// The parameters in bencode, binary values raw.
    #[must_use]
    pub fn to_bencode(&self) -> Vec<u8> {
        bencode::encode_dict(&self.fields(Form::Client).into_bencode())
    }

    /// The dict that goes to the other members of the swarm (storage-rpc §5); `None` for methods that do not.
    #[must_use]
    pub fn to_replicated(&self) -> Option<Vec<u8>> {
        self.is_recursive().then(|| bencode::encode_dict(&self.fields(Form::Replicated).into_bencode()))
    }

    /// Method and parameters, as they stand inside a batch.
    pub(super) fn nested(&self) -> Value {
        let mut fields = Fields::default();
        fields.add("method", Value::Text(self.method().to_owned()));
        fields.add("params", Value::Nested(self.fields(Form::Client)));
        Value::Nested(fields)
    }

    fn fields(&self, form: Form) -> Fields {
        match self {
            Self::Store(request) => request.fields(form),
            Self::Retrieve(request) => request.fields(),
            Self::Delete(request) => request.fields(form),
            Self::DeleteAll(request) => request.fields(form),
            Self::DeleteBefore(request) => request.fields(form),
            Self::ExpireAll(request) => request.fields(form),
            Self::Expire(request) => request.fields(),
            Self::GetExpiries(request) => request.fields(),
            Self::GetSwarm(request) => request.fields(),
            Self::OxendRequest(request) => request.fields(),
            Self::Info | Self::ActiveNodes => Fields::default(),
            Self::RevokeSubaccount(request) => request.fields(form),
            Self::UnrevokeSubaccount(request) => request.fields(form),
            Self::RevokedSubaccounts(request) => request.fields(),
            Self::Batch(request) => request.fields(),
            Self::IfElse(request) => request.fields(),
        }
    }
}
