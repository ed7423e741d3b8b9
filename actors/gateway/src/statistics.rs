//! What an operator is told of the node as a whole (storage-load §4): `/stats`.
//!
//! Requests are counted where they are served; here the counters are read back from the text of all metrics, now and every
//! ten minutes, so that the last hour can be told from the whole.

mod series;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Serialize;
use serde_json::{Map, Value, json};
use starling_contracts::{
    gateway,
    staking::{CurrentNodeList, NodeList},
    storage, transport,
};
use starling_kernel::{Clock, Context, Health, Recipient};
use starling_protocol::crypto::ed25519;

use self::series::{Counts, count};
use crate::actor::Options;

/// How far apart samples are, and how many are kept (storage-load §4).
pub(crate) const SAMPLE_EVERY: Duration = Duration::from_secs(600);
const SAMPLES: usize = 6;

/// Answers `/stats`.
pub(crate) struct Statistics {
    node: Option<ed25519::PublicKey>,
    version: &'static str,
    compatible: Option<String>,
    health: Health,
    ledger: Recipient<CurrentNodeList>,
    doors: Doors,
    storage: Recipient<storage::Statistics>,
    render_metrics: Arc<dyn Fn() -> String + Send + Sync>,
    clock: Arc<dyn Clock>,
    started: Duration,
    /// Oldest first.
    samples: Mutex<VecDeque<(Duration, Counts)>>,
}

/// Who tells of the doors; a process may have only some of them.
struct Doors {
    own: Recipient<gateway::ListenAddresses>,
    libp2p: Recipient<transport::ListenAddresses>,
    quic: Recipient<gateway::QuicAddress>,
    omq: Recipient<gateway::OmqAddress>,
}

impl Statistics {
    pub(crate) fn new(options: &Options, ctx: &Context) -> Self {
        let started = ctx.clock().elapsed();
        let compatible = options.node.as_ref().map(|face| {
            let [major, minor, patch] = face.version;
            format!("{major}.{minor}.{patch}")
        });
        let statistics = Self {
            node: options.node.as_ref().map(|face| face.legacy),
            version: options.version,
            compatible,
            health: ctx.environment().health.clone(),
            ledger: ctx.recipient(),
            doors: Doors {
                own: ctx.recipient(),
                libp2p: ctx.recipient(),
                quic: ctx.recipient(),
                omq: ctx.recipient(),
            },
            storage: ctx.recipient(),
            render_metrics: Arc::clone(&options.render_metrics),
            clock: Arc::clone(ctx.clock()),
            started,
            samples: Mutex::default(),
        };
        // A process may have had an earlier runtime, whose requests are not this one's.
        statistics.sample();
        statistics
    }

    /// Remembers the counters of this moment.
    pub(crate) fn sample(&self) {
        let sample = (self.clock.elapsed(), self.counts());
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// A recorder that is broken is no reason for the doors to close.
    fn counts(&self) -> Counts {
        catch_unwind(AssertUnwindSafe(|| count(&(self.render_metrics)()))).unwrap_or_default()
    }

    /// Everything there is to tell, as one object.
    pub(crate) async fn tell(&self) -> Value {
        let list = self.ledger.ask(CurrentNodeList).await.ok();
        let figures = self.storage.ask(storage::Statistics).await.ok();
        let storage = figures.and_then(|figures| serde_json::to_value(figures).ok());
        let actors = serde_json::to_value(self.health.observe().await).unwrap_or_default();
        // Whatever storage calls its figures, ours keep their names.
        let mut told = match storage {
            Some(Value::Object(figures)) => figures,
            _ => object(json!({ "storage": null })),
        };
        told.extend(self.process());
        told.insert("ports".to_owned(), self.ports().await);
        told.extend(ledger(list.as_deref(), self.node));
        told.extend(self.requests());
        told.insert("actors".to_owned(), actors);
        Value::Object(told)
    }

    /// Which ports are open; where the config asked for any, the real ones.
    async fn ports(&self) -> Value {
        let Doors { own, libp2p, quic, omq } = &self.doors;
        let (own, libp2p, quic, omq) = tokio::join!(
            own.ask(gateway::ListenAddresses),
            libp2p.ask(transport::ListenAddresses),
            quic.ask(gateway::QuicAddress),
            omq.ask(gateway::OmqAddress)
        );
        let port = |address: Option<SocketAddr>| address.map(|address| address.port());
        let (https, operator) = own.map_or((None, None), |doors| (doors.https, doors.operator));
        json!({
            "https": port(https),
            "operator": port(operator),
            "libp2p": libp2p.ok().map(|listening| listening.port).filter(|port| *port != 0),
            "quic": port(quic.ok()),
            "oxenmq": port(omq.ok()),
        })
    }

    fn process(&self) -> Map<String, Value> {
        let reasons: Vec<_> = self
            .health
            .unready()
            .into_iter()
            .map(|(actor, reason)| json!({ "actor": actor, "reason": reason }))
            .collect();
        object(json!({
            "version": self.version,
            "compatible_version": self.compatible,
            "uptime": self.clock.elapsed().saturating_sub(self.started).as_secs(),
            "ready": reasons.is_empty(),
            "reasons": reasons,
        }))
    }

    fn requests(&self) -> Map<String, Value> {
        let (now, total) = (self.clock.elapsed(), self.counts());
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, before) = samples.front().copied().unwrap_or((now, total));
        let recent = total.since(&before);
        object(json!({
            "total_store_requests": total.store,
            "total_retrieve_requests": total.retrieve,
            "total_onion_requests": total.onion,
            "total_proxy_requests": total.web,
            "recent_store_requests": recent.store,
            "recent_retrieve_requests": recent.retrieve,
            "recent_onion_requests": recent.onion,
            "recent_proxy_requests": recent.web,
            "recent_timespan": now.saturating_sub(since).as_secs(),
            "connections": total.connections,
            "refused_requests": total.refused,
        }))
    }
}

/// What the node list says of the network and of this node.
fn ledger(list: Option<&NodeList>, own: Option<ed25519::PublicKey>) -> Map<String, Value> {
    #[derive(Serialize)]
    struct Swarm {
        id: String,
        members: usize,
    }
    let node = list.and_then(|list| list.nodes().iter().find(|node| Some(node.legacy) == own));
    let swarm = list.zip(node).map(|(list, own)| Swarm {
        // As text: half of all ids are longer than what JSON numbers carry.
        id: format!("{:016x}", own.swarm.0),
        members: list.nodes().iter().filter(|node| node.swarm == own.swarm).count(),
    });
    object(json!({
        "height": list.map(|list| list.height),
        // Lists come whole; there is no height on the way to which this node knows less.
        "target_height": list.map(|list| list.height),
        "hardfork": list.map(|list| list.hardfork),
        "nodes": list.map(|list| list.nodes().len()),
        "pubkey_ed25519": node.map(|node| node.ed25519),
        "swarm": swarm,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
