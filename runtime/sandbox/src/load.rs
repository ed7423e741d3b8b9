//! From what lies on disk and what the operator says to a plugin that can be called, or to the reason why not.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use starling_contracts::accounts::{AccountSecrets, ListAccounts, Profile, UnlockAccount};

use tracing::warn;

use crate::{
    call::LogLevel,
    config::{Allowance, OnFailure, PluginConfig, Secret},
    desk::Desk,
    folder::Package,
    guest::{Limits, Plugin, Seat},
    house::House,
    ledger::{self, Book},
    manifest::{self, EventKind, Manifest, PluginName, World},
    papers::Papers,
    permission::{Grants, Permission, SecretName},
    quota::Quotas,
    recording::{Header, Recorder},
    roster::Post,
    signature::{Demands, Digest},
};

/// The longest recording, in bytes.
const LONGEST_RECORDING: u64 = 256 << 20;
/// How much of an outbox may wait, for each message a minute that may be sent: an hour of no network.
const QUEUED_PER_SEND: u64 = 60;

/// A version of a plugin that can be called. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) desk: Arc<Desk>,
    pub(crate) events: Arc<BTreeSet<EventKind>>,
    pub(crate) on_failure: OnFailure,
    manifest: Arc<Manifest>,
    plugin: Plugin,
    secrets: Arc<AccountSecrets>,
    identity: Identity,
}

/// What makes one load another than the one before.
#[derive(Clone, PartialEq)]
struct Identity {
    digest: Digest,
    manifest: Digest,
    section: PluginConfig,
    recording: Option<PathBuf>,
}

/// Why a plugin does not run.
pub(crate) enum NotRunning {
    /// The operator has switched it off.
    Disabled,
    /// It runs as it should already.
    Unchanged,
    /// Something is missing, or wrong.
    Refused(Refusal),
}

/// What is missing or wrong, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: String,
    /// May it be otherwise in a while, though nobody changes anything?
    pub(crate) is_passing: bool,
    pub(crate) on_failure: OnFailure,
    /// The account that it was to speak as, if the operator says.
    pub(crate) profile: Option<Profile>,
    /// Must what runs now end too? It must when it is the operator who changed something.
    pub(crate) must_end: bool,
}

/// A reason, and whether it may pass by itself.
#[derive(Debug)]
pub(crate) struct Hindrance {
    pub(crate) reason: String,
    pub(crate) is_passing: bool,
}

impl Hindrance {
    /// Another actor or the disk did not do its part.
    pub(crate) fn passing(reason: impl std::fmt::Display) -> Self {
        Self { reason: reason.to_string(), is_passing: true }
    }
}

impl From<String> for Hindrance {
    fn from(reason: String) -> Self {
        Self { reason, is_passing: false }
    }
}

/// Loads the plugin as it is on disk now, with the settings' section over what was set by commands.
pub(crate) async fn load(
    house: &Arc<House>,
    papers: &Arc<Papers>,
    post: &Post,
    before: Option<&Loaded>,
) -> Result<Loaded, NotRunning> {
    let name = &post.name;
    post.note_seen(&house.folder);
    let section = section(house, name).map_err(|reason| {
        let settings = || house.sections.get(name).cloned().unwrap_or_default();
        let known = before.map_or_else(settings, |before| before.identity.section.clone());
        NotRunning::Refused(Refusal::new(reason.into(), &known, false))
    })?;
    if !section.is_enabled() {
        return Err(NotRunning::Disabled);
    }
    post.expect(&section);
    let must_end = before.is_some_and(|before| !before.may_go_on(&section));
    let refused = |why: Hindrance| NotRunning::Refused(Refusal::new(why, &section, must_end));

    post.loads_from(section.source.as_deref().map(files).unwrap_or_default(), &house.folder);
    let package = off_thread(house, {
        let (name, section) = (name.clone(), section.clone());
        move |house| package(house, &name, &section)
    });
    let Some(package) = package.await.map_err(|reason| refused(reason.into()))? else {
        // It was taken away, so that what runs is nothing that anybody wants to go on.
        return Err(NotRunning::Refused(Refusal::new(not_installed(name), &section, true)));
    };
    let identity = Identity {
        digest: package.digest(),
        manifest: Digest::of(package.manifest_text.as_bytes()),
        section: section.clone(),
        recording: house.folder.recording(name),
    };
    if before.is_some_and(|before| before.identity == identity) {
        return Err(NotRunning::Unchanged);
    }
    admit(house, papers, name, package, identity).await.map_err(refused)
}

impl Refusal {
    fn new(Hindrance { reason, is_passing }: Hindrance, section: &PluginConfig, must_end: bool) -> Self {
        let profile = section.profile.clone();
        Self { reason, is_passing, on_failure: section.failing(), profile, must_end }
    }
}

/// Checks everything that does not need the component to run, and compiles it.
async fn admit(
    house: &Arc<House>,
    papers: &Arc<Papers>,
    name: &PluginName,
    package: Package,
    identity: Identity,
) -> Result<Loaded, Hindrance> {
    let section = &identity.section;
    check_origin(house, section, &package)?;
    let manifest = Arc::new(package.manifest);
    let granted = section.granted();
    check_grants(name, &manifest.permissions, &granted)?;
    let grants = Grants::effective(&manifest.permissions, &granted);
    let allowance = Allowance::resolve(&house.config, &manifest.limits, &section.limits())?;
    if let Some(misfit) = section.misfit(name, &manifest.config) {
        return Err(misfit.into());
    }
    if let Some(lookalike) = section.lookalike(name, &manifest.config) {
        warn!(plugin = %name, "{lookalike}");
        papers.say(LogLevel::Warn, &lookalike);
    }
    let lent = lent(section, &grants)?;
    let secrets = account(house, section).await?;

    let component = package.component;
    let plugin =
        off_thread(house, move |house| house.sandbox.compile(&component).map_err(|error| error.to_string()));
    let plugin = plugin.await?;
    if plugin.world() != manifest.world {
        return Err(format!(
            "plugin.toml says {}, and the component is a {}",
            manifest.world,
            plugin.world().name()
        )
        .into());
    }
    papers.journal.allow(allowance.log_lines_per_minute);
    let config = serde_json::Value::Object(section.effective_config(&manifest.config)).to_string();
    let desk = Desk {
        name: name.clone(),
        profile: secrets.account.profile.clone(),
        own: secrets.account.id,
        grants,
        allowance,
        quotas: Quotas::new(&allowance, Arc::clone(&papers.clock)),
        config,
        secrets: lent,
        private_addresses: house.config.private_addresses,
        papers: Arc::clone(papers),
        correspondents: house.correspondents(&secrets.account.profile),
        inbox: house.inbox.clone(),
        web: house.web.clone(),
    };
    Ok(Loaded {
        desk: Arc::new(desk),
        events: Arc::new(manifest.events()),
        on_failure: section.failing(),
        manifest,
        plugin,
        secrets,
        identity,
    })
}

impl Loaded {
    pub(crate) fn version(&self) -> String {
        self.manifest.version.to_string()
    }

    pub(crate) fn world(&self) -> World {
        self.manifest.world
    }

    pub(crate) fn is_filter(&self) -> bool {
        self.world() == World::Filter
    }

    /// A seat that it takes calls in.
    pub(crate) fn seat(&self) -> Seat {
        let Allowance { memory, table_elements, call_time, .. } = self.desk.allowance;
        let limits = Limits { memory, table_elements: u64::from(table_elements), call_time };
        Seat::new(self.plugin.clone(), limits, self.manifest.kept_for())
    }

    /// Where it keeps what it knows.
    pub(crate) fn book(&self, house: &House) -> Result<Book, Hindrance> {
        let Allowance {
            kv_keys, kv_bytes, writes_per_call, timers, sends_per_call, sends_per_minute, ..
        } = self.desk.allowance;
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let quotas = ledger::Quotas {
            keys: u64::from(kv_keys),
            bytes: kv_bytes,
            writes_per_call: u64::from(writes_per_call),
            timers: size(timers),
            sends_per_call: size(sends_per_call),
            queued: (u64::from(sends_per_minute) * QUEUED_PER_SEND).max(u64::from(sends_per_call)),
            ..ledger::Quotas::default()
        };
        let book = house.ledger.book(self.desk.name.as_str(), &self.secrets.at_rest, quotas);
        book.map_err(Hindrance::passing)
    }

    /// What writes its calls down, if the operator wants that.
    pub(crate) fn recorder(&self) -> Result<Option<Recorder>, String> {
        let Some(path) = &self.identity.recording else { return Ok(None) };
        let digest = self.identity.digest.to_string();
        let kept_for = self.manifest.kept_for();
        let header =
            Header::new(self.desk.name.as_str(), &self.version(), &digest, self.world().name(), kept_for);
        let recorder = Recorder::create(path, &header, &self.desk.grants, LONGEST_RECORDING);
        recorder.map(Some).map_err(|error| error.to_string())
    }

    /// It was loaded, and then could not begin.
    pub(crate) fn refused(&self, why: Hindrance, before: Option<&Self>) -> NotRunning {
        let section = &self.identity.section;
        let must_end = before.is_some_and(|before| !before.may_go_on(section));
        NotRunning::Refused(Refusal::new(why, section, must_end))
    }

    /// May this version go on where the operator says that? Only what was granted beyond what it asks for may have changed.
    fn may_go_on(&self, section: &PluginConfig) -> bool {
        let but_grants = |section: &PluginConfig| PluginConfig { grants: None, ..section.clone() };
        let is_granted = Grants::missing(&self.manifest.permissions, &section.granted()).is_empty();
        is_granted && but_grants(section) == but_grants(&self.identity.section)
    }
}

/// What the operator says, in the settings and by commands.
fn section(house: &House, name: &PluginName) -> Result<PluginConfig, String> {
    let operator = house.folder.operator(name).map_err(|error| error.to_string())?;
    let section = house.sections.get(name).cloned().unwrap_or_default().over(operator);
    section.validate(name, &house.config)?;
    Ok(section)
}

/// Nothing when nothing is installed.
fn package(house: &House, name: &PluginName, section: &PluginConfig) -> Result<Option<Package>, String> {
    if let Some(source) = &section.source {
        return Package::read(source).map(Some).map_err(|error| error.to_string());
    }
    let installed = house.folder.get(name).map_err(|error| error.to_string())?;
    Ok(installed.map(|installed| installed.package))
}

fn not_installed(name: &PluginName) -> Hindrance {
    let reason = "it is not installed: `starling plugin install` does that, or plugins";
    Hindrance::from(format!("{reason}.{name}.source says where it is"))
}

/// The files of a plugin that is not installed, as far as they can be told.
fn files(source: &Path) -> Vec<PathBuf> {
    if !source.is_dir() {
        let manifest = source.parent().map(|folder| folder.join(manifest::FILE_NAME));
        return manifest.into_iter().chain([source.to_owned()]).collect();
    }
    let path = source.join(manifest::FILE_NAME);
    let component = Manifest::read(&path).ok().map(|manifest| source.join(manifest.component_file()));
    component.into_iter().chain([path]).collect()
}

fn check_origin(house: &House, section: &PluginConfig, package: &Package) -> Result<(), String> {
    let demands = Demands {
        digest: section.digest,
        signer: section.signer.clone(),
        require_signed: house.config.require_signed,
        trusted_keys: house.config.trusted_keys.clone(),
    };
    let checked = demands.check(&package.component, package.signature.as_deref());
    checked.map(drop).map_err(|error| error.to_string())
}

/// A plugin is granted all that it asks for, or does not run: half of its grants is not what its author has tried.
fn check_grants(name: &PluginName, asked: &Grants, granted: &Grants) -> Result<(), String> {
    let missing: Vec<_> = Grants::missing(asked, granted).iter().map(Permission::to_string).collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "it asks for {}, which it is not granted; `starling plugin grant {name} {}` grants that",
            missing.join(", "),
            missing.join(" ")
        )),
    }
}

/// The secrets that its grants name.
fn lent(section: &PluginConfig, grants: &Grants) -> Result<BTreeMap<SecretName, Secret>, String> {
    let named = |permission: &Permission| match permission {
        Permission::Secret(name) | Permission::SecretReveal(name) => Some(name.clone()),
        _ => None,
    };
    let mut lent = BTreeMap::new();
    for name in grants.iter().filter_map(named) {
        if let Some(source) = section.secret(&name) {
            let secret = source.read().map_err(|error| format!("secret {name}: {error}"))?;
            lent.insert(name, secret);
        }
    }
    Ok(lent)
}

/// Accounts can be made at any time, so whatever keeps one from being there may pass.
async fn account(house: &House, section: &PluginConfig) -> Result<Arc<AccountSecrets>, Hindrance> {
    let profile = match &section.profile {
        Some(profile) => profile.clone(),
        None => first_profile(house).await?,
    };
    house.unlock.ask_patiently(UnlockAccount { profile }).await.map_err(Hindrance::passing)
}

async fn first_profile(house: &House) -> Result<Profile, Hindrance> {
    let accounts = house.accounts.ask_patiently(ListAccounts).await.map_err(Hindrance::passing)?;
    let first = accounts.into_iter().next().map(|account| account.profile);
    first.ok_or_else(|| {
        Hindrance::passing("there is no account that it could speak as; `starling account new` makes one")
    })
}

/// Reads and compiles where a guest that waits for its turn is not held up.
async fn off_thread<T: Send + 'static>(
    house: &Arc<House>,
    work: impl FnOnce(&House) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let house = Arc::clone(house);
    match tokio::task::spawn_blocking(move || work(&house)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err("the process is stopping".to_owned()),
        },
    }
}
