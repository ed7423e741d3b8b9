//! What a plugin has sent, on its way: taken from its outbox once it is on disk there, and handed to the inbox.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use starling_contracts::{
    accounts::Profile,
    inbox::{self, MessageRef, SendReaction, SendReply, SendText, Unsend},
};
use starling_kernel::{Clock, ErrorKind, Kinded as _, Recipient, Registry};
use starling_protocol::account::AccountId;
use tokio::sync::{Notify, watch};
use tracing::debug;

use crate::{
    call,
    ledger::{Book, LedgerError, Outgoing, Queued, Ticket},
    manifest::PluginName,
    metrics,
    workers::{Job, Workers},
};

/// How much of the outbox is looked at once.
const PAGE: usize = 32;
/// How long a sending is held on to that nobody takes: longer than a swarm keeps the message it may answer.
const GIVEN_UP_AFTER_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// The pause after a failure, doubled with each further one up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often a sending is tried at which the inbox broke down.
const MOST_AFTER_DEFECTS: u32 = 5;

/// Empties the outbox of one plugin, in its order.
pub(crate) struct Delivery {
    pub(crate) plugin: PluginName,
    pub(crate) profile: Profile,
    pub(crate) book: Book,
    pub(crate) clock: Arc<dyn Clock>,
    /// Told when something was committed.
    pub(crate) committed: Arc<Notify>,
    pub(crate) ways: Ways,
}

/// The ways out.
#[derive(Clone)]
pub(crate) struct Ways {
    text: Recipient<SendText>,
    reply: Recipient<SendReply>,
    reaction: Recipient<SendReaction>,
    unsend: Recipient<Unsend>,
}

impl Ways {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            text: registry.recipient(),
            reply: registry.recipient(),
            reaction: registry.recipient(),
            unsend: registry.recipient(),
        }
    }
}

/// A delivery at work.
pub(crate) struct Delivering {
    profile: Profile,
    stop: watch::Sender<bool>,
    job: Job<()>,
    is_over: bool,
}

impl Delivering {
    /// Has it end after what it is handing over just now.
    pub(crate) fn stop(&mut self) {
        self.stop.send_replace(true);
    }

    /// Stops it, and waits for its end.
    pub(crate) async fn end(mut self) {
        self.stop();
        self.ended().await;
    }

    /// Does it deliver for that account, and has it not been stopped?
    pub(crate) fn goes_on_for(&self, profile: &Profile) -> bool {
        self.profile == *profile && !*self.stop.borrow()
    }

    /// Never resolves; a panic in the delivery goes on here.
    pub(crate) async fn broken(&mut self) {
        self.ended().await;
        std::future::pending().await
    }

    async fn ended(&mut self) {
        if !self.is_over {
            let _ = self.job.ended().await;
            self.is_over = true;
        }
    }
}

/// A conversation in which something could not be sent.
struct Stuck {
    failures: u32,
    /// When it is tried again, by the clock's `elapsed`.
    until: Duration,
}

type AllStuck = HashMap<String, Stuck>;

impl Delivery {
    /// Delivers on these threads, after the one before has ended.
    pub(crate) fn begin(self, workers: &Workers, before: Option<Delivering>) -> Delivering {
        let profile = self.profile.clone();
        let (stop, stopping) = watch::channel(false);
        let job = workers.spawn(async move {
            if let Some(before) = before {
                before.end().await;
            }
            self.run(stopping).await;
        });
        Delivering { profile, stop, job, is_over: false }
    }

    /// Delivers, and waits for more, until it is stopped.
    async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut stuck = AllStuck::new();
        while !*stopping.borrow() {
            let until = match self.empty(&mut stuck, &stopping).await {
                Ok(()) => stuck.values().map(|stuck| stuck.until).min(),
                Err(Halt) => Some(self.clock.elapsed() + PAUSE),
            };
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => {}
                () = self.committed.notified() => {}
                () = self.wait(until) => {}
            }
        }
    }

    async fn wait(&self, until: Option<Duration>) {
        match until {
            Some(until) => self.clock.sleep(until.saturating_sub(self.clock.elapsed())).await,
            None => std::future::pending().await,
        }
    }

    /// Delivers everything there is. Where something has to wait, what is for the same conversation waits behind it, and the
    /// rest does not.
    async fn empty(&self, stuck: &mut AllStuck, stopping: &watch::Receiver<bool>) -> Result<(), Halt> {
        let mut seen = HashSet::new();
        let mut after = None;
        loop {
            let page = self.book.outgoing(after, PAGE).map_err(|error| self.broken(&error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.sending);
            for queued in page {
                if *stopping.borrow() {
                    return Ok(());
                }
                let conversation = conversation(&queued.outgoing).to_owned();
                let now = self.clock.elapsed();
                if seen.contains(&conversation)
                    || stuck.get(&conversation).is_some_and(|stuck| stuck.until > now)
                {
                    seen.insert(conversation);
                    continue;
                }
                match self.deliver(queued, stopping).await? {
                    Handed::Over => drop(stuck.remove(&conversation)),
                    Handed::Back => {
                        let stuck =
                            stuck.entry(conversation.clone()).or_insert(Stuck { failures: 0, until: now });
                        stuck.failures += 1;
                        stuck.until = self.clock.elapsed() + pause(stuck.failures);
                        seen.insert(conversation);
                    }
                }
            }
        }
        // What was taken back meanwhile holds up nothing any more.
        stuck.retain(|conversation, _| seen.contains(conversation));
        Ok(())
    }

    async fn deliver(&self, queued: Queued, stopping: &watch::Receiver<bool>) -> Result<Handed, Halt> {
        let Queued { sending, queued_at, outgoing, attempts } = queued;
        match self.hand_over(outgoing).await {
            Ok(taken) => {
                metrics::delivered(&self.plugin);
                let told = || match &taken {
                    Taken::Text { conversation, sent_at } => self.book.sent(sending, *sent_at, conversation),
                    Taken::Other => self.book.done(sending),
                };
                self.tell(told, stopping).await?;
                Ok(Handed::Over)
            }
            Err(error) if self.is_worth_another_try(&error, queued_at, attempts) => {
                debug!(plugin = %self.plugin, kind = ?error.kind(), "a sending waits for the next try");
                self.tell(|| self.book.postpone(sending), stopping).await?;
                Ok(Handed::Back)
            }
            Err(error) => {
                self.tell(|| self.book.give_up(sending, reason(&error)), stopping).await?;
                Ok(Handed::Over)
            }
        }
    }

    async fn hand_over(&self, outgoing: Outgoing) -> Result<Taken, inbox::Error> {
        let profile = self.profile.clone();
        match outgoing {
            Outgoing::Send { to, body } => {
                let account = account(&to)?;
                let sent = self.ways.text.ask_patiently(SendText { profile, to: account, body }).await?;
                Ok(Taken::Text { conversation: to, sent_at: sent.timestamp })
            }
            Outgoing::Reply { to: quoted, body } => {
                let conversation = quoted.conversation.clone();
                let to = account(&conversation)?;
                let quoted = reference(&quoted)?;
                let sent = self.ways.reply.ask_patiently(SendReply { profile, to, body, quoted }).await?;
                Ok(Taken::Text { conversation, sent_at: sent.timestamp })
            }
            Outgoing::React { to: target, emoji, remove } => {
                let target = reference(&target)?;
                let reaction = SendReaction { profile, to: target.conversation, target, emoji, remove };
                self.ways.reaction.ask_patiently(reaction).await?;
                Ok(Taken::Other)
            }
            Outgoing::Delete { conversation, sent_at } => {
                let to = account(&conversation)?;
                self.ways.unsend.ask_patiently(Unsend { profile, to, sent_at }).await?;
                Ok(Taken::Other)
            }
        }
    }

    fn is_worth_another_try(&self, error: &inbox::Error, queued_at: u64, attempts: u32) -> bool {
        let is_passing = match error.kind() {
            ErrorKind::Transient | ErrorKind::PeerAtFault | ErrorKind::Operator => true,
            ErrorKind::Rejected => false,
            // It may be this very message that breaks the inbox.
            ErrorKind::Bug => attempts < MOST_AFTER_DEFECTS,
        };
        is_passing && self.clock.now_ms().saturating_sub(queued_at) < GIVEN_UP_AFTER_MS
    }

    /// Says what became of a sending until that is on disk: one that is looked at again before would be sent twice.
    async fn tell(
        &self,
        told: impl Fn() -> Result<Ticket, LedgerError>,
        stopping: &watch::Receiver<bool>,
    ) -> Result<(), Halt> {
        loop {
            let error = match async { told()?.await }.await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let pause = match error {
                LedgerError::Busy { .. } => Duration::from_millis(1),
                _ if *stopping.borrow() => return Err(self.broken(&error)),
                LedgerError::Closed => return Err(self.broken(&error)),
                _ => PAUSE,
            };
            self.clock.sleep(pause).await;
        }
    }

    fn broken(&self, error: &LedgerError) -> Halt {
        debug!(plugin = %self.plugin, %error, "the outbox cannot be worked on");
        Halt
    }
}

/// The outbox has to wait.
struct Halt;

/// What became of a sending.
enum Handed {
    /// It has left the outbox.
    Over,
    /// It has to be tried again.
    Back,
}

/// What the inbox has taken.
enum Taken {
    Text { conversation: String, sent_at: u64 },
    Other,
}

fn pause(failures: u32) -> Duration {
    PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST_PAUSE)
}

fn conversation(outgoing: &Outgoing) -> &str {
    match outgoing {
        Outgoing::Send { to, .. } => to,
        Outgoing::Reply { to, .. } | Outgoing::React { to, .. } => &to.conversation,
        Outgoing::Delete { conversation, .. } => conversation,
    }
}

/// Nothing of the error that could tell to whom.
fn reason(error: &inbox::Error) -> &'static str {
    match error {
        inbox::Error::BadRecipient(_) => "the recipient cannot be written to",
        inbox::Error::Empty => "the text is empty",
        inbox::Error::TooLong { .. } | inbox::Error::TooManyCharacters { .. } => "the text is too long",
        inbox::Error::Refused { .. } => "the swarm refused it",
        inbox::Error::Account(_) => "the account is not there",
        _ => "it was refused, or nobody took it for two weeks",
    }
}

fn account(text: &str) -> Result<AccountId, inbox::Error> {
    text.parse().map_err(|_| inbox::Error::BadRecipient("it is no account id".to_owned()))
}

fn reference(message: &call::MessageRef) -> Result<MessageRef, inbox::Error> {
    Ok(MessageRef {
        conversation: account(&message.conversation)?,
        author: account(&message.author)?,
        sent_at: message.sent_at,
    })
}
