//! Copies for one's other devices: they wait on disk until the own swarm has them.

use starling_contracts::{
    accounts::Profile,
    inbox::{Error, SendText},
};
use starling_kernel::{Kinded as _, Message as _};
use starling_protocol::storage::MessageHash;
use tracing::debug;

use crate::{
    delivery::Earlier,
    desk::{Desk, Line, Unlocked},
    metrics,
    outgoing::Packet,
};

/// How many waiting copies one send or poll tries to store.
const COPIES_AT_ONCE: usize = 8;

/// Tries to store the copies that wait, the oldest first. One that the swarm does not take goes behind the others, so that it
/// keeps none of them waiting; when the network cannot be asked at all, all stay as they are.
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
        // The time in the request is not the message's: with a new offset the same bytes go through.
        let stored = desk
            .delivery
            .store(&Packet::new(own, copy.data.clone()), Earlier::Perhaps, desk.config.send_attempts)
            .await;
        match stored.map_err(|failure| failure.error) {
            Ok(_) => {}
            Err(error @ (Error::Refused { .. } | Error::NotStored)) => {
                debug!(kind = ?error.kind(), "a copy for other devices was not taken and goes behind the others");
                let entropy = desk.ctx.entropy().clone();
                desk.on_disk(SendText::NAME, account, move |store, sealer| {
                    store.put_copy_last(sealer, position, &copy, entropy.as_ref())
                })
                .await?;
                continue;
            }
            Err(error) => return Err(error),
        }
        let entropy = desk.ctx.entropy().clone();
        desk.on_disk(SendText::NAME, account, move |store, sealer| {
            store.remove_copy(sealer, position, &copy, entropy.as_ref())
        })
        .await?;
        left -= 1;
        metrics::copy_stored();
        metrics::copies_waiting(left);
    }
    Ok(())
}

/// Does the copy wait still? When even that cannot be told, it is taken to.
pub(crate) async fn is_waiting(desk: &Desk, account: &Unlocked, hash: MessageHash) -> bool {
    desk.on_disk(SendText::NAME, account, move |store, sealer| store.has_copy(sealer, hash))
        .await
        .unwrap_or(true)
}
