//! Which actors a process has, and what each is given: the only place that knows them all.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use starling_contracts::node::COMPATIBLE_VERSION;
use starling_kernel::{Actor, KernelBuilder, Spec};
use starling_protocol::crypto::ed25519;

use crate::{
    config::{Config, Role},
    metrics,
};

/// What the actors are made of.
pub(crate) struct Parts<'a> {
    pub(crate) config: &'a Config,
    pub(crate) folder: &'a Path,
    /// There when the process is a node.
    pub(crate) node_key: Option<Arc<ed25519::SecretKey>>,
}

/// Adds the actors of the configured roles, but for those that are `left_out`.
///
/// The doors are opened first and closed last, so that an operator can ask what the others wait for.
pub(crate) fn assemble(
    kernel: KernelBuilder,
    parts: &Parts<'_>,
    left_out: &BTreeSet<&'static str>,
) -> KernelBuilder {
    let crew = Crew { kernel, left_out };
    let mut crew = add_doors(crew, parts);
    if let Some(node_key) = &parts.node_key {
        crew = add_node(crew, parts, node_key);
    }
    if parts.config.has_role(Role::Client) {
        crew = add_client(crew, parts);
    }
    crew.kernel
}

struct Crew<'a> {
    kernel: KernelBuilder,
    left_out: &'a BTreeSet<&'static str>,
}

impl Crew<'_> {
    fn add<A: Actor>(self, spec: Spec<A>) -> Self {
        if self.left_out.contains(A::NAME) {
            return self;
        }
        Self { kernel: self.kernel.actor(spec), ..self }
    }

    /// Adds an actor that is part of another: who leaves that out, or stands in for it, does without both.
    fn add_with<A: Actor>(self, spec: Spec<A>, whole: &'static str) -> Self {
        if self.left_out.contains(whole) { self } else { self.add(spec) }
    }
}

fn add_doors<'a>(crew: Crew<'a>, parts: &Parts<'_>) -> Crew<'a> {
    let Parts { config, folder, node_key } = parts;
    let face = |key: &Arc<ed25519::SecretKey>| starling_gateway::NodeFace {
        legacy: key.public(),
        version: COMPATIBLE_VERSION,
    };
    let admission = Arc::new(starling_gateway::Admission::new(config.gateway.rate));
    let options = starling_gateway::Options {
        admission: Arc::clone(&admission),
        node: node_key.as_ref().map(face),
        render_metrics: Arc::new(metrics::render),
        version: env!("CARGO_PKG_VERSION"),
        data_dir: folder.to_path_buf(),
    };
    let crew = crew.add(starling_gateway::spec(config.gateway.clone(), options));
    let crew = add_quic(crew, parts, Arc::clone(&admission));
    let transport = starling_transport::spec(config.transport.clone(), node_key.clone(), node_key.is_some());
    add_omq(crew.add(transport), parts, admission)
}

fn add_quic<'a>(crew: Crew<'a>, parts: &Parts<'_>, admission: Arc<starling_gateway::Admission>) -> Crew<'a> {
    let config = &parts.config.gateway.quic;
    let Some(key) = parts.node_key.clone().filter(|_| config.enabled) else { return crew };
    crew.add(starling_gateway::quic::spec(config.clone(), starling_gateway::quic::Options { key, admission }))
}

fn add_omq<'a>(crew: Crew<'a>, parts: &Parts<'_>, admission: Arc<starling_gateway::Admission>) -> Crew<'a> {
    let config = &parts.config.gateway;
    let Some(key) = parts.node_key.clone().filter(|_| config.omq.enabled) else { return crew };
    let options = starling_gateway::omq::Options { key, admission };
    crew.add(starling_gateway::omq::spec(config.omq.clone(), config.bounds.clone(), options))
}

fn add_node<'a>(crew: Crew<'a>, parts: &Parts<'_>, node_key: &Arc<ed25519::SecretKey>) -> Crew<'a> {
    let Parts { config, folder, .. } = parts;
    let (replica, storage) =
        starling_storage::specs(config.storage.clone(), Arc::clone(node_key), folder.to_path_buf());
    crew.add(starling_staking::spec(config.staking.clone()))
        .add(starling_swarm::spec(config.swarm.clone(), node_key.public()))
        .add_with(
            starling_swarm::copier::spec(config.swarm.clone(), node_key.public()),
            starling_swarm::SwarmDirectory::NAME,
        )
        .add(starling_subscriptions::spec(config.subscriptions.clone(), node_key.public()))
        .add_with(replica, starling_storage::Storage::NAME)
        .add(storage)
        .add(starling_routing::relay::spec(config.routing.relay.clone(), Arc::clone(node_key)))
}

fn add_client<'a>(crew: Crew<'a>, parts: &Parts<'_>) -> Crew<'a> {
    let Parts { config, folder, .. } = parts;
    let first_hop = match config.transport.first_hop {
        starling_transport::FirstHop::Libp2p => starling_routing::FirstHop::Libp2p,
        starling_transport::FirstHop::Https => starling_routing::FirstHop::Https,
    };
    let paths = config.routing.paths.clone();
    let crew = crew
        .add(starling_accounts::spec(config.accounts.clone(), folder.to_path_buf()))
        .add(starling_routing::paths::spec(paths, config.network.clone(), first_hop, folder.to_path_buf()))
        .add(starling_inbox::spec(config.inbox.clone(), folder.to_path_buf()));
    add_plugins(crew, parts)
}

fn add_plugins<'a>(crew: Crew<'a>, parts: &Parts<'_>) -> Crew<'a> {
    let Parts { config, folder, .. } = parts;
    let plugins = starling_sandbox::crew(&config.sandbox, &config.plugins, folder.to_path_buf());
    let Some(starling_sandbox::Crew { keeper, plugins, filters }) = plugins else { return crew };
    let crew = plugins.into_iter().fold(crew.add(keeper), Crew::add);
    crew.add(filters)
}
