//! An installation with plugins that run for real: in the kernel, on disk, each with its actor.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::Value;
use starling_contracts::{
    accounts::Profile,
    inbox::{Detail, MessageReceived},
    plugins::{ListPlugins, PluginState, PluginStatus},
};
use starling_kernel::{Kernel, KernelBuilder};
use starling_protocol::account::AccountId;
use starling_sandbox::{
    Config,
    config::PluginConfig,
    crew,
    folder::{Package, Pin, PluginFolder},
    manifest::PluginName,
    signature::Demands,
};
use starling_test_guests::guest;
use tempfile::TempDir;

use crate::people::{BOB, People};

/// How long anything may take that is waited for: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that `misbehave` and `fuzzer` ask for.
pub(crate) const ALL: &[&str] = &[
    "send:direct",
    "react:direct",
    "delete",
    "read:direct",
    "kv",
    "timers",
    "http:https://example.org",
    "config",
    "secret-reveal:token",
    "log",
    "clock",
    "random",
    "identity",
];

/// A plugin to be installed.
pub(crate) struct Installed {
    pub(crate) name: String,
    pub(crate) guest: &'static str,
    pub(crate) version: &'static str,
    /// What it asks for.
    pub(crate) asks: Vec<String>,
    /// What it is granted.
    pub(crate) grants: Vec<String>,
    /// More of what the operator says: sections.
    pub(crate) operator: String,
}

impl Installed {
    /// A guest that gets all that it asks for.
    pub(crate) fn new(name: &str, guest: &'static str, grants: &[&str]) -> Self {
        let grants: Vec<_> = grants.iter().map(|grant| (*grant).to_owned()).collect();
        Self {
            name: name.to_owned(),
            guest,
            version: "0.1.0",
            asks: grants.clone(),
            grants,
            operator: String::new(),
        }
    }

    pub(crate) fn limits(mut self, limits: &str) -> Self {
        self.operator.push_str("[limits]\n");
        self.operator.push_str(limits);
        self.operator.push('\n');
        self
    }

    pub(crate) fn operator(mut self, sections: &str) -> Self {
        self.operator.push_str(sections);
        self.operator.push('\n');
        self
    }

    fn world(&self) -> &'static str {
        if self.guest == "misjudge" { "filter" } else { "bot" }
    }

    /// Does what `starling plugin install` does.
    fn install(&self, data: &Path) {
        let Self { name, version, asks, grants, operator, .. } = self;
        let source = tempfile::tempdir().unwrap();
        let world = self.world();
        let events = match world {
            "bot" => {
                "events = [\"message\", \"command\", \"reaction\", \"receipt\", \"deletion\", \"other\"]\n"
            }
            _ => "",
        };
        let written = format!(
            "name = {name:?}\nversion = {version:?}\nworld = \"starling:plugin/{world}@0.1.0\"\n\
             component = \"plugin.wasm\"\n{events}permissions = {asks:?}\n"
        );
        fs::write(source.path().join("plugin.toml"), written).unwrap();
        fs::write(source.path().join("plugin.wasm"), guest(self.guest)).unwrap();
        let package = Package::read(source.path()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let set: PluginConfig = toml::from_str(&format!("grants = {grants:?}\n{operator}")).unwrap();
        let folder = PluginFolder::new(data);
        let plugin: PluginName = name.parse().unwrap();
        let provenance = Demands::default().check(&package.component, None).unwrap();
        let pin = Pin::new(&package, provenance, 1_790_000_000_000);
        folder.install(&plugin, &package, pin, &set.granted()).unwrap();
        folder.change_operator(&plugin, |operator| *operator = set).unwrap();
    }
}

/// An installation that runs.
pub(crate) struct Town {
    pub(crate) people: People,
    pub(crate) kernel: Kernel,
    pub(crate) folder: Arc<TempDir>,
}

impl Town {
    /// Installs plugins, and starts; they take calls when it comes back.
    pub(crate) async fn with(plugins: &[Installed]) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        for plugin in plugins {
            plugin.install(folder.path());
        }
        Self::over(folder, People::default()).await
    }

    /// Starts over a folder that was used before.
    pub(crate) async fn over(folder: Arc<TempDir>, people: People) -> Self {
        metrics();
        let config = Config { private_addresses: true, ..Config::default() };
        let builder = people.take_part(Kernel::builder().io_threads(1).cpu_threads(1));
        let crew = crew(&config, &BTreeMap::new(), folder.path().to_owned()).expect("there are plugins");
        let builder = crew.plugins.into_iter().fold(builder.actor(crew.keeper), KernelBuilder::actor);
        let kernel =
            builder.actor(crew.filters).start().await.unwrap_or_else(|error| panic!("no start: {error}"));
        let town = Self { people, kernel, folder };
        town.until("all plugins are loaded", async |town| {
            let statuses = town.statuses().await;
            let is_loaded =
                |status: &PluginStatus| status.state != PluginState::Running || !status.version.is_empty();
            statuses.iter().all(is_loaded).then_some(())
        })
        .await;
        town
    }

    /// Somebody writes, and the plugins are told.
    pub(crate) async fn write(&self, from: AccountId, body: &str) {
        let message = self.people.write(from, body);
        self.tell(message).await;
    }

    /// Something else happens.
    pub(crate) async fn happen(&self, from: AccountId, detail: Detail) {
        let message = self.people.happen(from, detail);
        self.tell(message).await;
    }

    async fn tell(&self, message: starling_contracts::inbox::StoredMessage) {
        let profile: Profile = BOB.parse().unwrap();
        self.kernel.publisher::<MessageReceived>().publish(MessageReceived { profile, message }).await;
    }

    /// Writes a message, and waits until that plugin is done with it, well or not.
    pub(crate) async fn order(&self, plugin: &str, from: AccountId, order: &str) -> PluginStatus {
        let done = |status: &PluginStatus| status.handled + status.quarantined;
        let before = done(&self.status(plugin).await);
        self.write(from, order).await;
        self.until(order, async |town| {
            let status = town.status(plugin).await;
            (done(&status) > before).then_some(status)
        })
        .await
    }

    pub(crate) async fn statuses(&self) -> Vec<PluginStatus> {
        self.kernel.ask(ListPlugins).await.expect("the keeper answers")
    }

    pub(crate) async fn status(&self, plugin: &str) -> PluginStatus {
        let statuses = self.statuses().await;
        statuses.into_iter().find(|status| status.name == plugin).expect("the plugin is in the roster")
    }

    /// Waits until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            let statuses = || async { format!("{:#?}", self.statuses().await) };
            assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}; {}", statuses().await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The lines of a plugin's log that are on disk, oldest first.
    pub(crate) fn log(&self, plugin: &str) -> Vec<String> {
        let text = |entry: Value| entry["line"].as_str().expect("a line is a text").to_owned();
        self.lines(plugin, "log.jsonl").into_iter().map(text).collect()
    }

    /// Waits for a line of a plugin's log that begins so.
    pub(crate) async fn logged(&self, plugin: &str, beginning: &str) -> String {
        self.until(&format!("{plugin} writes {beginning:?}"), async |town| {
            town.log(plugin).into_iter().rfind(|line| line.starts_with(beginning))
        })
        .await
    }

    /// The receipts of a plugin that are on disk: grant, target and outcome.
    pub(crate) fn receipts(&self, plugin: &str) -> Vec<[String; 3]> {
        let text = |receipt: &Value, key: &str| receipt[key].as_str().expect("it is a text").to_owned();
        let fields = |receipt: Value| ["grant", "target", "outcome"].map(|key| text(&receipt, key));
        self.lines(plugin, "receipts.jsonl").into_iter().map(fields).collect()
    }

    fn lines(&self, plugin: &str, file: &str) -> Vec<Value> {
        let path = self.folder.path().join("plugins").join(plugin).join(file);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }

    /// Installs another version of a plugin while it runs.
    pub(crate) fn install(&self, plugin: &Installed) {
        plugin.install(self.folder.path());
    }

    /// Brings back the version before.
    pub(crate) fn roll_back(&self, plugin: &Installed) {
        let name: PluginName = plugin.name.parse().unwrap();
        let folder = PluginFolder::new(self.folder.path());
        let granted = folder.operator(&name).unwrap().granted();
        folder.roll_back(&name, &granted).unwrap();
    }

    /// Changes what the operator says of a plugin, as `starling plugin grant` and `disable` do.
    pub(crate) fn change(&self, plugin: &str, change: impl FnOnce(&mut PluginConfig)) {
        let folder = PluginFolder::new(self.folder.path());
        folder.change_operator(&plugin.parse().unwrap(), change).unwrap();
    }

    /// Stops in order, and leaves the folder and what people know.
    pub(crate) async fn stop(self) -> (Arc<TempDir>, People) {
        assert_eq!(self.kernel.stop().await, [""; 0], "everybody ends in time");
        (self.folder, self.people)
    }
}

/// The value of a series so far; zero when it is not there.
pub(crate) fn metric(name: &str, labels: &[(&str, &str)]) -> u64 {
    let rendered = metrics().render();
    let is_it = |line: &&str| {
        let named = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        named && labels.iter().all(|(label, value)| line.contains(&format!("{label}=\"{value}\"")))
    };
    let values =
        rendered.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    values.sum()
}

fn metrics() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    static FIRST: Mutex<()> = Mutex::new(());
    let _only_one = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    let install = || PrometheusBuilder::new().install_recorder().expect("nobody else records in these tests");
    RECORDER.get_or_init(install).clone()
}
