//! The least that a call can cost, for benchmarks to compare with.

use wasmtime::Store;

use super::{Exports, Fault, Limits, Moment, Plugin, Seat, enter, fault};
use crate::{
    call::Answering,
    event::{Event, Outcome},
    room::Room,
};

/// One warm instance that is called with no deadline, no meter, no transaction and no recorder around it.
pub struct Bare {
    store: Store<Room>,
    exports: Exports,
}

impl Bare {
    /// Makes the instance; `host` answers it for good.
    ///
    /// # Errors
    /// As of a call.
    pub async fn new(
        plugin: &Plugin,
        limits: &Limits,
        moment: &Moment,
        host: Box<dyn Answering>,
    ) -> Result<Self, Fault> {
        let seat = Seat::new(plugin.clone(), limits.clone(), None);
        let mut store = seat.store(moment);
        store.data_mut().host = Some(host);
        match plugin.instantiate(&mut store).await {
            Ok(exports) => Ok(Self { store, exports }),
            Err(error) => Err(fault(&error, store.data())),
        }
    }

    /// Calls it. After a fault it must not be called again.
    ///
    /// # Errors
    /// How the call ended.
    pub async fn call(&mut self, event: &Event) -> Result<Outcome, Fault> {
        enter(&self.exports, &mut self.store, event).await.map_err(|error| fault(&error, self.store.data()))
    }
}
