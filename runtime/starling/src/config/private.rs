//! Settings of a private network on one machine.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use starling_protocol::crypto::ed25519;
use starling_staking::{BackendConfig, LocalConfig};

use crate::config::{Config, Role};

/// Where a private node listens: for this machine only, on a port that the system chooses.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// A dozen processes share the machine.
const THREADS: usize = 2;
/// As above: what each may use for connections and bodies, in MiB; a quarter has to hold the longest request and an answer
/// as long.
const MEMORY: u64 = 96;
/// As above: what each may use for pages of its message store, in MiB.
const STORE_CACHE: u64 = 16;
/// Nobody wants to wait for a network of one machine.
const POLL: Duration = Duration::from_millis(250);

/// A node of a private network on this machine, which follows the list in that file, signed by that authority.
pub fn private_node(node_list: PathBuf, authority: Option<ed25519::PublicKey>) -> Config {
    let mut config = Config::for_roles([Role::Node]);
    config.runtime.io_threads = THREADS;
    config.runtime.cpu_threads = THREADS;
    config.gateway.https = SocketAddr::from(ANY_PORT);
    config.gateway.operator = SocketAddr::from(ANY_PORT);
    config.gateway.quic.listen = SocketAddr::from(ANY_PORT);
    config.gateway.workers = THREADS;
    // The number that QUIC has.
    config.gateway.omq.listen = SocketAddr::from(ANY_PORT);
    // All of the network's clients and nodes share one address.
    config.gateway.rate.per_second = 0;
    config.gateway.connections_per_address = 0;
    (config.transport.listen, config.transport.port) = ANY_PORT;
    config.transport.memory = bytesize::ByteSize::mib(MEMORY);
    config.transport.rate.per_second = 0;
    config.storage.cache = bytesize::ByteSize::mib(STORE_CACHE);
    config.network.subnet_diversity = false;
    config.routing.relay.web.private_addresses = true;
    config.staking.backend = BackendConfig::Local(LocalConfig { file: node_list, authority, poll: POLL });
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_bounded_by_address_where_everybody_has_the_same() {
        let config = private_node("nodes.json".into(), None);

        assert_eq!(config.gateway.rate.per_second, 0);
        assert_eq!(config.gateway.connections_per_address, 0);
        assert_eq!(config.transport.rate.per_second, 0);
        assert_eq!(config.gateway.validate(), Ok(()));
        assert_eq!(config.transport.validate(), Ok(()));
    }
}
