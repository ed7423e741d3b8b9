//! What is left of an incarnation: tasks that are told to end and have not yet.

use std::{cell::RefCell, rc::Rc};

use tokio::task::JoinSet;

/// The tasks of one incarnation, on their way out. Until they are gone they may hold what the next one needs: a file, a port.
#[derive(Default)]
pub(super) struct Remnants {
    work: JoinSet<()>,
    background: JoinSet<()>,
}

impl Remnants {
    /// Tells all of them to end.
    pub(super) fn new(mut work: JoinSet<()>, mut background: JoinSet<()>) -> Self {
        work.abort_all();
        background.abort_all();
        Self { work, background }
    }

    /// Resolves when nothing is left.
    pub(super) async fn gone(mut self) {
        self.work.shutdown().await;
        self.background.shutdown().await;
    }
}

/// What a cell leaves behind when it ends itself; its arbiter waits for that.
#[derive(Default, Clone)]
pub(super) struct Remains {
    left: Rc<RefCell<Vec<Remnants>>>,
}

impl Remains {
    pub(super) fn add(&self, remnants: Remnants) {
        self.left.borrow_mut().push(remnants);
    }

    /// Resolves when nothing is left.
    pub(super) async fn gone(&self) {
        let left = self.left.take();
        for remnants in left {
            remnants.gone().await;
        }
    }
}
