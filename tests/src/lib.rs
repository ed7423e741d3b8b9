//! What the tests across crates share: real processes on loopback, started and stopped for real.
//!
//! - [`Devnet`]: a private network, as `starling devnet` starts it.
//! - [`Client`]: the command line with a data folder of its own.
//! - [`Python`]: the second implementation in `interop/client.py`, with what it stands on.

mod binary;
mod client;
mod devnet;
mod https;
mod node;
mod process;
mod python;

pub use binary::{repository, starling};
pub use client::{Client, Finished, finish};
pub use devnet::{Devnet, Node};
pub use https::insecure_client;
pub use node::{RunningNode, mentions};
pub use process::{children_of, eventually, signal};
pub use python::Python;
