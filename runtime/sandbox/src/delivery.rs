//! What a plugin has sent, on its way: taken from its outbox once it is on disk there, and handed to the inbox.

use std::{collections::HashSet, sync::Arc, time::Duration};

use starling_contracts::{
    accounts::Profile,
    inbox::{self, MessageRef, SendReaction, SendReply, SendText, Unsend},
};
use starling_kernel::{Clock, ErrorKind, Kinded as _, Recipient, Registry};
use starling_protocol::account::AccountId;
use tokio::sync::Notify;
use tracing::debug;

use crate::{
    call,
    ledger::{Book, LedgerError, Outgoing, Queued, Ticket},
    manifest::PluginName,
    metrics,
};

/// How much of the outbox is looked at once.
const PAGE: usize = 32;
/// How long a sending is held on to that nobody takes: longer than a swarm keeps the message it may answer.
const GIVEN_UP_AFTER_MS: u64 = 14 * 24 * 60 * 60 * 1000;
/// The pause after a failure, doubled with each further one up to the longest.
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Empties the outbox of one plugin, in its order, for as long as it is polled.
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

impl Delivery {
    /// Delivers, and waits for more.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        loop {
            match self.empty().await {
                Ok(()) => failures = 0,
                Err(Halt) => failures += 1,
            }
            let pause = PAUSE.saturating_mul(1 << failures.min(10)).min(LONGEST_PAUSE);
            match failures {
                0 => self.committed.notified().await,
                _ => self.clock.sleep(pause).await,
            }
        }
    }

    /// Delivers everything there is. Where something has to wait, what is for the same conversation waits behind it, and the
    /// rest does not.
    async fn empty(&self) -> Result<(), Halt> {
        let mut stuck = HashSet::new();
        let mut after = None;
        loop {
            let page = self.book.outgoing(after, PAGE).map_err(|error| self.broken(&error))?;
            let Some(last) = page.last() else { break };
            after = Some(last.sending);
            for queued in page {
                let conversation = conversation(&queued.outgoing).to_owned();
                if !stuck.contains(&conversation) && self.deliver(queued).await.is_err() {
                    stuck.insert(conversation);
                }
            }
        }
        if stuck.is_empty() { Ok(()) } else { Err(Halt) }
    }

    async fn deliver(&self, queued: Queued) -> Result<(), Halt> {
        let Queued { sending, queued_at, outgoing, .. } = queued;
        let told = match self.hand_over(outgoing).await {
            Ok(Handed::Text { conversation, sent_at }) => {
                metrics::delivered(&self.plugin);
                self.book.sent(sending, sent_at, &conversation)
            }
            Ok(Handed::Other) => {
                metrics::delivered(&self.plugin);
                self.book.done(sending)
            }
            Err(error) if self.is_worth_another_try(&error, queued_at) => {
                debug!(plugin = %self.plugin, kind = ?error.kind(), "a sending waits for the next try");
                self.tell(self.book.postpone(sending)).await?;
                return Err(Halt);
            }
            Err(error) => self.book.give_up(sending, reason(&error)),
        };
        self.tell(told).await
    }

    async fn hand_over(&self, outgoing: Outgoing) -> Result<Handed, inbox::Error> {
        let profile = self.profile.clone();
        match outgoing {
            Outgoing::Send { to, body } => {
                let account = account(&to)?;
                let sent = self.ways.text.ask_patiently(SendText { profile, to: account, body }).await?;
                Ok(Handed::Text { conversation: to, sent_at: sent.timestamp })
            }
            Outgoing::Reply { to: quoted, body } => {
                let conversation = quoted.conversation.clone();
                let to = account(&conversation)?;
                let quoted = reference(&quoted)?;
                let sent = self.ways.reply.ask_patiently(SendReply { profile, to, body, quoted }).await?;
                Ok(Handed::Text { conversation, sent_at: sent.timestamp })
            }
            Outgoing::React { to: target, emoji, remove } => {
                let target = reference(&target)?;
                let reaction = SendReaction { profile, to: target.conversation, target, emoji, remove };
                self.ways.reaction.ask_patiently(reaction).await?;
                Ok(Handed::Other)
            }
            Outgoing::Delete { conversation, sent_at } => {
                let to = account(&conversation)?;
                self.ways.unsend.ask_patiently(Unsend { profile, to, sent_at }).await?;
                Ok(Handed::Other)
            }
        }
    }

    fn is_worth_another_try(&self, error: &inbox::Error, queued_at: u64) -> bool {
        let is_passing =
            matches!(error.kind(), ErrorKind::Transient | ErrorKind::PeerAtFault | ErrorKind::Operator);
        is_passing && self.clock.now_ms().saturating_sub(queued_at) < GIVEN_UP_AFTER_MS
    }

    /// Waits until what became of a sending is on disk: one that is looked at again before would be sent twice.
    async fn tell(&self, ticket: Result<Ticket, LedgerError>) -> Result<(), Halt> {
        let told = async { ticket?.await };
        told.await.map_err(|error| self.broken(&error))
    }

    fn broken(&self, error: &LedgerError) -> Halt {
        debug!(plugin = %self.plugin, %error, "the outbox cannot be worked on");
        Halt
    }
}

/// The outbox has to wait.
struct Halt;

enum Handed {
    Text { conversation: String, sent_at: u64 },
    Other,
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
