//! What a client does about each way in which an onion request can end (onion-requests §7). Pure: the whole table is here.

use serde_json::Value;
use starling_protocol::crypto::ed25519::PublicKey;

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The guard could not be reached.
    GuardUnreachable,
    /// 502 naming the destination.
    DestinationGone,
    /// 502 naming a hop.
    HopGone(PublicKey),
    /// 502 naming a key that is neither.
    StrangerGone,
    /// 503 of the guard's own HTTP layer: not ready, or busy.
    GuardNotReady,
    /// 503 `Snode not ready` naming a node of the path.
    NodeNotReady(PublicKey),
    /// 503 `Next hop congested`: another path may do better, and nobody is to blame.
    Congested,
    /// An exit that does not relay to web servers at all: another one may.
    NoExit,
    /// 504 `Request time out`, 500 `Invalid response from snode`, or no answer at all from a guard that is there.
    PathTimedOut,
    /// Any other plain answer that is no success.
    OtherPlain(u16),
    /// The answer cannot be opened or read.
    Unreadable,
    /// Inner 406 or 425: the client's clock is off. `again`: this node has said so before, after the clock was set.
    ClockOff { again: bool },
    /// Inner 421: the account lives elsewhere.
    WrongSwarm,
    /// Inner 5xx. `strikes`: of the kinds that are held against the node.
    DestinationFailed { strikes: bool },
    /// Any other inner status: an answer, good or bad.
    Answered,
}

/// Who is blamed, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// Nobody; what was held against the path is forgotten.
    Praise,
    /// Nobody.
    Nobody,
    /// One strike for the guard.
    StrikeGuard,
    /// One strike for the node.
    StrikeNode(PublicKey),
    /// One strike for the destination.
    StrikeDestination,
    /// One strike for the path and every node of it but the guard.
    StrikePath,
    /// The hop is dropped at once, and its path repaired.
    DropHop(PublicKey),
    /// The destination is dropped from pool and swarms at once.
    DropDestination,
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Another try.
    Retry,
    /// Another try, at another member of the swarm: the cached one is corrected first.
    RetryElsewhere,
    /// The caller gets the answer.
    Return,
    /// The caller gets the answer, after the clock was measured anew.
    SetClock,
    /// The caller gets an error.
    Fail,
}

/// The table of onion-requests §7.
pub(super) fn react(event: &Event) -> (Blame, Then) {
    match event {
        Event::GuardUnreachable | Event::GuardNotReady => (Blame::StrikeGuard, Then::Retry),
        Event::DestinationGone => (Blame::DropDestination, Then::Retry),
        Event::HopGone(hop) => (Blame::DropHop(*hop), Then::Retry),
        Event::StrangerGone | Event::OtherPlain(_) | Event::Unreadable => (Blame::Nobody, Then::Fail),
        Event::NodeNotReady(node) => (Blame::StrikeNode(*node), Then::Retry),
        Event::Congested | Event::NoExit => (Blame::Nobody, Then::Retry),
        Event::PathTimedOut => (Blame::StrikePath, Then::Retry),
        Event::ClockOff { again: false } => (Blame::Praise, Then::SetClock),
        Event::ClockOff { again: true } => (Blame::DropDestination, Then::SetClock),
        Event::WrongSwarm => (Blame::Praise, Then::RetryElsewhere),
        Event::DestinationFailed { strikes: true } => (Blame::StrikeDestination, Then::Retry),
        Event::DestinationFailed { strikes: false } => (Blame::Praise, Then::Retry),
        Event::Answered => (Blame::Praise, Then::Return),
    }
}

/// Reads a plain answer, one that no destination sealed.
pub(super) fn read_plain(
    status: u16,
    body: &[u8],
    path: &[PublicKey],
    destination: Option<PublicKey>,
) -> Event {
    let text = std::str::from_utf8(body).unwrap_or_default().trim_end();
    match status {
        502 => match named(text, &["Next node not found: ", "Next node is currently unreachable: "]) {
            Some(key) if Some(key) == destination => Event::DestinationGone,
            Some(key) if path.contains(&key) => Event::HopGone(key),
            Some(_) => Event::StrangerGone,
            None if text == "This service node does not relay to web servers" => Event::NoExit,
            None => Event::OtherPlain(status),
        },
        503 if text.starts_with("Service node is not ready") => Event::GuardNotReady,
        503 if text == "Server busy, try again later" => Event::GuardNotReady,
        503 if text == "Next hop congested" => Event::Congested,
        503 => match named(text, &["Snode not ready: "]) {
            Some(key) if path.contains(&key) || Some(key) == destination => Event::NodeNotReady(key),
            _ => Event::OtherPlain(status),
        },
        504 if text == "Request time out" => Event::PathTimedOut,
        500 if text == "Invalid response from snode" => Event::PathTimedOut,
        _ => Event::OtherPlain(status),
    }
}

/// The key behind one of the prefixes.
fn named(text: &str, prefixes: &[&str]) -> Option<PublicKey> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))?.parse().ok()
}

/// Reads what a destination answered. A batch of which every part says the same counts as saying it itself.
pub(super) fn read_sealed(status: u16, body: &Value, has_complained: bool) -> Event {
    match (whole_status(status, body), body) {
        (406 | 425, _) => Event::ClockOff { again: has_complained },
        (421, _) => Event::WrongSwarm,
        (503, _) => Event::DestinationFailed { strikes: true },
        (502, Value::String(text)) if text.contains("unparsable") => {
            Event::DestinationFailed { strikes: true }
        }
        (500..=599, _) => Event::DestinationFailed { strikes: false },
        _ => Event::Answered,
    }
}

fn whole_status(status: u16, body: &Value) -> u16 {
    let parts = body.get("results").and_then(Value::as_array).filter(|parts| !parts.is_empty());
    let Some(parts) = parts else { return status };
    let code = |part: &Value| part.get("code").and_then(Value::as_u64);
    let first = code(&parts[0]);
    match first.and_then(|code| u16::try_from(code).ok()) {
        Some(same @ (406 | 421 | 425)) if parts.iter().all(|part| code(part) == first) => same,
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GUARD: PublicKey = PublicKey([1; 32]);
    const MIDDLE: PublicKey = PublicKey([2; 32]);
    const EXIT: PublicKey = PublicKey([3; 32]);
    const DESTINATION: PublicKey = PublicKey([4; 32]);
    const STRANGER: PublicKey = PublicKey([5; 32]);

    #[track_caller]
    fn plain(status: u16, body: &str, expected: Event, blame: Blame, then: Then) {
        let event = read_plain(status, body.as_bytes(), &[GUARD, MIDDLE, EXIT], Some(DESTINATION));
        assert_eq!(event, expected, "{status} {body}");
        assert_eq!(react(&event), (blame, then), "{status} {body}");
    }

    #[track_caller]
    fn sealed(status: u16, body: Value, complained: bool, blame: Blame, then: Then) {
        let event = read_sealed(status, &body, complained);
        assert_eq!(react(&event), (blame, then), "{status} {body}: {event:?}");
    }

    #[test]
    fn an_unreachable_guard_is_struck() {
        assert_eq!(react(&Event::GuardUnreachable), (Blame::StrikeGuard, Then::Retry));
    }

    #[test]
    fn a_502_is_about_the_key_it_names() {
        for text in ["Next node not found", "Next node is currently unreachable"] {
            let say = |key| format!("{text}: {key}");
            plain(502, &say(DESTINATION), Event::DestinationGone, Blame::DropDestination, Then::Retry);
            plain(502, &say(MIDDLE), Event::HopGone(MIDDLE), Blame::DropHop(MIDDLE), Then::Retry);
            plain(502, &say(EXIT), Event::HopGone(EXIT), Blame::DropHop(EXIT), Then::Retry);
            plain(502, &say(GUARD), Event::HopGone(GUARD), Blame::DropHop(GUARD), Then::Retry);
            plain(502, &say(STRANGER), Event::StrangerGone, Blame::Nobody, Then::Fail);
        }
        plain(502, "Next node not found: 12", Event::OtherPlain(502), Blame::Nobody, Then::Fail);
        plain(502, "Bad gateway", Event::OtherPlain(502), Blame::Nobody, Then::Fail);
    }

    #[test]
    fn a_503_strikes_the_guard_or_the_node_it_names() {
        let not_ready = "Service node is not ready: not done syncing; shutting down\n";
        plain(503, not_ready, Event::GuardNotReady, Blame::StrikeGuard, Then::Retry);
        plain(503, "Server busy, try again later", Event::GuardNotReady, Blame::StrikeGuard, Then::Retry);
        for node in [GUARD, MIDDLE, EXIT, DESTINATION] {
            let text = format!("Snode not ready: {node}");
            plain(503, &text, Event::NodeNotReady(node), Blame::StrikeNode(node), Then::Retry);
        }
        let stranger = format!("Snode not ready: {STRANGER}");
        plain(503, &stranger, Event::OtherPlain(503), Blame::Nobody, Then::Fail);
    }

    #[test]
    fn what_another_path_may_carry_is_tried_there_and_nobody_is_blamed() {
        plain(503, "Next hop congested", Event::Congested, Blame::Nobody, Then::Retry);
        let no_exit = "This service node does not relay to web servers";
        plain(502, no_exit, Event::NoExit, Blame::Nobody, Then::Retry);
        let denied = "This service node does not relay to that web server";
        plain(502, denied, Event::OtherPlain(502), Blame::Nobody, Then::Fail);
    }

    #[test]
    fn timeouts_and_nonsense_on_the_way_strike_the_path() {
        plain(504, "Request time out", Event::PathTimedOut, Blame::StrikePath, Then::Retry);
        plain(500, "Invalid response from snode", Event::PathTimedOut, Blame::StrikePath, Then::Retry);
    }

    #[test]
    fn any_other_plain_answer_fails_without_penalty() {
        for (status, text) in [
            (400, "Invalid ciphertext"),
            (400, "onion request max path length exceeded"),
            (404, "post /onion_req/v2 Not Found"),
            (500, "request failed"),
            (504, "the web server was too slow"),
            (413, "Request body too large"),
        ] {
            plain(status, text, Event::OtherPlain(status), Blame::Nobody, Then::Fail);
        }
    }

    #[test]
    fn an_answer_that_cannot_be_opened_fails() {
        assert_eq!(react(&Event::Unreadable), (Blame::Nobody, Then::Fail));
    }

    #[test]
    fn a_clock_that_is_off_is_set_and_a_node_that_insists_is_dropped() {
        for status in [406, 425] {
            sealed(status, json!("check your clock"), false, Blame::Praise, Then::SetClock);
            sealed(status, json!("check your clock"), true, Blame::DropDestination, Then::SetClock);
        }
    }

    #[test]
    fn a_wrong_swarm_is_corrected_and_another_node_asked() {
        sealed(421, json!({ "snodes": [] }), false, Blame::Praise, Then::RetryElsewhere);
    }

    #[test]
    fn refusals_go_to_the_caller() {
        for status in [200, 400, 401, 403, 404, 410, 413, 429] {
            sealed(status, json!("some text"), false, Blame::Praise, Then::Return);
        }
    }

    #[test]
    fn failures_of_the_destination_are_retried_and_some_held_against_it() {
        sealed(503, json!("Snode not ready"), false, Blame::StrikeDestination, Then::Retry);
        sealed(502, json!("oxend returned unparsable data"), false, Blame::StrikeDestination, Then::Retry);
        sealed(502, json!("other"), false, Blame::Praise, Then::Retry);
        sealed(500, json!({ "swarm": {} }), false, Blame::Praise, Then::Retry);
        sealed(504, json!(""), false, Blame::Praise, Then::Retry);
    }

    #[test]
    fn a_batch_that_agrees_with_itself_counts_as_one_answer() {
        let batch = |codes: &[u16]| {
            let parts: Vec<_> = codes.iter().map(|code| json!({ "code": code, "body": {} })).collect();
            json!({ "results": parts })
        };
        sealed(200, batch(&[421, 421]), false, Blame::Praise, Then::RetryElsewhere);
        sealed(200, batch(&[406]), false, Blame::Praise, Then::SetClock);
        sealed(200, batch(&[200, 421]), false, Blame::Praise, Then::Return);
        sealed(200, batch(&[503, 503]), false, Blame::Praise, Then::Return);
        sealed(200, batch(&[]), false, Blame::Praise, Then::Return);
    }
}
