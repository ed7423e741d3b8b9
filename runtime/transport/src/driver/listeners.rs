//! Who in this process listens to which peer's notices.

use std::collections::HashMap;

use futures::{
    FutureExt as _, StreamExt as _,
    future::{LocalBoxFuture, select},
    stream::FuturesUnordered,
};
use libp2p::PeerId;
use starling_contracts::subscriptions::Notice;
use tokio::sync::{mpsc, oneshot};

use crate::metrics::{self, Direction};

/// All listeners. None is kept longer than its channel is read or its peer connected.
#[derive(Default)]
pub(super) struct Listeners {
    of: HashMap<PeerId, Vec<Listener>>,
    /// Resolve when a listener has stopped reading, or was dropped here.
    ends: FuturesUnordered<LocalBoxFuture<'static, PeerId>>,
}

struct Listener {
    outlet: mpsc::Sender<Notice>,
    /// Dropped with the listener, which ends the wait for its end.
    _open: oneshot::Sender<()>,
}

impl Listeners {
    /// Adds one, unless it listens already.
    pub(super) fn add(&mut self, peer: PeerId, outlet: mpsc::Sender<Notice>) {
        let listeners = self.of.entry(peer).or_default();
        if listeners.iter().any(|listener| listener.outlet.same_channel(&outlet)) {
            return;
        }
        let (open, dropped) = oneshot::channel::<()>();
        let watched = outlet.clone();
        self.ends.push(
            async move {
                let closed = std::pin::pin!(watched.closed());
                select(closed, dropped).await;
                peer
            }
            .boxed_local(),
        );
        listeners.push(Listener { outlet, _open: open });
    }

    /// The next peer that has lost a listener.
    pub(super) async fn next(&mut self) -> Option<PeerId> {
        self.ends.next().await
    }

    /// Is there anybody who listens to this peer?
    pub(super) fn has(&mut self, peer: &PeerId) -> bool {
        let Some(listeners) = self.of.get_mut(peer) else { return false };
        listeners.retain(|listener| !listener.outlet.is_closed());
        if listeners.is_empty() {
            self.of.remove(peer);
            return false;
        }
        true
    }

    /// Gives a notice to everybody who listens to its peer; tells whether there was anybody.
    pub(super) fn tell(&mut self, peer: &PeerId, notice: &Notice) -> bool {
        if !self.has(peer) {
            return false;
        }
        for listener in self.of.get(peer).into_iter().flatten() {
            if listener.outlet.try_send(notice.clone()).is_err() {
                metrics::notices_lost(Direction::In, 1);
            }
        }
        true
    }

    /// The connection with a peer is gone: its listeners' channels close.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.of.remove(peer);
    }
}
