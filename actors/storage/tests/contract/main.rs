//! The actor through its contract, with a ledger and a swarm of the test's making and a clock that stands still.

mod batches;
mod house;
mod lifecycle;
mod recorded;
mod refusals;
mod requests;
mod vectors;
mod writes;
