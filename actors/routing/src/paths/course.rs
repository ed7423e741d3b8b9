//! What the tries of one request have shown so far. Pure.

use std::{collections::BTreeSet, time::Duration};

use starling_contracts::{
    node::ServiceNode,
    routing::{Error, NodeReply},
};
use starling_protocol::crypto::ed25519::PublicKey;

use super::{reaction::Event, state::Trip, topology::Shunned};

/// The pause before the second try; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// So many guards in a row that cannot be reached mean that the network cannot.
const MOST_GUARDS: usize = 6;
/// After so many answers that a destination failed, the caller gets the last one.
const ENOUGH_FAILURES: usize = 3;
/// So often may swarms send a request elsewhere.
const MOST_REDIRECTIONS: usize = 5;

/// The tries of one request.
#[derive(Debug)]
pub(super) struct Course {
    within: Duration,
    ends: Duration,
    pause: Duration,
    /// Guards and paths that failed this request, or are carrying it.
    pub(super) shunned: Shunned,
    /// Destinations that failed it.
    pub(super) tried: BTreeSet<PublicKey>,
    /// The one node that may answer it, where there is only one.
    pub(super) destination: Option<ServiceNode>,
    /// Was the node list fetched anew for it?
    pub(super) is_resupplied: bool,
    /// The last answer that another try was to better.
    kept: Option<NodeReply>,
    n_failures: usize,
    n_redirections: usize,
    n_gone: usize,
    n_unreachable: usize,
    n_no_exit: usize,
    is_guard_at_fault: bool,
    last: String,
    /// Did any guard answer?
    was_heard: bool,
}

impl Course {
    /// Begins at `now`.
    pub(super) fn new(now: Duration, within: Duration) -> Self {
        Self {
            within,
            ends: now.saturating_add(within),
            pause: FIRST_PAUSE,
            shunned: Shunned::default(),
            tried: BTreeSet::new(),
            destination: None,
            is_resupplied: false,
            kept: None,
            n_failures: 0,
            n_redirections: 0,
            n_gone: 0,
            n_unreachable: 0,
            n_no_exit: 0,
            is_guard_at_fault: false,
            last: "nothing was sent".to_owned(),
            was_heard: false,
        }
    }

    pub(super) fn left(&self, now: Duration) -> Duration {
        self.ends.saturating_sub(now)
    }

    /// How long to wait before the next try. Another guard needs no patience.
    pub(super) fn next_pause(&mut self) -> Duration {
        if self.is_guard_at_fault {
            return FIRST_PAUSE;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }

    /// A try leaves: another one beside it goes another way, to another member.
    pub(super) fn depart(&mut self, trip: &Trip) {
        self.shunned.paths.extend(trip.choice.id);
        self.tried.extend(trip.destination);
    }

    /// A try ended without an answer.
    pub(super) fn note(&mut self, trip: &Trip, event: &Event) {
        self.last = phrase(event);
        self.is_guard_at_fault = *event == Event::GuardUnreachable;
        if self.is_guard_at_fault {
            self.shunned.guards.insert(trip.guard().ed25519);
            self.n_unreachable += 1;
        } else {
            self.was_heard = true;
        }
        match event {
            Event::DestinationGone => self.n_gone += 1,
            Event::NoExit => self.n_no_exit += 1,
            _ => {}
        }
    }

    /// The destination was said to be gone more than once: not by one lying hop.
    pub(super) fn is_destination_gone(&self) -> bool {
        self.n_gone > 1
    }

    /// Have so many exits said that they do not relay to web servers that no other will?
    pub(super) fn lacks_exits(&self) -> bool {
        self.n_no_exit >= ENOUGH_FAILURES
    }

    /// Have so many guards failed that others are not worth a try? `guards` is how many there are.
    pub(super) fn is_cut_off(&self, guards: usize) -> bool {
        self.shunned.guards.len() >= MOST_GUARDS.min(guards)
    }

    /// A destination answered that it failed; the answer is kept for want of a better one.
    pub(super) fn keep(&mut self, reply: NodeReply) {
        self.was_heard = true;
        self.is_guard_at_fault = false;
        self.n_failures += 1;
        self.last = format!("the destination failed with status {}", reply.status);
        self.kept = Some(reply);
    }

    /// The kept answer, once enough destinations have failed.
    pub(super) fn is_enough(&mut self) -> Option<NodeReply> {
        if self.n_failures >= ENOUGH_FAILURES { self.kept.take() } else { None }
    }

    /// A destination sent the request elsewhere; false when that was too often.
    pub(super) fn redirect(&mut self) -> bool {
        self.was_heard = true;
        self.is_guard_at_fault = false;
        self.n_redirections += 1;
        self.n_redirections <= MOST_REDIRECTIONS
    }

    /// The time is up.
    pub(super) fn out_of_time(&mut self) -> Result<NodeReply, Error> {
        if let Some(kept) = self.kept.take() {
            return Ok(kept);
        }
        if !self.was_heard && self.n_unreachable > 0 {
            return Err(Error::NoNodeReachable);
        }
        let within_ms = u64::try_from(self.within.as_millis()).unwrap_or(u64::MAX);
        Err(Error::NoAnswer { within_ms, last: self.last.clone() })
    }

    /// What ends the course before its time.
    pub(super) fn give_up(&mut self, error: Error) -> Result<NodeReply, Error> {
        self.kept.take().ok_or(error)
    }
}

/// What happened, for people. Names no node.
fn phrase(event: &Event) -> String {
    let phrase = match event {
        Event::GuardUnreachable => "the first node of the path could not be reached",
        Event::DestinationGone => "the destination could not be reached",
        Event::HopGone(_) | Event::StrangerGone => "a node of the path could not be reached",
        Event::GuardNotReady | Event::NodeNotReady(_) => "a node of the path was not ready",
        Event::Congested => "a node of the path had too much to do",
        Event::NoExit => "the last node of the path does not relay to web servers",
        Event::PathTimedOut => "the path did not answer in time",
        Event::OtherPlain(status) => return format!("a node of the path refused with status {status}"),
        Event::Unreadable => "the answer could not be opened",
        Event::ClockOff { .. } | Event::WrongSwarm | Event::DestinationFailed { .. } | Event::Answered => {
            "the destination answered"
        }
    };
    phrase.to_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{pool::tests::node, topology::Choice},
        *,
    };

    const NOW: Duration = Duration::from_secs(50);

    fn trip(guard: u8) -> Trip {
        let hops = [guard, 21, 22].map(node);
        let choice = Choice { id: None, hops: hops.clone().map(|node| node.ed25519) };
        Trip { choice, hops, destination: Some(node(30).ed25519) }
    }

    fn course() -> Course {
        Course::new(NOW, Duration::from_secs(10))
    }

    fn reply(status: u16) -> NodeReply {
        NodeReply { node: node(30).ed25519, status, body: serde_json::Value::Null, path: Vec::new() }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut course = course();
        let pauses: Vec<_> = (0..8).map(|_| course.next_pause().as_millis()).collect();

        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        course.note(&trip(1), &Event::GuardUnreachable);
        assert_eq!(course.next_pause().as_millis(), 50);
        assert_eq!(course.left(NOW + Duration::from_secs(4)), Duration::from_secs(6));
        assert_eq!(course.left(NOW + Duration::from_secs(14)), Duration::ZERO);
    }

    #[test]
    fn no_guard_at_all_is_told_apart_from_no_answer() {
        let mut silent = course();
        for guard in 1..=5 {
            silent.note(&trip(guard), &Event::GuardUnreachable);
        }
        assert!(!silent.is_cut_off(20) && silent.is_cut_off(5));
        silent.note(&trip(6), &Event::GuardUnreachable);
        assert!(silent.is_cut_off(20));
        assert_eq!(silent.out_of_time(), Err(Error::NoNodeReachable));

        let mut heard = course();
        heard.note(&trip(1), &Event::GuardUnreachable);
        heard.note(&trip(2), &Event::PathTimedOut);
        let Err(Error::NoAnswer { within_ms: 10_000, last }) = heard.out_of_time() else {
            panic!("heard of guard 2")
        };
        assert_eq!(last, "the path did not answer in time");
    }

    #[test]
    fn the_last_answer_of_a_failing_destination_is_better_than_none() {
        let mut course = course();
        course.keep(reply(500));
        course.keep(reply(503));
        assert_eq!(course.is_enough(), None);

        course.keep(reply(502));

        assert_eq!(course.is_enough(), Some(reply(502)));
        course.keep(reply(504));
        assert_eq!(course.give_up(Error::NoNodeReachable), Ok(reply(504)));
        assert_eq!(course.give_up(Error::NoNodeReachable), Err(Error::NoNodeReachable));
    }

    #[test]
    fn redirections_are_bounded_and_one_voice_does_not_make_a_node_gone() {
        let mut course = course();
        assert!((0..5).all(|_| course.redirect()));
        assert!(!course.redirect());

        course.note(&trip(1), &Event::DestinationGone);
        assert!(!course.is_destination_gone());
        course.note(&trip(2), &Event::DestinationGone);
        assert!(course.is_destination_gone());
    }

    #[test]
    fn a_few_exits_that_lead_nowhere_are_enough() {
        let mut course = course();
        course.note(&trip(1), &Event::NoExit);
        course.note(&trip(2), &Event::Congested);
        course.note(&trip(2), &Event::NoExit);
        assert!(!course.lacks_exits());

        course.note(&trip(3), &Event::NoExit);

        assert!(course.lacks_exits());
    }

    #[test]
    fn no_phrase_names_a_node() {
        let named = node(5).ed25519;
        for event in [Event::HopGone(named), Event::NodeNotReady(named), Event::OtherPlain(404)] {
            assert!(!phrase(&event).contains(&named.to_string()[..6]));
        }
    }
}
