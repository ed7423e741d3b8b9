//! What requests need to know beside nodes: swarms, and the network's time.

use std::{rc::Rc, time::Duration};

use futures::{
    StreamExt as _,
    future::{LocalBoxFuture, join_all},
    stream::FuturesUnordered,
};
use serde_json::Value;
use starling_contracts::{
    node::ServiceNode,
    routing::{Error, KnownSwarm, NodeReply},
};
use starling_protocol::account::AccountId;

use super::{
    asking::{Aim, Answer},
    client::Client,
    metrics, node_list,
};

/// Nodes that are asked for the time (onion-requests §7), and how long that may take.
const N_CLOCKS: usize = 3;
const CLOCKS_WITHIN: Duration = Duration::from_secs(10);
/// Once one of them has answered, the first measurement waits so long for the others.
const CLOCKS_GRACE: Duration = Duration::from_secs(2);

impl Client {
    /// The account's swarm: the one that is known, or one asked for.
    pub(super) async fn swarm(
        self: &Rc<Self>,
        account: AccountId,
        within: Duration,
    ) -> Result<KnownSwarm, Error> {
        let known = self.state.borrow().swarms.get(&account, self.now()).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let question = String::from_utf8_lossy(&node_list::question_for_swarm(&account)).into_owned();
        let asked = self.ask(Aim::Any, question, within).await;
        let told = match asked {
            Ok(Answer::Node(reply)) if reply.status == 200 => {
                self.parsed_swarm(reply.body).await.ok_or(Error::Unreadable)
            }
            Ok(Answer::Node(reply)) => Err(Error::Refused { status: reply.status }),
            Ok(Answer::Server(_)) => Err(Error::Unreadable),
            Err(error) => Err(error),
        };
        match told {
            Ok(swarm) => {
                self.state.borrow_mut().swarms.put(account, swarm.clone(), self.now());
                Ok(swarm)
            }
            // Few members are better than none.
            Err(error) => self.state.borrow().swarms.remains(&account).cloned().ok_or(error),
        }
    }

    async fn parsed_swarm(&self, body: Value) -> Option<KnownSwarm> {
        let swarm = self.ctx.pool().run(move || node_list::parse_swarm(&body)).await.ok().flatten()?;
        (!swarm.members.is_empty()).then(|| self.with_known_nodes(swarm))
    }

    /// The pool knows more of a node than a swarm tells.
    fn with_known_nodes(&self, mut swarm: KnownSwarm) -> KnownSwarm {
        let state = self.state.borrow();
        for member in &mut swarm.members {
            if let Some(known) = state.pool.node(&member.ed25519) {
                *member = ServiceNode { swarm: swarm.id, ..known.clone() };
            }
        }
        swarm
    }

    /// A node says that the account lives elsewhere: its word replaces the cached swarm, or shrinks it when it names none.
    pub(super) async fn correct_swarm(&self, account: AccountId, reply: &NodeReply) {
        let told = self.parsed_swarm(reply.body.clone()).await;
        let told = told.filter(|swarm| swarm.members.iter().any(|member| member.ed25519 != reply.node));
        let mut state = self.state.borrow_mut();
        if let Some(swarm) = told {
            state.swarms.put(account, swarm, self.now());
        }
        state.swarms.remove_member(&account, &reply.node);
    }

    /// The network's time, Unix milliseconds. When nothing was heard from the network yet, its time is measured first: the
    /// clock of this machine alone may be hours off.
    pub(super) async fn network_time(self: &Rc<Self>) -> Result<u64, Error> {
        if self.state.borrow().offsets.is_empty() {
            let client = Rc::clone(self);
            self.jobs.clock.join(|| async move { client.first_time().await }).await?;
        }
        Ok(self.state.borrow().offsets.network_time(self.ctx.clock().now_ms()))
    }

    /// One round trip to three nodes at once; when none of them tells the time, any node may.
    async fn first_time(self: Rc<Self>) -> Result<(), Error> {
        self.supplied().await?;
        let aims = self.some_nodes(N_CLOCKS).into_iter().map(|node| Aim::Node(node.ed25519));
        let mut asked: FuturesUnordered<_> = aims.map(|aim| self.ask_the_time(aim, CLOCKS_WITHIN)).collect();
        let mut is_measured = false;
        while !is_measured && asked.next().await.is_some() {
            is_measured = !self.state.borrow().offsets.is_empty();
        }
        if is_measured {
            tokio::select! {
                biased;
                () = asked.for_each(|_| std::future::ready(())) => {}
                () = self.ctx.clock().sleep(CLOCKS_GRACE) => {}
            }
            return Ok(());
        }
        self.ask_the_time(Aim::Any, CLOCKS_WITHIN).await?;
        match self.state.borrow().offsets.is_empty() {
            true => Err(Error::Unreadable),
            false => Ok(()),
        }
    }

    /// Asks for the time; the answer is counted where it is read.
    fn ask_the_time(
        self: &Rc<Self>,
        aim: Aim,
        within: Duration,
    ) -> LocalBoxFuture<'static, Result<Answer, Error>> {
        let question = String::from_utf8_lossy(&node_list::question_for_time()).into_owned();
        self.ask(aim, question, within)
    }

    /// Measures the network's time anew, at three nodes.
    pub(super) async fn set_clock(self: &Rc<Self>, left: Duration) {
        let since = self.state.borrow().offsets.mark();
        let nodes = self.some_nodes(N_CLOCKS).into_iter();
        join_all(nodes.map(|node| self.ask_the_time(Aim::Node(node.ed25519), left.min(CLOCKS_WITHIN)))).await;
        let mut state = self.state.borrow_mut();
        state.offsets.forget_before(since);
        metrics::clock_offset(state.offsets.median());
    }
}
