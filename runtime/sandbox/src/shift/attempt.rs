//! One event, from the offer to its end: done, to be tried again, or in quarantine.

use std::{any::Any, sync::Arc, sync::atomic::Ordering, time::Duration};

use starling_protocol::account::AccountId;
use tracing::{debug, warn};

use super::Shift;
use crate::{
    call::{Answering, LogLevel},
    event::{Event, Failure, Item, Outcome, Verdict},
    guest::{Fault, Moment},
    ledger::{Done, Draft, LedgerError, Ticket},
    live::Live,
    metrics::{self, CallOutcome},
    recording,
};

/// The pause after a failed call, doubled with each further one.
const PAUSE_MS: u64 = 500;
/// And at the longest; also what a plugin itself may ask for.
const LONGEST_PAUSE_MS: u64 = 10 * 60 * 1000;

/// An event that is to be handled.
pub(super) struct Attempt {
    event: Event,
    done: Done,
    partner: Option<AccountId>,
    failures: u32,
    pub(super) not_before_ms: u64,
}

impl Attempt {
    pub(super) fn new(event: Event, done: Done, partner: Option<AccountId>) -> Self {
        Self { event, done, partner, failures: 0, not_before_ms: 0 }
    }
}

/// How a call failed.
enum Setback {
    /// The plugin said so, or ended in a fault.
    Failed { reason: String, retry_after_ms: u64, is_final: bool },
    /// The host could not: the plugin is not to blame, and the event is offered again as often as it takes.
    Host(LedgerError),
}

impl Shift {
    /// Handles an event; what comes of a failure is decided here.
    pub(super) async fn attempt(&mut self, mut attempt: Attempt) {
        let setback = match self.call(&attempt.event, &attempt.done, attempt.partner).await {
            Ok(_) => {
                if attempt.failures > 0 {
                    self.note("");
                }
                return;
            }
            Err(setback) => setback,
        };
        match setback {
            Setback::Host(error) => {
                debug!(plugin = %self.post.name, %error, "a call has to wait for the plugins' file");
                attempt.not_before_ms = self.clock.now_ms() + PAUSE_MS;
                self.held_up = Some(attempt);
            }
            Setback::Failed { reason, retry_after_ms, is_final } => {
                attempt.failures += 1;
                if is_final || attempt.failures > self.loaded.desk.allowance.retries {
                    return self.set_aside(attempt, &reason).await;
                }
                let pause =
                    (PAUSE_MS << (attempt.failures - 1).min(16)).max(retry_after_ms).min(LONGEST_PAUSE_MS);
                self.note(format!("{} failed {} times: {reason}", attempt.event.export(), attempt.failures));
                attempt.not_before_ms = self.clock.now_ms() + pause;
                self.held_up = Some(attempt);
            }
        }
    }

    /// Puts an event into quarantine, and goes on behind it.
    async fn set_aside(&mut self, mut attempt: Attempt, reason: &str) {
        let Attempt { event, done, failures, .. } = &attempt;
        let ticket = self.book.quarantine(self.clock.now_ms(), done, event, reason, *failures);
        match ticket {
            Ok(ticket) => {
                warn!(plugin = %self.post.name, export = event.export(), reason, "an event went into quarantine");
                self.post.tally.quarantined.fetch_add(1, Ordering::Relaxed);
                metrics::quarantined(&self.post.name);
                self.note(format!("an event of {} is in quarantine: {reason}", event.export()));
                self.follow(ticket);
            }
            Err(error) => {
                debug!(plugin = %self.post.name, %error, "the quarantine has to wait for the plugins' file");
                attempt.not_before_ms = self.clock.now_ms() + PAUSE_MS;
                self.held_up = Some(attempt);
            }
        }
    }

    /// A call that the plugin cannot begin its work without: tried as often as an event is.
    pub(super) async fn set_out(&mut self, event: Event, done: Done) -> Result<(), String> {
        let mut failures = 0;
        loop {
            let (pause, reason) = match self.call(&event, &done, None).await {
                Ok(_) => return Ok(()),
                Err(Setback::Host(error)) => (PAUSE_MS, error.to_string()),
                Err(Setback::Failed { reason, is_final: true, .. }) => {
                    return Err(format!("{} failed: {reason}", event.export()));
                }
                Err(Setback::Failed { reason, retry_after_ms, .. }) => {
                    let pause = (PAUSE_MS << failures.min(16)).max(retry_after_ms).min(LONGEST_PAUSE_MS);
                    (pause, reason)
                }
            };
            failures += 1;
            if failures > self.loaded.desk.allowance.retries {
                return Err(format!("{} failed {failures} times: {reason}", event.export()));
            }
            self.clock.sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Asks a filter. A failure is counted, and not tried again: a person waits for the message.
    pub(super) async fn judge(&mut self, item: Item) -> Option<Verdict> {
        let partner = item.conversation.parse().ok();
        match self.call(&Event::Review { item }, &Done::Unnumbered, partner).await {
            Ok(Outcome::Judged(verdict)) => {
                metrics::judged(&self.post.name, &verdict);
                Some(verdict)
            }
            Ok(_) => None,
            Err(Setback::Failed { reason, .. }) => {
                self.note(format!("a review failed: {reason}"));
                None
            }
            Err(Setback::Host(_)) => None,
        }
    }

    /// One call in a draft of its own, which is accepted when the call ended well.
    async fn call(
        &mut self,
        event: &Event,
        done: &Done,
        partner: Option<AccountId>,
    ) -> Result<Outcome, Setback> {
        while let Some(wait) = self.budget.wait(self.clock.elapsed()) {
            metrics::throttled(&self.post.name);
            self.clock.sleep(wait).await;
        }
        let moment = self.moment();
        let draft = self.begin(moment.now_ms).await.map_err(Setback::Host)?;
        let host =
            Live::new(Arc::clone(&self.loaded.desk), Arc::clone(&self.clock), draft, moment.clone(), partner);
        let started = self.clock.elapsed();
        let (outcome, host) = self.run(event, &moment, host).await;
        self.budget.spend(self.seat.last_busy());
        let took = self.clock.elapsed().saturating_sub(started);
        metrics::called(&self.post.name, event.export(), call_outcome(&outcome), took, self.seat.last_busy());
        match outcome {
            Ok(outcome @ (Outcome::Done | Outcome::Judged(_))) => {
                let ticket = self.accept(host.draft, done).await.map_err(Setback::Host)?;
                self.follow(ticket);
                self.post.tally.handled.fetch_add(1, Ordering::Relaxed);
                Ok(outcome)
            }
            Ok(Outcome::Failed(failure)) => Err(self.failed(event, failure)),
            Err(fault) => Err(self.faulted(event, &fault)),
        }
    }

    /// Runs the call, through the recorder while there is one.
    async fn run(&mut self, event: &Event, moment: &Moment, host: Live) -> (Result<Outcome, Fault>, Live) {
        match self.recorder.take() {
            None => {
                let (outcome, host) = self.seat.call(event, moment, Box::new(host)).await;
                (outcome, live(host))
            }
            Some(mut recorder) => {
                let is_fresh = !self.seat.is_warm();
                let (host, taping) = recorder.listen(event, moment, is_fresh, Box::new(host));
                let (outcome, host) = self.seat.call(event, moment, host).await;
                match recorder.finish(taping, &outcome) {
                    Ok(()) => self.recorder = Some(recorder),
                    Err(error) => warn!(plugin = %self.post.name, %error, "recording has ended"),
                }
                (outcome, live(recording::unlisten(host)))
            }
        }
    }

    /// A draft; where too many calls wait for the disk, one as soon as they do not.
    async fn begin(&mut self, now_ms: u64) -> Result<Draft, LedgerError> {
        loop {
            match self.book.begin(now_ms) {
                Err(LedgerError::Busy { .. }) => self.written().await?,
                other => return other,
            }
        }
    }

    async fn accept(&mut self, draft: Draft, done: &Done) -> Result<Ticket, LedgerError> {
        let mut draft = draft;
        loop {
            match self.book.accept(draft, done) {
                Ok(ticket) => return Ok(ticket),
                Err(unaccepted) if matches!(unaccepted.error, LedgerError::Busy { .. }) => {
                    draft = *unaccepted.draft;
                    self.written().await?;
                }
                Err(unaccepted) => return Err(unaccepted.error),
            }
        }
    }

    /// Waits until something was written.
    async fn written(&mut self) -> Result<(), LedgerError> {
        self.clock.sleep(Duration::from_millis(1)).await;
        Ok(())
    }

    /// Has the outbox looked at, or the calls made again, when it is known what became of a commit.
    fn follow(&self, ticket: Ticket) {
        if ticket.is_lazy() {
            return;
        }
        let (committed, undone) = (Arc::clone(&self.committed), Arc::clone(&self.undone));
        let plugin = self.post.name.to_string();
        tokio::spawn(async move {
            match ticket.await {
                Ok(()) => committed.notify_one(),
                Err(error) => {
                    warn!(plugin, %error, "a call of the plugin was not written");
                    undone.notify_one();
                }
            }
        });
    }

    fn failed(&self, event: &Event, failure: Failure) -> Setback {
        let (reason, retry_after_ms, is_final) = match failure {
            Failure::Retry(wait) => ("it asks for another try".to_owned(), u64::from(wait), false),
            Failure::Reject(reason) => (shortened(&reason), 0, true),
        };
        self.say(event, &reason);
        Setback::Failed { reason, retry_after_ms, is_final }
    }

    fn faulted(&self, event: &Event, fault: &Fault) -> Setback {
        let reason = shortened(&fault.to_string());
        self.say(event, &reason);
        Setback::Failed { reason, retry_after_ms: 0, is_final: false }
    }

    /// Into the plugin's own log: it is its author who has to know.
    fn say(&self, event: &Event, reason: &str) {
        self.post.tally.failed.fetch_add(1, Ordering::Relaxed);
        let line = format!("{} failed: {reason}", event.export());
        self.loaded.desk.papers.say(LogLevel::Error, &line);
    }
}

fn live(host: Box<dyn Answering>) -> Live {
    let host: Box<dyn Any> = host;
    *host.downcast::<Live>().expect("the seat hands back the host that it was given")
}

fn call_outcome(outcome: &Result<Outcome, Fault>) -> CallOutcome {
    match outcome {
        Ok(Outcome::Done | Outcome::Judged(_)) => CallOutcome::Done,
        Ok(Outcome::Failed(Failure::Retry(_))) => CallOutcome::Retry,
        Ok(Outcome::Failed(Failure::Reject(_))) => CallOutcome::Rejected,
        Err(fault) => CallOutcome::Fault(fault.kind),
    }
}

/// What a plugin says of itself may be long, and is for one line.
const LONGEST_REASON: usize = 300;

fn shortened(reason: &str) -> String {
    reason.chars().filter(|letter| !letter.is_control()).take(LONGEST_REASON).collect()
}
