//! Work that several callers want at once is done once.

use std::{cell::RefCell, future::Future};

use futures::{
    FutureExt as _,
    future::{LocalBoxFuture, Shared},
};

/// A running piece of work, which any number of callers wait for.
pub(super) type Flight<T> = Shared<LocalBoxFuture<'static, T>>;

/// Holds the running piece, if any.
pub(super) struct SingleFlight<T: Clone> {
    running: RefCell<Option<Flight<T>>>,
}

impl<T: Clone> Default for SingleFlight<T> {
    fn default() -> Self {
        Self { running: RefCell::default() }
    }
}

impl<T: Clone + 'static> SingleFlight<T> {
    /// Joins the running piece, or starts one. Work goes on as long as one of those who joined waits.
    pub(super) fn join<F>(&self, start: impl FnOnce() -> F) -> Flight<T>
    where
        F: Future<Output = T> + 'static,
    {
        let mut running = self.running.borrow_mut();
        if let Some(flight) = running.as_ref().filter(|flight| flight.peek().is_none()) {
            return flight.clone();
        }
        running.insert(start().boxed_local().shared()).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc};

    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_one_answer_and_the_next_starts_anew() {
        let flights = SingleFlight::default();
        let started = Rc::new(Cell::new(0));
        let join = || {
            let started = Rc::clone(&started);
            flights.join(|| async move {
                started.set(started.get() + 1);
                tokio::task::yield_now().await;
                started.get()
            })
        };

        assert_eq!(futures::join!(join(), join()), (1, 1));
        assert_eq!(join().await, 2);
    }
}
