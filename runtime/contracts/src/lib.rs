//! What may be asked of whom: the messages that actors exchange, one module per actor. No behaviour, but for the one form in which
//! two of them tell of the node list.
//!
//! An actor that needs another imports its module here, never its crate, and finds it through the kernel's registry by the
//! type of the message. Whoever serves the messages of a module can stand in for our actor.
//!
//! - [`staking`]: the node list. [`swarm`]: who keeps an account's messages, and copies to them. [`storage`]: the storage RPC.
//! - [`subscriptions`]: who is told of new messages.
//! - [`routing`]: onion requests, peeled (node) and built (client). [`transport`]: bytes to peers and over HTTPS.
//! - [`gateway`]: where the edge listens. [`accounts`], [`inbox`]: the client. [`plugins`]: filters and bots.
//! - [`node`]: what a service node is, [`node_list`]: the form in which clients are told of all of them.

pub mod accounts;
pub mod gateway;
pub mod inbox;
pub mod node;
pub mod node_list;
pub mod plugins;
pub mod routing;
pub mod staking;
pub mod storage;
pub mod subscriptions;
pub mod swarm;
pub mod transport;
