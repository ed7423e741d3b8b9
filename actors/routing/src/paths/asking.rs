//! The tries of one request, until there is an answer, an error that another try would not mend, or no time left.
//!
//! A try that keeps us waiting gets a second one beside it, over another path and to another member, where that does no harm:
//! whatever comes first counts. The slower one is heard out, so that its path gets what it deserves.

use std::{rc::Rc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, future::LocalBoxFuture, stream::FuturesUnordered};
use serde_json::Value;
use starling_contracts::{
    node::ServiceNode,
    routing::{Error, KnownSwarm, NodeReply},
};
use starling_protocol::{
    account::AccountId,
    crypto::ed25519::PublicKey,
    onion::{Destination, Hop, build::Server},
};

use super::{
    client::Client,
    course::Course,
    exchange::Outcome,
    metrics, network_time,
    reaction::{Event, Then, read_sealed},
    state::Trip,
    supply::Supply,
};

/// Who is to answer.
#[derive(Debug, Clone)]
pub(super) enum Aim {
    /// This node, whatever it says.
    Node(PublicKey),
    /// Some node.
    Any,
    /// A member of this account's swarm.
    Swarm {
        /// Whose swarm.
        account: AccountId,
        /// The member to ask first.
        prefer: Option<PublicKey>,
    },
    /// A web server.
    Server(Server),
}

/// Who answered what.
#[derive(Debug)]
pub(super) enum Answer {
    /// A service node.
    Node(NodeReply),
    /// A web server.
    Server(Bytes),
}

/// What a try means for its request.
enum Verdict {
    Answer(Answer),
    Fail(Error),
    Again,
}

/// A try under way.
type Flight = LocalBoxFuture<'static, (Trip, Outcome)>;

impl Client {
    /// Asks, again and again where that may help.
    pub(super) fn ask(
        self: &Rc<Self>,
        aim: Aim,
        payload: String,
        within: Duration,
    ) -> LocalBoxFuture<'static, Result<Answer, Error>> {
        let client = Rc::clone(self);
        // Boxed, because to ask a swarm one has to ask for the swarm first.
        async move { client.pursue(&aim, &payload, within).await }.boxed_local()
    }

    async fn pursue(self: &Rc<Self>, aim: &Aim, payload: &str, within: Duration) -> Result<Answer, Error> {
        let mut course = Course::new(self.now(), within);
        let mut over = self.ctx.clock().sleep(within);
        let mut flights: FuturesUnordered<Flight> = FuturesUnordered::new();
        // What one of two tries ended with, should the other one do no better.
        let mut hopeless = None;
        let outcome = loop {
            if flights.is_empty() {
                if let Some(error) = hopeless.take() {
                    break Some(course.give_up(error).map(Answer::Node));
                }
                let flight = tokio::select! {
                    biased;
                    flight = self.embark(aim, payload, &mut course) => flight,
                    () = &mut over => break None,
                };
                match flight {
                    Ok(flight) => flights.push(flight),
                    Err(error) => break Some(course.give_up(error).map(Answer::Node)),
                }
            }
            // What a web server makes of a request that comes twice is not known.
            let may_double = flights.len() == 1 && hopeless.is_none() && !matches!(aim, Aim::Server(_));
            tokio::select! {
                biased;
                Some((trip, outcome)) = flights.next() => {
                    match self.judge(aim, &trip, outcome, &mut course).await {
                        Verdict::Answer(answer) => break Some(Ok(answer)),
                        Verdict::Fail(error) => hopeless = Some(error),
                        Verdict::Again if flights.is_empty() => {
                            metrics::retry();
                            tokio::select! {
                                biased;
                                () = self.ctx.clock().sleep(course.next_pause()) => {}
                                () = &mut over => break None,
                            }
                        }
                        Verdict::Again => {}
                    }
                }
                () = &mut over => break None,
                () = self.ctx.clock().sleep(self.config.second_try_after), if may_double => {
                    // A second try is a favour: whatever hinders it is no reason to give the first one up.
                    if let Ok(flight) = self.embark(aim, payload, &mut course).await {
                        metrics::retry();
                        flights.push(flight);
                    }
                }
            }
        };
        self.hear_out(flights);
        outcome.unwrap_or_else(|| match self.state.borrow().pool.len() {
            0 => Err(Error::NoNodeReachable),
            _ => course.out_of_time().map(Answer::Node),
        })
    }

    /// Lets tries end whose answers nobody waits for any more.
    fn hear_out(self: &Rc<Self>, mut flights: FuturesUnordered<Flight>) {
        if flights.is_empty() {
            return;
        }
        let client = Rc::clone(self);
        self.ctx.spawn(async move {
            while let Some((trip, outcome)) = flights.next().await {
                match outcome {
                    Outcome::Failed(event) => {
                        client.settle(&trip, &event);
                    }
                    Outcome::Node { status, body, round_trip } => {
                        client.read_node(&trip, status, &body, round_trip);
                    }
                    Outcome::Server(_) => {
                        client.settle(&trip, &Event::Answered);
                    }
                    Outcome::OutOfTime | Outcome::Local(_) => {}
                }
            }
        });
    }

    /// Finds a destination and a way there, and sets out.
    async fn embark(self: &Rc<Self>, aim: &Aim, payload: &str, course: &mut Course) -> Result<Flight, Error> {
        self.supplied().await?;
        let (key, cargo) = self.address(aim, payload, course).await?;
        let trip = self.way_to(key, course).await?;
        course.depart(&trip);
        let left = course.left(self.now());
        let client = Rc::clone(self);
        Ok(async move {
            let outcome = client.exchange.try_once(&trip, &cargo, left).await;
            (trip, outcome)
        }
        .boxed_local())
    }

    async fn address(
        self: &Rc<Self>,
        aim: &Aim,
        payload: &str,
        course: &mut Course,
    ) -> Result<(Option<PublicKey>, Destination), Error> {
        let node = match aim {
            Aim::Server(server) => return Ok((None, Destination::Server(server.clone()))),
            Aim::Node(key) => match &course.destination {
                Some(node) => node.clone(),
                // Once found it is kept: a single hop that calls it gone does not end the request.
                None => {
                    let known = self.state.borrow().find(key).ok_or(Error::UnknownDestination)?;
                    course.destination.insert(known).clone()
                }
            },
            Aim::Any => {
                let mut nodes = self.some_nodes(usize::MAX);
                nodes.sort_by_key(|node| course.tried.contains(&node.ed25519));
                nodes.into_iter().next().ok_or(Error::NoNodeReachable)?
            }
            Aim::Swarm { account, prefer } => {
                let swarm = self.swarm(*account, course.left(self.now())).await?;
                self.member_of(swarm, *prefer, course)?
            }
        };
        let hop = Hop { ed25519: node.ed25519, x25519: node.x25519 };
        Ok((Some(node.ed25519), Destination::ServiceNode(hop, payload.to_owned())))
    }

    /// The member to ask next: one not asked yet, the preferred one first, those with a bad name last.
    fn member_of(
        &self,
        swarm: KnownSwarm,
        prefer: Option<PublicKey>,
        course: &Course,
    ) -> Result<ServiceNode, Error> {
        let mut members = swarm.members;
        self.entropy().shuffle(&mut members);
        let state = self.state.borrow();
        members.sort_by_key(|member| {
            let key = &member.ed25519;
            let is_other = prefer != Some(*key);
            (course.tried.contains(key), is_other, state.pool.was_dropped(key), state.pool.strikes(key))
        });
        members.into_iter().next().ok_or(Error::UnknownDestination)
    }

    async fn way_to(self: &Rc<Self>, key: Option<PublicKey>, course: &mut Course) -> Result<Trip, Error> {
        loop {
            if self.state.borrow().n_paths() == 0 {
                self.first_path().await;
            }
            if let Some(trip) = self.choose(key, &course.shunned) {
                return Ok(trip);
            }
            let known = self.state.borrow().n_usable();
            if std::mem::replace(&mut course.is_resupplied, true) {
                return Err(Error::TooFewNodes { known, needed: super::topology::N_HOPS });
            }
            self.resupply().await?;
        }
    }

    /// What a try means for its request, after everyone concerned got what they deserve.
    async fn judge(
        self: &Rc<Self>,
        aim: &Aim,
        trip: &Trip,
        outcome: Outcome,
        course: &mut Course,
    ) -> Verdict {
        match outcome {
            Outcome::Local(error) => Verdict::Fail(error),
            Outcome::OutOfTime => Verdict::Again,
            Outcome::Server(bytes) => {
                self.settle(trip, &Event::Answered);
                Verdict::Answer(Answer::Server(bytes))
            }
            Outcome::Failed(event) => {
                let then = self.settle(trip, &event);
                course.note(trip, &event);
                self.after_failure(aim, &event, then, course).await
            }
            Outcome::Node { status, body, round_trip } => {
                let then = self.read_node(trip, status, &body, round_trip);
                let node = trip.destination.unwrap_or(trip.choice.hops[0]);
                let reply = NodeReply { node, status, body, path: trip.choice.hops.to_vec() };
                self.after_answer(aim, then, reply, course).await
            }
        }
    }

    async fn after_failure(
        self: &Rc<Self>,
        aim: &Aim,
        event: &Event,
        then: Then,
        course: &mut Course,
    ) -> Verdict {
        match (then, event) {
            (Then::Fail, Event::OtherPlain(status)) => Verdict::Fail(Error::Refused { status: *status }),
            (Then::Fail, Event::StrangerGone) => Verdict::Fail(Error::Refused { status: 502 }),
            (Then::Fail, _) => Verdict::Fail(Error::Unreadable),
            (_, Event::NoExit) if course.lacks_exits() => Verdict::Fail(Error::Refused { status: 502 }),
            _ if matches!(aim, Aim::Node(_)) && course.is_destination_gone() => match course.out_of_time() {
                Ok(reply) => Verdict::Answer(Answer::Node(reply)),
                Err(error) => Verdict::Fail(error),
            },
            _ if course.is_cut_off(self.state.borrow().n_guards()) => {
                // Perhaps all nodes have moved; if the seeds know no better, the network is out of reach.
                if std::mem::replace(&mut course.is_resupplied, true) {
                    return Verdict::Fail(Error::NoNodeReachable);
                }
                match self.resupply().await {
                    Ok(Supply::Fetched) => {
                        course.shunned.guards.clear();
                        Verdict::Again
                    }
                    Ok(Supply::Fresh) => Verdict::Fail(Error::NoNodeReachable),
                    Err(error) => Verdict::Fail(error),
                }
            }
            _ => Verdict::Again,
        }
    }

    async fn after_answer(
        self: &Rc<Self>,
        aim: &Aim,
        then: Then,
        reply: NodeReply,
        course: &mut Course,
    ) -> Verdict {
        if matches!(aim, Aim::Node(_)) {
            return Verdict::Answer(Answer::Node(reply));
        }
        if matches!(aim, Aim::Any) && reply.status != 200 {
            // Any other node may do as well.
            course.keep(reply);
            return match course.is_enough() {
                Some(reply) => Verdict::Answer(Answer::Node(reply)),
                None => Verdict::Again,
            };
        }
        match then {
            Then::SetClock => self.set_clock(course.left(self.now())).await,
            Then::RetryElsewhere => {
                if let Aim::Swarm { account, .. } = aim
                    && course.redirect()
                {
                    self.correct_swarm(*account, &reply).await;
                    return Verdict::Again;
                }
            }
            Then::Retry => {
                course.keep(reply);
                return match course.is_enough() {
                    Some(reply) => Verdict::Answer(Answer::Node(reply)),
                    None => Verdict::Again,
                };
            }
            Then::Return | Then::Fail => {}
        }
        Verdict::Answer(Answer::Node(reply))
    }

    /// Reads a node's answer for what it says of the node, the path and the time.
    fn read_node(self: &Rc<Self>, trip: &Trip, status: u16, body: &Value, round_trip: Duration) -> Then {
        let node = trip.destination.unwrap_or(trip.choice.hops[0]);
        let event = read_sealed(status, body, self.state.borrow().has_complained(&node, self.now()));
        let then = self.settle(trip, &event);
        if let Some(offset) = network_time::offset(body, round_trip, self.ctx.clock().now_ms()) {
            let mut state = self.state.borrow_mut();
            state.offsets.observe(node, offset);
            metrics::clock_offset(state.offsets.median());
        }
        then
    }
}
