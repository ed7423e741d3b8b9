//! People with accounts, and installations of the program with a data folder each.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use starling_contracts::{
    accounts::{self, Account, AccountSecrets, UnlockAccount},
    inbox::{
        DiscardHeld, Error, ListHeld, ListMessages, MessageReceived, MessageRef, Poll, Polled, ReleaseHeld,
        SendReaction, SendReply, SendText, Sent, StoredMessage, Unsend,
    },
    plugins::{self, Review, ReviewItem, Verdict},
};
use starling_inbox::Config;
use starling_kernel::{Actor, CallError, Context, Handler, Kernel, SeededEntropy, Spec, Task, done, task};
use starling_protocol::account::{AccountId, AccountKeys};
use tempfile::TempDir;
use tokio::sync::Notify;
use zeroize::Zeroizing;

use crate::network::Network;

/// Profiles of the people of these tests; their seeds are their position.
const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

pub(crate) fn keys(person: &str) -> AccountKeys {
    let position = PEOPLE.iter().position(|name| *name == person).expect("one of the people");
    AccountKeys::from_seed(&[u8::try_from(position + 1).unwrap(); 16])
}

pub(crate) fn id(person: &str) -> AccountId {
    keys(person).id()
}

/// An installation: an inbox over a data folder of its own.
pub(crate) struct Installation {
    pub(crate) kernel: Kernel,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) told: Arc<Mutex<Vec<MessageReceived>>>,
}

impl Installation {
    pub(crate) async fn new(network: &Network) -> Self {
        Self::over(network, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// An installation over a folder that was used before.
    pub(crate) async fn over(network: &Network, folder: Arc<TempDir>) -> Self {
        let secrets = PEOPLE.map(|person| (person.to_owned(), keys(person), person.to_owned())).to_vec();
        Self::with(network, folder, secrets, Config { retry_pause: Duration::ZERO, ..Config::default() })
            .await
    }

    pub(crate) async fn with(
        network: &Network,
        folder: Arc<TempDir>,
        people: Vec<(String, AccountKeys, String)>,
        config: Config,
    ) -> Self {
        Self::start(network, folder, people, config, None).await
    }

    /// An installation whose incoming texts are judged by `filter`.
    pub(crate) async fn filtered(network: &Network, config: Config, filter: &Filter) -> Self {
        let secrets = PEOPLE.map(|person| (person.to_owned(), keys(person), person.to_owned())).to_vec();
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::start(network, folder, secrets, config, Some(filter.clone())).await
    }

    async fn start(
        network: &Network,
        folder: Arc<TempDir>,
        people: Vec<(String, AccountKeys, String)>,
        config: Config,
        filter: Option<Filter>,
    ) -> Self {
        let told = Arc::default();
        let kernel = Kernel::builder()
            .clock(Arc::new(network.clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(1)))
            .io_threads(1)
            .cpu_threads(2)
            .actor(Keeper::spec(people))
            .actor(network.spec())
            .actor(Listener::spec(&told))
            .actor(starling_inbox::spec(config, folder.path().to_owned()));
        let kernel = match filter {
            Some(filter) => kernel.actor(filter.spec()),
            None => kernel,
        };
        Self { kernel: kernel.start().await.unwrap(), folder, told }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn send(&self, from: &str, to: AccountId, body: &str) -> Result<Sent, Error> {
        self.kernel.ask(SendText { profile: from.parse().unwrap(), to, body: body.to_owned() }).await
    }

    pub(crate) async fn reply(&self, from: &str, quoted: MessageRef, body: &str) -> Result<Sent, Error> {
        let (profile, to) = (from.parse().unwrap(), quoted.conversation);
        self.kernel.ask(SendReply { profile, to, body: body.to_owned(), quoted }).await
    }

    pub(crate) async fn react(
        &self,
        from: &str,
        target: MessageRef,
        emoji: &str,
        remove: bool,
    ) -> Result<Sent, Error> {
        let (profile, to) = (from.parse().unwrap(), target.conversation);
        self.kernel.ask(SendReaction { profile, to, target, emoji: emoji.to_owned(), remove }).await
    }

    pub(crate) async fn unsend(&self, from: &str, to: AccountId, sent_at: u64) -> Result<Sent, Error> {
        self.kernel.ask(Unsend { profile: from.parse().unwrap(), to, sent_at }).await
    }

    pub(crate) async fn held(&self, person: &str) -> Vec<StoredMessage> {
        self.kernel.ask(ListHeld { profile: person.parse().unwrap(), after: 0, limit: 1000 }).await.unwrap()
    }

    pub(crate) async fn release(&self, person: &str, id: u64) -> Result<StoredMessage, Error> {
        self.kernel.ask(ReleaseHeld { profile: person.parse().unwrap(), id }).await
    }

    pub(crate) async fn discard(&self, person: &str, id: u64) -> Result<(), Error> {
        self.kernel.ask(DiscardHeld { profile: person.parse().unwrap(), id }).await
    }

    pub(crate) async fn poll(&self, person: &str) -> Result<Polled, Error> {
        self.kernel.ask(Poll { profile: person.parse().unwrap() }).await
    }

    pub(crate) async fn list(&self, person: &str) -> Vec<StoredMessage> {
        self.list_after(person, 0, 1000).await
    }

    pub(crate) async fn list_after(&self, person: &str, after: u64, limit: usize) -> Vec<StoredMessage> {
        self.kernel.ask(ListMessages { profile: person.parse().unwrap(), after, limit }).await.unwrap()
    }

    /// The texts of a person's inbox, in its order.
    pub(crate) async fn texts(&self, person: &str) -> Vec<String> {
        self.list(person).await.into_iter().map(|message| message.body).collect()
    }

    /// Stops, and leaves the folder for another installation.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        assert_eq!(self.kernel.stop().await, [""; 0], "everybody ends in time");
        self.folder
    }
}

/// Stands for the keeper of accounts.
pub(crate) struct Keeper {
    people: Arc<Vec<(String, AccountKeys, String)>>,
}

impl Keeper {
    pub(crate) fn spec(people: Vec<(String, AccountKeys, String)>) -> Spec<Self> {
        let people = Arc::new(people);
        Spec::new(move |_| {
            let people = Arc::clone(&people);
            async move { Ok(Self { people }) }
        })
        .serves::<UnlockAccount>()
    }
}

impl Actor for Keeper {
    const NAME: &'static str = "accounts";
}

impl Handler<UnlockAccount> for Keeper {
    fn handle(
        &mut self,
        UnlockAccount { profile }: UnlockAccount,
        _: &Context,
    ) -> Task<Result<Arc<AccountSecrets>, accounts::Error>> {
        let person = self.people.iter().find(|(name, ..)| name == profile.as_str());
        done(match person {
            None => Err(accounts::Error::UnknownProfile(profile)),
            Some((_, keys, name)) => {
                let account = Account { id: keys.id(), profile, name: name.clone() };
                let at_rest = Zeroizing::new([keys.seed()[0] ^ 0x55; 32]);
                Ok(Arc::new(AccountSecrets {
                    account,
                    name_updated_at: 1_700_000_000,
                    keys: keys.clone(),
                    at_rest,
                }))
            }
        })
    }
}

/// Hears of every message.
struct Listener {
    told: Arc<Mutex<Vec<MessageReceived>>>,
}

impl Listener {
    fn spec(told: &Arc<Mutex<Vec<MessageReceived>>>) -> Spec<Self> {
        let told = Arc::clone(told);
        Spec::new(move |_| {
            let told = Arc::clone(&told);
            async move { Ok(Self { told }) }
        })
        .subscribes::<MessageReceived>()
    }
}

impl Actor for Listener {
    const NAME: &'static str = "listener";
}

impl Handler<MessageReceived> for Listener {
    fn handle(&mut self, message: MessageReceived, _: &Context) -> Task<Result<(), CallError>> {
        self.told.lock().unwrap().push(message);
        done(Ok(()))
    }
}

/// Stands for the filters: judges by a rule, and notes what it was asked.
#[derive(Clone)]
pub(crate) struct Filter {
    rule: Arc<dyn Fn(&ReviewItem) -> Judgement + Send + Sync>,
    asked: Arc<Mutex<Vec<ReviewItem>>>,
    /// Lets those go that hang.
    pub(crate) wake: Arc<Notify>,
}

/// What a filter does with a question.
pub(crate) enum Judgement {
    Says(Verdict),
    Fails,
    /// It does not answer before it is woken.
    Hangs,
}

impl Filter {
    pub(crate) fn by(rule: impl Fn(&ReviewItem) -> Judgement + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), asked: Arc::default(), wake: Arc::default() }
    }

    pub(crate) fn asked(&self) -> Vec<ReviewItem> {
        self.asked.lock().unwrap().clone()
    }

    fn spec(self) -> Spec<Self> {
        Spec::new(move |_| {
            let filter = self.clone();
            async move { Ok(filter) }
        })
        .serves::<Review>()
    }
}

impl Actor for Filter {
    const NAME: &'static str = "filters";
}

impl Handler<Review> for Filter {
    fn handle(&mut self, Review { item, .. }: Review, _: &Context) -> Task<Result<Verdict, plugins::Error>> {
        let judgement = (self.rule)(&item);
        self.asked.lock().unwrap().push(item);
        match judgement {
            Judgement::Says(verdict) => done(Ok(verdict)),
            Judgement::Fails => done(Err(CallError::Stopping { actor: Self::NAME }.into())),
            Judgement::Hangs => {
                let wake = Arc::clone(&self.wake);
                task(async move {
                    wake.notified().await;
                    Ok(Verdict::Allow)
                })
            }
        }
    }
}
