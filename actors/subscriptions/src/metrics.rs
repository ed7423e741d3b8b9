//! What the actor counts.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const HELD: &str = "subscriptions_held";
const LINKS: &str = "subscriptions_links";
const ENTRIES: &str = "subscriptions_entries_total";
const NOTICES_SENT: &str = "subscriptions_notices_sent_total";
const NOTICES_LOST: &str = "subscriptions_notices_lost_total";
const ENDED: &str = "subscriptions_ended_total";

/// What became of one subscription of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Added,
    Renewed,
    BadArguments,
    BadKey,
    BadNamespaces,
    BadTime,
    BadSignature,
    WrongSwarm,
    Full,
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Added,
        Self::Renewed,
        Self::BadArguments,
        Self::BadKey,
        Self::BadNamespaces,
        Self::BadTime,
        Self::BadSignature,
        Self::WrongSwarm,
        Self::Full,
    ];

    /// By the number that the subscriber is told.
    pub(crate) const fn of_code(code: u8) -> Self {
        match code {
            2 => Self::BadKey,
            3 => Self::BadNamespaces,
            4 => Self::BadTime,
            5 => Self::BadSignature,
            6 => Self::WrongSwarm,
            _ => Self::BadArguments,
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Renewed => "renewed",
            Self::BadArguments => "bad_arguments",
            Self::BadKey => "bad_key",
            Self::BadNamespaces => "bad_namespaces",
            Self::BadTime => "bad_time",
            Self::BadSignature => "bad_signature",
            Self::WrongSwarm => "wrong_swarm",
            Self::Full => "full",
        }
    }
}

/// Why a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It was not renewed, or its connection was closed.
    Lapsed,
    /// Another swarm keeps the account now.
    Moved,
}

impl End {
    const ALL: [Self; 2] = [Self::Lapsed, Self::Moved];

    const fn label(self) -> &'static str {
        match self {
            Self::Lapsed => "lapsed",
            Self::Moved => "moved",
        }
    }
}

/// Describes the series and makes them visible at zero.
pub(crate) fn register() {
    describe_gauge!(
        HELD,
        Unit::Count,
        "Subscriptions held; those that lapsed are counted for up to a minute more."
    );
    describe_gauge!(LINKS, Unit::Count, "Connections that have subscriptions.");
    describe_counter!(ENTRIES, Unit::Count, "Subscriptions asked for, by what came of each.");
    describe_counter!(NOTICES_SENT, Unit::Count, "Notices handed to the connections of subscribers.");
    describe_counter!(NOTICES_LOST, Unit::Count, "Notices for subscribers who did not read fast enough.");
    describe_counter!(ENDED, Unit::Count, "Subscriptions that ended, by why.");
    held(0, 0);
    notices(0, 0);
    for outcome in Outcome::ALL {
        entries(outcome, 0);
    }
    for why in End::ALL {
        ended(why, 0);
    }
}

pub(crate) fn held(n_held: usize, n_links: usize) {
    // Both are far below 2^52, where a float would begin to round.
    gauge!(HELD).set(n_held as f64);
    gauge!(LINKS).set(n_links as f64);
}

pub(crate) fn entries(outcome: Outcome, count: u64) {
    counter!(ENTRIES, "outcome" => outcome.label()).increment(count);
}

pub(crate) fn notices(sent: u64, lost: u64) {
    counter!(NOTICES_SENT).increment(sent);
    counter!(NOTICES_LOST).increment(lost);
}

pub(crate) fn ended(why: End, count: u64) {
    counter!(ENDED, "reason" => why.label()).increment(count);
}
