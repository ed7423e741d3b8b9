//! Methods that only look: `retrieve`, `get_expiries`, `revoked_subaccounts` (storage-rpc §4.3, §4.9, §4.13).

use std::sync::Arc;

use starling_contracts::storage::Error;
use starling_protocol::{
    account::AccountId,
    storage::{
        MessageHash,
        request::{GetExpiries, Request, Retrieve, RevokedSubaccounts},
        response::{ReplyValue, RetrieveLimits, Retrieved, RetrievedMessage},
        subaccount::Token,
    },
};

use super::Server;
use crate::{
    answer_budget::{Allowance, Budget, Hold},
    answers::{Composed, Moment},
    check::{Origin, check},
    metrics,
    store::{Snapshot, StoreError},
};

/// What was seen in the store.
enum Seen {
    Answer(Composed),
    /// An answer with messages, what these count, and the memory for them.
    Messages(Composed, u64, Hold),
    /// There is no memory for the answer.
    Busy,
}

impl Server {
    /// Checks and answers from one snapshot, on the CPU pool.
    pub(super) async fn read(
        &self,
        request: Request,
        moment: Moment,
        allowance: &Allowance,
    ) -> Result<Composed, Error> {
        let (store, budget, left) = (self.store().clone(), Arc::clone(&self.budget), allowance.left());
        let seen = self
            .on_store(move || {
                let snapshot = store.read()?;
                let is_revoked = |account: &AccountId, token: &Token| snapshot.is_revoked(account, token);
                if let Err(refusal) = check(&request, moment.now, Origin::Client, is_revoked)? {
                    return Ok(Seen::Answer(refusal.into()));
                }
                match request {
                    Request::Retrieve(request) => retrieve(&request, &snapshot, &moment, &budget, left),
                    Request::GetExpiries(request) => get_expiries(&request, &snapshot).map(Seen::Answer),
                    Request::RevokedSubaccounts(request) => {
                        revoked_subaccounts(&request, &snapshot, &moment).map(Seen::Answer)
                    }
                    _ => Ok(Seen::Answer(Composed::text(500, "request failed"))),
                }
            })
            .await?;
        match seen {
            Seen::Answer(answer) => Ok(answer),
            Seen::Messages(answer, counted, hold) => {
                allowance.spend(counted);
                allowance.keep(hold);
                Ok(answer)
            }
            Seen::Busy => Err(self.busy()),
        }
    }
}

fn retrieve(
    request: &Retrieve,
    snapshot: &Snapshot,
    moment: &Moment,
    budget: &Arc<Budget>,
    left: u64,
) -> Result<Seen, StoreError> {
    let limits = RetrieveLimits::new(request.max_count, request.max_size).at_most(left);
    let after = request.last_hash.as_ref();
    let listing = snapshot.list(&request.account, request.namespace, after, limits, moment.now)?;
    // How much it will be is known before any body is read.
    let counted = listing.counted_bytes();
    let Some(hold) = budget.hold(counted) else { return Ok(Seen::Busy) };
    let page = snapshot.bodies(listing)?;
    metrics::retrieved(page.messages.len());
    let messages = page.messages.into_iter().map(|message| RetrievedMessage {
        hash: message.hash,
        timestamp: message.timestamp,
        expiry: message.expiry,
        data: message.body,
    });
    let fields = Retrieved { messages: messages.collect(), more: page.more }.into_fields();
    Ok(Seen::Messages(Composed::fields(200, moment.stamp(fields)), counted, hold))
}

fn get_expiries(request: &GetExpiries, snapshot: &Snapshot) -> Result<Composed, StoreError> {
    // What is no hash is simply not found.
    let hashes: Vec<MessageHash> = request.messages.iter().filter_map(|hash| hash.parse().ok()).collect();
    let expiries = snapshot.expiries(&request.account, &hashes)?;
    let expiries = expiries.into_iter().map(|(hash, expiry)| (hash.to_string(), expiry.into())).collect();
    Ok(Composed::fields(200, vec![("expiries".to_owned(), ReplyValue::Object(expiries))]))
}

fn revoked_subaccounts(
    request: &RevokedSubaccounts,
    snapshot: &Snapshot,
    moment: &Moment,
) -> Result<Composed, StoreError> {
    let tokens = snapshot.revoked(&request.account)?;
    let tokens = tokens.iter().map(|token| ReplyValue::Binary(token.as_bytes().to_vec())).collect();
    let fields = vec![("revoked_subaccounts".to_owned(), ReplyValue::List(tokens))];
    Ok(Composed::fields(200, moment.stamp(fields)))
}
