//! Recordings: all that a plugin was told and did, written down so that it can be played again, byte for byte, on another machine
//! or against another version.
//!
//! A recording is a file of lines of JSON. The first says of what it is; every other one is a whole call:
//!
//! ```json
//! {"starling-recording":1,"plugin":"echo","version":"0.1.0","digest":"9f…","world":"bot","contract":"starling:plugin@0.1.0","kept-for":null}
//! {"fresh":true,"now":1764460800000,"seed":"00…","event":{"event":"start"},"steps":[],"printed":"","ended":{"outcome":"done"}}
//! {"fresh":true,"now":1764460800400,"seed":"1f…","event":{…},"steps":[{"call":{"call":"kv-get","key":"a"},"answer":{"reply":{"value":null}}}],"printed":"","ended":{"outcome":"done"}}
//! ```
//!
//! A line is on disk before the next call begins. What a crash tore off is ignored by whoever reads. A recording that has reached
//! its size ends; the plugin goes on.
//!
//! # What is in it
//! Texts of messages and ids of accounts, so the file is readable by its owner alone. Secrets are not: a secret that goes into
//! the header of a request is there by its name, and a plugin that may read a secret is not recorded at all. What such a plugin
//! does can hold the secret in any disguise, and no one could tell which parts of the file to blacken.
//!
//! - [`Recorder`]: begins a recording and adds calls; [`Taping`] is one call on its way.
//! - [`Recording`]: reads one. [`Replay`]: answers a plugin from a recorded call and finds the first difference.

mod format;
mod reading;
mod replay;
mod writing;

pub use format::{Answer, Ended, Header, Step, Take};
pub use reading::{Recording, RecordingError};
pub use replay::{Difference, Replay};
pub use writing::{RecordError, Recorder, Taping, unlisten};

#[cfg(test)]
mod tests;
