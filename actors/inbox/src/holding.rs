//! What a person decides about messages that filters have put aside.

use std::sync::Arc;

use starling_contracts::inbox::{DiscardHeld, Error, MessageReceived, ReleaseHeld, StoredMessage};
use starling_kernel::Message as _;

use crate::{
    desk::Desk,
    metrics::{self, Settled},
    store::Store,
};

/// Puts a held message behind all others, and tells of it.
pub(crate) async fn release(
    desk: &Desk,
    ReleaseHeld { profile, id }: ReleaseHeld,
) -> Result<StoredMessage, Error> {
    let account = desk.unlock(&profile).await?;
    let entropy = Arc::clone(desk.ctx.entropy());
    let releasing = move |store: &Store, sealer: &_| store.release_held(sealer, id, entropy.as_ref());
    let message = desk.on_disk(ReleaseHeld::NAME, &account, releasing).await?;
    metrics::settled(Settled::Released);
    let publisher = desk.ctx.publisher::<MessageReceived>();
    publisher.publish(MessageReceived { profile, message: message.clone() }).await;
    Ok(message)
}

/// Forgets a held message.
pub(crate) async fn discard(desk: &Desk, DiscardHeld { profile, id }: DiscardHeld) -> Result<(), Error> {
    let account = desk.unlock(&profile).await?;
    let entropy = Arc::clone(desk.ctx.entropy());
    let discarding = move |store: &Store, sealer: &_| store.discard_held(sealer, id, entropy.as_ref());
    desk.on_disk(DiscardHeld::NAME, &account, discarding).await?;
    metrics::settled(Settled::Discarded);
    Ok(())
}
