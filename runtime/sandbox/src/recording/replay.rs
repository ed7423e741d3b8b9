//! Playing a recorded call again.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::future::BoxFuture;
use serde::Serialize;

use super::format::{Ended, Take};
use crate::{
    call::{Answering, HostCall, HostError, HostReply},
    event::Outcome,
    guest::{Fault, FaultKind},
};

/// The longest part of a call or an answer that a difference shows, in characters.
const SHOWN: usize = 600;

/// Answers a plugin as it was answered before, for as long as it asks the same. Clones watch the same call.
#[derive(Debug, Clone)]
pub struct Replay {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    take: Take,
    /// How many steps have been taken as recorded.
    taken: usize,
    printed: String,
    difference: Option<Difference>,
}

/// The first thing that was not as recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Within the call, from 1; absent when what differs is how it ended, or what it printed.
    pub step: Option<usize>,
    /// What was recorded.
    pub recorded: String,
    /// What came now.
    pub now: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Some(step) => write!(f, "step {step}: recorded {}, now {}", self.recorded, self.now),
            None => write!(f, "recorded {}, now {}", self.recorded, self.now),
        }
    }
}

impl Replay {
    /// Plays that call.
    pub fn new(take: Take) -> Self {
        let state = State { take, taken: 0, printed: String::new(), difference: None };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// What differs, now that the call has ended; nothing when all was as recorded, byte for byte.
    ///
    /// How far a call came that ran out of time depends on the machine: of such a one, only what it did in the time it had is
    /// compared.
    pub fn difference(&self, outcome: &Result<Outcome, Fault>) -> Option<Difference> {
        let mut state = self.state();
        if let Some(difference) = state.difference.take() {
            return Some(difference);
        }
        let ended = Ended::of(outcome);
        if state.take.ran_out_of_time() && ended == state.take.ended {
            return None;
        }
        if let Some(missing) = state.take.steps.get(state.taken) {
            let now = "the end of the call".to_owned();
            return Some(Difference { step: Some(state.taken + 1), recorded: shown(&missing.call), now });
        }
        if state.printed != state.take.printed {
            let told = |text: &str| format!("printed {}", cut(format!("{text:?}")));
            return Some(Difference {
                step: None,
                recorded: told(&state.take.printed),
                now: told(&state.printed),
            });
        }
        (ended != state.take.ended).then(|| Difference {
            step: None,
            recorded: shown(&state.take.ended),
            now: shown(&ended),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held ends the replay that it happened in.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Take {
    fn ran_out_of_time(&self) -> bool {
        self.ended == Ended::Fault(FaultKind::TimedOut.name().to_owned())
    }
}

impl State {
    /// The recorded answer to a call; nothing when the call ended before there was one.
    fn answer(&mut self, call: &HostCall) -> Option<Result<HostReply, HostError>> {
        let lost = || Some(Err(HostError::Other("the replay has come to a difference".to_owned())));
        if self.difference.is_some() {
            return lost();
        }
        match self.take.steps.get(self.taken) {
            Some(step) if step.call == *call => {
                self.taken += 1;
                step.answer.clone().map(Into::into)
            }
            None if self.take.ran_out_of_time() => None,
            other => {
                let recorded =
                    other.map_or_else(|| "the end of the call".to_owned(), |step| shown(&step.call));
                self.difference = Some(Difference { step: Some(self.taken + 1), recorded, now: shown(call) });
                lost()
            }
        }
    }
}

impl Answering for Replay {
    fn answer(&mut self, call: HostCall) -> BoxFuture<'_, Result<HostReply, HostError>> {
        let answer = self.state().answer(&call);
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn printed(&mut self, text: &str) {
        self.state().printed.push_str(text);
    }
}

fn shown(value: &impl Serialize) -> String {
    cut(serde_json::to_string(value).unwrap_or_else(|error| error.to_string()))
}

fn cut(text: String) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}
