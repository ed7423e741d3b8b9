//! A plugin at work: takes one event after another, from its inbox, its timers and whoever asks for a review, and calls the plugin
//! for each.
//!
//! A message's event is over when the draft of its call was accepted, whose commit moves the plugin's place in the inbox along. So
//! whatever breaks in between is offered again, and finds everything as it was before. A call that fails is tried again after a
//! pause, in which later events wait, since a plugin may rely on their order; after some failures the event is put into quarantine.

mod attempt;
mod budget;

use std::{collections::VecDeque, sync::Arc, time::Duration};

use starling_contracts::inbox::{self, ListMessages, StoredMessage};
use starling_kernel::{Clock, Entropy};
use tokio::sync::{Notify, watch};
use tracing::{debug, info, warn};

use self::{attempt::Attempt, budget::Budget};
use crate::{
    config::Allowance,
    desk::Desk,
    event::Event,
    guest::Seat,
    happenings,
    ledger::{Book, Done, Draft, LedgerError},
    load::{Hindrance, Loaded},
    metrics,
    recording::Recorder,
    roster::{Condition, Post, ReviewJob, Reviews},
};

/// Messages that are read at once.
const PAGE: usize = 64;
/// How often the inbox is looked at though nobody said that something came.
const LOOK: Duration = Duration::from_secs(30);
/// The pause after the disk or another actor failed.
const TROUBLE: Duration = Duration::from_millis(500);

/// One plugin, loaded and started.
pub(crate) struct Shift {
    post: Arc<Post>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    loaded: Loaded,
    seat: Seat,
    book: Book,
    core: Budget,
    writes: Budget,
    recorder: Option<Recorder>,
    /// Told when something was committed that is to be sent.
    committed: Arc<Notify>,
    /// Told when a commit failed: what was accepted since has to be done again.
    undone: Arc<Notify>,
    /// Messages that were read and are still to be handled, and the number of the last one that was read.
    backlog: VecDeque<StoredMessage>,
    read_up_to: u64,
    /// The last message that an accepted call was for. While the book says less, some of them were undone.
    accepted_up_to: u64,
    /// An event that has to be tried again.
    held_up: Option<Attempt>,
}

/// What is to be done next.
enum Next {
    Stop,
    Reload,
    Undone,
    Review(ReviewJob),
    Retry,
    Timer,
    Message,
    Look,
    /// The plugin has used more than its share of a core or of the disk, and has rested for it.
    Rested,
}

impl Shift {
    /// Serves until it is told to stop, or to load the plugin anew.
    pub(crate) async fn serve(&mut self, reviews: &mut Reviews, stop: &mut watch::Receiver<bool>) -> Ended {
        loop {
            match self.next(reviews, stop).await {
                Next::Stop => return Ended::Stopped,
                Next::Reload => return Ended::Changed,
                Next::Undone => self.begin_again().await,
                Next::Review(job) => self.review(job).await,
                Next::Retry => {
                    if let Some(attempt) = self.held_up.take() {
                        self.attempt(attempt).await;
                    }
                }
                Next::Timer => self.fire().await,
                Next::Message => self.handle_next_message().await,
                Next::Look => self.read_on().await,
                Next::Rested => {}
            }
        }
    }

    /// Lets go of the instance that waits for the next call, if there is one; that call has another.
    pub(crate) fn leave_seat(&mut self) {
        self.seat = self.loaded.seat();
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    async fn next(&mut self, reviews: &mut Reviews, stop: &mut watch::Receiver<bool>) -> Next {
        if let Some(rest) = self.overdrawn() {
            return tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => Next::Stop,
                () = self.post.changed.notified() => Next::Reload,
                () = self.undone.notified() => Next::Undone,
                () = self.clock.sleep(rest) => Next::Rested,
            };
        }
        let is_free = self.held_up.is_none();
        let has_backlog = is_free && !self.backlog.is_empty();
        let timer = self.book.next_due().ok().flatten().filter(|_| is_free);
        let retry = self.held_up.as_ref().map(|attempt| attempt.not_before_ms);
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => Next::Stop,
            () = self.post.changed.notified() => Next::Reload,
            () = self.undone.notified() => Next::Undone,
            Some(job) = reviews.recv() => Next::Review(job),
            () = at(&self.clock, retry) => Next::Retry,
            () = at(&self.clock, timer) => Next::Timer,
            () = std::future::ready(()), if has_backlog => Next::Message,
            () = self.post.nudge.notified(), if is_free => Next::Look,
            () = self.clock.sleep(LOOK), if is_free => Next::Look,
        }
    }

    /// How long the plugin has to rest for what it has used beyond its share, if it has.
    fn overdrawn(&mut self) -> Option<Duration> {
        let now = self.clock.elapsed();
        let (core, writes) = (self.core.wait(now), self.writes.wait(now));
        for (of, rest) in [("core", core), ("disk", writes)] {
            if rest.is_some() {
                metrics::throttled(&self.post.name, of);
            }
        }
        core.max(writes)
    }

    /// What was accepted and did not get to the disk is to be done again.
    async fn begin_again(&mut self) {
        let cursor = match self.book.cursor() {
            Ok(cursor) => cursor,
            // As long as the file cannot be read, nobody knows from where on.
            Err(error) => {
                self.trouble(&error).await;
                return self.undone.notify_one();
            }
        };
        warn!(plugin = %self.post.name, "calls of the plugin were not written and are made again");
        self.backlog.clear();
        self.held_up = None;
        (self.read_up_to, self.accepted_up_to) = (cursor, cursor);
        // What an instance remembers may be of calls that never were.
        self.leave_seat();
        self.post.nudge.notify_one();
    }

    /// Reads the next page of the inbox.
    async fn read_on(&mut self) {
        if !self.backlog.is_empty() || self.loaded.is_filter() {
            return;
        }
        match page(&self.loaded.desk, self.read_up_to).await {
            Ok(page) => {
                if page.len() == PAGE {
                    self.post.nudge.notify_one();
                }
                self.read_up_to = page.last().map_or(self.read_up_to, |message| message.id);
                self.backlog.extend(page);
            }
            Err(error) => {
                debug!(plugin = %self.post.name, %error, "the inbox could not be read");
                self.rest().await;
                self.post.nudge.notify_one();
            }
        }
    }

    async fn handle_next_message(&mut self) {
        let Some(stored) = self.backlog.pop_front() else { return };
        let done = Done::Message { number: stored.id };
        let partner = stored.conversation;
        match happenings::event(stored, &self.loaded.desk.own, &self.loaded.events) {
            Some(event) => self.attempt(Attempt::new(event, done, Some(partner))).await,
            // Nothing that the plugin is called for: its place moves on all the same, once nothing else will move it.
            None if self.backlog.is_empty() => match self.pass(&done).await {
                Err(LedgerError::Undone) => self.begin_again().await,
                Err(error) => self.trouble(&error).await,
                Ok(()) => {}
            },
            None => {}
        }
    }

    async fn fire(&mut self) {
        let due = match self.book.due_timers(self.clock.now_ms()) {
            Ok(due) => due,
            Err(error) => return self.trouble(&error).await,
        };
        // One at a time: the call may cancel the others.
        if let Some(timer) = due.into_iter().next() {
            let done = Done::Timer { name: timer.name.clone() };
            self.attempt(Attempt::new(Event::Timer { name: timer.name }, done, None)).await;
        }
    }

    async fn review(&mut self, job: ReviewJob) {
        let ReviewJob { item, answer } = job;
        if answer.is_closed() {
            return;
        }
        if let Some(verdict) = self.judge(item).await {
            // Whoever asked may have given up meanwhile.
            let _ = answer.send(verdict);
        }
    }

    /// Moves the plugin's place on without a call.
    async fn pass(&mut self, done: &Done) -> Result<(), LedgerError> {
        let draft = self.begin(self.clock.now_ms()).await?;
        let ticket = self.accept(draft, done).await?;
        self.follow(ticket);
        Ok(())
    }

    /// A draft; where too many calls wait for the disk, one as soon as they do not.
    async fn begin(&mut self, now_ms: u64) -> Result<Draft, LedgerError> {
        loop {
            match self.book.begin(now_ms) {
                Err(LedgerError::Busy { .. }) => self.written().await,
                Err(error) => return Err(error),
                Ok(draft) => return self.is_whole().map(|()| draft),
            }
        }
    }

    /// Is everything there that was accepted? If something was undone, what is accepted next would move the plugin's place behind it.
    fn is_whole(&self) -> Result<(), LedgerError> {
        if self.book.cursor()? < self.accepted_up_to { Err(LedgerError::Undone) } else { Ok(()) }
    }

    async fn trouble(&mut self, error: &LedgerError) {
        debug!(plugin = %self.post.name, %error, "the plugins' file does not take a call now");
        self.rest().await;
    }

    async fn rest(&mut self) {
        self.clock.sleep(TROUBLE).await;
    }

    fn note(&self, note: impl Into<String>) {
        let note = note.into();
        self.post.condition.send_modify(|condition| {
            if let Condition::Running { note: old, .. } = condition {
                *old = note;
            }
        });
    }
}

/// The next messages of the inbox.
async fn page(desk: &Desk, after: u64) -> Result<Vec<StoredMessage>, inbox::Error> {
    let question = ListMessages { profile: desk.profile.clone(), after, limit: PAGE };
    desk.inbox.ask_patiently(question).await
}

/// Why a shift is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Stopped,
    Changed,
}

/// Resolves when it is that late; never when nothing is due.
async fn at(clock: &Arc<dyn Clock>, due_ms: Option<u64>) {
    let Some(due) = due_ms else { return std::future::pending().await };
    let wait = due.saturating_sub(clock.now_ms());
    if wait > 0 {
        clock.sleep(Duration::from_millis(wait)).await;
    }
}

impl Shift {
    /// Gets a loaded plugin going: finds its place in the inbox, brings its store up to its version and calls its `on-start`. A
    /// plugin that has never run begins behind what lies there.
    ///
    /// # Errors
    /// One sentence on what the plugin could not do. What it keeps is as it was then.
    pub(crate) async fn start(
        post: &Arc<Post>,
        loaded: Loaded,
        book: Book,
        surroundings: Surroundings,
    ) -> Result<Self, Hindrance> {
        let Surroundings { clock, entropy, committed, undone } = surroundings;
        let seat = loaded.seat();
        let Allowance { cpu_share, writes_per_minute, .. } = loaded.desk.allowance;
        let core = Budget::of_core(cpu_share, clock.elapsed());
        let writes = Budget::of_writes(writes_per_minute, clock.elapsed(), loaded.is_filter());
        let recorder = loaded.recorder()?;
        let mut shift = Self {
            post: Arc::clone(post),
            clock,
            entropy,
            seat,
            book,
            core,
            writes,
            recorder,
            committed,
            undone,
            backlog: VecDeque::new(),
            read_up_to: 0,
            accepted_up_to: 0,
            held_up: None,
            loaded,
        };
        // Calls of a version before may be on their way to the disk yet, and are undone when they do not get there.
        let settled = async { shift.book.settle()?.await };
        settled.await.map_err(Hindrance::passing)?;
        let before = shift.book.version().map_err(Hindrance::passing)?;
        let version = shift.loaded.version();
        let mut events = Vec::new();
        match before.as_deref() {
            Some(before) if before != version => {
                events.push(Event::Migrate { from_version: before.to_owned() });
            }
            Some(_) => {}
            None => shift.begin_behind().await?,
        }
        events.push(Event::Start);
        shift.set_out(&events, version).await?;
        let cursor = shift.book.cursor().map_err(Hindrance::passing)?;
        (shift.read_up_to, shift.accepted_up_to) = (cursor, cursor);
        shift.post.nudge.notify_one();
        info!(plugin = %shift.post.name, "plugin running");
        Ok(shift)
    }

    /// Looks for the end of the inbox.
    async fn begin_behind(&mut self) -> Result<(), Hindrance> {
        if self.loaded.is_filter() {
            return Ok(());
        }
        let mut last = 0;
        loop {
            let page = page(&self.loaded.desk, last).await.map_err(Hindrance::passing)?;
            let Some(message) = page.last() else { break };
            last = message.id;
        }
        if last > 0 {
            self.pass(&Done::Message { number: last }).await.map_err(Hindrance::passing)?;
        }
        Ok(())
    }
}

/// What a shift has from its actor.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) committed: Arc<Notify>,
    pub(crate) undone: Arc<Notify>,
}
