//! Copies in the own swarm of messages that were taken back: they are put down for deletion with the message's own removal, and
//! the swarm is asked until a member has signed that they are gone.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value as Json;
use starling_contracts::{
    accounts::Profile,
    inbox::{Error, MessageRef, Unsend},
};
use starling_kernel::{Kinded as _, Message as _};
use starling_protocol::{
    account::{AccountId, AccountKeys},
    crypto::ed25519,
    storage::{
        MessageHash,
        request::{Credentials, Delete, Request},
        signed_text,
    },
};
use tracing::debug;

use crate::{
    delivery,
    desk::{Desk, Line, Unlocked},
    metrics::{self, Deleted},
    polling,
    store::Store,
};

/// Most hashes in one request.
const HASHES_AT_ONCE: usize = 64;

/// Refuses to take back what this account never said there.
pub(crate) async fn check_target(desk: &Desk, account: &Unlocked, target: MessageRef) -> Result<(), Error> {
    let known = move |store: &Store, sealer: &_| store.has_named(sealer, &target);
    match desk.on_disk(Unsend::NAME, account, known).await? {
        true => Ok(()),
        false => Err(Error::NoSuchMessage {
            expected: "the time of a message of this account in that conversation",
        }),
    }
}

/// Asks the own swarm to delete what is put down for deletion. What cannot be deleted now waits for the next poll.
pub(crate) async fn delete_in_swarm(desk: &Desk, profile: &Profile, account: &Unlocked) {
    // Behind whoever stores copies just now: what they are about to store may be what is to be deleted.
    let _turn = desk.turn(Line::Copies(profile.clone())).await;
    if let Err(error) = try_delete(desk, account).await {
        debug!(kind = ?error.kind(), "copies of messages taken back wait for the next try");
    }
}

async fn try_delete(desk: &Desk, account: &Unlocked) -> Result<(), Error> {
    loop {
        let listing = |store: &Store, sealer: &_| store.deletions(sealer, HASHES_AT_ONCE);
        let waiting = desk.on_disk(Unsend::NAME, account, listing).await?;
        if waiting.is_empty() {
            return Ok(());
        }
        let now = desk.ctx.clock().now_ms();
        let (late, due): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(_, deletion)| deletion.until < now);
        settle(desk, account, late.iter().map(|(position, _)| *position).collect(), Deleted::GivenUp).await?;
        if due.is_empty() {
            continue;
        }
        let hashes: Vec<MessageHash> = due.iter().map(|(_, deletion)| deletion.hash).collect();
        ask(desk, account, hashes).await?;
        settle(desk, account, due.iter().map(|(position, _)| *position).collect(), Deleted::Done).await?;
    }
}

async fn ask(desk: &Desk, account: &Unlocked, hashes: Vec<MessageHash>) -> Result<(), Error> {
    let own = account.secrets.keys.id();
    let secrets = account.secrets.clone();
    let asked = hashes.clone();
    let question = desk.work(Unsend::NAME, move || request(&secrets.keys, asked)).await?;
    let reply = desk.delivery.ask(own, question, None).await?;
    if reply.status != 200 {
        return Err(delivery::refused(reply.status, &reply.body));
    }
    match confirmed_by(&reply.body, &own, &hashes).is_empty() {
        true => Err(Error::NotStored),
        false => Ok(()),
    }
}

async fn settle(desk: &Desk, account: &Unlocked, positions: Vec<u64>, outcome: Deleted) -> Result<(), Error> {
    if positions.is_empty() {
        return Ok(());
    }
    metrics::deleted(outcome, positions.len());
    desk.on_disk(Unsend::NAME, account, move |store, sealer| store.remove_deletions(sealer, &positions)).await
}

/// The signed request; it holds no time.
fn request(keys: &AccountKeys, messages: Vec<MessageHash>) -> Bytes {
    let credentials = Credentials::sign(&keys.id(), keys.ed25519(), &signed_text::delete(&messages));
    let delete = Delete { account: keys.id(), messages, required: false, credentials };
    Request::Delete(delete).to_rpc_json().to_string().into()
}

/// The members that have deleted what was asked for, or never had it: those whose signature over their answer is right.
fn confirmed_by(answer: &Json, account: &AccountId, hashes: &[MessageHash]) -> Vec<ed25519::PublicKey> {
    let Some(swarm) = answer.get("swarm").and_then(Json::as_object) else { return Vec::new() };
    let confirmed = |(node, entry): (&String, &Json)| {
        let node: ed25519::PublicKey = node.parse().ok()?;
        let deleted = entry.get("deleted")?.as_array()?;
        let deleted: BTreeSet<MessageHash> =
            deleted.iter().map(|hash| hash.as_str()?.parse().ok()).collect::<Option<_>>()?;
        let deleted: Vec<MessageHash> = deleted.into_iter().collect();
        let signature = ed25519::Signature::from_slice(&polling::base64(entry.get("signature")?.as_str()?)?)?;
        let text = signed_text::reply::delete(account, hashes, &deleted);
        let is_genuine = !polling::truth(entry.get("failed")) && node.verify(&text, &signature);
        is_genuine.then_some(node)
    };
    swarm.iter().filter_map(confirmed).collect()
}
