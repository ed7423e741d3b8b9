//! What the actor counts.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const HEIGHT: &str = "staking_height";
const NODES: &str = "staking_nodes";
const LISTS: &str = "staking_lists_total";

/// What became of a list that was found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Accepted,
    Refused,
}

impl Outcome {
    const ALL: [Self; 2] = [Self::Accepted, Self::Refused];

    const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
        }
    }
}

/// Describes the series and makes them visible at zero.
pub(crate) fn register() {
    describe_gauge!(HEIGHT, Unit::Count, "Height of the node list in use; 0 while there is none.");
    describe_gauge!(NODES, Unit::Count, "Service nodes in the list in use.");
    describe_counter!(LISTS, Unit::Count, "Node lists found at the ledger, by what became of them.");
    gauge!(HEIGHT).set(0.0);
    gauge!(NODES).set(0.0);
    for outcome in Outcome::ALL {
        counter!(LISTS, "outcome" => outcome.label()).increment(0);
    }
}

pub(crate) fn found(outcome: Outcome) {
    counter!(LISTS, "outcome" => outcome.label()).increment(1);
}

pub(crate) fn in_use(height: u64, n_nodes: usize) {
    // Heights and node counts are far below 2^52, where a float would begin to round.
    gauge!(HEIGHT).set(height as f64);
    gauge!(NODES).set(n_nodes as f64);
}
