//! The inbox through its contract, between a keeper of accounts and a network that behave as the real ones do.
//!
//! - [`network`]: a swarm of nodes behind the client half of routing, which checks every request as storage nodes do.
//! - [`world`]: people with accounts, installations with data folders.

#[cfg(test)]
mod copies;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod network;
#[cfg(test)]
mod pending;
#[cfg(test)]
mod pointing;
#[cfg(test)]
mod receiving;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod reviews;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod unsending;
#[cfg(test)]
mod world;
