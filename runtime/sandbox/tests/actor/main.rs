//! Plugins as the rest of a process meets them: through the contract, in a house whose other actors keep everything in memory.
//!
//! - [`house`]: the house, its clock, and waiting in it; [`mail`]: its inbox, accounts and web; [`release`]: installing plugins.
//! - Everything else: behaviour.

mod answering;
mod changing;
mod failing;
mod filtering;
mod hardened;
mod house;
mod mail;
mod release;
mod sending;
mod timing;
