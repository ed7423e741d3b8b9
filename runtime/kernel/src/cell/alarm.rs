//! How a cell hears of what its tasks have come to.

use std::{
    cell::{Cell as Slot, RefCell},
    pin::Pin,
    rc::Rc,
    task::{self, Poll, Waker},
};

use actix::fut::ActorFuture;

use crate::{actor::Actor, cell::Cell};

/// Rung by tasks that panic, before anybody else hears of it; also wakes the cell when there is work to watch.
#[derive(Default)]
pub(super) struct Alarm {
    /// The latest incarnation that it was rung for.
    rung: Slot<u64>,
    waker: RefCell<Option<Waker>>,
}

impl Alarm {
    /// What a task of that incarnation rings.
    pub(super) fn bell(alarm: &Rc<Self>, incarnation: u64) -> Bell {
        let alarm = Rc::clone(alarm);
        Rc::new(move || {
            alarm.rung.set(alarm.rung.get().max(incarnation));
            alarm.wake();
        })
    }

    /// Was it rung for that incarnation?
    pub(super) fn is_rung(&self, incarnation: u64) -> bool {
        self.rung.get() == incarnation
    }

    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn listen(&self, waker: &Waker) {
        *self.waker.borrow_mut() = Some(waker.clone());
    }
}

/// Rings the alarm for one incarnation.
pub(crate) type Bell = Rc<dyn Fn()>;

/// Runs as long as the cell: reaps finished work and hears the alarm.
pub(super) struct Watch;

impl<A: Actor> ActorFuture<Cell<A>> for Watch {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        cell: &mut Cell<A>,
        ctx: &mut actix::Context<Cell<A>>,
        task: &mut task::Context<'_>,
    ) -> Poll<()> {
        cell.alarm.listen(task.waker());
        while let Poll::Ready(Some(ended)) = cell.work.poll_join_next(task) {
            // Work catches its own panics; one that escapes came from what it dropped. Cancelled work is no concern.
            if ended.is_err_and(|error| error.is_panic()) {
                cell.broken(ctx);
            }
        }
        cell.pump(ctx);
        Poll::Pending
    }
}
