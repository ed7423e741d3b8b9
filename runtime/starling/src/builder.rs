//! Collects what a runtime is made of.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf, sync::Arc};

use starling_kernel::{
    Actor, Clock, Entropy, Kernel, KernelBuilder, Spec, SystemClock, SystemEntropy, config::Loader,
};

use crate::{
    assembly,
    config::{Config, Role},
    data_folder::DataFolder,
    error::Error,
    metrics, node_key,
    runtime::Runtime,
};

/// Makes a [`Runtime`]; see there.
#[derive(Default)]
#[must_use = "nothing runs before `start`"]
pub struct RuntimeBuilder {
    config: Option<Config>,
    loader: Loader,
    roles: Option<BTreeSet<Role>>,
    data_dir: Option<PathBuf>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    left_out: BTreeSet<&'static str>,
    own: Vec<Join>,
}

/// Adds an actor whose type is forgotten here.
type Join = Box<dyn FnOnce(KernelBuilder) -> KernelBuilder + Send>;

impl RuntimeBuilder {
    /// Takes all settings from code. Files, variables and assignments given to the builder are then not read.
    pub fn config(mut self, config: Config) -> Self {
        self.config = Some(config);
        self
    }

    /// Reads a file of settings, over those before it.
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.loader = self.loader.file(path);
        self
    }

    /// Takes settings from these variables of the environment: `STARLING_SECTION__KEY`.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.loader = self.loader.environment("STARLING", variables);
        self
    }

    /// Sets one key, `section.key`, over files and environment. The value is read as `-O` of the command reads it.
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.loader = self.loader.set(format!("{key}={value}"));
        self
    }

    /// Decides the roles, whatever the settings say.
    pub fn roles(mut self, roles: impl IntoIterator<Item = Role>) -> Self {
        self.roles = Some(roles.into_iter().collect());
        self
    }

    /// Decides the data folder, whatever the settings say.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Time other than the machine's: for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Randomness other than the machine's: for tests.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = Some(entropy);
        self
    }

    /// Adds an actor. One that has the name of ours stands in for it.
    pub fn actor<A: Actor>(mut self, spec: Spec<A>) -> Self {
        self.left_out.insert(A::NAME);
        self.own.push(Box::new(move |kernel| kernel.actor(spec)));
        self
    }

    /// Leaves one of our actors out; what others ask of it is answered with "not served".
    pub fn without(mut self, name: &'static str) -> Self {
        self.left_out.insert(name);
        self
    }

    /// Starts the actors and waits until each can be asked.
    ///
    /// A node may need longer until it can serve: [`Runtime::unready`] says what it waits for.
    ///
    /// # Errors
    /// [`Error`]; what was started by then has been stopped again.
    pub async fn start(self) -> Result<Runtime, Error> {
        let mut config = match self.config {
            Some(config) => config,
            None => self.loader.load::<Config>()?.value,
        };
        if let Some(roles) = self.roles {
            config.runtime.roles = roles;
        }
        if let Some(data_dir) = self.data_dir {
            config.runtime.data_dir = Some(data_dir);
        }
        config.validate()?;

        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::default()));
        let entropy = self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy));
        metrics::collect();
        let folder = DataFolder::open(&config.runtime.data_folder())?;
        let node_key = match config.has_role(Role::Node) {
            true => Some(Arc::new(node_key::load_or_create(folder.path(), entropy.as_ref())?)),
            false => None,
        };

        let kernel = Kernel::builder()
            .clock(clock)
            .entropy(entropy)
            .io_threads(config.runtime.io_threads)
            .cpu_threads(config.runtime.cpu_threads);
        let parts = assembly::Parts { config: &config, folder: folder.path(), node_key: node_key.clone() };
        let kernel = assembly::assemble(kernel, &parts, &self.left_out);
        let kernel = self.own.into_iter().fold(kernel, |kernel, join| join(kernel));
        let kernel = kernel.start().await?;
        Ok(Runtime::new(kernel, config, folder, node_key.map(|key| key.public())))
    }
}
