//! One span per request, whose id is carried across the actors of this process.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tracing::{Span, info_span};

/// Numbers the requests of one kernel. Clones share the count.
///
/// The number is for the log of this process alone: it says nothing about anybody and never goes over the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    last: Arc<AtomicU64>,
}

impl Requests {
    /// The span of a new request. Every `handle` span below it, on whatever thread, is its descendant.
    pub(crate) fn begin(&self, kind: &'static str) -> Span {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        info_span!(parent: None, "request", id, kind)
    }
}
