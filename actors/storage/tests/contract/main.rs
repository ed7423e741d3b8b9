//! The actor through its contract, with a ledger and a swarm of the test's making and a clock that stands still.

mod announcements;
mod batches;
mod budgets;
mod forms;
mod house;
mod lifecycle;
mod recorded;
mod recorded_frames;
mod refusals;
mod requests;
mod statistics;
mod vectors;
mod writes;
