//! A whole client around one plugin, but for the network: an inbox of the benchmark's own stands in for ours.

use std::{
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
use starling_test_guests::{guest, plugins_folder};

const PROFILE: &str = "bot";
/// Nobody is to wait for a quota here.
const PLENTY: u32 = 1_000_000;

/// The client.
pub(super) struct House {
    runtime: Runtime,
    shelf: Arc<Shelf>,
    _folder: tempfile::TempDir,
}

/// What lies in the inbox, and how many answers were taken.
#[derive(Default)]
struct Shelf {
    messages: Mutex<Vec<StoredMessage>>,
    sent: std::sync::atomic::AtomicUsize,
}

impl House {
    /// Starts a client that runs one of the tests' plugins, and keeps its instance.
    pub(super) async fn open(name: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let source = folder.path().join("source");
        std::fs::create_dir(&source)?;
        lay_out(name, &source)?;
        let data = folder.path().join("data");
        let shelf = Arc::<Shelf>::default();
        let alone = start(&data, Config::for_roles([Role::Client]), &shelf).await?;
        alone.ask(CreateAccount { profile: profile(), name: None }).await?;
        alone.stop().await;

        let mut config = Config::for_roles([Role::Client]);
        config.plugins.insert(name.parse()?, section(&source)?);
        let runtime = start(&data, config, &shelf).await?;
        let house = Self { runtime, shelf, _folder: folder };
        house.wait_for(|plugin| plugin.state == PluginState::Running && plugin.reason.is_empty()).await?;
        Ok(house)
    }

    /// Has so many messages handled, and tells how long that took.
    pub(super) async fn run(&mut self, text: &str, events: usize) -> Result<Duration> {
        let before = self.plugin().await?.handled;
        let last = {
            let mut messages = self.shelf.messages.lock().unwrap_or_else(PoisonError::into_inner);
            let next = messages.len() as u64 + 1;
            messages.extend((next..).take(events).map(|id| incoming(id, text)));
            messages.last().cloned()
        };
        let started = Instant::now();
        let message = last.context("no events")?;
        self.runtime.kernel().publisher().publish(MessageReceived { profile: profile(), message }).await;
        let wanted = before + events as u64;
        loop {
            let plugin = self.plugin().await?;
            ensure!(plugin.failed == 0 && plugin.quarantined == 0, "calls failed: {}", plugin.reason);
            if plugin.handled >= wanted {
                return Ok(started.elapsed());
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    }

    pub(super) async fn close(self) {
        self.runtime.stop().await;
    }

    async fn plugin(&self) -> Result<PluginStatus> {
        let plugins = self.runtime.ask(ListPlugins).await?;
        plugins.into_iter().next().context("there is no plugin")
    }

    async fn wait_for(&self, is_it: impl Fn(&PluginStatus) -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let plugin = self.plugin().await?;
            if is_it(&plugin) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the plugin does not run: {}", plugin.reason);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A folder with the plugin's component, and a `plugin.toml` that has its instance kept.
fn lay_out(name: &str, folder: &Path) -> Result<()> {
    let component = match name {
        "echo" => std::fs::read(plugins_folder().join("golden/0.1.0/echo.wasm"))?,
        guest_name => guest(guest_name),
    };
    std::fs::write(folder.join(format!("{name}.wasm")), component)?;
    let permissions: Vec<_> = GRANTS.iter().map(|grant| format!("{grant:?}")).collect();
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1.0.0\"\nworld = \"starling:plugin/bot@0.1.0\"\nstateful = true\n\
         retire_after = 1000000\npermissions = [{}]\n",
        permissions.join(", ")
    );
    Ok(std::fs::write(folder.join("plugin.toml"), manifest)?)
}

const GRANTS: [&str; 7] = ["send:direct", "kv", "timers", "log", "clock", "random", "identity"];

fn section(source: &Path) -> Result<PluginConfig> {
    let limits = LimitSettings {
        sends_per_minute: Some(PLENTY),
        log_lines_per_minute: Some(PLENTY),
        cpu_share: Some(100),
        ..LimitSettings::default()
    };
    let grants = GRANTS.iter().map(|grant| grant.parse()).collect::<Result<_, _>>()?;
    Ok(PluginConfig {
        source: Some(source.to_owned()),
        profile: Some(profile()),
        grants: Some(grants),
        limits: Some(limits),
        ..PluginConfig::default()
    })
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
        let messages = self.shelf.messages.lock().unwrap_or_else(PoisonError::into_inner);
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
            fn handle(&mut self, _: $message, _: &Context) -> Task<Result<<$message as Message>::Reply, Error>> {
                self.shelf.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
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

fn profile() -> Profile {
    PROFILE.parse().expect("it is a profile name")
}
