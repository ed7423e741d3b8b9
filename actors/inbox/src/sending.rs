//! One message, from the person to two swarms and the own inbox.

use std::sync::Arc;

use starling_contracts::{
    accounts::Profile,
    inbox::{Detail, Error, SendText, Sent},
};
use starling_kernel::Message as _;
use starling_protocol::account::AccountId;

use crate::{
    copies, deletions,
    delivery::{Earlier, Stored},
    desk::{Desk, Line, Unlocked},
    draft::Draft,
    metrics::{self, Sending},
    outgoing::{self, Prepared},
    pending,
    store::Pending,
};

/// Sends a message: prepares it, keeps it as pending, stores it in the recipient's swarm, commits it here as sent together with
/// the copy for one's other devices, and stores that copy, or leaves it waiting.
pub(crate) async fn send(
    desk: &Desk,
    sending: Sending,
    profile: Profile,
    to: AccountId,
    draft: Result<Draft, Error>,
) -> Result<Sent, Error> {
    let turn = desk.turn(Line::Send(profile.clone(), to)).await;
    let outcome = async {
        outgoing::check_recipient(&to)?;
        // Nobody has to be asked for the time to know that a text cannot be sent.
        let draft = draft?;
        let account = desk.unlock(&profile).await?;
        draft.check_authors(&account.secrets.keys.id(), &to)?;
        send_in_turn(desk, &profile, &account, to, Arc::new(draft)).await
    };
    let sent = outcome.await;
    drop(turn);
    match &sent {
        Ok(_) => metrics::sent(sending),
        Err(_) => metrics::send_failed(sending),
    }
    sent
}

async fn send_in_turn(
    desk: &Desk,
    profile: &Profile,
    account: &Unlocked,
    to: AccountId,
    draft: Arc<Draft>,
) -> Result<Sent, Error> {
    // What was left open, and is sent again, is the same message.
    let (message, stored) = match pending::take_up_before(desk, account, to, &draft).await? {
        Some(repeated) => pending::offer_again(desk, account, repeated, desk.config.send_attempts).await?,
        None => {
            if let Some(Detail::Deletion { target }) = draft.detail(&account.secrets.keys.id(), &to) {
                deletions::check_target(desk, account, target).await?;
            }
            offer(desk, account, to, draft).await?
        }
    };
    let hash = message.packet().hash;
    let timestamp = message.kept.sent_at;
    let copy_hash = message.copy_hash();
    // A note to oneself is its own copy, and that is stored by now.
    let is_note = message.peer.is_none();
    let takes_back = matches!(message.kept.detail, Some(Detail::Deletion { .. }));
    pending::commit(desk, account, message).await?;
    if takes_back {
        deletions::delete_in_swarm(desk, profile, account).await;
    }
    let synced = is_note || {
        copies::store_copies(desk, profile, account).await;
        !copies::is_waiting(desk, account, copy_hash).await
    };
    let swarm = desk.delivery.swarm(to).await.map(|swarm| swarm.id);
    Ok(Sent { hash, timestamp, stored_by: stored.by, path: stored.path, swarm, synced })
}

/// Seals the message, puts it down as pending, and stores it in the swarm where its reader looks. When the swarm finds the time
/// wrong, and no member can have taken the message, it gets another time, once.
async fn offer(
    desk: &Desk,
    account: &Unlocked,
    to: AccountId,
    draft: Arc<Draft>,
) -> Result<(Pending, Stored), Error> {
    let mut restamped = false;
    loop {
        let (before, sent_at) = stamp(desk, account).await?;
        let message = match put_down(desk, account, to, Arc::clone(&draft), sent_at).await {
            Ok(message) => message,
            Err(error) => {
                pending::discard(desk, account, sent_at, Some(before)).await?;
                return Err(error);
            }
        };
        let failure =
            match desk.delivery.store(&message.packet(), Earlier::Never, desk.config.send_attempts).await {
                Ok(stored) => return Ok((message, stored)),
                Err(failure) => failure,
            };
        if failure.is_certain {
            // A time that no message bears must not hold up the times to come.
            pending::discard(desk, account, sent_at, Some(before)).await?;
        } else if failure.is_permanent() {
            pending::discard(desk, account, sent_at, None).await?;
        }
        if !(failure.is_certain && failure.is_clock()) || std::mem::replace(&mut restamped, true) {
            return Err(failure.error);
        }
    }
}

/// The next time of the account: network time, but later than any before. Also the last one before.
async fn stamp(desk: &Desk, account: &Unlocked) -> Result<(u64, u64), Error> {
    let now = desk.delivery.time().await?;
    let own = account.secrets.keys.id();
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| {
        store.take_time(sealer, &own, now, entropy.as_ref())
    })
    .await
}

/// Seals the message, and keeps it as pending: what a swarm may have, this disk has too.
async fn put_down(
    desk: &Desk,
    account: &Unlocked,
    to: AccountId,
    draft: Arc<Draft>,
    sent_at: u64,
) -> Result<Pending, Error> {
    let secrets = Arc::clone(&account.secrets);
    let entropy = Arc::clone(desk.ctx.entropy());
    let job = move || outgoing::prepare(&secrets, &to, &draft, sent_at, &mut |bytes| entropy.fill(bytes));
    let Prepared { peer, copy, kept } = desk.work(SendText::NAME, job).await??;
    let message = Pending { kept, peer: peer.map(|peer| peer.data), copy: copy.data, rounds: 0 };
    pending::put(desk, account, message.clone()).await?;
    Ok(message)
}
