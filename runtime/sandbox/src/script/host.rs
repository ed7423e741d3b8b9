//! The host that a plugin meets in a script.

use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;

use super::stage::{Reaction, Stage};
use crate::call::{Answering, HostCall, HostError, HostReply};

/// Answers from the world of a script; see [the module](crate::script). Clones share that world.
#[derive(Debug, Clone)]
pub(super) struct Scripted {
    stage: Arc<Mutex<Stage>>,
}

impl Scripted {
    pub(super) fn new(stage: Stage) -> Self {
        Self { stage: Arc::new(Mutex::new(stage)) }
    }

    /// The world, for as long as nobody waits.
    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        // A panic while it was held fails the test that it happened in.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answering for Scripted {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        let reaction = self.stage().answer(call);
        Box::pin(async move {
            match reaction {
                Reaction::Now(answer) => answer,
                Reaction::Never => pending().await,
            }
        })
    }

    fn printed(&mut self, text: &str) {
        self.stage().printed(text);
    }
}
