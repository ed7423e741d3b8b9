//! Builds the plugins in `tests/plugins` for the tests that run them; imports nothing of ours, so that any crate may use it.
//!
//! - [`guest`]: a component of one of the Rust guests, built by cargo when it is not.
//! - [`abuse`]: a component that breaks the ABI, from one of the modules in `hostile/abi`.
//! - [`of_world`]: a component of any contract, whose exports trap.
//!
//! All of them panic when they cannot do it: nobody but tests calls them.

mod abi;
mod build;
mod world;

pub use abi::abuse;
pub use build::{guest, guest_file, plugins_folder};
pub use world::{contract, of_world};
