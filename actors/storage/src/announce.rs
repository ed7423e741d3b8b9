//! Hands what is new to whoever tells subscribers (storage-rpc §7).

use starling_contracts::subscriptions::{Announce, Error};
use starling_kernel::{CallError, Context};
use tracing::debug;

use crate::{
    metrics::{self, Announced},
    store::News,
};

/// One commit after the other, for as long as the store lives. Writes never wait for this: what cannot be told in time is counted.
pub(crate) async fn announce(mut news: News, ctx: Context) {
    let subscriptions = ctx.recipient::<Announce>();
    while let Some(messages) = news.next().await {
        // In a process without subscribers nobody misses anything.
        if !subscriptions.is_served() {
            continue;
        }
        let n_messages = messages.len();
        let outcome = match subscriptions.ask(Announce { messages }).await {
            Ok(()) => Announced::Told,
            Err(Error::Call(CallError::Busy { .. })) => Announced::Busy,
            Err(error) => {
                debug!(%error, n_messages, "subscribers were not told of new messages");
                Announced::Failed
            }
        };
        metrics::announced(outcome, n_messages);
    }
}
