//! Performs a script, step by step, until one does not end as expected.

use futures::future::LocalBoxFuture;
use serde_json::json;

use super::{
    ending::{Ended, Ending},
    format::Script,
    pattern::{Pattern, quoted},
    rehearsal::Rehearsal,
    report::{Failed, Report, compare},
    step::{Happening, Step},
};
use crate::{
    call::Answering,
    event::{Event, Outcome},
    guest::{Fault, Limits, Moment, Plugin, Seat},
    manifest::{EventKind, Manifest, World},
};

/// Most timers that fire while the clock moves on once: a timer of one second, for two and a half hours.
const MAX_FIRINGS: usize = 10_000;

/// Takes the calls of a script: the compiled plugin, or in a test what stands in for it.
pub trait Callee {
    /// Takes one call.
    fn call<'a>(
        &'a mut self,
        event: &'a Event,
        moment: &'a Moment,
        host: Box<dyn Answering>,
    ) -> LocalBoxFuture<'a, Result<Outcome, Fault>>;

    /// Forgets what it holds in memory.
    fn restart(&mut self);
}

/// A compiled plugin that can be restarted.
pub struct Seated {
    make: Box<dyn Fn() -> Seat>,
    seat: Seat,
}

impl Seated {
    /// A plugin in a seat; see [`Seat::new`].
    pub fn new(plugin: &Plugin, limits: &Limits, retire_after: Option<u64>) -> Self {
        let (plugin, limits) = (plugin.clone(), limits.clone());
        let make = move || Seat::new(plugin.clone(), limits.clone(), retire_after);
        Self { seat: make(), make: Box::new(make) }
    }
}

impl Callee for Seated {
    fn call<'a>(
        &'a mut self,
        event: &'a Event,
        moment: &'a Moment,
        host: Box<dyn Answering>,
    ) -> LocalBoxFuture<'a, Result<Outcome, Fault>> {
        Box::pin(async move { self.seat.call(event, moment, host).await.0 })
    }

    fn restart(&mut self) {
        self.seat = (self.make)();
    }
}

impl Script {
    /// Performs the script.
    pub async fn perform(&self, manifest: &Manifest, callee: &mut dyn Callee) -> Report {
        let rehearsal = self.rehearsal(manifest);
        let mut performance =
            Performance { script: self, manifest, rehearsal, callee, now: self.now, calls: 0 };
        let failed = performance.run().await;
        Report { about: self.about.clone(), steps: self.steps.len(), calls: performance.calls, failed }
    }

    fn rehearsal(&self, manifest: &Manifest) -> Rehearsal {
        let granted = self.grants.as_ref().unwrap_or(&manifest.permissions);
        let rehearsal = Rehearsal::with_people(manifest, granted, &self.config, self.people.clone());
        let mut stage = rehearsal.host.stage();
        stage.secrets = self.secrets.clone();
        stage.http = self.http.iter().cloned().collect();
        let ago = u64::try_from(self.history.len()).unwrap_or(0);
        for (index, earlier) in self.history.iter().enumerate() {
            let at = self.now.saturating_sub(ago) + u64::try_from(index).unwrap_or(0);
            stage.hear(&earlier.conversation, &earlier.author, &earlier.body, at, false);
        }
        drop(stage);
        rehearsal
    }
}

struct Performance<'a> {
    script: &'a Script,
    manifest: &'a Manifest,
    rehearsal: Rehearsal,
    callee: &'a mut dyn Callee,
    now: u64,
    calls: u64,
}

impl Performance<'_> {
    async fn run(&mut self) -> Option<Failed> {
        let begins_by_itself = matches!(
            self.script.steps.first().map(|step| &step.happening),
            Some(Happening::Event(Event::Start | Event::Migrate { .. }))
        );
        if self.manifest.world == World::Bot && !begins_by_itself {
            let mut problems = self.call_and_check(&Event::Start, &Ending::Done).await;
            self.now += 1;
            problems.extend(self.rehearsal.host.stage().take_problems());
            if !problems.is_empty() {
                return Some(Failed { step: 0, title: "start, before the first step".to_owned(), problems });
            }
            self.rehearsal.host.stage().take_done();
        }
        for (index, step) in self.script.steps.iter().enumerate() {
            let problems = self.step(step).await;
            if !problems.is_empty() {
                return Some(Failed { step: index + 1, title: step.title.clone(), problems });
            }
        }
        let unused = self.rehearsal.host.stage().http.len();
        if unused > 0 {
            let problem = format!(
                "the last {unused} of the {} exchanges of http were never made",
                self.script.http.len()
            );
            return Some(Failed {
                step: self.script.steps.len(),
                title: "the end".to_owned(),
                problems: vec![problem],
            });
        }
        None
    }

    async fn step(&mut self, step: &Step) -> Vec<String> {
        let mut problems = match &step.happening {
            Happening::Advance(time) => self.advance(*time, &step.ending).await,
            Happening::Restart => {
                self.callee.restart();
                self.call_and_check(&Event::Start, &step.ending).await
            }
            happening => match self.rehearsal.put(happening, self.now) {
                Ok(event) => self.call_and_check(&event, &step.ending).await,
                Err(problem) => vec![problem],
            },
        };
        if !matches!(step.happening, Happening::Advance(_)) {
            self.now += 1;
        }
        let mut stage = self.rehearsal.host.stage();
        problems.extend(stage.take_problems());
        let done = stage.take_done();
        if let Some(expected) = &step.expect {
            problems.extend(compare(expected, &done, &stage.people));
        }
        for (key, pattern) in &step.kv {
            problems.extend(value_problem(key, pattern.as_ref(), stage.kept.store.value(key)));
        }
        let set = stage.kept.store.timers();
        if let Some(expected) = step.timers.as_ref().filter(|expected| **expected != set) {
            problems.push(format!("timers: expected {expected:?}, came {set:?}"));
        }
        problems
    }

    /// Moves the clock on, from one timer to the next.
    async fn advance(&mut self, time: u64, ending: &Ending) -> Vec<String> {
        let until = self.now.saturating_add(time);
        for _ in 0..MAX_FIRINGS {
            let Some((due_at, name)) = self.rehearsal.host.stage().kept.store.fire(until) else {
                self.now = until;
                return Vec::new();
            };
            self.now = self.now.max(due_at);
            let problems = self.call_and_check(&Event::Timer { name }, ending).await;
            if !problems.is_empty() {
                return problems;
            }
        }
        vec![format!("more than {MAX_FIRINGS} timers fired; let less time pass in one step")]
    }

    async fn call_and_check(&mut self, event: &Event, ending: &Ending) -> Vec<String> {
        if let Some(problem) = self.not_offered(event) {
            return vec![problem];
        }
        let moment = self.moment();
        self.calls += 1;
        let ended = Ended::of(&self.rehearsal.perform(self.callee, event, &moment).await);
        if ending.holds(&ended) {
            return Vec::new();
        }
        vec![format!("{}: expected {ending}, came {ended}", event.export())]
    }

    /// Why the host would not call the plugin for that, if it would not.
    fn not_offered(&self, event: &Event) -> Option<String> {
        let is_review = matches!(event, Event::Review { .. });
        if is_review != (self.manifest.world == World::Filter) {
            let world = if is_review { "bot" } else { "filter" };
            return Some(format!("a {world} is not called for {}", event.export()));
        }
        let kind = match event {
            Event::Message { .. } => EventKind::Message,
            Event::Command { .. } => EventKind::Command,
            Event::Reaction { .. } => EventKind::Reaction,
            Event::Receipt { .. } => EventKind::Receipt,
            Event::Deletion { .. } => EventKind::Deletion,
            Event::Other { .. } => EventKind::Other,
            Event::Start | Event::Timer { .. } | Event::Migrate { .. } | Event::Review { .. } => return None,
        };
        let is_declared = self.manifest.events().contains(&kind);
        (!is_declared)
            .then(|| format!("the plugin is not offered this: events in plugin.toml lacks {}", json!(kind)))
    }

    fn moment(&self) -> Moment {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.script.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&self.calls.to_le_bytes());
        Moment { now_ms: self.now, seed }
    }
}

fn value_problem(key: &str, pattern: Option<&Pattern>, value: Option<&[u8]>) -> Option<String> {
    let came = || value.map_or_else(|| "none".to_owned(), |value| quoted(&String::from_utf8_lossy(value)));
    match (pattern, value) {
        (None, None) => None,
        (Some(pattern), Some(value)) if pattern.holds_bytes(value) => None,
        (None, Some(_)) => Some(format!("kv {key:?}: expected none, came {}", came())),
        (Some(pattern), _) => Some(format!("kv {key:?}: expected {pattern}, came {}", came())),
    }
}

#[cfg(test)]
mod tests;
