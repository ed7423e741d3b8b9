//! What the operator can count.

use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

const HELD: &str = "accounts_held";
const ADDED: &str = "accounts_added_total";
const UNLOCKED: &str = "accounts_unlocked_total";

/// Says what the series mean and makes them visible at zero.
pub(crate) fn register() {
    describe_gauge!(HELD, Unit::Count, "Accounts in the data folder.");
    describe_counter!(ADDED, Unit::Count, "Accounts made or restored since the start.");
    describe_counter!(UNLOCKED, Unit::Count, "Times another actor was given the keys of an account.");
    held(0);
    counter!(ADDED).increment(0);
    counter!(UNLOCKED).increment(0);
}

pub(crate) fn held(accounts: usize) {
    // A number of accounts is far below 2^52, where a float would begin to round.
    gauge!(HELD).set(accounts as f64);
}

pub(crate) fn added() {
    counter!(ADDED).increment(1);
    gauge!(HELD).increment(1.0);
}

pub(crate) fn unlocked() {
    counter!(UNLOCKED).increment(1);
}
