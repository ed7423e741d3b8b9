//! One text, from the person to two swarms and the own inbox.

use std::sync::Arc;

use starling_contracts::{
    accounts::Profile,
    inbox::{Error, SendText, Sent},
};
use starling_kernel::{Kinded as _, Message as _};
use starling_protocol::{account::AccountId, storage::MessageHash};
use tracing::debug;

use crate::{
    delivery::{Failure, Stored},
    desk::{Desk, Line, Unlocked},
    metrics,
    outgoing::{self, Packet, Prepared},
    store::WaitingCopy,
};

/// How many waiting copies one send or poll tries to store.
const COPIES_AT_ONCE: usize = 8;

/// Sends a text: prepares it, stores it in the recipient's swarm, commits it here together with the copy for one's other
/// devices, and stores that copy, or leaves it waiting.
pub(crate) async fn send(desk: &Desk, message: SendText) -> Result<Sent, Error> {
    let SendText { profile, to, body } = message;
    let turn = desk.turn(Line::Send(profile.clone(), to)).await;
    let outcome = async {
        outgoing::check_recipient(&to)?;
        let account = desk.unlock(&profile).await?;
        send_in_turn(desk, &profile, &account, to, body).await
    };
    let sent = outcome.await;
    drop(turn);
    match &sent {
        Ok(_) => metrics::sent(),
        Err(_) => metrics::send_failed(),
    }
    sent
}

async fn send_in_turn(
    desk: &Desk,
    profile: &Profile,
    account: &Unlocked,
    to: AccountId,
    body: String,
) -> Result<Sent, Error> {
    let (prepared, stored) = offer(desk, account, to, body).await?;
    let Prepared { peer, copy, kept } = prepared;
    let hash = peer.as_ref().map_or(copy.hash, |peer| peer.hash);
    let timestamp = kept.sent_at;
    // A note to oneself is its own copy, and that is stored by now.
    let is_note = peer.is_none();
    let copy_hash = copy.hash;
    let waiting = (!is_note).then_some(WaitingCopy { hash: copy.hash, data: copy.data });
    let received_at = desk.ctx.clock().now_ms();
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| {
        store.add_sent(sealer, &kept, copy_hash, received_at, waiting.as_ref(), entropy.as_ref())
    })
    .await?;
    let synced = is_note || {
        store_copies(desk, profile, account).await;
        !is_waiting(desk, account, copy_hash).await
    };
    let swarm = desk.delivery.swarm(to).await.map(|swarm| swarm.id);
    Ok(Sent { hash, timestamp, stored_by: stored.by, path: stored.path, swarm, synced })
}

/// Seals the text and stores it in the swarm where its reader looks. When the swarm finds the time wrong, the text gets
/// another one, once.
async fn offer(
    desk: &Desk,
    account: &Unlocked,
    to: AccountId,
    body: String,
) -> Result<(Prepared, Stored), Error> {
    let body: Arc<str> = body.into();
    let mut restamped = false;
    loop {
        let (before, sent_at) = stamp(desk, account).await?;
        let prepared = prepare(desk, account, to, Arc::clone(&body), sent_at).await;
        let outcome = match &prepared {
            Ok(prepared) => {
                let packet = prepared.peer.as_ref().unwrap_or(&prepared.copy);
                desk.delivery.store(packet).await
            }
            Err(error) => Err(Failure::Final(error.clone())),
        };
        match (prepared, outcome) {
            (Ok(prepared), Ok(stored)) => return Ok((prepared, stored)),
            (_, Err(Failure::Clock(_))) if !restamped => {
                restamped = true;
                // A time that the network does not share must not hold up the times to come.
                let taken = desk.on_disk(SendText::NAME, account, {
                    let entropy = Arc::clone(desk.ctx.entropy());
                    move |store, sealer| store.give_back_time(sealer, sent_at, before, entropy.as_ref())
                });
                taken.await?;
            }
            (Err(error), _) => return Err(error),
            (_, Err(failure)) => return Err(failure.into()),
        }
    }
}

/// The next time of the account: network time, but later than any before. Also the last one before.
async fn stamp(desk: &Desk, account: &Unlocked) -> Result<(u64, u64), Error> {
    let now = desk.delivery.time().await?;
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| store.take_time(sealer, now, entropy.as_ref()))
        .await
}

async fn prepare(
    desk: &Desk,
    account: &Unlocked,
    to: AccountId,
    body: Arc<str>,
    sent_at: u64,
) -> Result<Prepared, Error> {
    let secrets = Arc::clone(&account.secrets);
    let entropy = Arc::clone(desk.ctx.entropy());
    let job = move || outgoing::prepare(&secrets, &to, &body, sent_at, &mut |bytes| entropy.fill(bytes));
    desk.work(SendText::NAME, job).await?
}

/// Tries to store the copies that wait, the oldest first. One that is not stored stays; when the network cannot be asked at
/// all, so do those behind it.
pub(crate) async fn store_copies(desk: &Desk, profile: &Profile, account: &Unlocked) {
    let _turn = desk.turn(Line::Copies(profile.clone())).await;
    if let Err(error) = try_store_copies(desk, account).await {
        debug!(kind = ?error.kind(), "copies for other devices wait for the next try");
    }
}

async fn try_store_copies(desk: &Desk, account: &Unlocked) -> Result<(), Error> {
    let own = account.secrets.keys.id();
    let waiting =
        desk.on_disk(SendText::NAME, account, |store, sealer| store.copies(sealer, COPIES_AT_ONCE)).await?;
    let mut left = waiting.len();
    metrics::copies_waiting(left);
    for (position, copy) in waiting {
        let packet = Packet::new(own, copy.data);
        let stored = match desk.delivery.store(&packet).await {
            // The time in the request is not the message's: with the new offset the same bytes go through.
            Err(Failure::Clock(_)) => desk.delivery.store(&packet).await,
            outcome => outcome,
        };
        match stored.map_err(Error::from) {
            Ok(_) => {}
            Err(Error::Refused { status, .. }) => {
                debug!(status, "a copy for other devices was refused and waits for the next try");
                continue;
            }
            Err(error) => return Err(error),
        }
        desk.on_disk(SendText::NAME, account, move |store, sealer| store.remove_copy(sealer, position))
            .await?;
        left -= 1;
        metrics::copy_stored();
        metrics::copies_waiting(left);
    }
    Ok(())
}

/// Does the copy wait still? When even that cannot be told, it is taken to.
async fn is_waiting(desk: &Desk, account: &Unlocked, hash: MessageHash) -> bool {
    desk.on_disk(SendText::NAME, account, move |store, sealer| store.has_copy(sealer, hash))
        .await
        .unwrap_or(true)
}
