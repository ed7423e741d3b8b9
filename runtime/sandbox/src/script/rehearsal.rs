//! A plugin and the world of a script, call by call: for scripts, and for whoever wants to see what a plugin does.

use serde::Serialize;
use serde_json::Value;

use super::{
    ending::Ended,
    format::ScriptError,
    host::Scripted,
    people::{ME, People, person},
    runner::Callee,
    stage::Stage,
    step::{Happening, Step},
};
use crate::{
    event::{Event, Item, Outcome},
    guest::{Fault, Moment},
    manifest::{EventKind, Manifest},
    permission::Grants,
    values, words,
};

/// Calls a plugin outside of any network. What it keeps lasts from call to call.
pub struct Rehearsal {
    pub(super) host: Scripted,
    /// Whether a text that begins with a slash is offered as a command.
    has_commands: bool,
}

/// What one call came to.
#[derive(Debug, Clone, Serialize)]
pub struct Rehearsed {
    /// How it ended, in words.
    pub ended: String,
    /// What it did, in words and in order. Of a call that failed, only what cannot be undone.
    pub done: Vec<String>,
    /// How it ended.
    #[serde(skip)]
    pub outcome: Result<Outcome, Fault>,
}

impl Rehearsal {
    /// A world in which the plugin has these grants, as far as it asks for them, and its own config with `config` laid over it.
    pub fn new(manifest: &Manifest, granted: &Grants, config: &toml::Table) -> Self {
        Self::with_people(manifest, granted, config, People::default())
    }

    pub(super) fn with_people(
        manifest: &Manifest,
        granted: &Grants,
        config: &toml::Table,
        people: People,
    ) -> Self {
        let grants = Grants::effective(&manifest.permissions, granted);
        let mut stage = Stage::new(person(ME), people, grants);
        stage.config =
            Value::Object(values::json(&values::laid_over(manifest.config.clone(), config))).to_string();
        let has_commands = manifest.events().contains(&EventKind::Command);
        Self { host: Scripted::new(stage), has_commands }
    }

    /// The event that a step of a script stands for, such as `{"message": "hello", "from": "alice"}`; see
    /// [the module](crate::script).
    ///
    /// # Errors
    /// [`ScriptError`] when it is no such step, or when it is time that passes.
    pub fn event(&self, step: &Value, now_ms: u64) -> Result<Event, ScriptError> {
        let mut people = self.host.stage().people.clone();
        let step = Step::parse(step, "the event", &mut people).map_err(ScriptError)?;
        self.host.stage().people = people;
        match &step.happening {
            Happening::Advance(_) => {
                Err(ScriptError("the event is time that passes: expected an event".to_owned()))
            }
            happening => self.put(happening, now_ms).map_err(ScriptError),
        }
    }

    /// Has the plugin take one call.
    pub async fn call(&mut self, callee: &mut dyn Callee, event: &Event, moment: &Moment) -> Rehearsed {
        let outcome = self.perform(callee, event, moment).await;
        let mut stage = self.host.stage();
        let done = stage.take_done();
        let done = done.iter().map(|action| action.describe(&stage.people).to_string()).collect();
        Rehearsed { ended: Ended::of(&outcome).to_string(), done, outcome }
    }

    pub(super) async fn perform(
        &mut self,
        callee: &mut dyn Callee,
        event: &Event,
        moment: &Moment,
    ) -> Result<Outcome, Fault> {
        self.host.stage().begin(moment);
        let outcome = callee.call(event, moment, Box::new(self.host.clone())).await;
        self.host.stage().end(matches!(outcome, Ok(Outcome::Done | Outcome::Judged(_))));
        outcome
    }

    /// What happens, as the host would put it.
    pub(super) fn put(&self, happening: &Happening, now: u64) -> Result<Event, String> {
        let mut stage = self.host.stage();
        Ok(match happening {
            Happening::Text { from, body, is_request } => {
                let is_request = is_request.unwrap_or_else(|| !stage.has_written_to(from));
                words::offered(stage.hear(from, from, body, now, is_request), self.has_commands)
            }
            Happening::Reaction { from, on, emoji, is_removed } => Event::Reaction {
                target: stage.find(from, on)?,
                author: from.clone(),
                emoji: emoji.clone(),
                is_removed: *is_removed,
            },
            Happening::Receipt { from, on } => Event::Receipt {
                sent_at: vec![stage.find(from, on)?.sent_at],
                conversation: from.clone(),
                reader: from.clone(),
            },
            Happening::Deletion { from, on } => Event::Deletion { target: stage.find(from, on)? },
            Happening::Review { from, body, is_request, attachments, room } => Event::Review {
                item: Item {
                    room: room.clone(),
                    conversation: from.clone(),
                    author: from.clone(),
                    sent_at: now,
                    body: body.clone(),
                    is_request: is_request.unwrap_or_else(|| !stage.has_written_to(from)),
                    attachments: *attachments,
                },
            },
            Happening::Event(event) => {
                if let Event::Message { message } = event {
                    let (origin, is_request) = (&message.origin, message.is_request);
                    stage.hear(
                        &origin.conversation,
                        &origin.author,
                        &message.body,
                        origin.sent_at,
                        is_request,
                    );
                }
                event.clone()
            }
            Happening::Advance(_) | Happening::Restart => Event::Start,
        })
    }
}
