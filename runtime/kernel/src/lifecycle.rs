//! The states of an actor, and what the outside may know of it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU8, AtomicU64, Ordering},
};

use serde::Serialize;

/// `starting -> ready -> draining -> stopped`; a restart leads from `ready` over `starting` back to `ready`, too many of them to
/// `failed`, which only a stop ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Status {
    /// Being made, for the first time or after a panic.
    Starting,
    /// Taking messages.
    Ready,
    /// Finishing what it accepted; takes nothing new.
    Draining,
    /// Gone.
    Stopped,
    /// Restarted too often; every message is answered with an error.
    Failed,
}

impl Status {
    /// What is stopping does not become ready again, and nothing follows `stopped`.
    fn may_become(self, next: Status) -> bool {
        match self {
            Status::Starting | Status::Ready => self != next,
            Status::Draining => matches!(next, Status::Stopped | Status::Failed),
            Status::Failed => next == Status::Stopped,
            Status::Stopped => false,
        }
    }

    fn from_u8(value: u8) -> Self {
        match value {
            0 => Status::Starting,
            1 => Status::Ready,
            2 => Status::Draining,
            3 => Status::Stopped,
            _ => Status::Failed,
        }
    }
}

/// What the kernel knows of an actor without asking it; shared with handles on other threads.
#[derive(Debug)]
pub(crate) struct Vitals {
    pub(crate) name: &'static str,
    pub(crate) capacity: usize,
    status: AtomicU8,
    waiting_for: Mutex<Option<String>>,
    pub(crate) handled: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) restarts: AtomicU64,
}

impl Vitals {
    pub(crate) fn new(name: &'static str, capacity: usize) -> Self {
        Self {
            name,
            capacity,
            status: AtomicU8::new(Status::Starting as u8),
            waiting_for: Mutex::new(None),
            handled: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
        }
    }

    pub(crate) fn status(&self) -> Status {
        Status::from_u8(self.status.load(Ordering::Acquire))
    }

    /// Moves on to `status` if that may follow the present one; several threads may try.
    pub(crate) fn advance(&self, status: Status) {
        let _ = self.status.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| {
            Status::from_u8(now).may_become(status).then_some(status as u8)
        });
    }

    pub(crate) fn set_waiting_for(&self, reason: Option<String>) {
        *self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Why the actor cannot do its work now; nothing when it can.
    pub(crate) fn unready_reason(&self) -> Option<String> {
        match self.status() {
            Status::Starting => Some("starting".to_owned()),
            Status::Ready => self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Status::Draining => Some("shutting down".to_owned()),
            Status::Stopped => Some("stopped".to_owned()),
            Status::Failed => Some("failed: restarted too often".to_owned()),
        }
    }
}

/// An actor as `/actors` and tests see it.
#[derive(Debug, Clone, Serialize)]
pub struct Observation {
    /// Its name.
    pub name: &'static str,
    /// Its state.
    pub status: Status,
    /// Why it cannot do its work; absent when it can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<String>,
    /// Messages waiting.
    pub mailbox_depth: usize,
    /// Messages that may wait.
    pub mailbox_capacity: usize,
    /// Messages handled since the start of the process.
    pub handled: u64,
    /// Those of them answered with an error, or cut off by a panic, a restart or a kill.
    pub failed: u64,
    /// Restarts since the start of the process.
    pub restarts: u64,
    /// What the actor says of itself; null while it is not ready.
    pub state: serde_json::Value,
}
