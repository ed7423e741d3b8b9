//! The network of the recordings, started again: nodes of this process with the recorded keys and swarms, on ports that the
//! system chooses, at a time that stands still until it is set.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use starling::{
    Runtime, config,
    contracts::node::{COMPATIBLE_VERSION, ServiceNode},
    kernel::{Clock, Sleep, SystemClock},
    node_list::NodeListFile,
    protocol::{
        crypto::{ed25519, random_bytes, x25519},
        swarm::SwarmId,
    },
};
use tempfile::TempDir;

use super::{door::Peer, target::Time};

/// A debug build on a busy machine takes its time.
const READY_WITHIN: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// The height that the recording network began at.
const HEIGHT: u64 = 1_800_000;

/// `network.json` of a recording.
#[derive(Debug, Clone, Deserialize)]
pub struct Plan {
    /// Hard fork and soft fork.
    pub hardfork: [u16; 2],
    /// The nodes.
    pub nodes: Vec<NodePlan>,
}

/// A node of `network.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct NodePlan {
    ed25519_seckey: String,
    /// Its key.
    pub pubkey_ed25519: ed25519::PublicKey,
    pubkey_x25519: x25519::PublicKey,
    /// Its key on the chain; here another one than `pubkey_ed25519`.
    pub service_node_pubkey: ed25519::PublicKey,
    public_ip: Ipv4Addr,
    swarm_id: u64,
}

impl Plan {
    /// Reads `network.json`.
    ///
    /// # Errors
    /// It cannot be read, or has another shape.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// The swarm of the node of that key.
    pub fn swarm(&self, pubkey_ed25519: &str) -> Option<u64> {
        let node = self.nodes.iter().find(|node| node.pubkey_ed25519.to_string() == pubkey_ed25519);
        node.map(|node| node.swarm_id)
    }

    /// Its first nodes, all of them in one swarm.
    pub fn first_in_one_swarm(&self, count: usize, swarm_id: u64) -> Self {
        let nodes = self.nodes.iter().take(count).map(|node| NodePlan { swarm_id, ..node.clone() }).collect();
        Self { hardfork: self.hardfork, nodes }
    }

    /// One node with this seed, alone in its swarm.
    ///
    /// # Errors
    /// A key without an X25519 image.
    pub fn single(seed: &[u8; 32], hardfork: [u16; 2]) -> Result<Self> {
        Self::of_seeds(&[(*seed, 7)], hardfork)
    }

    /// Nodes of these seeds in these swarms, each with an address of its own.
    ///
    /// # Errors
    /// A key without an X25519 image.
    pub fn of_seeds(seeds: &[([u8; 32], u64)], hardfork: [u16; 2]) -> Result<Self> {
        let node = |(index, (seed, swarm_id)): (usize, &([u8; 32], u64))| {
            let key = ed25519::SecretKey::from_seed(*seed);
            let last = u8::try_from(index + 30).context("too many nodes")?;
            Ok(NodePlan {
                ed25519_seckey: hex::encode(seed),
                pubkey_ed25519: key.public(),
                pubkey_x25519: key.public().to_x25519().context("a key without an image")?,
                service_node_pubkey: key.public(),
                public_ip: Ipv4Addr::new(127, 0, 0, last),
                swarm_id: *swarm_id,
            })
        };
        Ok(Self { hardfork, nodes: seeds.iter().enumerate().map(node).collect::<Result<_>>()? })
    }
}

impl NodePlan {
    fn seed_hex(&self) -> Result<&str> {
        self.ed25519_seckey.get(..64).context("ed25519_seckey is shorter than a seed")
    }
}

/// Time that stands still until it is set; waiting takes as long as it takes.
#[derive(Debug, Clone)]
pub struct SetClock {
    now_ms: Arc<AtomicU64>,
    machine: Arc<SystemClock>,
}

impl SetClock {
    /// A clock that shows `now_ms`.
    pub fn at(now_ms: u64) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(now_ms)), machine: Arc::default() }
    }

    /// Shows another time from now on.
    pub fn set(&self, now_ms: u64) {
        self.now_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn elapsed(&self) -> Duration {
        self.machine.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.machine.sleep(duration)
    }
}

/// A node that runs.
pub struct Running {
    runtime: Runtime,
    /// How it can be reached.
    pub peer: Peer,
    /// What the recording says of it.
    pub plan: NodePlan,
    /// As the node list has it.
    pub node: ServiceNode,
}

/// The nodes, their time, their files.
pub struct Network {
    /// All nodes, in the order of the plan.
    pub nodes: Vec<Running>,
    /// The time that all of them have.
    pub clock: SetClock,
    _folder: TempDir,
}

impl Network {
    /// Starts the nodes and waits until each can serve.
    ///
    /// # Errors
    /// A node does not start, or is not ready in time.
    pub async fn start(plan: &Plan, now_ms: u64) -> Result<Self> {
        Self::start_with(plan, now_ms, |_| ()).await
    }

    /// As [`start`](Self::start), with other settings.
    ///
    /// # Errors
    /// As there, or settings that cannot be.
    pub async fn start_with(plan: &Plan, now_ms: u64, set: impl Fn(&mut starling::Config)) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for the network")?;
        let clock = SetClock::at(now_ms);
        let mut seed = [0; 32];
        random_bytes(&mut seed);
        let authority = ed25519::SecretKey::from_seed(seed);
        let list = folder.path().join("nodes.json");
        let start = plan.nodes.iter().enumerate().map(|(index, node)| {
            let data = folder.path().join(format!("node-{index}"));
            let mut config = config::private_node(list.clone(), Some(authority.public()));
            bind(&mut config, node.public_ip);
            set(&mut config);
            start(node, data, config, clock.clone())
        });
        let nodes = futures::future::try_join_all(start).await?;

        let entries = nodes.iter().map(|running| running.node.clone()).collect();
        let file = NodeListFile::new(HEIGHT, plan.hardfork, [7; 32], entries)?;
        file.sign(&authority).write(&list)?;
        let network = Self { nodes, clock, _folder: folder };
        tokio::time::timeout(READY_WITHIN, network.ready())
            .await
            .with_context(|| format!("the nodes are not ready after {READY_WITHIN:?}"))?;
        Ok(network)
    }

    async fn ready(&self) {
        for running in &self.nodes {
            // Another thread's state has no event to await.
            while !running.runtime.unready().is_empty() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// The node of that key.
    pub fn node(&self, pubkey_ed25519: &str) -> Option<&Running> {
        self.nodes.iter().find(|running| running.peer.ed25519.to_string() == pubkey_ed25519)
    }

    /// The nodes' time, for whoever asks them.
    pub fn time(&self) -> Time {
        let clock = self.clock.clone();
        Time::Owned(Arc::new(move || i64::try_from(clock.now_ms()).unwrap_or(i64::MAX)))
    }

    /// Stops the nodes.
    pub async fn stop(self) {
        futures::future::join_all(self.nodes.into_iter().map(|running| running.runtime.stop())).await;
    }
}

/// Nearly as long as a member has at all.
const PATIENCE: Duration = Duration::from_secs(4);

/// Every door at the node's own address, on ports that the system chooses.
fn bind(config: &mut starling::Config, address: Ipv4Addr) {
    config.runtime.io_threads = 1;
    config.runtime.cpu_threads = 1;
    config.gateway.workers = 1;
    config.gateway.https = SocketAddr::from((address, 0));
    config.gateway.quic.listen = SocketAddr::from((address, 0));
    // The number that QUIC has.
    config.gateway.omq.listen = SocketAddr::from((address, 0));
    // The player asks faster than any client may.
    config.gateway.rate.per_second = 0;
    config.transport.listen = address;
    // Answers are compared here, whatever a busy machine takes for them: no member is given up for being slow.
    config.swarm.least_patience = PATIENCE;
}

async fn start(
    plan: &NodePlan,
    data: std::path::PathBuf,
    config: starling::Config,
    clock: SetClock,
) -> Result<Running> {
    write_key(plan, &data).with_context(|| format!("{}", data.display()))?;
    let runtime = Runtime::builder().config(config).data_dir(&data).clock(Arc::new(clock)).start().await?;
    let listening = runtime.listening().await;
    ensure!(listening.pubkey_ed25519 == Some(plan.pubkey_ed25519), "the node has another key than recorded");
    let https = listening.gateway.https.context("the node has no HTTPS edge")?;
    let libp2p = listening.libp2p.context("the node does not listen for libp2p")?;
    let node = ServiceNode {
        ed25519: plan.pubkey_ed25519,
        x25519: plan.pubkey_x25519,
        legacy: plan.service_node_pubkey,
        public_ip: plan.public_ip,
        storage_port: https.port(),
        omq_port: omq_port(&runtime).await,
        libp2p_port: libp2p.port,
        swarm: SwarmId(plan.swarm_id),
        version: COMPATIBLE_VERSION,
        requested_unlock_height: 0,
    };
    let door = (node.omq_port != 0).then(|| SocketAddr::from((plan.public_ip, node.omq_port)));
    let url = format!("https://{https}");
    let peer = Peer { ed25519: plan.pubkey_ed25519, url, quic: door, omq: door };
    Ok(Running { runtime, peer, plan: plan.clone(), node })
}

/// The one number of QUIC and OxenMQ; 0 when neither is served.
async fn omq_port(runtime: &Runtime) -> u16 {
    runtime.ask(starling::contracts::gateway::QuicAddress).await.map_or(0, |address| address.port())
}

/// As a node writes its key at its first start.
fn write_key(plan: &NodePlan, data: &Path) -> Result<()> {
    fs::create_dir_all(data)?;
    fs::write(data.join("version"), "1\n")?;
    let path = data.join("node.key");
    fs::write(&path, format!("{}\n", plan.seed_hex()?))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
