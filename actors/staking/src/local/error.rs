//! Why a node-list file is of no use.

use std::{io, path::PathBuf};

use starling_protocol::crypto::ed25519;
use thiserror::Error;

/// Why a node-list file could not be read, trusted or written. The text names the file and what was expected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is no such file.
    #[error("there is no node list at {}", .file.display())]
    Missing {
        /// Where.
        file: PathBuf,
    },
    /// The operating system refused.
    #[error("the node list {} could not be read or written: {source}", .file.display())]
    Io {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Longer than any real list.
    #[error("the node list {} has {size} bytes, at most {limit} are read", .file.display())]
    TooLong {
        /// Which file.
        file: PathBuf,
        /// Its length.
        size: u64,
        /// What is read.
        limit: u64,
    },
    /// Not the JSON that is expected.
    #[error("the node list {} is malformed: {source}", .file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A format that this program does not know.
    #[error("the node list has format version {got}, this program reads version {expected}")]
    Version {
        /// The file's.
        got: u64,
        /// Ours.
        expected: u64,
    },
    /// Nobody signed.
    #[error("the node list is not signed")]
    Unsigned,
    /// Somebody else signed, or something was changed since.
    #[error("the signature on the node list is not by the authority {authority}")]
    Signature {
        /// Who should have signed.
        authority: ed25519::PublicKey,
    },
    /// A node's X25519 key is not the image of its Ed25519 key.
    #[error("node {index} of the node list has an x25519 key that does not belong to its ed25519 key")]
    X25519 {
        /// Which node, counted from 0.
        index: usize,
    },
    /// Two nodes have one key.
    #[error("node {index} of the node list has the key of an earlier one")]
    Duplicate {
        /// Which node, counted from 0.
        index: usize,
    },
    /// A node to be removed is not there.
    #[error("a node that is to leave is not in the node list: {node}")]
    NotThere {
        /// Which.
        node: ed25519::PublicKey,
    },
    /// There cannot be a next one.
    #[error("the node list has the greatest height there is")]
    LastHeight,
}
