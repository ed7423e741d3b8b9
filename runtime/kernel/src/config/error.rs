//! Why a configuration was refused.

use std::{io, path::PathBuf};

use thiserror::Error;

use crate::config::{origin::Origin, suggestion::Hint};

/// Why settings could not be loaded: one sentence that names the place, the key and what was expected there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is missing, may not be read, or is not text.
    #[error("could not read config file {}: {reason}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// A file is not TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser expected.
        message: String,
    },
    /// A variable of the environment holds something other than text.
    #[error("environment {variable}: the value is not valid UTF-8")]
    NotText {
        /// The variable.
        variable: String,
    },
    /// What stands after `-O` is no assignment.
    #[error("-O {}: expected section.key=value", given.escape_debug())]
    NotAnAssignment {
        /// What was given.
        given: String,
    },
    /// There is no such key.
    #[error("{origin}: unknown key {key}{hint}")]
    UnknownKey {
        /// Where it was written.
        origin: Origin,
        /// The whole key, from the root.
        key: String,
        /// What was probably meant.
        hint: Hint,
    },
    /// The value does not fit its key.
    #[error("{origin}: {key} {problem}")]
    BadValue {
        /// Where it was written.
        origin: Origin,
        /// The whole key, from the root.
        key: String,
        /// What was expected and what was found, to be read after the key.
        problem: String,
    },
    /// The defaults hold something that TOML cannot: a defect of the program.
    #[error("the default settings cannot be written as TOML")]
    Defaults(#[source] toml::ser::Error),
    /// Keys have no note: a defect of the program.
    #[error("no note says what these keys mean: {}", keys.join(", "))]
    Undocumented {
        /// The whole keys.
        keys: Vec<String>,
    },
    /// Notes explain keys that do not exist: a defect of the program.
    #[error("notes explain keys that do not exist: {}", keys.join(", "))]
    StaleNotes {
        /// The whole keys.
        keys: Vec<String>,
    },
}
