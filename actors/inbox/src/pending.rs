//! Messages whose fate was left open: by a crash between the swarm's word and the commit, or by answers that never came.
//!
//! They are offered again as the same bytes, which a swarm that has them recognises, until it is known what became of them.

use std::{collections::BTreeSet, sync::Arc};

use starling_contracts::{
    accounts::Profile,
    inbox::{Error, SendText},
};
use starling_kernel::{Kinded as _, Message as _};
use starling_protocol::account::AccountId;
use tracing::debug;

use crate::{
    delivery::{Earlier, Stored},
    desk::{Desk, Line, Unlocked},
    draft::Draft,
    filing::Kept,
    store::{AHEAD_MS, DAY_MS, Pending},
};

/// How often a message is offered again, and for how long after its time, before it is given up.
const MOST_ROUNDS: u8 = 10;
const GIVEN_UP_AFTER_MS: u64 = DAY_MS;

/// On the way to something else a message is offered once, so that whoever waits for that still gets an answer in time.
const ONE_ATTEMPT: usize = 1;

/// Offers everything again that is pending, recipient by recipient; who is being written to just now is left to that writer.
pub(crate) async fn take_up(desk: &Desk, profile: &Profile, account: &Unlocked) {
    let outcome = async {
        let pending = all(desk, account).await?;
        let recipients: BTreeSet<AccountId> =
            pending.into_iter().map(|message| message.kept.conversation).collect();
        for to in recipients {
            let Some(_turn) = desk.turn_if_free(Line::Send(profile.clone(), to)) else { continue };
            // Read anew: whoever had the turn before may have settled some.
            for message in left_for(desk, account, to).await? {
                match offer_again(desk, account, message, ONE_ATTEMPT).await {
                    Ok((message, _)) => commit(desk, account, message).await?,
                    // What one swarm thinks of one message says nothing of the others.
                    Err(Error::Refused { .. } | Error::NotStored) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = outcome.await {
        debug!(kind = ?error.kind(), "pending messages wait for the next try");
    }
}

/// Before a message is sent: offers again what is pending for its recipient, except the one that says the very same, which is
/// handed back. The caller has the recipient's turn.
pub(crate) async fn take_up_before(
    desk: &Desk,
    account: &Unlocked,
    to: AccountId,
    draft: &Draft,
) -> Result<Option<Pending>, Error> {
    let mut repeated = None;
    let mut is_stuck = false;
    for message in left_for(desk, account, to).await? {
        let Kept { sent_at, content, .. } = &message.kept;
        if repeated.is_none() && draft.is_said_by(&account.secrets, &to, *sent_at, content) {
            repeated = Some(message);
        } else if !is_stuck {
            match offer_again(desk, account, message, ONE_ATTEMPT).await {
                Ok((message, _)) => commit(desk, account, message).await?,
                Err(error) => {
                    is_stuck = true;
                    debug!(kind = ?error.kind(), "a pending message waits for the next try");
                }
            }
        }
    }
    Ok(repeated)
}

/// Offers the same bytes once more. A message that the swarm will never take is given up.
pub(crate) async fn offer_again(
    desk: &Desk,
    account: &Unlocked,
    mut message: Pending,
    attempts: usize,
) -> Result<(Pending, Stored), Error> {
    message.rounds = message.rounds.saturating_add(1);
    put(desk, account, message.clone()).await?;
    match desk.delivery.store(&message.packet(), Earlier::Perhaps, attempts).await {
        Ok(stored) => Ok((message, stored)),
        Err(failure) => {
            if failure.is_permanent() {
                discard(desk, account, message.kept.sent_at, None).await?;
            }
            Err(failure.error)
        }
    }
}

/// Writes a message down as pending, or anew.
pub(crate) async fn put(desk: &Desk, account: &Unlocked, message: Pending) -> Result<(), Error> {
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| {
        store.put_pending(sealer, &message, entropy.as_ref())
    })
    .await
}

/// Files a message that a swarm has: as sent, with its copy waiting.
pub(crate) async fn commit(desk: &Desk, account: &Unlocked, message: Pending) -> Result<(), Error> {
    let received_at = desk.ctx.clock().now_ms();
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| {
        store.commit_pending(sealer, &message, received_at, entropy.as_ref())
    })
    .await
}

/// Forgets what was pending under a time; with `before`, the last time before it, the time is given back too.
pub(crate) async fn discard(
    desk: &Desk,
    account: &Unlocked,
    sent_at: u64,
    before: Option<u64>,
) -> Result<(), Error> {
    let entropy = Arc::clone(desk.ctx.entropy());
    desk.on_disk(SendText::NAME, account, move |store, sealer| {
        store.discard_pending(sealer, sent_at, before, entropy.as_ref())
    })
    .await
}

async fn all(desk: &Desk, account: &Unlocked) -> Result<Vec<Pending>, Error> {
    desk.on_disk(SendText::NAME, account, |store, sealer| store.pending(sealer)).await
}

/// What is pending for a recipient, the oldest first; the caller has the recipient's turn. What was tried too often or too long
/// is given up; so is what bears a time far ahead of the network's, which was a mistake that must not be repeated.
async fn left_for(desk: &Desk, account: &Unlocked, to: AccountId) -> Result<Vec<Pending>, Error> {
    let mut pending = all(desk, account).await?;
    pending.retain(|message| message.kept.conversation == to);
    if pending.is_empty() {
        return Ok(pending);
    }
    let now = desk.delivery.time().await?;
    let mut left = Vec::new();
    for message in pending {
        let sent_at = message.kept.sent_at;
        if sent_at <= now.saturating_add(AHEAD_MS)
            && now.saturating_sub(sent_at) <= GIVEN_UP_AFTER_MS
            && message.rounds < MOST_ROUNDS
        {
            left.push(message);
        } else {
            debug!(rounds = message.rounds, "a pending message is given up");
            discard(desk, account, sent_at, None).await?;
        }
    }
    Ok(left)
}
