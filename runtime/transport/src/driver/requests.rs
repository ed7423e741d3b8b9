//! Requests of peers: admitted, served, answered.

use std::rc::Rc;

use bytes::Bytes;
use libp2p::{
    PeerId,
    request_response::{Event, InboundRequestId, Message, ResponseChannel},
};
use starling_contracts::{
    subscriptions::Link,
    transport::{Error, Protocol},
};
use tokio::sync::oneshot;

use super::Driver;
use crate::{
    behaviour::ExchangeEvent,
    budget::Body,
    codec::Reply,
    fair::FairQueue,
    identity,
    inbound::Visitor,
    limits::longest,
    metrics::{self, Direction, Inbound},
    peer::Call,
    purse::{Expense, Purse},
};

/// A request of a peer that has not been answered, or whose answer has not left yet.
pub(super) struct Admitted {
    peer: PeerId,
    outcome: Inbound,
}

/// A request that waits for its turn.
pub(super) struct Waiting {
    protocol: Protocol,
    id: InboundRequestId,
    request: Bytes,
    channel: ResponseChannel<Reply>,
    expense: Expense,
}

/// A request that has been dealt with.
pub(super) struct Served {
    protocol: Protocol,
    to: Recipient,
    /// Nothing means that the protocol is not served to the asker.
    answer: Option<Vec<u8>>,
    /// What the request took of the allowance.
    expense: Expense,
}

/// Who gets the answer.
enum Recipient {
    Peer { id: InboundRequestId, channel: ResponseChannel<Reply>, turn: Option<Turn> },
    Own(oneshot::Sender<Result<Bytes, Error>>),
}

/// A place among those that are worked on, of a peer.
#[derive(Clone, Copy)]
struct Turn {
    peer: PeerId,
    is_listed: bool,
}

impl Driver {
    /// Something happened to a request, of ours or of a peer's.
    pub(super) fn exchanged(&mut self, protocol: Protocol, event: ExchangeEvent) {
        if protocol == Protocol::Notify {
            return self.notice_exchanged(event);
        }
        match event {
            Event::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                self.admit(protocol, peer, request_id, request, channel);
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                self.answered(protocol, request_id, Ok(response));
            }
            Event::OutboundFailure { request_id, error, .. } => {
                self.answered(protocol, request_id, Err(error))
            }
            Event::ResponseSent { request_id, .. } => {
                let outcome = self.dismiss(protocol, request_id);
                metrics::request_in(protocol, outcome.unwrap_or(Inbound::Answered));
            }
            Event::InboundFailure { request_id, .. } => {
                self.dismiss(protocol, request_id);
                metrics::request_in(protocol, Inbound::Broken);
            }
        }
    }

    /// Serves a request of this process to itself: an onion may lead through one node twice.
    pub(super) fn serve_own(&mut self, call: Call) {
        call.is_connected.set(true);
        let desk = Rc::clone(&self.desk);
        let (protocol, own) = (call.protocol, self.own);
        let link = call.notices.map(|outlet| Link { id: self.new_link_id(), outlet });
        let (request, expense) = call.body.into_parts();
        self.serving.push(Box::pin(async move {
            let answer = desk.serve(protocol, request, Some(own), Visitor { remote: None, link }).await;
            Served { protocol, to: Recipient::Own(call.answer), answer, expense }
        }));
    }

    /// Gives an answer to whoever asked.
    pub(super) fn answer(&mut self, Served { protocol, to, answer, expense }: Served) {
        match to {
            Recipient::Own(asker) => {
                // Whoever asked may have stopped waiting.
                let _ = asker.send(answer.map(Into::into).ok_or(Error::NotServed { protocol }));
            }
            Recipient::Peer { id, channel, turn } => {
                let outcome = if answer.is_some() { Inbound::Answered } else { Inbound::NotServed };
                let purse = expense.purse().clone();
                // The request is done with; its bytes may pay for the answer.
                drop(expense);
                self.reply(protocol, id, channel, &purse, outcome, answer);
                if let Some(turn) = turn {
                    self.waiting(turn.is_listed).end(&turn.peer);
                    self.serve_waiting(turn.is_listed);
                }
            }
        }
    }

    fn admit(
        &mut self,
        protocol: Protocol,
        peer: PeerId,
        id: InboundRequestId,
        request: Body,
        channel: ResponseChannel<Reply>,
    ) {
        let (request, expense) = request.into_parts();
        metrics::bytes(protocol, Direction::In, request.len());
        let served = self.served_per_peer.entry((peer, protocol)).or_default();
        *served += 1;
        let is_busy = *served > self.config.served_per_peer;
        self.admitted.insert((protocol, id), Admitted { peer, outcome: Inbound::Broken });
        let is_listed = self.listed.contains_key(&peer);
        let refusal = if self.draining.is_some() {
            Some((Inbound::Busy, self.desk.stopping(protocol)))
        } else if is_busy {
            Some((Inbound::Busy, self.desk.busy(protocol)))
        } else if protocol == Protocol::Storage
            && !is_listed
            && self.rate.admit(peer, self.clock.elapsed()).is_err()
        {
            Some((Inbound::TooMany, self.desk.too_many(protocol)))
        } else {
            None
        };
        if let Some((outcome, refusal)) = refusal {
            let purse = expense.purse().clone();
            drop(expense);
            return self.reply(protocol, id, channel, &purse, outcome, Some(refusal));
        }
        let waiting = Waiting { protocol, id, request, channel, expense };
        match protocol {
            Protocol::Onion | Protocol::Storage | Protocol::Monitor => {
                self.waiting(is_listed).push(peer, waiting);
                self.serve_waiting(is_listed);
            }
            // Members have their own bounds, and a ping is no work; notices do not come here.
            Protocol::Swarm | Protocol::Ping | Protocol::Notify => self.serve(peer, waiting, None),
        }
    }

    fn waiting(&mut self, is_listed: bool) -> &mut FairQueue<PeerId, Waiting> {
        if is_listed { &mut self.listed_waiting } else { &mut self.strangers_waiting }
    }

    /// Begins what waits, peer by peer, as far as there are places.
    fn serve_waiting(&mut self, is_listed: bool) {
        while let Some((peer, waiting)) = self.waiting(is_listed).next() {
            if self.admitted.contains_key(&(waiting.protocol, waiting.id)) {
                self.serve(peer, waiting, Some(Turn { peer, is_listed }));
            } else {
                // Its peer has gone, or its time was up before its turn came.
                self.waiting(is_listed).end(&peer);
            }
        }
        metrics::requests_waiting(is_listed, self.waiting(is_listed).waiting());
    }

    fn serve(&mut self, peer: PeerId, waiting: Waiting, turn: Option<Turn>) {
        let Waiting { protocol, id, request, channel, expense } = waiting;
        let link = match protocol {
            Protocol::Monitor => self.link_with(peer),
            _ => None,
        };
        let from = self.listed.contains_key(&peer).then(|| identity::public_key(&peer)).flatten();
        let remote = self.remotes.get(&peer).copied();
        let desk = Rc::clone(&self.desk);
        self.serving.push(Box::pin(async move {
            let visitor = Visitor { remote, link };
            let answer = desk.serve(protocol, request, from, visitor).await;
            Served { protocol, to: Recipient::Peer { id, channel, turn }, answer, expense }
        }));
    }

    fn reply(
        &mut self,
        protocol: Protocol,
        id: InboundRequestId,
        channel: ResponseChannel<Reply>,
        purse: &Purse,
        outcome: Inbound,
        answer: Option<Vec<u8>>,
    ) {
        let (_, most) = longest(protocol);
        // The frame would not take it, and a stream that just ends looks as if this node was gone.
        let answer = answer.map(|answer| match answer.len() > most {
            true => self.desk.too_large(protocol),
            false => answer,
        });
        let busy = || Body::paid(self.desk.busy(protocol).into(), purse);
        let reply = match answer {
            None => Some(Reply::NotServed),
            Some(answer) => Body::paid(answer.into(), purse).or_else(busy).map(Reply::Answer),
        };
        let Some(reply) = reply else {
            // Not even a refusal fits: dropping the channel ends the stream, and is reported as a failure.
            return drop(channel);
        };
        if let Some(admitted) = self.admitted.get_mut(&(protocol, id)) {
            admitted.outcome = outcome;
        }
        if let Reply::Answer(body) = &reply {
            metrics::bytes(protocol, Direction::Out, body.bytes.len());
        }
        // A closed channel means that the peer is gone, which is reported as a failure.
        let _ = self.swarm.behaviour_mut().exchange(protocol).send_response(channel, reply);
    }

    /// Forgets a request that has ended one way or another.
    fn dismiss(&mut self, protocol: Protocol, id: InboundRequestId) -> Option<Inbound> {
        let Admitted { peer, outcome } = self.admitted.remove(&(protocol, id))?;
        if let Some(served) = self.served_per_peer.get_mut(&(peer, protocol)) {
            *served -= 1;
            if *served == 0 {
                self.served_per_peer.remove(&(peer, protocol));
            }
        }
        Some(outcome)
    }
}
