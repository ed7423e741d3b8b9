//! Starling, assembled: a node and a client of the Session messenger network in one process, for programs and for the
//! `starling` command.
//!
//! ```no_run
//! use starling::{Role, Runtime, contracts::accounts::CreateAccount, contracts::inbox::SendText};
//!
//! # async fn note_to_self() -> Result<(), Box<dyn std::error::Error>> {
//! let builder = Runtime::builder().config_file("network.toml").roles([Role::Client]).data_dir("./data");
//! let runtime = builder.start().await?;
//! let profile: starling::contracts::accounts::Profile = "bot".parse()?;
//! let made = runtime.ask(CreateAccount { profile: profile.clone(), name: None }).await?;
//! runtime.ask(SendText { profile, to: made.account.id, body: "a note to myself".to_owned() }).await?;
//! runtime.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Runtime`], [`RuntimeBuilder`]: starts the actors of the configured roles; own actors join or stand in for ours.
//! - [`Config`], [`config`]: every setting.
//! - [`contracts`]: what may be asked of a runtime. [`kernel`], [`protocol`]: what own actors are written with.
//!
//! Several runtimes may run in one process, each with its own data folder. They share nothing but the metrics recorder.

mod assembly;
mod builder;
pub mod config;
mod data_folder;
mod error;
mod metrics;
mod node_key;
mod private_file;
mod runtime;

pub use starling_contracts as contracts;
pub use starling_kernel as kernel;
pub use starling_protocol as protocol;
/// Plugins: what they are made of, and what is needed to try one without a network.
pub use starling_sandbox as sandbox;
/// Makes and signs the node lists of private networks.
pub use starling_staking::local as node_list;

pub use builder::RuntimeBuilder;
pub use config::{Config, Role};
pub use error::Error;
pub use runtime::{Listening, Runtime};

/// The examples of the front page are compiled, as these are.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct FrontPage;
