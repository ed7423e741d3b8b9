//! The actor through its contract, with a ledger of the test's making, a clock that the test owns, and real signatures.

#[cfg(test)]
mod crowd;
#[cfg(test)]
mod house;
#[cfg(test)]
mod moves;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod requests;
