//! All nodes of a private network together.

use std::{fs, future::Future, path::PathBuf, time::Duration};

use futures::stream::{FuturesUnordered, StreamExt as _};
use starling::{
    config,
    kernel::{Entropy, SystemEntropy},
    protocol::crypto::ed25519,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    events::{NodeFacts, NodeLost, Ready, Reporter},
    node::{self, Ended, Node},
    place::Place,
    readiness,
    roster::{self, Roster},
};
use crate::{exit::Failure, progress};

/// Nodes that start at the same time, per core: starting is mostly waiting for disks and other processes.
const STARTING_PER_CORE: usize = 2;

/// The processes and what is known of them.
pub(crate) struct Network<'a> {
    place: &'a Place,
    overrides: &'a [String],
    program: PathBuf,
    authority: ed25519::SecretKey,
    nodes: Vec<Node>,
    roster: Option<Roster>,
    stop: watch::Sender<bool>,
    tending: JoinSet<()>,
    ended: (mpsc::Sender<Ended>, mpsc::Receiver<Ended>),
    failed_demo: Option<Failure>,
}

impl<'a> Network<'a> {
    pub(crate) fn new(place: &'a Place, overrides: &'a [String]) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(|error| {
            Failure::machine(format!("could not find this program to start the nodes with: {error}"))
        })?;
        let entropy: &dyn Entropy = &SystemEntropy;
        Ok(Self {
            place,
            overrides,
            program,
            authority: ed25519::SecretKey::from_seed(entropy.bytes()),
            nodes: Vec::new(),
            roster: None,
            stop: watch::Sender::new(false),
            tending: JoinSet::new(),
            ended: mpsc::channel(256),
            failed_demo: None,
        })
    }

    /// Starts the nodes, writes the list of them, and waits until each is ready to serve.
    pub(crate) async fn start(&mut self, count: u16, reporter: &Reporter) -> Result<(), Failure> {
        let bar = progress::bar("nodes started", usize::from(count));
        let outcome = self.launch_all(usize::from(count), &bar).await;
        bar.finish_and_clear();
        outcome?;
        self.nodes.sort_by_key(|node| node.index);

        let roster = Roster::new(&self.nodes, &self.authority)?;
        roster.write(self.place)?;
        roster::write_network_file(self.place, &self.nodes, self.authority.public())?;
        self.roster = Some(roster);

        let bar = progress::bar("nodes ready", self.nodes.len());
        let (_, ended) = &mut self.ended;
        let outcome = tokio::select! {
            outcome = readiness::wait_for_all(&self.nodes, &bar) => outcome,
            Some(ended) = ended.recv() => {
                let log = self.place.node(ended.index).join("log");
                Err(Failure::machine(format!(
                    "node {} ended before it was ready: {}", ended.index, node::last_words(&log)
                )))
            }
        };
        bar.finish_and_clear();
        if outcome.is_err() {
            reporter.say("not all nodes became ready")?;
        }
        outcome
    }

    async fn launch_all(&mut self, count: usize, bar: &indicatif::ProgressBar) -> Result<(), Failure> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from) * STARTING_PER_CORE;
        let settings = self.node_settings()?;
        let mut starting = FuturesUnordered::new();
        for index in 0..count {
            if starting.len() >= at_once
                && let Some(node) = starting.next().await
            {
                self.nodes.push(node?);
                bar.inc(1);
            }
            let folder = self.place.node(index);
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(folder.join("node.toml"), &settings))
                .map_err(|error| {
                    Failure::machine(format!("could not write {}: {error}", folder.display()))
                })?;
            let (launched, held) = node::launch(&self.program, index, &folder, self.overrides)?;
            self.tending.spawn(held.tend(self.stop.subscribe(), self.ended.0.clone()));
            starting.push(launched.report());
        }
        while let Some(node) = starting.next().await {
            self.nodes.push(node?);
            bar.inc(1);
        }
        Ok(())
    }

    /// The settings of every node; only the data folder differs, and is given as a flag.
    fn node_settings(&self) -> Result<String, Failure> {
        let config = config::private_node(self.place.node_list(), Some(self.authority.public()));
        toml::to_string(&config)
            .map_err(|error| Failure::config(format!("the settings of the nodes cannot be written: {error}")))
    }

    /// What is told once all are ready.
    pub(crate) fn ready(&self, took: Duration) -> Result<Ready, Failure> {
        let nodes: Vec<_> =
            self.nodes.iter().filter_map(|node| NodeFacts::of(node, self.roster.as_ref()?)).collect();
        let seed = nodes.first().map(NodeFacts::base_url).unwrap_or_default();
        Ok(Ready {
            event: "ready",
            network: self.place.network_file(),
            seed,
            nodes,
            took_ms: took.as_millis(),
        })
    }

    /// Tells of every node that ends, while `work` goes on.
    pub(crate) async fn watch_beside<T>(
        &mut self,
        work: impl Future<Output = T>,
        reporter: &Reporter,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                ended = self.ended.1.recv() => self.tell(ended, reporter)?,
            }
        }
    }

    /// Tells of every node that ends, for ever; fails when none is left.
    pub(crate) async fn watch(&mut self, reporter: &Reporter) -> Result<(), Failure> {
        loop {
            let ended = self.ended.1.recv().await;
            self.tell(ended, reporter)?;
            if self.nodes.is_empty() {
                return Err(Failure::machine("no node is left"));
            }
        }
    }

    fn tell(&mut self, ended: Option<Ended>, reporter: &Reporter) -> Result<(), Failure> {
        let Some(Ended { index, pid, status }) = ended else { return Ok(()) };
        self.nodes.retain(|node| node.index != index);
        let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        reporter.node_lost(&NodeLost {
            event: "node_lost",
            index,
            pid,
            status,
            log: self.place.node(index).join("log"),
            left: self.nodes.len(),
        })
    }

    /// Remembers that the demonstration did not succeed, for the exit code.
    pub(crate) fn failed_demo(&mut self, failure: Failure) {
        self.failed_demo = Some(failure);
    }

    /// Whether the demonstration failed.
    pub(crate) fn take_failure(&mut self) -> Option<Failure> {
        self.failed_demo.take()
    }

    /// Asks every node to stop, and kills those that do not.
    pub(crate) async fn stop(&mut self) {
        self.stop.send_replace(true);
        while self.tending.join_next().await.is_some() {}
    }

    /// Kills every node.
    pub(crate) async fn kill(&mut self) {
        self.tending.shutdown().await;
    }
}
