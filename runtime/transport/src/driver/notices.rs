//! Notices to peers that subscribed, and those of peers at which this process did.
//!
//! Each subscriber has a channel, which the actor of subscriptions fills without waiting, a queue bounded in number and in bytes,
//! and a window of notices that it has not answered yet. Who answers slowly loses what its queue cannot take; who answers that
//! it did not ask for notices gets no more. A subscriber ends with its last connection, or when the actor lets go of it and
//! the queue is empty.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use futures::{
    StreamExt as _,
    stream::{self, LocalBoxStream, SelectAll},
};
use libp2p::{
    PeerId,
    request_response::{Event, Message, OutboundFailure, OutboundRequestId, ResponseChannel},
};
use starling_contracts::{
    subscriptions::{Link, LinkId, Notice},
    transport::{Error, Protocol},
};
use starling_protocol::peer_wire::{MONITOR_ENDED, NOTIFY, decode_swarm_request, encode_swarm_request};
use tokio::sync::{mpsc, oneshot};

use super::Driver;
use crate::{
    behaviour::ExchangeEvent,
    budget::Body,
    codec::Reply,
    limits::Limits,
    metrics::{self, Direction, Inbound},
    peer::share,
};

/// Notices that the channel to one subscriber holds; the driver empties it at once.
const CHANNEL: usize = 64;
/// Notices that wait for one subscriber, those in the channel aside.
const WAITING: usize = 1024;
/// Notices that one subscriber has not answered yet.
const WINDOW: usize = 16;
/// One subscriber's part of the bytes for all.
const PART: usize = 8;

/// All peers that are notified.
pub(super) struct Subscribers {
    of: HashMap<PeerId, Subscriber>,
    channels: SelectAll<LocalBoxStream<'static, Due>>,
    under_way: HashMap<OutboundRequestId, Sent>,
    /// Of notices that wait or are under way.
    bytes: usize,
    most_bytes: usize,
    most: usize,
    /// Numbers subscribers, and channels.
    last: u64,
}

/// One of them.
struct Subscriber {
    /// Unlike that of a later subscriber with the same key.
    number: u64,
    channel: Channel,
    waiting: VecDeque<Body>,
    under_way: usize,
    bytes: usize,
}

/// Through which the actor tells a subscriber something.
struct Channel {
    number: u64,
    id: LinkId,
    /// Weak, because the channel shall end when the actor lets go of it.
    outlet: mpsc::WeakSender<Notice>,
    has_ended: bool,
    /// Dropped with the subscriber, which closes the channel for the actor.
    _open: oneshot::Sender<()>,
}

/// What came out of a channel; nothing at its end.
pub(super) struct Due {
    peer: PeerId,
    channel: u64,
    notice: Option<Notice>,
}

struct Sent {
    peer: PeerId,
    subscriber: u64,
    size: usize,
}

impl Subscribers {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            of: HashMap::new(),
            channels: SelectAll::new(),
            under_way: HashMap::new(),
            bytes: 0,
            most_bytes: limits.notice_bytes,
            most: limits.subscribers,
            last: 0,
        }
    }

    /// The next notice that is due.
    pub(super) async fn next(&mut self) -> Option<Due> {
        self.channels.next().await
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Makes a channel, whose notices come out of [`Subscribers::next`].
    fn open(&mut self, peer: PeerId, id: LinkId) -> (Channel, Link) {
        let number = self.number();
        let (outlet, notices) = mpsc::channel(CHANNEL);
        let (open, dropped) = oneshot::channel();
        let weak = outlet.downgrade();
        let told = stream::unfold(notices, |mut notices| async {
            let notice = notices.recv().await?;
            Some((Some(notice), notices))
        });
        let due = told.chain(stream::iter([None])).take_until(dropped).map(move |notice| Due {
            peer,
            channel: number,
            notice,
        });
        self.channels.push(due.boxed_local());
        let channel = Channel { number, id, outlet: weak, has_ended: false, _open: open };
        (channel, Link { id, outlet })
    }

    fn remove(&mut self, peer: &PeerId) -> bool {
        let Some(subscriber) = self.of.remove(peer) else { return false };
        self.bytes -= subscriber.bytes;
        metrics::subscribers(self.of.len());
        true
    }
}

impl Driver {
    pub(super) fn new_link_id(&self) -> LinkId {
        LinkId(u64::from_be_bytes(self.entropy.bytes()))
    }

    /// The link to a peer that wants to subscribe; nothing if there are as many as there may be, or if it has just left.
    pub(super) fn link_with(&mut self, peer: PeerId) -> Option<Link> {
        if !self.swarm.is_connected(&peer) {
            return None;
        }
        let known = self.subscribers.of.get(&peer);
        if let Some(Channel { id, outlet, .. }) = known.map(|subscriber| &subscriber.channel)
            && let Some(outlet) = outlet.upgrade()
        {
            return Some(Link { id: *id, outlet });
        }
        if known.is_none() && self.subscribers.of.len() >= self.subscribers.most {
            return None;
        }
        let id = self.new_link_id();
        let (channel, link) = self.subscribers.open(peer, id);
        match self.subscribers.of.get_mut(&peer) {
            // What is due to it from before still is.
            Some(subscriber) => subscriber.channel = channel,
            None => {
                let number = self.subscribers.number();
                let subscriber =
                    Subscriber { number, channel, waiting: VecDeque::new(), under_way: 0, bytes: 0 };
                self.subscribers.of.insert(peer, subscriber);
                metrics::subscribers(self.subscribers.of.len());
            }
        }
        self.hold_as_needed(peer);
        Some(link)
    }

    /// Takes a notice out of a channel, and sends it as soon as the subscriber's window allows.
    pub(super) fn notify(&mut self, Due { peer, channel, notice }: Due) {
        let subscribers = &mut self.subscribers;
        let Some(subscriber) = subscribers.of.get_mut(&peer) else { return };
        let Some(notice) = notice else {
            if subscriber.channel.number == channel {
                subscriber.channel.has_ended = true;
            }
            return self.send_notices(peer);
        };
        let body = match notice {
            Notice::Message(dict) => encode_swarm_request(NOTIFY, &dict),
            Notice::Ended(dict) => encode_swarm_request(MONITOR_ENDED, &dict),
        };
        let size = body.len();
        let others = subscribers.bytes - subscriber.bytes;
        let most = share(subscribers.most_bytes, others, subscribers.most_bytes / PART);
        let has_room = subscriber.waiting.len() < WAITING && subscriber.bytes + size <= most;
        match Body::paid(Bytes::from(body), &self.notices).filter(|_| has_room) {
            Some(body) => {
                subscriber.waiting.push_back(body);
                subscriber.bytes += size;
                subscribers.bytes += size;
            }
            None => metrics::notices_lost(Direction::Out, 1),
        }
        self.send_notices(peer);
    }

    /// Sends what waits for a subscriber, as far as its window allows; forgets it when it is done with.
    fn send_notices(&mut self, peer: PeerId) {
        let subscribers = &mut self.subscribers;
        let Some(subscriber) = subscribers.of.get_mut(&peer) else { return };
        while subscriber.under_way < WINDOW
            && let Some(body) = subscriber.waiting.pop_front()
        {
            let size = body.bytes.len();
            metrics::bytes(Protocol::Notify, Direction::Out, size);
            let id = self.swarm.behaviour_mut().exchange(Protocol::Notify).send_request(&peer, body);
            subscriber.under_way += 1;
            subscribers.under_way.insert(id, Sent { peer, subscriber: subscriber.number, size });
        }
        if subscriber.under_way == 0 && subscriber.channel.has_ended {
            subscribers.remove(&peer);
            self.hold_as_needed(peer);
        }
    }

    /// Something happened to a notice, of ours or of a peer's.
    pub(super) fn notice_exchanged(&mut self, event: ExchangeEvent) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                self.notified(peer, request, channel);
            }
            Event::Message { message: Message::Response { request_id, response }, .. } => {
                let is_wanted = matches!(response, Reply::Answer(_));
                metrics::request_out(
                    Protocol::Notify,
                    &match is_wanted {
                        true => Ok(()),
                        false => Err(Error::NotServed { protocol: Protocol::Notify }),
                    },
                );
                self.notice_answered(request_id, is_wanted);
            }
            Event::OutboundFailure { request_id, error, .. } => {
                metrics::request_out::<()>(Protocol::Notify, &Err(Error::Broken(String::new())));
                let is_wanted = !matches!(error, OutboundFailure::UnsupportedProtocols);
                self.notice_answered(request_id, is_wanted);
            }
            Event::ResponseSent { .. } => {}
            Event::InboundFailure { .. } => metrics::request_in(Protocol::Notify, Inbound::Broken),
        }
    }

    fn notice_answered(&mut self, id: OutboundRequestId, is_wanted: bool) {
        let subscribers = &mut self.subscribers;
        let Some(Sent { peer, subscriber: number, size }) = subscribers.under_way.remove(&id) else { return };
        let Some(subscriber) = subscribers.of.get_mut(&peer).filter(|there| there.number == number) else {
            return;
        };
        subscriber.under_way -= 1;
        subscriber.bytes -= size;
        subscribers.bytes -= size;
        if is_wanted {
            return self.send_notices(peer);
        }
        subscribers.remove(&peer);
        self.hold_as_needed(peer);
    }

    /// A notice of a peer: for those who listen to it, and refused where there is nobody.
    fn notified(&mut self, peer: PeerId, request: Body, channel: ResponseChannel<Reply>) {
        metrics::bytes(Protocol::Notify, Direction::In, request.bytes.len());
        let notice = read_notice(&request.bytes);
        let is_wanted = notice.is_some_and(|notice| self.listeners.tell(&peer, &notice));
        let reply = match is_wanted {
            true => Body::paid(Bytes::new(), &self.notices).map(Reply::Answer),
            false => Some(Reply::NotServed),
        };
        metrics::request_in(Protocol::Notify, if is_wanted { Inbound::Answered } else { Inbound::NotServed });
        // An empty answer takes nothing of the budget, so there is always one; a closed channel means that the peer is gone.
        if let Some(reply) = reply {
            let _ = self.swarm.behaviour_mut().exchange(Protocol::Notify).send_response(channel, reply);
        }
    }

    /// The last connection with a peer is gone.
    pub(super) fn forget_notices(&mut self, peer: PeerId) {
        self.subscribers.remove(&peer);
        self.listeners.forget(&peer);
        self.hold_as_needed(peer);
    }

    /// Keeps the connections with a peer for as long as it is notified or listened to.
    pub(super) fn hold_as_needed(&mut self, peer: PeerId) {
        let is_held = self.subscribers.of.contains_key(&peer) || self.listeners.has(&peer);
        self.swarm.behaviour_mut().hold.set(peer, is_held);
    }
}

fn read_notice(body: &[u8]) -> Option<Notice> {
    let (name, dict) = decode_swarm_request(body).ok()?;
    match name.as_str() {
        NOTIFY => Some(Notice::Message(dict.into())),
        MONITOR_ENDED => Some(Notice::Ended(dict.into())),
        _ => None,
    }
}
