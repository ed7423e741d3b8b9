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
    load::Hindrance,
    metrics::{self, CallOutcome},
    recording,
};

/// The pause after a failed call, doubled with each further one.
const PAUSE_MS: u64 = 500;
/// And at the longest; also what a plugin itself may ask for.
const LONGEST_PAUSE_MS: u64 = 10 * 60 * 1000;

/// What an event in quarantine counts for among the plugin's writes. It is more than it takes: who fails at everything is not to use
/// the disk for it, and who fails now and then does not notice.
const QUARANTINE_WRITES: u64 = 20;

/// The pause after so many failures, when the plugin itself has asked for another.
fn pause_ms(failures: u32, retry_after_ms: u64) -> u64 {
    (PAUSE_MS << failures.saturating_sub(1).min(16)).max(retry_after_ms).min(LONGEST_PAUSE_MS)
}

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
            Setback::Host(LedgerError::Undone) => self.begin_again().await,
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
                self.note(format!("{} failed {} times: {reason}", attempt.event.export(), attempt.failures));
                attempt.not_before_ms = self.clock.now_ms() + pause_ms(attempt.failures, retry_after_ms);
                self.held_up = Some(attempt);
            }
        }
    }

    /// Puts an event into quarantine, and goes on behind it.
    async fn set_aside(&mut self, mut attempt: Attempt, reason: &str) {
        let Attempt { event, done, failures, .. } = &attempt;
        // What came before and is undone must not be passed over by this.
        let behind = self.accepted_up_to;
        let ticket = self.book.quarantine(self.clock.now_ms(), done, event, reason, *failures, behind);
        match ticket {
            Ok(ticket) => {
                warn!(plugin = %self.post.name, export = event.export(), reason, "an event went into quarantine");
                metrics::quarantined(&self.post.name);
                // Whoever sees the number sees the reason.
                self.note(format!("an event of {} is in quarantine: {reason}", event.export()));
                self.post.tally.quarantined.fetch_add(1, Ordering::Relaxed);
                self.wrote(QUARANTINE_WRITES);
                self.is_behind(&attempt.done);
                self.follow(ticket);
            }
            Err(LedgerError::Undone) => self.begin_again().await,
            Err(error) => {
                debug!(plugin = %self.post.name, %error, "the quarantine has to wait for the plugins' file");
                attempt.not_before_ms = self.clock.now_ms() + PAUSE_MS;
                self.held_up = Some(attempt);
            }
        }
    }

    /// The calls that the plugin cannot begin its work without, tried as often as an event is. They are one transaction: a version
    /// whose store was migrated and which then does not start leaves the store to the version before.
    pub(super) async fn set_out(&mut self, events: &[Event], version: String) -> Result<(), Hindrance> {
        let done = Done::Started { version };
        let mut failures = 0;
        loop {
            let (export, setback) = match self.set_out_once(events, &done).await {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            let (reason, retry_after_ms, is_passing) = match setback {
                Setback::Host(error) => (error.to_string(), 0, true),
                Setback::Failed { reason, is_final: true, .. } => {
                    return Err(Hindrance::from(format!("{export} failed: {reason}")));
                }
                Setback::Failed { reason, retry_after_ms, .. } => (reason, retry_after_ms, false),
            };
            failures += 1;
            if failures > self.loaded.desk.allowance.retries {
                let reason = format!("{export} failed {failures} times: {reason}");
                return Err(Hindrance { reason, is_passing });
            }
            self.clock.sleep(Duration::from_millis(pause_ms(failures, retry_after_ms))).await;
            // What an instance remembers is of calls that never were.
            self.leave_seat();
        }
    }

    async fn set_out_once(&mut self, events: &[Event], done: &Done) -> Result<(), (&'static str, Setback)> {
        while let Some(rest) = self.overdrawn() {
            self.clock.sleep(rest).await;
        }
        let host = |error| ("on-start", Setback::Host(error));
        let mut draft = self.begin(self.clock.now_ms()).await.map_err(host)?;
        for event in events {
            let called = self.call_in(draft, event, None).await;
            draft = called.map_err(|setback| (event.export(), setback))?.1;
        }
        // Calls that build on this one must not come before it is on disk.
        self.accept(draft, done).await.map_err(host)?.await.map_err(host)?;
        self.committed.notify_one();
        self.post.tally.handled.fetch_add(events.len() as u64, Ordering::Relaxed);
        Ok(())
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
        let draft = self.begin(self.clock.now_ms()).await.map_err(Setback::Host)?;
        let (outcome, draft) = self.call_in(draft, event, partner).await?;
        let ticket = self.accept(draft, done).await.map_err(Setback::Host)?;
        self.follow(ticket);
        self.post.tally.handled.fetch_add(1, Ordering::Relaxed);
        Ok(outcome)
    }

    /// One call, whose changes are in the draft when it ended well.
    async fn call_in(
        &mut self,
        draft: Draft,
        event: &Event,
        partner: Option<AccountId>,
    ) -> Result<(Outcome, Draft), Setback> {
        let mut draft = draft;
        draft.begin_call(matches!(event, Event::Migrate { .. }));
        let moment = Moment { now_ms: draft.now_ms(), seed: self.entropy.bytes() };
        let host =
            Live::new(Arc::clone(&self.loaded.desk), Arc::clone(&self.clock), draft, moment.clone(), partner);
        let started = self.clock.elapsed();
        let (outcome, host) = self.run(event, &moment, host).await;
        self.core.spend(self.seat.last_busy().as_secs_f64(), self.clock.elapsed());
        let took = self.clock.elapsed().saturating_sub(started);
        metrics::called(&self.post.name, event.export(), call_outcome(&outcome), took, self.seat.last_busy());
        match outcome {
            Ok(outcome @ (Outcome::Done | Outcome::Judged(_))) => Ok((outcome, host.draft)),
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

    pub(super) async fn accept(&mut self, draft: Draft, done: &Done) -> Result<Ticket, LedgerError> {
        let mut draft = draft;
        // A timer that fires is written anew, or taken away; so is what a version begins with.
        let n_writes = draft.n_writes() + u64::from(!matches!(done, Done::Message { .. } | Done::Unnumbered));
        loop {
            match self.book.accept(draft, done) {
                Ok(ticket) => {
                    self.wrote(n_writes);
                    self.is_behind(done);
                    return Ok(ticket);
                }
                Err(unaccepted) if matches!(unaccepted.error, LedgerError::Busy { .. }) => {
                    draft = *unaccepted.draft;
                    self.written().await;
                }
                Err(unaccepted) => return Err(unaccepted.error),
            }
        }
    }

    fn wrote(&mut self, n_writes: u64) {
        self.writes.spend(n_writes as f64, self.clock.elapsed());
    }

    fn is_behind(&mut self, done: &Done) {
        if let Done::Message { number } = done {
            self.accepted_up_to = self.accepted_up_to.max(*number);
        }
    }

    /// Waits until something may have been written.
    pub(super) async fn written(&mut self) {
        self.clock.sleep(Duration::from_millis(1)).await;
    }

    /// Has the outbox looked at, or the calls made again, when it is known what became of a commit.
    pub(super) fn follow(&self, ticket: Ticket) {
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
