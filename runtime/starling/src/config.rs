//! The settings of a whole process: one section per actor, and `[runtime]` for what they share.
//!
//! The types' `Default` is the one source of defaults; the files in `configs/` are tested against it.

mod notes;
mod private;
mod runtime;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use starling_sandbox::{config::PluginConfig, manifest::PluginName};

pub use notes::notes;
pub use private::private_node;
pub use runtime::{Log, LogFormat, LogLevel, Role, Runtime, default_data_dir};

use crate::error::Error;

/// All sections.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[runtime]`: roles, data folder, threads, logs.
    pub runtime: Runtime,
    /// `[network]`: which network, and how to find it.
    pub network: starling_routing::Network,
    /// `[transport]`: libp2p and HTTPS to others.
    pub transport: starling_transport::Config,
    /// `[storage]`: the message store of a node.
    pub storage: starling_storage::Config,
    /// `[subscriptions]`: who is told of new messages.
    pub subscriptions: starling_subscriptions::Config,
    /// `[swarm]`: who keeps whose messages.
    pub swarm: starling_swarm::Config,
    /// `[routing]`: onion requests, relayed (node) and built (client).
    pub routing: starling_routing::Config,
    /// `[staking]`: where the node list comes from.
    pub staking: starling_staking::Config,
    /// `[gateway]`: the HTTPS edge and the operator's listener.
    pub gateway: starling_gateway::Config,
    /// `[accounts]`: the accounts of this installation.
    pub accounts: starling_accounts::Config,
    /// `[inbox]`: sending, polling, reading.
    pub inbox: starling_inbox::Config,
    /// `[sandbox]`: what holds for all plugins.
    pub sandbox: starling_sandbox::Config,
    /// `[plugins.NAME]`: each plugin.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<PluginName, PluginConfig>,
}

impl Config {
    /// The defaults for a process with these roles.
    pub fn for_roles(roles: impl IntoIterator<Item = Role>) -> Self {
        let mut config = Self::default();
        config.runtime.roles = roles.into_iter().collect();
        config
    }

    /// Does the process have that role?
    pub fn has_role(&self, role: Role) -> bool {
        self.runtime.roles.contains(&role)
    }

    /// Checks what types cannot say, of the sections that the roles need.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the key and what was expected.
    pub fn validate(&self) -> Result<(), Error> {
        self.runtime.validate().map_err(invalid)?;
        self.transport.validate().map_err(invalid)?;
        self.routing.validate().map_err(invalid)?;
        self.gateway.validate().map_err(invalid)?;
        if self.has_role(Role::Node) {
            self.storage.validate().map_err(invalid)?;
            self.subscriptions.validate().map_err(invalid)?;
            self.swarm.validate().map_err(invalid)?;
            self.staking.validate().map_err(invalid)?;
        }
        if self.has_role(Role::Client) {
            self.network.validate().map_err(invalid)?;
            self.accounts.validate().map_err(invalid)?;
            self.inbox.validate().map_err(invalid)?;
            self.sandbox.validate().map_err(invalid)?;
            for (name, plugin) in &self.plugins {
                plugin.validate(name, &self.sandbox).map_err(invalid)?;
            }
        }
        Ok(())
    }
}

fn invalid(problem: String) -> Error {
    Error::Invalid { problem }
}
