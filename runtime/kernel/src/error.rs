//! What can go wrong between actors, and what the one who is told can do about it.

use thiserror::Error;

/// What the receiver of an error can do about it; actors retry on kinds, never on texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Ask again later: nothing is wrong with the request.
    Transient,
    /// Asking again will not help: the request itself is at fault.
    Rejected,
    /// Another node answered wrongly or not at all: try a different one.
    PeerAtFault,
    /// A person has to act: disk, config, permissions.
    Operator,
    /// A defect of this program.
    Bug,
}

/// An error that says what its receiver can do.
pub trait Kinded {
    /// The reaction that helps.
    fn kind(&self) -> ErrorKind;
}

/// Why a message got no answer from the actor it was sent to.
///
/// Every contract's error type converts from this one, so that a caller handles one type.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The mailbox of the actor is full; the message was not taken.
    #[error("{actor} is busy: its mailbox of {capacity} is full")]
    Busy {
        /// Name of the actor.
        actor: &'static str,
        /// How many messages may wait there.
        capacity: usize,
    },
    /// Nobody serves this message in this process.
    #[error("no actor serves {message} in this process")]
    NotServed {
        /// Name of the message type.
        message: &'static str,
    },
    /// The actor is shutting down and takes no new messages.
    #[error("{actor} is stopping")]
    Stopping {
        /// Name of the actor.
        actor: &'static str,
    },
    /// The actor was restarted too often and has been given up.
    #[error("{actor} has failed")]
    Failed {
        /// Name of the actor.
        actor: &'static str,
    },
    /// The handler panicked; the actor is being restarted. The message was consumed.
    #[error("{actor} panicked while handling {message}")]
    Panicked {
        /// Name of the actor.
        actor: &'static str,
        /// Name of the message type.
        message: &'static str,
    },
    /// The answer did not come within the deadline. The message may still have an effect.
    #[error("{actor} did not answer {message} in time")]
    Late {
        /// Name of the actor.
        actor: &'static str,
        /// Name of the message type.
        message: &'static str,
    },
    /// The actor was stopped, or restarted because of another message's panic, before it answered. The message may still have
    /// an effect.
    #[error("{actor} was stopped or restarted before it answered {message}")]
    Lost {
        /// Name of the actor.
        actor: &'static str,
        /// Name of the message type.
        message: &'static str,
    },
}

impl Kinded for CallError {
    fn kind(&self) -> ErrorKind {
        match self {
            CallError::Busy { .. }
            | CallError::Stopping { .. }
            | CallError::Late { .. }
            | CallError::Lost { .. } => ErrorKind::Transient,
            CallError::NotServed { .. } | CallError::Failed { .. } => ErrorKind::Operator,
            CallError::Panicked { .. } => ErrorKind::Bug,
        }
    }
}

/// Why an actor could not start, or why it asks to be restarted.
///
/// The text is for the operator: it names the thing (a file, a port, a key) and what was expected.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Fault {
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Fault {
    /// A fault described by a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// A fault described by a sentence, with the error that caused it.
    pub fn caused_by(
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { message: message.into(), source: Some(source.into()) }
    }
}

/// Why the kernel could not start or take an actor.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Two actors serve the same message.
    #[error("{message} is already served by {by}; {actor} cannot serve it too")]
    AlreadyServed {
        /// The message type.
        message: &'static str,
        /// Who serves it.
        by: &'static str,
        /// Who wanted to.
        actor: &'static str,
    },
    /// Two actors have one name.
    #[error("there is already an actor named {0}")]
    DuplicateName(&'static str),
    /// An actor needs another that was not given.
    #[error("{actor} depends on {needs}, which is not part of this runtime")]
    MissingDependency {
        /// Who needs.
        actor: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// The dependencies form a ring.
    #[error("actors depend on each other in a ring: {0}")]
    Ring(String),
    /// The actor's own start failed.
    #[error("{actor} could not start: {fault}")]
    Fault {
        /// Who.
        actor: &'static str,
        /// Why.
        #[source]
        fault: Fault,
    },
    /// The actor did not become ready in time.
    #[error("{actor} did not start within {deadline:?}")]
    Deadline {
        /// Who.
        actor: &'static str,
        /// How long it had.
        deadline: std::time::Duration,
    },
    /// An actor cannot run within such bounds.
    #[error("{actor} cannot run with this {key}: expected {expected}")]
    Bounds {
        /// Who.
        actor: &'static str,
        /// The key of its [`Bounds`](crate::Bounds).
        key: &'static str,
        /// What may stand there.
        expected: &'static str,
    },
    /// The operating system gave no thread.
    #[error("could not start a thread for the actors")]
    Thread(#[source] std::io::Error),
}
