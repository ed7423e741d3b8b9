//! A client in a network of the test's making.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::{Value, json};
use starling_contracts::routing::{
    AskNode, AskServer, AskSwarm, Error, KnownSwarm, NetworkTime, NodeReply, SwarmMembers,
};
use starling_kernel::{Clock, Kernel, SeededEntropy, StartError, SystemClock};
use starling_protocol::{
    account::{AccountId, Prefix},
    crypto::ed25519::PublicKey,
};
use starling_routing::{
    FirstHop, Network as NetworkConfig, Seed as SeedConfig,
    paths::{PathsConfig, spec},
};
use tempfile::TempDir;

use crate::network::{Network, seed_url};

/// Longer than anything here takes, so that only what hangs runs into it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The settings that tests change.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) config: PathsConfig,
    pub(crate) network: NetworkConfig,
    pub(crate) first_hop: FirstHop,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) seed: u64,
}

impl Settings {
    /// Defaults, but without second tries beside the first, which would make the order of things a matter of speed.
    pub(crate) fn of(network: &Network) -> Self {
        let count = u16::try_from(network.state().seeds.len()).expect("a few seeds");
        let seeds = (0..count).map(|seed| SeedConfig { url: seed_url(seed), certificates: Vec::new() });
        Self {
            config: PathsConfig { second_try_after: Duration::from_secs(3600), ..PathsConfig::default() },
            network: NetworkConfig { seeds: seeds.collect(), min_pool: 3, ..NetworkConfig::default() },
            first_hop: FirstHop::Libp2p,
            clock: Arc::new(SystemClock::default()),
            seed: 1,
        }
    }
}

/// A running client.
pub(crate) struct House {
    pub(crate) kernel: Kernel,
    pub(crate) network: Network,
    pub(crate) folder: Arc<TempDir>,
    pub(crate) settings: Settings,
}

impl House {
    pub(crate) async fn open(network: &Network) -> Self {
        Self::with(network, Settings::of(network)).await
    }

    pub(crate) async fn with(network: &Network, settings: Settings) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a folder for the test"));
        Self::start(network, settings, folder).await.expect("the client starts")
    }

    pub(crate) async fn start(
        network: &Network,
        settings: Settings,
        folder: Arc<TempDir>,
    ) -> Result<Self, StartError> {
        let Settings { config, network: described, first_hop, clock, seed } = settings.clone();
        let kernel = Kernel::builder()
            .clock(clock)
            .entropy(Arc::new(SeededEntropy::new(seed)))
            .io_threads(1)
            .cpu_threads(1)
            .actor(network.transport())
            .actor(spec(config, described, first_hop, folder.path().to_owned()))
            .start()
            .await?;
        Ok(Self { kernel, network: network.clone(), folder, settings })
    }

    /// Stops the client and starts another one in the same folder.
    pub(crate) async fn restart(self, seed: u64) -> Self {
        assert_eq!(self.kernel.stop().await, [""; 0]);
        let settings = Settings { seed, ..self.settings.clone() };
        Self::start(&self.network, settings, self.folder).await.expect("the client starts")
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn ask_node(&self, node: PublicKey) -> Result<NodeReply, Error> {
        let payload = Bytes::from(json!({ "method": "ask", "params": { "n": 1 } }).to_string());
        self.kernel.ask(AskNode { node, payload, deadline: PATIENCE }).await
    }

    pub(crate) async fn ask_swarm(&self, prefer: Option<PublicKey>) -> Result<NodeReply, Error> {
        self.ask_swarm_within(prefer, PATIENCE).await
    }

    pub(crate) async fn ask_swarm_within(
        &self,
        prefer: Option<PublicKey>,
        deadline: Duration,
    ) -> Result<NodeReply, Error> {
        let payload = json!({ "method": "store", "params": { "pubkey": account() } }).to_string().into();
        self.kernel.ask(AskSwarm { account: account(), payload, prefer, deadline }).await
    }

    pub(crate) async fn ask_server(&self, target: &str, payload: &'static [u8]) -> Result<Bytes, Error> {
        let x25519 = self.network.state().server.public();
        let ask = AskServer {
            host: "files.example.org".to_owned(),
            port: 443,
            tls: true,
            target: target.to_owned(),
            x25519,
            payload: Bytes::from_static(payload),
            deadline: PATIENCE,
        };
        self.kernel.ask(ask).await
    }

    pub(crate) async fn members(&self) -> Result<KnownSwarm, Error> {
        self.kernel.ask(SwarmMembers { account: account() }).await
    }

    pub(crate) async fn network_time(&self) -> Result<u64, Error> {
        self.kernel.ask(NetworkTime).await
    }

    /// What the actor shows of itself.
    pub(crate) async fn observed(&self, key: &str) -> Value {
        let observations = self.kernel.observe().await;
        let paths = observations.into_iter().find(|observation| observation.name == "paths");
        paths.expect("the actor is there").state[key].clone()
    }

    /// Waits until the actor shows this.
    pub(crate) async fn until(&self, key: &str, expected: impl Fn(u64) -> bool) {
        let begun = std::time::Instant::now();
        loop {
            let seen = self.observed(key).await;
            if seen.as_u64().is_some_and(&expected) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{key} stays {seen}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Asks until both guards were used, and tells which they are.
    pub(crate) async fn guards(&self) -> [PublicKey; 2] {
        // Over the destination leads no path, so it takes more than one to see both.
        let mut destinations = self.network.keys().into_iter().cycle();
        let mut guards = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let destination = destinations.next().expect("there are nodes");
            guards.insert(self.ask_node(destination).await.expect("the network is well").path[0]);
            if let [one, other] = guards.iter().copied().collect::<Vec<_>>()[..] {
                return [one, other];
            }
        }
        panic!("a hundred requests took the same guard");
    }
}

pub(crate) fn account() -> AccountId {
    AccountId::new(Prefix::Standard, [5; 32])
}
