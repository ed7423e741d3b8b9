//! The actor: takes requests, and hands them to the client.

use std::{path::PathBuf, rc::Rc, time::Duration};

use bytes::Bytes;
use futures::FutureExt as _;
use serde_json::json;
use starling_contracts::routing::{
    AskNode, AskServer, AskSwarm, Error, KnownSwarm, NetworkTime, NodeReply, SwarmMembers,
};
use starling_kernel::{Actor, Context, Fault, Handler, Spec, Task, done, task};
use starling_protocol::onion::{
    build::{Protocol, Server},
    is_relay_target_allowed,
};
use tracing::warn;

use super::{
    asking::{Aim, Answer},
    client::Client,
    config::PathsConfig,
    metrics,
    saved::{FILE_NAME, ReadError, Saved, fingerprint},
};
use crate::config::{FirstHop, Network};

/// Asks nodes, swarms and web servers through three hops, for one client.
///
/// It is not ready until it knows a service node; requests that come before wait for the first node list.
pub struct Paths {
    client: Rc<Client>,
}

/// The actor, ready to be run. Pool and guards are kept in `data_dir`.
pub fn spec(config: PathsConfig, network: Network, first_hop: FirstHop, data_dir: PathBuf) -> Spec<Paths> {
    let bounds = config.bounds.clone();
    Spec::new(move |ctx| start(config.clone(), network.clone(), first_hop, data_dir.clone(), ctx))
        .bounds(bounds)
        .serves::<AskNode>()
        .serves::<AskSwarm>()
        .serves::<AskServer>()
        .serves::<SwarmMembers>()
        .serves::<NetworkTime>()
        .needs("transport")
}

async fn start(
    config: PathsConfig,
    network: Network,
    first_hop: FirstHop,
    data_dir: PathBuf,
    ctx: Context,
) -> Result<Paths, Fault> {
    config.validate().map_err(Fault::new)?;
    network.validate().map_err(Fault::new)?;
    metrics::register();
    let saved = read_saved(&ctx, data_dir.join(FILE_NAME), &network).await?;
    let client = Client::new(ctx.clone(), config, network, first_hop, &data_dir, saved);
    let (is_empty, is_stale) = {
        let state = client.state.borrow();
        let age = ctx.clock().now_ms().saturating_sub(state.refreshed_at_ms());
        (state.pool.len() == 0, u128::from(age) > client.config.refresh_every.as_millis())
    };
    if is_empty {
        ctx.not_ready("no service node is known yet");
        let client = Rc::clone(&client);
        ctx.spawn(async move { client.supply_at_last().await });
    } else {
        client.keep_up();
        if is_stale {
            client.refresh_soon();
        }
    }
    client.start_timers();
    Ok(Paths { client })
}

/// What an earlier run left behind. It can be had again from the network, so damage costs a warning and no more.
async fn read_saved(ctx: &Context, file: PathBuf, network: &Network) -> Result<Option<Saved>, Fault> {
    let network = fingerprint(network);
    let read = ctx.pool().run(move || Saved::read(&file, network)).await;
    match read.map_err(|error| Fault::caused_by("the saved node list could not be read", error))? {
        Ok(saved) => Ok(saved),
        Err(error @ ReadError::Newer { .. }) => Err(Fault::new(error.to_string())),
        Err(error) => {
            warn!(%error, "the saved node list is not used; a new one is fetched");
            Ok(None)
        }
    }
}

impl Paths {
    fn ask(&self, aim: Aim, payload: String, within: Duration) -> Task<Result<Answer, Error>> {
        let client = Rc::clone(&self.client);
        task(async move {
            let began = client.now();
            let outcome = client.ask(aim, payload, within).await;
            metrics::request(&outcome, client.now().saturating_sub(began));
            outcome
        })
    }

    fn ask_a_node(&self, aim: Aim, payload: &Bytes, within: Duration) -> Task<Result<NodeReply, Error>> {
        let Ok(payload) = std::str::from_utf8(payload) else {
            return done(Err(Error::Refused { status: 400 }));
        };
        let answer = self.ask(aim, payload.to_owned(), within);
        let node = answer.map(|answer| match answer? {
            Answer::Node(reply) => Ok(reply),
            Answer::Server(_) => Err(Error::Unreadable),
        });
        Box::pin(node)
    }
}

impl Actor for Paths {
    const NAME: &'static str = "paths";

    fn drain(&mut self) -> Task<()> {
        let client = Rc::clone(&self.client);
        task(async move {
            let is_unsaved = client.state.borrow().revision() != client.jobs.saved_revision.get();
            if is_unsaved {
                client.save().await;
            }
        })
    }

    fn observe(&self) -> serde_json::Value {
        let state = self.client.state.borrow();
        json!({
            "nodes": state.pool.len(),
            "paths": state.n_paths(),
            "guards": state.n_kept_guards(),
            "clock_offset_ms": state.offsets.median(),
        })
    }
}

impl Handler<AskNode> for Paths {
    fn handle(&mut self, ask: AskNode, _: &Context) -> Task<Result<NodeReply, Error>> {
        self.ask_a_node(Aim::Node(ask.node), &ask.payload, ask.deadline)
    }
}

impl Handler<AskSwarm> for Paths {
    fn handle(&mut self, ask: AskSwarm, _: &Context) -> Task<Result<NodeReply, Error>> {
        let AskSwarm { account, payload, prefer, deadline } = ask;
        self.ask_a_node(Aim::Swarm { account, prefer }, &payload, deadline)
    }
}

impl Handler<AskServer> for Paths {
    fn handle(&mut self, ask: AskServer, _: &Context) -> Task<Result<Bytes, Error>> {
        if !is_relay_target_allowed(&ask.target) {
            return done(Err(Error::Refused { status: 400 }));
        }
        let server = Server {
            host: ask.host,
            target: ask.target,
            protocol: Some(if ask.tls { Protocol::Https } else { Protocol::Http }),
            port: Some(ask.port),
            x25519: ask.x25519,
            payload: ask.payload.to_vec(),
        };
        let answer = self.ask(Aim::Server(server), String::new(), ask.deadline);
        let bytes = answer.map(|answer| match answer? {
            Answer::Server(bytes) => Ok(bytes),
            Answer::Node(_) => Err(Error::Unreadable),
        });
        Box::pin(bytes)
    }
}

impl Handler<SwarmMembers> for Paths {
    fn handle(
        &mut self,
        SwarmMembers { account }: SwarmMembers,
        _: &Context,
    ) -> Task<Result<KnownSwarm, Error>> {
        let client = Rc::clone(&self.client);
        let within = client.config.bounds.answer_within.min(LOOKUP_WITHIN);
        task(async move { client.swarm(account, within).await })
    }
}

/// How long a question for a swarm may take that brings no deadline.
const LOOKUP_WITHIN: Duration = Duration::from_secs(30);

impl Handler<NetworkTime> for Paths {
    fn handle(&mut self, _: NetworkTime, _: &Context) -> Task<Result<u64, Error>> {
        let client = Rc::clone(&self.client);
        task(async move { client.network_time().await })
    }
}
