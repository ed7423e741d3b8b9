//! The actors around the plugins: an inbox, accounts and a transport that keep everything in memory.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use starling_contracts::{
    accounts::{Account, AccountSecrets, Error as AccountError, ListAccounts, Profile, UnlockAccount},
    inbox::{
        Error, ListMessages, MessageKind, Poll, Polled, SendReaction, SendReply, SendText, Sent,
        StoredMessage, Unsend,
    },
    transport::{Error as WebError, FetchWeb, WebPage},
};
use starling_kernel::{Actor, Bounds, Context, Handler, Spec, Task, done, task};
use starling_protocol::{
    account::{AccountId, AccountKeys},
    storage::MessageHash,
};
use tokio::sync::watch;
use zeroize::Zeroizing;

/// What the clock of a house shows at first.
pub(crate) const START_MS: u64 = 1_790_000_000_000;

/// Whom the accounts of these tests belong to; their seeds are their position.
pub(crate) const PEOPLE: [&str; 4] = ["alice", "bob", "bot", "other"];

fn keys(person: &str) -> AccountKeys {
    let position = PEOPLE.iter().position(|name| *name == person).expect("one of the people");
    AccountKeys::from_seed(&[u8::try_from(position + 1).expect("they are few"); 16])
}

pub(crate) fn id(person: &str) -> AccountId {
    keys(person).id()
}

pub(crate) fn profile(name: &str) -> Profile {
    name.parse().expect("it is a profile name")
}

/// What lies in the inbox and what has left; over all starts of a house.
pub(crate) struct Mail {
    state: Mutex<State>,
    /// While this is false, what is handed over waits.
    pub(crate) is_open: watch::Sender<bool>,
    breaks_down: AtomicBool,
    /// Are the accounts that plugins speak as there?
    pub(crate) has_accounts: AtomicBool,
}

#[derive(Default)]
struct State {
    messages: Vec<StoredMessage>,
    left: Vec<Left>,
    /// Whom nothing can be sent to for now.
    unreachable: HashSet<AccountId>,
    tries: usize,
}

/// Something that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Left {
    Text { to: AccountId, body: String },
    Reaction { to: AccountId },
    Deletion { to: AccountId, sent_at: u64 },
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            is_open: watch::Sender::new(true),
            breaks_down: AtomicBool::new(false),
            has_accounts: AtomicBool::new(true),
        }
    }
}

impl Mail {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds this")
    }

    /// Files a text that somebody wrote to the bot.
    pub(crate) fn file(&self, from: &str, body: &str) -> StoredMessage {
        let mut state = self.state();
        let number = state.messages.len() as u64 + 1;
        let message = StoredMessage {
            id: number,
            hash: hash(),
            from: id(from),
            conversation: id(from),
            body: body.to_owned(),
            sent_at: number,
            received_at: number,
            kind: MessageKind::Text,
            detail: None,
            is_request: false,
            attachments: 0,
            review: None,
        };
        state.messages.push(message.clone());
        message
    }

    pub(crate) fn left(&self) -> Vec<Left> {
        self.state().left.clone()
    }

    /// The texts that left for somebody, in their order.
    pub(crate) fn texts_to(&self, person: &str) -> Vec<String> {
        let text = |left| match left {
            Left::Text { to, body } if to == id(person) => Some(body),
            _ => None,
        };
        self.left().into_iter().filter_map(text).collect()
    }

    /// How often something was handed over, in vain or not.
    pub(crate) fn tries(&self) -> usize {
        self.state().tries
    }

    /// Has a person's swarm not answer any more, or answer again.
    pub(crate) fn set_reachable(&self, person: &str, is_reachable: bool) {
        let mut state = self.state();
        if is_reachable {
            state.unreachable.remove(&id(person));
        } else {
            state.unreachable.insert(id(person));
        }
    }

    /// Has the inbox panic over the next thing that is handed over.
    pub(crate) fn break_down_once(&self) {
        self.breaks_down.store(true, Ordering::Release);
    }

    fn take(&self, to: AccountId, left: Left) -> Result<Sent, Error> {
        assert!(!self.breaks_down.swap(false, Ordering::AcqRel), "as it was told");
        let mut state = self.state();
        state.tries += 1;
        if state.unreachable.contains(&to) {
            return Err(Error::NotStored);
        }
        let timestamp = sent_at(state.left.len());
        state.left.push(left);
        Ok(Sent {
            hash: hash(),
            timestamp,
            stored_by: Vec::new(),
            path: Vec::new(),
            swarm: None,
            synced: true,
        })
    }
}

/// When the text at that position of [`Mail::left`] was sent.
pub(crate) fn sent_at(position: usize) -> u64 {
    START_MS + position as u64
}

fn hash() -> MessageHash {
    MessageHash::from_bytes(&[b'A'; MessageHash::LEN]).expect("it has the form of one")
}

/// The clock of a house runs fast, and no test is about an inbox that is late.
const LONG: Duration = Duration::from_secs(86_400);

/// How to run the inbox over that mail.
pub(crate) fn inbox(mail: &Arc<Mail>) -> Spec<Inbox> {
    let mail = Arc::clone(mail);
    Spec::new(move |_| {
        let mail = Arc::clone(&mail);
        async move { Ok(Inbox { mail }) }
    })
    .bounds(Bounds { answer_within: LONG, ..Bounds::default() })
    .serves::<ListMessages>()
    .serves::<SendText>()
    .serves::<SendReply>()
    .serves::<SendReaction>()
    .serves::<Unsend>()
    .serves::<Poll>()
}

pub(crate) struct Inbox {
    mail: Arc<Mail>,
}

impl Actor for Inbox {
    const NAME: &'static str = "inbox";
}

impl Handler<ListMessages> for Inbox {
    fn handle(&mut self, question: ListMessages, _: &Context) -> Task<Result<Vec<StoredMessage>, Error>> {
        let state = self.mail.state();
        let later = state.messages.iter().filter(|message| message.id > question.after);
        // Every account of these tests but the bot's has an empty inbox.
        let limit = if question.profile == profile("bot") { question.limit } else { 0 };
        done(Ok(later.take(limit).cloned().collect()))
    }
}

impl Handler<Poll> for Inbox {
    fn handle(&mut self, _: Poll, _: &Context) -> Task<Result<Polled, Error>> {
        done(Ok(Polled::default()))
    }
}

impl Inbox {
    fn take(&self, to: AccountId, left: Left) -> Task<Result<Sent, Error>> {
        let mail = Arc::clone(&self.mail);
        task(async move {
            let mut opening = mail.is_open.subscribe();
            opening.wait_for(|is_open| *is_open).await.expect("the mail is there as long as its inbox");
            mail.take(to, left)
        })
    }
}

impl Handler<SendText> for Inbox {
    fn handle(&mut self, SendText { to, body, .. }: SendText, _: &Context) -> Task<Result<Sent, Error>> {
        self.take(to, Left::Text { to, body })
    }
}

impl Handler<SendReply> for Inbox {
    fn handle(&mut self, SendReply { to, body, .. }: SendReply, _: &Context) -> Task<Result<Sent, Error>> {
        self.take(to, Left::Text { to, body })
    }
}

impl Handler<SendReaction> for Inbox {
    fn handle(&mut self, SendReaction { to, .. }: SendReaction, _: &Context) -> Task<Result<Sent, Error>> {
        self.take(to, Left::Reaction { to })
    }
}

impl Handler<Unsend> for Inbox {
    fn handle(&mut self, Unsend { to, sent_at, .. }: Unsend, _: &Context) -> Task<Result<Sent, Error>> {
        self.take(to, Left::Deletion { to, sent_at })
    }
}

/// The accounts that plugins can speak as: `bot`, the first one, and `other`.
pub(crate) struct Accounts {
    mail: Arc<Mail>,
}

pub(crate) fn accounts(mail: &Arc<Mail>) -> Spec<Accounts> {
    let mail = Arc::clone(mail);
    let accounts = Spec::new(move |_| {
        let mail = Arc::clone(&mail);
        async move { Ok(Accounts { mail }) }
    });
    accounts.serves::<ListAccounts>().serves::<UnlockAccount>()
}

fn account(name: &str) -> Account {
    Account { id: id(name), profile: profile(name), name: String::new() }
}

impl Actor for Accounts {
    const NAME: &'static str = "accounts";
}

impl Handler<ListAccounts> for Accounts {
    fn handle(&mut self, _: ListAccounts, _: &Context) -> Task<Result<Vec<Account>, AccountError>> {
        let there = if self.mail.has_accounts.load(Ordering::Acquire) { &["bot", "other"][..] } else { &[] };
        done(Ok(there.iter().map(|name| account(name)).collect()))
    }
}

impl Handler<UnlockAccount> for Accounts {
    fn handle(
        &mut self,
        UnlockAccount { profile }: UnlockAccount,
        _: &Context,
    ) -> Task<Result<Arc<AccountSecrets>, AccountError>> {
        let name = profile.as_str().to_owned();
        if !PEOPLE.contains(&name.as_str()) {
            return done(Err(AccountError::UnknownProfile(profile)));
        }
        let at_rest = Zeroizing::new([keys(&name).seed()[0]; 32]);
        let secrets =
            AccountSecrets { account: account(&name), name_updated_at: 1, keys: keys(&name), at_rest };
        done(Ok(Arc::new(secrets)))
    }
}

/// A network without a web.
pub(crate) struct Transport;

pub(crate) fn transport() -> Spec<Transport> {
    Spec::new(|_| async { Ok(Transport) }).serves::<FetchWeb>()
}

impl Actor for Transport {
    const NAME: &'static str = "transport";
}

impl Handler<FetchWeb> for Transport {
    fn handle(&mut self, _: FetchWeb, _: &Context) -> Task<Result<WebPage, WebError>> {
        done(Err(WebError::ForbiddenAddress))
    }
}
