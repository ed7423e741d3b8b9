//! Why a runtime could not start.

use std::{io, path::PathBuf};

use starling_kernel::{ErrorKind, Kinded, StartError, config};
use thiserror::Error;

/// Why a runtime could not start: one sentence that names the thing and the next step.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings could not be loaded.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The settings do not fit together.
    #[error("{problem}")]
    Invalid {
        /// The whole key, then what was expected.
        problem: String,
    },
    /// Another process holds the data folder.
    #[error("data folder {} is in use by another process ({}); stop it, or choose another folder with --data-dir", path.display(), holder(*.pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, if it left its number.
        pid: Option<u32>,
    },
    /// The data folder was written by a later version.
    #[error("data folder {} is of a newer version (layout {found}, this program knows up to {known}); update this program, or choose another folder with --data-dir", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// The layout found.
        found: u32,
        /// The latest layout this program knows.
        known: u32,
    },
    /// The data folder holds something else than it should.
    #[error("{} {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// The operating system refused something in the data folder.
    #[error("could not {action} {}: {source}; check the owner and permissions, or choose another folder with --data-dir", path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// An actor could not start.
    #[error("{}", with_causes(.0))]
    Start(#[from] StartError),
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "pid unknown".to_owned(), |pid| format!("pid {pid}"))
}

/// A start error with the causes that its own text leaves out.
fn with_causes(error: &StartError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Kinded for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Config(_)
            | Error::Invalid { .. }
            | Error::InUse { .. }
            | Error::Newer { .. }
            | Error::Damaged { .. }
            | Error::Disk { .. } => ErrorKind::Operator,
            Error::Start(StartError::Fault { .. } | StartError::Thread(_)) => ErrorKind::Operator,
            Error::Start(StartError::Deadline { .. }) => ErrorKind::Transient,
            Error::Start(_) => ErrorKind::Bug,
        }
    }
}
