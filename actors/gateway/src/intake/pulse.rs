//! Whether a connection is being served: what its requests tell it.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Shared by a connection and its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pulse(Rc<Beats>);

#[derive(Debug, Default)]
struct Beats {
    /// Requests that have begun.
    begun: Cell<u64>,
    /// Those whose answers are not written yet.
    under_way: Cell<usize>,
    /// Does one of them still read its body?
    is_reading: Cell<bool>,
    /// Told when more may be read.
    waker: RefCell<Option<Waker>>,
}

/// A request that is being served, until this is dropped.
pub(crate) struct Serving(Pulse);

impl Pulse {
    /// A request has begun: its head was read.
    pub(crate) fn begin(&self) -> Serving {
        self.0.begun.set(self.0.begun.get() + 1);
        self.0.under_way.set(self.0.under_way.get() + 1);
        self.0.is_reading.set(true);
        Serving(self.clone())
    }

    /// The request has as much of its body as it wants.
    pub(crate) fn has_read(&self) {
        self.0.is_reading.set(false);
    }

    /// Does a request read its body?
    pub(super) fn is_reading(&self) -> bool {
        !self.is_idle() && self.0.is_reading.get()
    }

    /// Ready while nothing is worked on that has its body already.
    pub(super) fn poll_heard(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_idle() || self.0.is_reading.get() {
            return Poll::Ready(());
        }
        *self.0.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// How many have begun so far.
    pub(super) fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// Is none under way?
    pub(super) fn is_idle(&self) -> bool {
        self.0.under_way.get() == 0
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let Pulse(beats) = &self.0;
        beats.under_way.set(beats.under_way.get() - 1);
        if let Some(waker) = beats.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn nothing_is_heard_while_a_request_is_worked_on_and_its_end_tells() {
        let wakes = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::clone(&wakes));
        let cx = Context::from_waker(&waker);
        let pulse = Pulse::default();
        assert!(pulse.poll_heard(&cx).is_ready());

        let serving = pulse.begin();
        assert!(pulse.poll_heard(&cx).is_ready() && pulse.is_reading(), "its body has to come");
        pulse.has_read();
        assert!(pulse.poll_heard(&cx).is_pending() && !pulse.is_reading());
        assert_eq!(wakes.0.load(Ordering::Relaxed), 0);

        drop(serving);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(pulse.poll_heard(&cx).is_ready());
    }
}
