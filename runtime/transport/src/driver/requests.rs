//! Requests of peers: admitted, served, answered.

use std::rc::Rc;

use libp2p::{
    PeerId,
    request_response::{Event, InboundRequestId, Message, ResponseChannel},
};
use starling_contracts::transport::{Error, Protocol};
use tokio::sync::oneshot;

use super::Driver;
use crate::{
    behaviour::ExchangeEvent,
    budget::{Body, Budget, Hold},
    codec::Reply,
    identity,
    limits::longest,
    metrics::{self, Direction, Inbound},
    peer::Call,
};

/// A request of a peer that has not been answered, or whose answer has not left yet.
pub(super) struct Admitted {
    peer: PeerId,
    outcome: Inbound,
}

/// A request that has been dealt with.
pub(super) struct Served {
    protocol: Protocol,
    to: Recipient,
    /// Nothing means that the protocol is not served to the asker.
    answer: Option<Vec<u8>>,
    /// What the request took of the budget.
    _hold: Hold,
}

/// Who gets the answer.
enum Recipient {
    Peer { id: InboundRequestId, channel: ResponseChannel<Reply> },
    Own(oneshot::Sender<Result<bytes::Bytes, Error>>),
}

impl Driver {
    /// Something happened to a request, of ours or of a peer's.
    pub(super) fn exchanged(&mut self, protocol: Protocol, event: ExchangeEvent) {
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
        let (request, hold) = call.body.into_parts();
        self.serving.push(Box::pin(async move {
            let answer = desk.serve(protocol, request, Some(own)).await;
            Served { protocol, to: Recipient::Own(call.answer), answer, _hold: hold }
        }));
    }

    /// Gives an answer to whoever asked.
    pub(super) fn answer(&mut self, Served { protocol, to, answer, .. }: Served) {
        match to {
            Recipient::Own(asker) => {
                // Whoever asked may have stopped waiting.
                let _ = asker.send(answer.map(Into::into).ok_or(Error::NotServed { protocol }));
            }
            Recipient::Peer { id, channel } => {
                let outcome = if answer.is_some() { Inbound::Answered } else { Inbound::NotServed };
                self.reply(protocol, id, channel, outcome, answer);
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
        let (request, hold) = request.into_parts();
        metrics::bytes(protocol, Direction::In, request.len());
        let served = self.served_per_peer.entry((peer, protocol)).or_default();
        *served += 1;
        let is_busy = *served > self.config.served_per_peer;
        self.admitted.insert((protocol, id), Admitted { peer, outcome: Inbound::Broken });
        if self.draining.is_some() {
            let answer = self.desk.stopping(protocol);
            return self.reply(protocol, id, channel, Inbound::Busy, Some(answer));
        }
        if is_busy {
            let answer = self.desk.busy(protocol);
            return self.reply(protocol, id, channel, Inbound::Busy, Some(answer));
        }
        let from = self.listed.contains_key(&peer).then(|| identity::public_key(&peer)).flatten();
        let desk = Rc::clone(&self.desk);
        self.serving.push(Box::pin(async move {
            let answer = desk.serve(protocol, request, from).await;
            Served { protocol, to: Recipient::Peer { id, channel }, answer, _hold: hold }
        }));
    }

    fn reply(
        &mut self,
        protocol: Protocol,
        id: InboundRequestId,
        channel: ResponseChannel<Reply>,
        outcome: Inbound,
        answer: Option<Vec<u8>>,
    ) {
        let budget = self.budget_of(protocol).clone();
        let (_, most) = longest(protocol);
        // The frame would not take it, and a stream that just ends looks as if this node was gone.
        let answer = answer.map(|answer| match answer.len() > most {
            true => self.desk.too_large(protocol),
            false => answer,
        });
        let busy = || budget.body(self.desk.busy(protocol).into());
        let reply = match answer {
            None => Some(Reply::NotServed),
            Some(answer) => budget.body(answer.into()).or_else(busy).map(Reply::Answer),
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

    fn budget_of(&self, protocol: Protocol) -> &Budget {
        match protocol {
            Protocol::Swarm => &self.budgets.listed,
            Protocol::Onion | Protocol::Storage | Protocol::Ping => &self.budgets.inbound,
        }
    }
}
