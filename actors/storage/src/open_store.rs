//! The open store that the actors share, and their incarnations.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use starling_kernel::{Context, Fault};

use crate::{config::Config, store::Store};

/// Outlives an incarnation of an actor: tasks of one that panicked may still hold the store, and a file is opened once.
#[derive(Clone, Default)]
pub(crate) struct OpenStore(Arc<Mutex<Option<Store>>>);

impl OpenStore {
    /// The store, which the first to ask opens.
    pub(crate) async fn get(&self, config: &Config, file: PathBuf, ctx: &Context) -> Result<Store, Fault> {
        let held = self.lock().clone();
        if let Some(store) = held {
            return Ok(store);
        }
        let (options, clock) = (config.store_options(), Arc::clone(ctx.clock()));
        let panicked =
            format!("opening the message store {} panicked: the file may be damaged", file.display());
        let opening = ctx.pool().run(move || {
            if let Some(folder) = file.parent() {
                std::fs::create_dir_all(folder).map_err(|error| {
                    Fault::caused_by(format!("the data folder {} cannot be made", folder.display()), error)
                })?;
            }
            // The sentence names the file and the cause, so that nothing is left for a chain of causes to say.
            Store::open(&file, options, clock).map_err(|error| Fault::new(error.to_string()))
        });
        let store = opening.await.map_err(|_| Fault::new(panicked))??;
        *self.lock() = Some(store.clone());
        Ok(store)
    }

    /// Lets go of the store, which is about to be closed.
    pub(crate) fn forget(&self) {
        drop(self.lock().take());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Store>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
