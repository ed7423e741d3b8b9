//! A process with plugins: its data folder, its clock, and how a test waits in it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use starling_contracts::{
    inbox::MessageReceived,
    plugins::{ListPlugins, PluginState, PluginStatus},
};
use starling_kernel::{Clock, Kernel, ManualClock, Observation, Sleep};
use starling_sandbox::{
    Config, Crew,
    config::PluginConfig,
    crew,
    folder::PluginFolder,
    journal::{self, Entry},
    manifest::PluginName,
};
use tempfile::TempDir;

use crate::mail::{Mail, START_MS, accounts, inbox, profile, transport};

/// Nothing takes so long, on the slowest machine.
const TOO_LONG: Duration = Duration::from_secs(120);
/// How far the clock of a house goes at once while somebody waits in it.
const STEP: Duration = Duration::from_millis(50);
/// How long something that is not to happen has to happen.
const A_WHILE: Duration = Duration::from_secs(5);

/// A data folder, and mostly a process on it.
pub(crate) struct House {
    pub(crate) mail: Arc<Mail>,
    pub(crate) clock: Arc<HouseClock>,
    pub(crate) config: Config,
    data: TempDir,
    kernel: Option<Kernel>,
}

impl House {
    /// A data folder without a process.
    pub(crate) fn new() -> Self {
        let data = tempfile::tempdir().expect("there is room for files");
        share_compiled_code(data.path());
        let clock = HouseClock { time: ManualClock::at(START_MS), breaks: AtomicBool::default() };
        Self { mail: Arc::default(), clock: Arc::new(clock), config: Config::default(), data, kernel: None }
    }

    pub(crate) fn folder(&self) -> PluginFolder {
        PluginFolder::new(self.data.path())
    }

    /// Changes what the operator set for a plugin.
    pub(crate) fn operate(&self, name: &str, change: impl FnOnce(&mut PluginConfig)) {
        self.folder().change_operator(&plugin_name(name), change).expect("the disk is there");
    }

    /// Starts the process.
    pub(crate) async fn open(&mut self) {
        let crew = crew(&self.config, &BTreeMap::new(), self.data.path().to_owned());
        let Crew { keeper, plugins, filters } = crew.expect("something is installed");
        let mut builder = Kernel::builder()
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .io_threads(2)
            .cpu_threads(1)
            .actor(accounts(&self.mail))
            .actor(transport())
            .actor(inbox(&self.mail))
            .actor(keeper);
        for plugin in plugins {
            builder = builder.actor(plugin);
        }
        self.kernel = Some(builder.actor(filters).start().await.expect("everything starts"));
    }

    /// Stops the process, which ends by itself.
    pub(crate) async fn close(&mut self) {
        let kernel = self.kernel.take().expect("the house is open");
        let killed = self.meanwhile(kernel.stop()).await;
        assert!(killed.is_empty(), "these had to be killed: {killed:?}");
    }

    /// Awaits something while the clock goes as fast as everybody's.
    pub(crate) async fn meanwhile<T>(&self, work: impl Future<Output = T>) -> T {
        const TICK: Duration = Duration::from_millis(5);
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(TICK) => self.clock.time.advance(TICK),
            }
        }
    }

    pub(crate) fn kernel(&self) -> &Kernel {
        self.kernel.as_ref().expect("the house is open")
    }

    /// Somebody's text comes in.
    pub(crate) async fn receive(&self, from: &str, body: &str) {
        let message = self.mail.file(from, body);
        self.kernel().publisher().publish(MessageReceived { profile: profile("bot"), message }).await;
    }

    pub(crate) async fn plugin(&self, name: &str) -> PluginStatus {
        let plugins = self.kernel().ask(ListPlugins).await.expect("the keeper answers");
        plugins.into_iter().find(|plugin| plugin.name == name).expect("it has a place")
    }

    pub(crate) async fn actor(&self, name: &str) -> Observation {
        let actors = self.kernel().observe().await;
        actors.into_iter().find(|actor| actor.name == name).expect("there is such an actor")
    }

    /// Lets time pass until a plugin is as it should be.
    pub(crate) async fn until(&self, name: &str, is_it: impl Fn(&PluginStatus) -> bool) -> PluginStatus {
        let started = Instant::now();
        loop {
            let plugin = self.plugin(name).await;
            if is_it(&plugin) {
                return plugin;
            }
            assert!(started.elapsed() < TOO_LONG, "it stays like this: {plugin:?}");
            self.pass().await;
        }
    }

    /// Lets time pass until a version runs and all is well with it.
    pub(crate) async fn until_runs(&self, name: &str, version: &str) {
        let runs = |plugin: &PluginStatus| plugin.state == PluginState::Running && plugin.reason.is_empty();
        self.until(name, |plugin| runs(plugin) && plugin.version == version).await;
    }

    /// Lets time pass until that is so.
    pub(crate) async fn until_so(&self, what: &str, is_it: impl Fn() -> bool) {
        let started = Instant::now();
        while !is_it() {
            assert!(started.elapsed() < TOO_LONG, "{what}: {:?}", self.mail.left());
            self.pass().await;
        }
    }

    /// Lets time pass until so many things have left.
    pub(crate) async fn until_left(&self, count: usize) {
        self.until_so("something has not left", || self.mail.left().len() >= count).await;
    }

    /// Lets time pass in which nothing should happen.
    pub(crate) async fn a_while(&self) {
        let until = self.clock.elapsed() + A_WHILE;
        while self.clock.elapsed() < until {
            self.pass().await;
        }
    }

    async fn pass(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.clock.time.advance(STEP);
    }

    pub(crate) fn log(&self, name: &str) -> Vec<Entry> {
        journal::read(&self.folder().log(&plugin_name(name))).expect("the disk is there")
    }

    /// Lets time pass until a line stands in a plugin's log.
    pub(crate) async fn until_logged(&self, name: &str, line: &str) {
        self.until_so(line, || self.log(name).iter().any(|entry| entry.line == line)).await;
    }
}

pub(crate) fn plugin_name(name: &str) -> PluginName {
    name.parse().expect("it is a plugin's name")
}

/// Guests are compiled once for all tests: the cache of each house is the same folder.
fn share_compiled_code(data: &Path) {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
    std::fs::create_dir_all(&shared).expect("there is room for files");
    std::fs::create_dir(data.join("plugins")).expect("there is room for files");
    std::os::unix::fs::symlink(shared, data.join("plugins/cache")).expect("files can be linked");
}

/// A clock that moves when a test says so, and once may break whoever sleeps on a thread of the guests.
pub(crate) struct HouseClock {
    pub(crate) time: ManualClock,
    pub(crate) breaks: AtomicBool,
}

impl Clock for HouseClock {
    fn now_ms(&self) -> u64 {
        self.time.now_ms()
    }

    fn elapsed(&self) -> Duration {
        self.time.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let is_guests = std::thread::current().name().is_some_and(|name| name.starts_with("starling-guest"));
        assert!(!(is_guests && self.breaks.swap(false, Ordering::AcqRel)), "as it was told");
        self.time.sleep(duration)
    }
}
