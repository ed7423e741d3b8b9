//! A whole client around one plugin, but for the network: an inbox of the benchmark's own stands in for ours.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use starling::{
    Config, Role, Runtime,
    contracts::{
        accounts::{CreateAccount, Profile},
        inbox::{
            Error, ListMessages, MessageKind, MessageReceived, Poll, Polled, SendReaction, SendReply,
            SendText, Sent, StoredMessage, Unsend,
        },
        plugins::{ListPlugins, PluginState, PluginStatus},
    },
    kernel::{Actor, Context, Handler, Message, Spec, Task, done},
    protocol::{account::AccountId, storage::MessageHash},
    sandbox::config::{LimitSettings, PluginConfig},
};
use starling_test_guests::guest;

/// Nobody is to wait for a quota here.
const PLENTY: u32 = 6_000;
const WRITES: u32 = 10_000_000;

/// The client.
pub(super) struct House {
    pub(super) runtime: Runtime,
    shelf: Arc<Shelf>,
    _folder: tempfile::TempDir,
}

/// What lies in the inbox of each account, and how many answers of each were taken.
#[derive(Default)]
struct Shelf {
    accounts: Mutex<BTreeMap<Profile, Kept>>,
}

#[derive(Default)]
struct Kept {
    messages: Vec<StoredMessage>,
    sent: usize,
}

/// A plugin of the tests, under a name of its own, which is that of its account too.
pub(super) struct Cast {
    pub(super) name: &'static str,
    pub(super) guest: &'static str,
    pub(super) section: PluginConfig,
    /// Is its instance kept from call to call?
    pub(super) is_kept: bool,
}

impl House {
    /// Starts a client that runs these plugins.
    pub(super) async fn open(cast: &[Cast], tune: impl Fn(&mut Config)) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let shelf = Arc::<Shelf>::default();
        let alone = start(&data, Config::for_roles([Role::Client]), &shelf).await?;
        for Cast { name, .. } in cast {
            alone.ask(CreateAccount { profile: name.parse()?, name: None }).await?;
        }
        alone.stop().await;

        let mut config = Config::for_roles([Role::Client]);
        tune(&mut config);
        for Cast { name, guest, section, is_kept } in cast {
            let source = folder.path().join(name);
            std::fs::create_dir(&source)?;
            lay_out(name, guest, *is_kept, &source)?;
            let section =
                PluginConfig { source: Some(source), profile: Some(name.parse()?), ..section.clone() };
            config.plugins.insert(name.parse()?, section);
        }
        let runtime = start(&data, config, &shelf).await?;
        let house = Self { runtime, shelf, _folder: folder };
        house.wait_until_all_run().await?;
        Ok(house)
    }

    /// Has so many messages handled, and tells how long that took.
    pub(super) async fn run(&self, name: &str, text: &str, events: usize) -> Result<Duration> {
        let before = self.plugin(name).await?.handled;
        let started = Instant::now();
        self.tell(name, text, events).await?;
        let wanted = before + events as u64;
        loop {
            let plugin = self.plugin(name).await?;
            ensure!(plugin.failed == 0 && plugin.quarantined == 0, "calls failed: {}", plugin.reason);
            if plugin.handled >= wanted {
                return Ok(started.elapsed());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    /// Puts messages into the inbox of a plugin's account.
    pub(super) async fn tell(&self, name: &str, text: &str, count: usize) -> Result<()> {
        let profile: Profile = name.parse()?;
        let last = {
            let mut accounts = self.shelf.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            let messages = &mut accounts.entry(profile.clone()).or_default().messages;
            let next = messages.len() as u64 + 1;
            messages.extend((next..).take(count).map(|id| incoming(id, text)));
            messages.last().cloned()
        };
        let message = last.context("no events")?;
        self.runtime.kernel().publisher().publish(MessageReceived { profile, message }).await;
        Ok(())
    }

    /// How many answers the account of that name has given.
    pub(super) fn sent(&self, name: &str) -> Result<usize> {
        let accounts = self.shelf.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(accounts.get(&name.parse()?).map_or(0, |kept| kept.sent))
    }

    pub(super) async fn close(self) {
        self.runtime.stop().await;
    }

    pub(super) async fn plugins(&self) -> Result<Vec<PluginStatus>> {
        Ok(self.runtime.ask(ListPlugins).await?)
    }

    async fn plugin(&self, name: &str) -> Result<PluginStatus> {
        let found = self.plugins().await?.into_iter().find(|plugin| plugin.name == name);
        found.with_context(|| format!("there is no plugin {name}"))
    }

    async fn wait_until_all_run(&self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let waiting = self
                .plugins()
                .await?
                .into_iter()
                .find(|plugin| plugin.state != PluginState::Running || !plugin.reason.is_empty());
            let Some(waiting) = waiting else { return Ok(()) };
            ensure!(Instant::now() < deadline, "{} does not run: {}", waiting.name, waiting.reason);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A folder with the plugin's component and a `plugin.toml`.
fn lay_out(name: &str, guest_name: &str, is_kept: bool, folder: &Path) -> Result<()> {
    std::fs::write(folder.join(format!("{name}.wasm")), guest(guest_name))?;
    let permissions: Vec<_> = GRANTS.iter().map(|grant| format!("{grant:?}")).collect();
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\n\
         {}permissions = [{}]\n",
        if is_kept { "stateful = true\nretire_after = 1000000\n" } else { "" },
        permissions.join(", ")
    );
    Ok(std::fs::write(folder.join("plugin.toml"), manifest)?)
}

const GRANTS: [&str; 10] = [
    "send:direct",
    "react:direct",
    "kv",
    "timers",
    "config",
    "log",
    "clock",
    "random",
    "identity",
    "http:http://127.0.0.1",
];

/// All that the plugins ask for, and quotas that nobody comes near.
pub(super) fn plenty() -> Result<PluginConfig> {
    let limits = LimitSettings {
        sends_per_minute: Some(PLENTY),
        log_lines_per_minute: Some(PLENTY),
        writes_per_minute: Some(WRITES),
        cpu_share: Some(100),
        ..LimitSettings::default()
    };
    Ok(PluginConfig { limits: Some(limits), ..ordinary()? })
}

/// All that the plugins ask for, and the quotas that everybody has.
pub(super) fn ordinary() -> Result<PluginConfig> {
    let grants = GRANTS.iter().map(|grant| grant.parse()).collect::<Result<_, _>>()?;
    Ok(PluginConfig { grants: Some(grants), ..PluginConfig::default() })
}

async fn start(data: &Path, mut config: Config, shelf: &Arc<Shelf>) -> Result<Runtime> {
    config.gateway.operator = ([127, 0, 0, 1], 0).into();
    let shelf = Arc::clone(shelf);
    let inbox = Spec::new(move |_| {
        let shelf = Arc::clone(&shelf);
        async move { Ok(Stand { shelf }) }
    })
    .serves::<ListMessages>()
    .serves::<SendText>()
    .serves::<SendReply>()
    .serves::<SendReaction>()
    .serves::<Unsend>()
    .serves::<Poll>();
    Ok(Runtime::builder().config(config).data_dir(data).actor(inbox).start().await?)
}

/// Stands in for the inbox: keeps everything in memory, and takes every answer at once.
struct Stand {
    shelf: Arc<Shelf>,
}

impl Actor for Stand {
    const NAME: &'static str = "inbox";
}

impl Handler<ListMessages> for Stand {
    fn handle(&mut self, question: ListMessages, _: &Context) -> Task<Result<Vec<StoredMessage>, Error>> {
        let accounts = self.shelf.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = accounts.get(&question.profile).map_or(&[] as &[_], |kept| &kept.messages);
        let after = usize::try_from(question.after).unwrap_or(usize::MAX);
        done(Ok(messages.iter().skip(after).take(question.limit).cloned().collect()))
    }
}

impl Handler<Poll> for Stand {
    fn handle(&mut self, _: Poll, _: &Context) -> Task<Result<Polled, Error>> {
        done(Ok(Polled::default()))
    }
}

/// The ways in which a plugin can send.
macro_rules! takes {
    ($($message:ty),*) => {$(
        impl Handler<$message> for Stand {
            fn handle(&mut self, message: $message, _: &Context) -> Task<Result<<$message as Message>::Reply, Error>> {
                let mut accounts = self.shelf.accounts.lock().unwrap_or_else(PoisonError::into_inner);
                accounts.entry(message.profile).or_default().sent += 1;
                done(Ok(sent()))
            }
        }
    )*};
}
takes!(SendText, SendReply, SendReaction, Unsend);

fn sent() -> Sent {
    Sent { hash: hash(), timestamp: 1, stored_by: Vec::new(), path: Vec::new(), swarm: None, synced: true }
}

fn incoming(id: u64, text: &str) -> StoredMessage {
    let author = author();
    StoredMessage {
        id,
        hash: hash(),
        from: author,
        conversation: author,
        body: text.to_owned(),
        sent_at: id,
        received_at: id,
        kind: MessageKind::Text,
        detail: None,
        is_request: false,
        attachments: 0,
        review: None,
    }
}

/// Somebody whom the protocol's documents have for an example.
fn author() -> AccountId {
    const ID: &str = "05d2ad010eeb72d72e561d9de7bd7b6989af77dcabffa03a5111a6c859ae5c3a72";
    ID.parse().expect("it is an account id")
}

fn hash() -> MessageHash {
    MessageHash::from_bytes(&[b'A'; MessageHash::LEN]).expect("it has the form of one")
}
