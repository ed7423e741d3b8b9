//! Methods that only look: `retrieve`, `get_expiries`, `revoked_subaccounts` (storage-rpc §4.3, §4.9, §4.13).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value as Json, json};
use starling_contracts::storage::{Answer, Error};
use starling_protocol::{
    account::AccountId,
    storage::{
        MessageHash,
        request::{GetExpiries, Request, Retrieve, RevokedSubaccounts},
        response::RetrieveLimits,
        subaccount::Token,
    },
};

use super::Server;
use crate::{
    answers::{Moment, json_answer, text},
    check::{Origin, check},
    metrics,
    store::{Snapshot, StoreError},
};

impl Server {
    /// Checks and answers from one snapshot, on the CPU pool.
    pub(super) async fn read(&self, request: Request, moment: Moment) -> Result<Answer, Error> {
        let store = self.store().clone();
        self.on_store(move || {
            let snapshot = store.read()?;
            let is_revoked = |account: &AccountId, token: &Token| snapshot.is_revoked(account, token);
            match check(&request, moment.now, Origin::Client, is_revoked)? {
                Ok(_) => look(&request, &snapshot, &moment),
                Err(refusal) => Ok(refusal.into()),
            }
        })
        .await
    }
}

fn look(request: &Request, snapshot: &Snapshot, moment: &Moment) -> Result<Answer, StoreError> {
    match request {
        Request::Retrieve(request) => retrieve(request, snapshot, moment),
        Request::GetExpiries(request) => get_expiries(request, snapshot),
        Request::RevokedSubaccounts(request) => revoked_subaccounts(request, snapshot, moment),
        _ => Ok(text(500, "request failed")),
    }
}

fn retrieve(request: &Retrieve, snapshot: &Snapshot, moment: &Moment) -> Result<Answer, StoreError> {
    let limits = RetrieveLimits::new(request.max_count, request.max_size);
    let after = request.last_hash.as_ref();
    let page = snapshot.retrieve(&request.account, request.namespace, after, limits, moment.now)?;
    metrics::retrieved(page.messages.len());
    let messages: Vec<Json> = page
        .messages
        .into_iter()
        .map(|message| {
            json!({
                "hash": message.hash.as_str(),
                "timestamp": message.timestamp,
                "expiration": message.expiry,
                "data": STANDARD.encode(message.body),
            })
        })
        .collect();
    let mut body = Map::new();
    body.insert("messages".to_owned(), Json::Array(messages));
    body.insert("more".to_owned(), json!(page.more));
    Ok(json_answer(200, moment.stamp(body)))
}

fn get_expiries(request: &GetExpiries, snapshot: &Snapshot) -> Result<Answer, StoreError> {
    // What is no hash is simply not found.
    let hashes: Vec<MessageHash> = request.messages.iter().filter_map(|hash| hash.parse().ok()).collect();
    let expiries = snapshot.expiries(&request.account, &hashes)?;
    let expiries: Map<_, _> =
        expiries.into_iter().map(|(hash, expiry)| (hash.to_string(), json!(expiry))).collect();
    Ok(json_answer(200, json!({"expiries": expiries})))
}

fn revoked_subaccounts(
    request: &RevokedSubaccounts,
    snapshot: &Snapshot,
    moment: &Moment,
) -> Result<Answer, StoreError> {
    let tokens: Vec<String> = snapshot.revoked(&request.account)?.iter().map(Token::to_base64).collect();
    let mut body = Map::new();
    body.insert("revoked_subaccounts".to_owned(), json!(tokens));
    Ok(json_answer(200, moment.stamp(body)))
}
