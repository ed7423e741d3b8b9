//! Those whom a plugin's host asks: the accounts of an installation, the inbox, and the way to web servers. They keep what they
//! are told, and the inbox takes what is put into it.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use starling_contracts::{
    accounts::{self, Account, AccountSecrets, ListAccounts, Profile, UnlockAccount},
    inbox::{
        self, Detail, ListMessages, MessageKind, Poll, Polled, SendReaction, SendReply, SendText, Sent,
        StoredMessage, Unsend,
    },
    transport::{self, FetchWeb, WebHost, WebPage},
};
use starling_kernel::{Actor, Context, Handler, KernelBuilder, Spec, Task, done, task};
use starling_protocol::{
    account::{AccountId, AccountKeys},
    storage::MessageHash,
};
use zeroize::Zeroizing;

/// Whose plugins these are.
pub(crate) const BOB: &str = "bob";

/// The account of a person, by the number of their seed.
fn keys(person: u8) -> AccountKeys {
    AccountKeys::from_seed(&[person; 16])
}

/// The account that the plugins speak as.
pub(crate) fn bob() -> AccountId {
    keys(1).id()
}

/// Somebody who writes to it.
pub(crate) fn alice() -> AccountId {
    keys(2).id()
}

/// Somebody who never did.
pub(crate) fn carol() -> AccountId {
    keys(3).id()
}

/// All of them; clones share what they know.
#[derive(Clone, Default)]
pub(crate) struct People(Arc<Mutex<Known>>);

/// What they know.
#[derive(Default)]
pub(crate) struct Known {
    messages: Vec<StoredMessage>,
    /// What was sent, in order.
    pub(crate) sent: Vec<Letter>,
    /// Requests to web servers, as `GET https://example.org:443/path`.
    pub(crate) fetched: Vec<String>,
    /// The headers of the last one.
    pub(crate) headers: Vec<(String, String)>,
}

/// Something that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Letter {
    Text { to: AccountId, body: String },
    Reply { to: AccountId, body: String, quotes: u64 },
    Reaction { to: AccountId, emoji: String, remove: bool },
    Unsent { to: AccountId, sent_at: u64 },
}

/// The host of web servers that never answer.
pub(crate) const SILENT: &str = "silent.example.org";
/// What every other web server says.
const PAGE: &[u8] = b"hello from the web";

impl People {
    /// Has them take their places.
    pub(crate) fn take_part(&self, kernel: KernelBuilder) -> KernelBuilder {
        kernel.actor(Keeper::spec()).actor(Inbox::spec(self)).actor(Web::spec(self))
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("no test panics while it looks")
    }

    /// Puts a text into the inbox; its number.
    pub(crate) fn write(&self, from: AccountId, body: &str) -> StoredMessage {
        self.put(from, body, MessageKind::Text, None)
    }

    /// Puts something else into it.
    pub(crate) fn happen(&self, from: AccountId, detail: Detail) -> StoredMessage {
        self.put(from, "", MessageKind::Control, Some(detail))
    }

    fn put(&self, from: AccountId, body: &str, kind: MessageKind, detail: Option<Detail>) -> StoredMessage {
        let mut known = self.known();
        let id = known.messages.len() as u64 + 1;
        let message = StoredMessage {
            id,
            hash: hash(id),
            from,
            conversation: from,
            body: body.to_owned(),
            sent_at: 1_790_000_000_000 + id,
            received_at: 1_790_000_001_000 + id,
            kind,
            detail,
            is_request: false,
            attachments: 0,
            review: None,
        };
        known.messages.push(message.clone());
        message
    }

    fn send(&self, letter: Letter) -> Sent {
        let mut known = self.known();
        known.sent.push(letter);
        let timestamp = 1_790_000_100_000 + known.sent.len() as u64;
        Sent {
            hash: hash(timestamp),
            timestamp,
            stored_by: Vec::new(),
            path: Vec::new(),
            swarm: None,
            synced: true,
        }
    }
}

fn hash(number: u64) -> MessageHash {
    MessageHash::from_bytes(format!("{number:0>43}").as_bytes()).expect("43 digits are a hash")
}

/// Stands for the keeper of accounts.
struct Keeper;

impl Keeper {
    fn spec() -> Spec<Self> {
        Spec::new(|_| async { Ok(Self) }).serves::<ListAccounts>().serves::<UnlockAccount>()
    }

    fn account() -> Account {
        let profile: Profile = BOB.parse().expect("a plain name");
        Account { id: bob(), profile, name: BOB.to_owned() }
    }
}

impl Actor for Keeper {
    const NAME: &'static str = "accounts";
}

impl Handler<ListAccounts> for Keeper {
    fn handle(&mut self, _: ListAccounts, _: &Context) -> Task<Result<Vec<Account>, accounts::Error>> {
        done(Ok(vec![Self::account()]))
    }
}

impl Handler<UnlockAccount> for Keeper {
    fn handle(
        &mut self,
        UnlockAccount { profile }: UnlockAccount,
        _: &Context,
    ) -> Task<Result<Arc<AccountSecrets>, accounts::Error>> {
        let account = Self::account();
        if profile != account.profile {
            return done(Err(accounts::Error::UnknownProfile(profile)));
        }
        let at_rest = Zeroizing::new([0x55; 32]);
        done(Ok(Arc::new(AccountSecrets { account, name_updated_at: 0, keys: keys(1), at_rest })))
    }
}

/// Stands for the inbox.
struct Inbox(People);

impl Inbox {
    fn spec(people: &People) -> Spec<Self> {
        let people = people.clone();
        Spec::new(move |_| {
            let people = people.clone();
            async move { Ok(Self(people)) }
        })
        .serves::<ListMessages>()
        .serves::<Poll>()
        .serves::<SendText>()
        .serves::<SendReply>()
        .serves::<SendReaction>()
        .serves::<Unsend>()
    }
}

impl Actor for Inbox {
    const NAME: &'static str = "inbox";
}

impl Handler<ListMessages> for Inbox {
    fn handle(&mut self, asked: ListMessages, _: &Context) -> Task<Result<Vec<StoredMessage>, inbox::Error>> {
        let known = self.0.known();
        let later = known.messages.iter().filter(|message| message.id > asked.after);
        done(Ok(later.take(asked.limit).cloned().collect()))
    }
}

impl Handler<Poll> for Inbox {
    fn handle(&mut self, _: Poll, _: &Context) -> Task<Result<Polled, inbox::Error>> {
        done(Ok(Polled::default()))
    }
}

impl Handler<SendText> for Inbox {
    fn handle(
        &mut self,
        SendText { to, body, .. }: SendText,
        _: &Context,
    ) -> Task<Result<Sent, inbox::Error>> {
        done(Ok(self.0.send(Letter::Text { to, body })))
    }
}

impl Handler<SendReply> for Inbox {
    fn handle(&mut self, reply: SendReply, _: &Context) -> Task<Result<Sent, inbox::Error>> {
        let SendReply { to, body, quoted, .. } = reply;
        done(Ok(self.0.send(Letter::Reply { to, body, quotes: quoted.sent_at })))
    }
}

impl Handler<SendReaction> for Inbox {
    fn handle(&mut self, reaction: SendReaction, _: &Context) -> Task<Result<Sent, inbox::Error>> {
        let SendReaction { to, emoji, remove, .. } = reaction;
        done(Ok(self.0.send(Letter::Reaction { to, emoji, remove })))
    }
}

impl Handler<Unsend> for Inbox {
    fn handle(
        &mut self,
        Unsend { to, sent_at, .. }: Unsend,
        _: &Context,
    ) -> Task<Result<Sent, inbox::Error>> {
        done(Ok(self.0.send(Letter::Unsent { to, sent_at })))
    }
}

/// Stands for the way to web servers.
struct Web(People);

impl Web {
    fn spec(people: &People) -> Spec<Self> {
        let people = people.clone();
        Spec::new(move |_| {
            let people = people.clone();
            async move { Ok(Self(people)) }
        })
        .serves::<FetchWeb>()
    }
}

impl Actor for Web {
    const NAME: &'static str = "transport";
}

impl Handler<FetchWeb> for Web {
    fn handle(&mut self, asked: FetchWeb, _: &Context) -> Task<Result<WebPage, transport::Error>> {
        let host = match &asked.host {
            WebHost::Name(name) => name.clone(),
            WebHost::Address(address) => address.to_string(),
        };
        let scheme = if asked.tls { "https" } else { "http" };
        let mut known = self.0.known();
        known.fetched.push(format!(
            "{} {scheme}://{host}:{}{}",
            asked.method.name(),
            asked.port,
            asked.target
        ));
        known.headers = asked.headers;
        if host == SILENT {
            return task(std::future::pending());
        }
        done(Ok(WebPage { status: 200, headers: Vec::new(), body: Bytes::from_static(PAGE) }))
    }
}
