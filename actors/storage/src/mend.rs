//! Brings a message store back after the disk has failed.

use std::time::Duration;

use starling_kernel::Context;
use tracing::{error, info, warn};

use crate::store::Store;

/// Pause before the file is opened anew; doubles with each further attempt.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause. A store that stays well for longer has a first pause again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Opens the file anew after every failure, for as long as it takes; `tell` is called when the store fails and when it is back.
pub(crate) async fn mend(store: Store, ctx: Context, tell: impl Fn()) {
    let mut pause = FIRST_PAUSE;
    loop {
        let well_since = ctx.clock().elapsed();
        let failure = store.failed().await;
        error!(error = %failure, "the file of the message store is let go of and will be opened anew");
        tell();
        if ctx.clock().elapsed().saturating_sub(well_since) > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        while store.failure().is_some() {
            ctx.clock().sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let broken = store.clone();
            match ctx.pool().run(move || broken.reopen()).await {
                Ok(Ok(())) => info!("message store opened anew"),
                Ok(Err(error)) => warn!(%error, "message store could not be opened anew"),
                Err(error) => error!(%error, "opening the message store anew failed"),
            }
        }
        tell();
    }
}

#[cfg(test)]
mod tests;
