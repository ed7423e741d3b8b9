//! The machine that plugins run on: one engine for all of them, its compiled code cached on disk, its memory pooled.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{info, warn};
use wasmtime::{
    Cache, CacheConfig, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, component::Linker,
};

use crate::{config::CodeMode, room::Room};

/// How often a running guest is made to give way to others. A guest that does nothing but count is interrupted so often.
const TICK: Duration = Duration::from_millis(2);
/// Stack of a guest's own code.
const GUEST_STACK: usize = 512 << 10;
/// Stack of a call as a whole: the guest's, and what host functions need above it.
const CALL_STACK: usize = 1 << 20;
/// What one component may be made of. An interpreter of a scripting language is linked together from some twenty modules.
const MODULES_PER_COMPONENT: u32 = 64;
const TABLES_PER_COMPONENT: u32 = 32;
const MEMORIES_PER_COMPONENT: u32 = 4;
/// An interpreter of JavaScript has two.
const MEMORIES_PER_INSTANCE: u32 = 2;
/// On average over all components; a small one has four modules.
const MODULES_PER_INSTANCE: u32 = 16;
/// Elements of a pooled table; scripting languages come with some ten thousand functions.
const POOLED_TABLE: usize = 65_536;
/// Memory of a slot that is wiped rather than handed back to the system when an instance ends.
const KEPT_RESIDENT: usize = 64 << 10;

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Machine code, or an interpreter.
    pub mode: CodeMode,
    /// Where compiled code is kept between starts; nowhere when absent.
    pub cache: Option<PathBuf>,
    /// The most memory that any plugin may be given, in bytes.
    pub max_memory: u64,
    /// How many instances there may be at once.
    pub instances: u32,
}

/// Why there is no engine.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Code cannot be made at run time, which hardened systems forbid.
    #[error(
        "this system does not let plugins be compiled ({0}); with sandbox.code = \"interpreted\" they run without"
    )]
    Forbidden(String),
    /// The engine cannot be set up on this machine.
    #[error("plugins cannot run on this machine: {0}")]
    Engine(String),
    /// The folder for compiled code is not usable.
    #[error("the cache of compiled plugins cannot be used: {0}")]
    Cache(String),
    /// A thread could not be started.
    #[error("a thread for plugins could not be started")]
    Thread(#[source] std::io::Error),
}

/// The shared machine. Cheap to clone; it ends with its last clone.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    linker: Linker<Room>,
    ticker: Ticker,
    places: Arc<Semaphore>,
    cache: Option<Cache>,
    is_pooled: bool,
}

impl Sandbox {
    /// Sets up an engine: with pooled memory where the machine has the address space for it, else without.
    ///
    /// # Errors
    /// When code cannot be run in the wanted way, or the cache's folder cannot be used.
    pub fn new(options: &EngineOptions) -> Result<Self, SandboxError> {
        let cache = options.cache.as_ref().map(open_cache).transpose()?;
        let (engine, is_pooled) = match Engine::new(&config(options, cache.clone(), Allocation::Pooled)?) {
            Ok(engine) => (engine, true),
            Err(error) => {
                warn!(reason = %error, "memory for plugins cannot be pooled here; calls take a little longer");
                let config = config(options, cache.clone(), Allocation::OnDemand)?;
                (Engine::new(&config).map_err(refused)?, false)
            }
        };
        probe(&engine, options.mode)?;
        let linker = Room::linker(&engine).map_err(refused)?;
        let ticker = Ticker::start(engine.clone())?;
        let places = Arc::new(Semaphore::new(usize::try_from(options.instances).unwrap_or(usize::MAX >> 3)));
        info!(pooled = is_pooled, mode = ?options.mode, "engine for plugins ready");
        Ok(Self { inner: Arc::new(Inner { engine, linker, ticker, places, cache, is_pooled }) })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn linker(&self) -> &Linker<Room> {
        &self.inner.linker
    }

    /// Waits until another instance may be made.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.inner.places).acquire_owned().await.expect("the places are never closed")
    }

    /// Has running guests give way to each other until the answer is dropped.
    pub(crate) fn tick(&self) -> Ticking<'_> {
        self.inner.ticker.hold()
    }

    /// Whether memory is pooled.
    pub fn is_pooled(&self) -> bool {
        self.inner.is_pooled
    }

    /// How many compilations the cache has saved, and how many it could not.
    pub fn cache_use(&self) -> (usize, usize) {
        self.inner.cache.as_ref().map_or((0, 0), |cache| (cache.cache_hits(), cache.cache_misses()))
    }
}

/// A module with one function that does nothing.
const NOTHING: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x04\x01\x02\0\x0b";

/// Does this machine let plugins run in that way? Found out with a function, since what forbids code made at run time forbids it
/// only then.
fn probe(engine: &Engine, mode: CodeMode) -> Result<(), SandboxError> {
    let made = wasmtime::Module::new(engine, NOTHING);
    made.map(drop).map_err(|error| match mode {
        CodeMode::Native => SandboxError::Forbidden(format!("{error:#}")),
        CodeMode::Interpreted => refused(error),
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Allocation {
    Pooled,
    OnDemand,
}

fn config(
    options: &EngineOptions,
    cache: Option<Cache>,
    allocation: Allocation,
) -> Result<wasmtime::Config, SandboxError> {
    let mut config = wasmtime::Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(true);
    config.max_wasm_stack(GUEST_STACK);
    config.async_stack_size(CALL_STACK);
    config.cache(cache);
    if options.mode == CodeMode::Interpreted {
        config.target("pulley64").map_err(refused)?;
    }
    if allocation == Allocation::Pooled {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options)));
    }
    Ok(config)
}

fn pool(options: &EngineOptions) -> PoolingAllocationConfig {
    let EngineOptions { instances, max_memory, .. } = *options;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances);
    pool.total_core_instances(instances.saturating_mul(MODULES_PER_INSTANCE).max(MODULES_PER_COMPONENT));
    pool.total_memories(instances.saturating_mul(MEMORIES_PER_INSTANCE).max(MEMORIES_PER_COMPONENT));
    pool.total_tables(instances.saturating_mul(4).max(TABLES_PER_COMPONENT));
    pool.total_stacks(instances);
    pool.max_core_instances_per_component(MODULES_PER_COMPONENT);
    pool.max_memories_per_component(MEMORIES_PER_COMPONENT);
    pool.max_tables_per_component(TABLES_PER_COMPONENT);
    pool.max_tables_per_module(TABLES_PER_COMPONENT);
    pool.max_memory_size(usize::try_from(max_memory).unwrap_or(usize::MAX));
    pool.table_elements(POOLED_TABLE);
    pool.linear_memory_keep_resident(KEPT_RESIDENT);
    pool
}

fn open_cache(folder: &PathBuf) -> Result<Cache, SandboxError> {
    let broken = |error: wasmtime::Error| SandboxError::Cache(format!("{error:#}"));
    std::fs::create_dir_all(folder).map_err(|error| SandboxError::Cache(error.to_string()))?;
    let folder = folder.canonicalize().map_err(|error| SandboxError::Cache(error.to_string()))?;
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).map_err(broken)
}

fn refused(error: wasmtime::Error) -> SandboxError {
    SandboxError::Engine(format!("{error:#}"))
}

/// Counts epochs while guests run, and sleeps while none does.
struct Ticker {
    running: Arc<AtomicUsize>,
    thread: Thread,
}

impl Ticker {
    fn start(engine: Engine) -> Result<Self, SandboxError> {
        let running = Arc::<AtomicUsize>::default();
        let weak = engine.weak();
        drop(engine);
        let seen = Arc::downgrade(&running);
        let ticking = move || {
            while let Some(running) = seen.upgrade() {
                let is_idle = running.load(Ordering::Acquire) == 0;
                drop(running);
                if is_idle {
                    std::thread::park();
                    continue;
                }
                std::thread::sleep(TICK);
                match weak.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        };
        let named = std::thread::Builder::new().name("starling-epoch".to_owned());
        let thread = named.spawn(ticking).map_err(SandboxError::Thread)?.thread().clone();
        Ok(Self { running, thread })
    }

    fn hold(&self) -> Ticking<'_> {
        if self.running.fetch_add(1, Ordering::AcqRel) == 0 {
            self.thread.unpark();
        }
        Ticking(self)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.running = Arc::default();
        self.thread.unpark();
    }
}

/// Keeps the epochs counting.
pub(crate) struct Ticking<'a>(&'a Ticker);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}
