//! Keeps a panic where it happened.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures::FutureExt as _;
use tracing::error;

/// Something panicked; what it said is gone, because nobody knows what may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panicked;

/// Runs `work`; what it broke is given up together with whoever owns it.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(discard)
}

/// As [`caught`], for every step of a future.
pub(crate) async fn caught_in<T>(work: impl Future<Output = T>) -> Result<T, Panicked> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(discard)
}

/// A payload is a value of the panicking code, and may panic again when it is dropped.
fn discard(payload: Box<dyn Any + Send>) -> Panicked {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Whatever this is, it is not worth a third try.
        std::mem::forget(second);
    }
    Panicked
}

/// Replaces the process's panic hook by one that writes to the log where a panic happened, and what it said only if that is a
/// constant of the source: a formatted text may hold what must not be in a log.
///
/// For binaries, once, after the log is set up.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(not a constant text)");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        error!(place, text, thread = thread.name().unwrap_or("unnamed"), "panic");
    }));
}
