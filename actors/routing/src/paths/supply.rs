//! Where nodes come from: seeds at the start, nodes of the network later, seeds again when those do not help.

use std::{collections::BTreeSet, rc::Rc, time::Duration};

use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use serde_json::Value;
use starling_contracts::{
    node::ServiceNode,
    routing::Error,
    transport::{self, PostHttps, Trust},
};
use tracing::{debug, info, warn};

use super::{
    asking::{Aim, Answer},
    client::Client,
    metrics::{self, Source},
    node_list,
    selection::subnet,
    topology::N_HOPS,
};
use crate::config::Seed;

/// The next seed is asked too when the first has not answered for so long.
const SEED_STAGGER: Duration = Duration::from_millis(500);
/// How often all seeds are asked, and the pause between.
const SEED_ROUNDS: usize = 2;
const ROUND_PAUSE: Duration = Duration::from_millis(300);
/// A longer answer is not read: some ten times what the public network's list takes.
const MAX_LIST: usize = 16 << 20;
/// Whoever wants a list so soon after the last one gets that.
const FRESH: Duration = Duration::from_secs(5);
/// The least time between two refreshes that are not due, because nodes are few.
const REFRESH_GAP: Duration = Duration::from_secs(60);
/// The pause after the first failure to get any list; it doubles, up to [`REFRESH_GAP`].
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Nodes that are asked for the list (onion-requests §7), and how long each may take.
const N_ASKED: usize = 3;
const ASKED_WITHIN: Duration = Duration::from_secs(20);

/// What came of asking for the list from seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Supply {
    /// It was fetched.
    Fetched,
    /// It had just been.
    Fresh,
}

impl Client {
    /// Makes sure that there are nodes at all.
    pub(super) async fn supplied(self: &Rc<Self>) -> Result<(), Error> {
        if self.state.borrow().pool.len() == 0 {
            self.resupply().await?;
        }
        Ok(())
    }

    /// Fetches the first list, however often that takes; requests that come meanwhile ask for themselves.
    pub(super) async fn supply_at_last(self: Rc<Self>) {
        let mut pause = FIRST_PAUSE;
        // A failure is logged where it happens.
        while self.supplied().await.is_err() {
            self.ctx.clock().sleep(pause).await;
            pause = (pause * 2).min(REFRESH_GAP);
        }
    }

    /// Fetches the list from the seeds, unless that has just been done.
    pub(super) async fn resupply(self: &Rc<Self>) -> Result<Supply, Error> {
        let is_fresh = self.jobs.supplied_at.get().is_some_and(|at| self.now().saturating_sub(at) < FRESH);
        if is_fresh {
            return Ok(Supply::Fresh);
        }
        let client = Rc::clone(self);
        self.jobs.supply.join(|| async move { client.fetch_from_seeds().await }).await
    }

    async fn fetch_from_seeds(self: Rc<Self>) -> Result<Supply, Error> {
        for round in 0..SEED_ROUNDS {
            if round > 0 {
                self.ctx.clock().sleep(ROUND_PAUSE).await;
            }
            let found = self.race_seeds().await;
            metrics::refreshed(Source::Seed, found.is_some());
            if let Some(nodes) = found {
                self.jobs.supplied_at.set(Some(self.now()));
                self.take_over(nodes, Source::Seed);
                return Ok(Supply::Fetched);
            }
        }
        warn!(seeds = self.network.seeds.len(), "no seed told a node list");
        Err(Error::NoNodeReachable)
    }

    /// Asks seeds in random order; the next one when the last failed or keeps us waiting. The first list wins.
    async fn race_seeds(&self) -> Option<Vec<ServiceNode>> {
        let mut seeds: Vec<&Seed> = self.network.seeds.iter().collect();
        self.entropy().shuffle(&mut seeds);
        let mut waiting = seeds.into_iter();
        let mut asked = FuturesUnordered::new();
        asked.extend(waiting.next().map(|seed| self.ask_seed(seed)));
        loop {
            tokio::select! {
                biased;
                told = asked.next() => match told {
                    Some(Some(nodes)) => return Some(nodes),
                    Some(None) => asked.extend(waiting.next().map(|seed| self.ask_seed(seed))),
                    None => return None,
                },
                () = self.ctx.clock().sleep(SEED_STAGGER), if waiting.len() > 0 => {
                    asked.extend(waiting.next().map(|seed| self.ask_seed(seed)));
                }
            }
        }
    }

    async fn ask_seed(&self, seed: &Seed) -> Option<Vec<ServiceNode>> {
        let pins = seed.pins().ok()?;
        let trust = if pins.is_empty() { Trust::AnyCertificate } else { Trust::Pinned(pins) };
        let post = PostHttps {
            url: format!("{}/json_rpc", seed.url.trim_end_matches('/')),
            content_type: Some("application/json"),
            body: node_list::question_to_seed(),
            trust,
            max_answer: MAX_LIST,
            deadline: self.config.seed_within,
        };
        let transport = self.ctx.recipient::<PostHttps>();
        let answer = match transport.ask_within(post, self.config.seed_within * 2).await {
            Ok(answer) => answer,
            Err(transport::Error::WrongCertificate) => {
                warn!("a seed showed a certificate that is not pinned for it");
                return None;
            }
            Err(error) => {
                debug!(%error, "a seed gave no answer");
                return None;
            }
        };
        let kind = answer.content_type.as_deref().unwrap_or_default();
        let is_json =
            kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
        if answer.status != 200 || !is_json {
            debug!(status = answer.status, is_json, "a seed answered something else than a node list");
            return None;
        }
        let body = answer.body;
        let parse = move || node_list::parse_list(&serde_json::from_slice(&body).ok()?);
        self.ctx.pool().run(parse).await.ok().flatten().filter(|nodes| !nodes.is_empty())
    }

    fn take_over(self: &Rc<Self>, nodes: Vec<ServiceNode>, source: Source) {
        let told = nodes.len();
        let known = {
            let mut state = self.state.borrow_mut();
            state.refresh(nodes, self.now(), self.ctx.clock().now_ms(), &*self.entropy());
            state.pool.len()
        };
        info!(told, known, ?source, "node list fetched");
        if known > 0 {
            self.ctx.ready();
        }
        self.keep_up();
    }

    /// Refreshes in the background because nodes are few, not too often.
    pub(super) fn refresh_soon(self: &Rc<Self>) {
        let is_recent = |at: Duration| self.now().saturating_sub(at) < REFRESH_GAP;
        let latest = self.jobs.refreshed_at.get().max(self.jobs.supplied_at.get());
        if latest.is_some_and(is_recent) || self.jobs.is_refreshing.get() {
            return;
        }
        let client = Rc::clone(self);
        self.ctx.spawn(async move { client.refresh().await });
    }

    /// Fetches the list anew: from three nodes, or where they do not agree or do not know it, from the seeds.
    pub(super) async fn refresh(self: &Rc<Self>) {
        if self.jobs.is_refreshing.replace(true) {
            return;
        }
        self.jobs.refreshed_at.set(Some(self.now()));
        let agreed = self.ask_nodes().await;
        metrics::refreshed(Source::Nodes, agreed.is_some());
        match agreed {
            Some(nodes) => self.take_over(nodes, Source::Nodes),
            // A failure is logged where it happens; the nodes that are known stay.
            None => drop(self.resupply().await),
        }
        self.jobs.is_refreshing.set(false);
    }

    async fn ask_nodes(self: &Rc<Self>) -> Option<Vec<ServiceNode>> {
        let asked = self.some_nodes(N_ASKED);
        let answers = asked.into_iter().map(|node| {
            let question = String::from_utf8_lossy(&node_list::question_to_node()).into_owned();
            self.ask(Aim::Node(node.ed25519), question, ASKED_WITHIN)
        });
        let mut lists = Vec::new();
        for answer in join_all(answers).await {
            if let Ok(Answer::Node(reply)) = answer
                && reply.status == 200
                && let Some(list) = self.parsed(reply.body).await
            {
                lists.push(list);
            }
        }
        let told = lists.len();
        let agreed = self.ctx.pool().run(move || node_list::agreed(&lists)).await.ok()?;
        debug!(told, agreed = agreed.len(), "nodes told the node list");
        // Three nodes that lie together shall not make the network smaller than is wanted.
        (agreed.len() >= self.network.min_pool.max(N_HOPS)).then_some(agreed)
    }

    async fn parsed(&self, body: Value) -> Option<Vec<ServiceNode>> {
        self.ctx.pool().run(move || node_list::parse_list(&body)).await.ok().flatten()
    }

    /// Random nodes; with diversity no two out of one /24.
    pub(super) fn some_nodes(&self, count: usize) -> Vec<ServiceNode> {
        let state = self.state.borrow();
        let mut nodes: Vec<_> = state.pool.nodes().collect();
        self.entropy().shuffle(&mut nodes);
        let mut subnets = BTreeSet::new();
        let diverse = self.network.subnet_diversity;
        let is_apart = |node: &&ServiceNode| !diverse || subnets.insert(subnet(node.public_ip));
        nodes.into_iter().filter(is_apart).take(count).cloned().collect()
    }
}
