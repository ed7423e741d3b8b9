//! The lines of a recording.

use serde::{Deserialize, Serialize};

use crate::{
    call::{HostCall, HostError, HostReply},
    event::{Event, Outcome},
    guest::{Fault, Moment},
};

/// The format that is written.
pub(super) const FORMAT: u32 = 1;
/// The contract that the calls are of.
pub(super) const CONTRACT: &str = "starling:plugin@0.1.0";

/// Of what a recording is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Header {
    /// The format of the file.
    #[serde(rename = "starling-recording")]
    pub format: u32,
    /// The plugin's name in the settings.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// The digest of the component.
    pub digest: String,
    /// `bot` or `filter`.
    pub world: String,
    /// The contract, as `starling:plugin@0.1.0`.
    pub contract: String,
    /// After how many calls a kept instance was retired; absent when each call had a fresh one.
    pub kept_for: Option<u64>,
}

impl Header {
    /// The first line of a recording of that plugin.
    pub fn new(plugin: &str, version: &str, digest: &str, world: &str, kept_for: Option<u64>) -> Self {
        Self {
            format: FORMAT,
            plugin: plugin.to_owned(),
            version: version.to_owned(),
            digest: digest.to_owned(),
            world: world.to_owned(),
            contract: CONTRACT.to_owned(),
            kept_for,
        }
    }
}

/// One recorded call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Whether the instance was new.
    pub fresh: bool,
    /// When it was, Unix milliseconds.
    pub now: u64,
    /// The seed of its randomness, 64 hexadecimal digits.
    #[serde(with = "seed_text")]
    pub seed: [u8; 32],
    /// What the plugin was called for.
    pub event: Event,
    /// What it asked of its host, in order, and what it was answered.
    pub steps: Vec<Step>,
    /// What it wrote to its standard output and error.
    pub printed: String,
    /// How the call ended.
    pub ended: Ended,
}

/// One thing asked of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was asked.
    pub call: HostCall,
    /// What was answered; absent when the call ended first.
    pub answer: Option<Answer>,
}

/// An answer of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It did as it was asked.
    Reply(HostReply),
    /// It did not.
    Error(HostError),
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// It came back.
    Outcome(Outcome),
    /// It did not: the name of the kind of fault. What the engine says of it may differ from machine to machine.
    Fault(String),
}

impl Take {
    /// The time and the randomness that it had.
    pub fn moment(&self) -> Moment {
        Moment { now_ms: self.now, seed: self.seed }
    }
}

impl Ended {
    /// How a call ended, as it is written down.
    pub fn of(outcome: &Result<Outcome, Fault>) -> Self {
        match outcome {
            Ok(outcome) => Self::Outcome(outcome.clone()),
            Err(fault) => Self::Fault(fault.kind.name().to_owned()),
        }
    }
}

impl From<Result<HostReply, HostError>> for Answer {
    fn from(answer: Result<HostReply, HostError>) -> Self {
        match answer {
            Ok(reply) => Self::Reply(reply),
            Err(error) => Self::Error(error),
        }
    }
}

impl From<Answer> for Result<HostReply, HostError> {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Reply(reply) => Ok(reply),
            Answer::Error(error) => Err(error),
        }
    }
}

/// A seed as hexadecimal digits.
mod seed_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(seed: &[u8; 32], output: S) -> Result<S::Ok, S::Error> {
        output.serialize_str(&hex::encode(seed))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(input)?;
        let mut seed = [0; 32];
        hex::decode_to_slice(&text, &mut seed)
            .map(|()| seed)
            .map_err(|_| D::Error::custom("a seed has 64 hexadecimal digits"))
    }
}
