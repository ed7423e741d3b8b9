//! What a client's message asks for.

use bytes::Bytes;

use super::refusal::{About, Refusal, Refused};
use super::{BYE, HELLO, HI, REPLY};
use crate::storage::request::METHODS;

/// A client's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// `HI`, answered with `HELLO`.
    Hi,
    /// `BYE`: the client has closed the connection.
    Bye,
    /// An answer or refusal to something that was never asked. Nobody waits for it.
    Unasked,
    /// A request to be carried out.
    Call(Call),
}

/// A request that this listener serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What to do.
    pub action: Action,
    /// Goes back with the answer.
    pub tag: Bytes,
    /// The parts after it.
    pub data: Vec<Bytes>,
}

/// What clients may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `storage.<method>`.
    Storage(&'static str),
    /// `monitor.messages`.
    Monitor,
}

/// Commands between service nodes (swarms §3, §4).
const BETWEEN_NODES: [&str; 6] =
    ["data", "data_ready", "ping", "storage_cc", "onion_request", "storage_test"];
/// Commands of administrators.
const ADMINISTRATIVE: [&str; 1] = ["get_stats"];

impl Incoming {
    /// Reads the parts as the listener of a service node does, for a client that is neither service node nor administrator.
    ///
    /// # Errors
    /// The refusal to send back.
    pub fn parse(parts: Vec<Bytes>) -> Result<Self, Refused> {
        let mut parts = parts.into_iter();
        let command = parts.next().unwrap_or_default();
        match command.as_ref() {
            HI => return Ok(Self::Hi),
            BYE => return Ok(Self::Bye),
            HELLO | REPLY => return Ok(Self::Unasked),
            word if Refusal::parse(word).is_some() => return Ok(Self::Unasked),
            _ => {}
        }
        let action = match meaning(&command) {
            Ok(action) => action,
            Err(Refusal::UnknownCommand) => return Err(about_command(Refusal::UnknownCommand, command)),
            Err(refusal) => {
                let about = parts.next().map_or(About::Command(command), About::Tag);
                return Err(Refused { refusal, about });
            }
        };
        match parts.next() {
            Some(tag) => Ok(Self::Call(Call { action, tag, data: parts.collect() })),
            None => Err(about_command(Refusal::NoReplyTag, command)),
        }
    }
}

fn about_command(refusal: Refusal, command: Bytes) -> Refused {
    Refused { refusal, about: About::Command(command) }
}

fn meaning(command: &[u8]) -> Result<Action, Refusal> {
    let unknown = Refusal::UnknownCommand;
    let (category, name) =
        std::str::from_utf8(command).ok().and_then(|text| text.split_once('.')).ok_or(unknown)?;
    match category {
        "storage" => METHODS.into_iter().find(|method| *method == name).map(Action::Storage).ok_or(unknown),
        "monitor" if name == "messages" => Ok(Action::Monitor),
        "sn" if BETWEEN_NODES.contains(&name) => Err(Refusal::ForbiddenServiceNode),
        "notify" if name == "block" => Err(Refusal::Forbidden),
        "service" if ADMINISTRATIVE.contains(&name) => Err(Refusal::Forbidden),
        _ => Err(unknown),
    }
}
