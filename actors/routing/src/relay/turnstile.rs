//! Waiting for one's turn.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use starling_kernel::Clock;
use tokio::sync::oneshot;

use super::{
    fair::{Fair, Full, Link, Shares, Waiter},
    metrics,
};

/// Where requests wait for their turn.
#[derive(Clone)]
pub(super) struct Turnstile {
    fair: Rc<RefCell<Fair<oneshot::Sender<Turn>>>>,
    clock: Arc<dyn Clock>,
    /// Who waits longer is refused: its client has given up, or is about to.
    patience: Duration,
}

impl Waiter for oneshot::Sender<Turn> {
    fn is_gone(&self) -> bool {
        self.is_closed()
    }
}

/// A request's turn: it may open its layer, and be under way until this is dropped.
pub(super) struct Turn {
    turnstile: Turnstile,
    link: Link,
    is_opening: bool,
}

/// A place in the queue.
pub(super) struct Waiting {
    turn: oneshot::Receiver<Turn>,
    turnstile: Turnstile,
    since: Duration,
}

impl Turnstile {
    pub(super) fn new(shares: Shares, patience: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { fair: Rc::new(RefCell::new(Fair::new(shares))), clock, patience }
    }

    /// A place in the queue of a link, for a request of so many bytes.
    ///
    /// # Errors
    /// There is none left.
    pub(super) fn queue(&self, link: Link, size: usize) -> Result<Waiting, Full> {
        let (turn, waiting) = oneshot::channel();
        let joined = self.fair.borrow_mut().join(link, size, turn);
        self.let_in();
        joined.map(|()| Waiting { turn: waiting, turnstile: self.clone(), since: self.clock.elapsed() })
    }

    /// Requests that wait, those under way, and links with any.
    pub(super) fn totals(&self) -> (usize, usize, usize) {
        let fair = self.fair.borrow();
        let (queued, under_way) = fair.totals();
        (queued, under_way, fair.links())
    }

    fn let_in(&self) {
        loop {
            // Borrowed for this statement alone: a turn that nobody takes comes back through here.
            let next = self.fair.borrow_mut().next();
            let Some((link, waiter)) = next else { break };
            // One that nobody takes is over at once.
            let _ = waiter.send(Turn { turnstile: self.clone(), link, is_opening: true });
        }
        let (queued, under_way, _) = self.totals();
        metrics::waiting(queued, under_way);
    }
}

impl Waiting {
    /// Waits for the turn.
    ///
    /// # Errors
    /// It took too long, or somebody else's request was more deserving.
    pub(super) async fn turn(self) -> Result<Turn, Full> {
        let Self { turn, turnstile, since } = self;
        let turn = tokio::select! {
            biased;
            turn = turn => turn.map_err(|_| Full),
            () = turnstile.clock.sleep(turnstile.patience) => Err(Full),
        };
        metrics::waited(turnstile.clock.elapsed().saturating_sub(since));
        turn
    }
}

impl Turn {
    /// The layer is open: another one may be.
    pub(super) fn opened(&mut self) {
        if std::mem::replace(&mut self.is_opening, false) {
            self.turnstile.fair.borrow_mut().opened();
            self.turnstile.let_in();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        {
            let mut fair = self.turnstile.fair.borrow_mut();
            if self.is_opening {
                fair.opened();
            }
            fair.ended(self.link);
        }
        self.turnstile.let_in();
    }
}
