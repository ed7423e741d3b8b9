//! What is known of all actors at once: for `/readyz`, `/actors` and tests.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{
    gate::Steer,
    lifecycle::{Observation, Vitals},
};

/// A view of every actor of one kernel, for actors that answer the operator. Clones share it.
#[derive(Clone, Default)]
pub struct Health {
    /// In order of start.
    crew: Arc<Mutex<Vec<Enlisted>>>,
}

#[derive(Clone)]
struct Enlisted {
    vitals: Arc<Vitals>,
    /// Nothing until its turn to start has come.
    steer: Option<Arc<dyn Steer>>,
}

impl Health {
    /// Announces an actor whose turn has not come yet: the process is not ready before it is.
    pub(crate) fn expect(&self, vitals: Arc<Vitals>) {
        self.lock().push(Enlisted { vitals, steer: None });
    }

    /// An announced actor can be asked now.
    pub(crate) fn enlist(&self, steer: &Arc<dyn Steer>) {
        for enlisted in self.lock().iter_mut().filter(|there| Arc::ptr_eq(&there.vitals, steer.vitals())) {
            enlisted.steer = Some(Arc::clone(steer));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Enlisted>> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the process is not ready, by actor; empty when it is.
    pub fn unready(&self) -> Vec<(&'static str, String)> {
        let reason = |enlisted: &Enlisted| Some((enlisted.vitals.name, enlisted.vitals.unready_reason()?));
        self.lock().iter().filter_map(reason).collect()
    }

    /// Every actor whose turn to start has come, in order of start. An actor that does not answer is told of without its state.
    pub async fn observe(&self) -> Vec<Observation> {
        let crew: Vec<_> = self.lock().iter().filter_map(|enlisted| enlisted.steer.clone()).collect();
        futures::future::join_all(crew.iter().map(|steer| steer.observe())).await
    }
}
