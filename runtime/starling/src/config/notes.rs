//! What every key means: put together from the actors' own notes.

use starling_kernel::{Bounds, config::Notes};

use crate::config::{Log, Runtime};

/// The notes of all sections, for [`Notes::example`].
pub fn notes() -> Notes {
    let bounds = |notes: Notes, section: &str| notes.section(&format!("{section}.bounds"), "", Bounds::NOTES);
    let notes = Notes::new()
        .section("", HEAD, &[])
        .section("runtime", "What all actors share.", Runtime::NOTES)
        .section("runtime.log", "The log, on standard error.", Log::NOTES)
        .section("network", "Which network, and how a client finds it.", starling_routing::Network::NOTES)
        .section("transport", "libp2p and HTTPS to other machines.", starling_transport::Config::NOTES)
        .section(
            "transport.rate",
            "How often a peer that is no listed node may ask for storage; onion requests are not counted.",
            starling_kernel::RateLimit::NOTES,
        )
        .section("storage", "Node: the message store.", starling_storage::Config::NOTES)
        .section("storage.replica_bounds", "Writes that other members of the swarm forward.", Bounds::NOTES)
        .section("subscriptions", "Node: who is told of new messages.", starling_subscriptions::Config::NOTES)
        .section(
            "swarm",
            "Node: who keeps whose messages, and copies to them.",
            starling_swarm::Config::NOTES,
        )
        .section("routing.relay", "Node: onion requests of others.", starling_routing::RelayConfig::NOTES)
        .section(
            "routing.relay.web",
            "Web servers that onion requests may end at.",
            starling_routing::WebConfig::NOTES,
        )
        .section("routing.paths", "Client: onion requests of its own.", starling_routing::PathsConfig::NOTES)
        .section("staking", "Node: the ledger that says which service nodes there are.", &[])
        .section("staking.backend", "", starling_staking::Config::BACKEND_NOTES)
        .section(
            "gateway",
            "The HTTPS edge of a node, and the operator's listener.",
            starling_gateway::Config::NOTES,
        )
        .section(
            "gateway.rate",
            "How often one IPv4 address, or one IPv6 /64, may ask; onion requests are not counted.",
            starling_kernel::RateLimit::NOTES,
        )
        .section(
            "gateway.quic",
            "Node: the same storage API over QUIC, with subscriptions.",
            starling_gateway::quic::Config::NOTES,
        )
        .section(
            "gateway.omq",
            "Node: OxenMQ, which push servers speak; encrypted with the node's x25519 key.",
            starling_gateway::omq::Config::NOTES,
        )
        .section("accounts", "Client: the accounts of the data folder.", starling_accounts::Config::NOTES)
        .section("inbox", "Client: sending, polling, reading.", starling_inbox::Config::NOTES)
        .section("sandbox", "Client: what holds for all plugins.", starling_sandbox::Config::NOTES)
        .appendix(starling_sandbox::config::PluginConfig::EXAMPLE);
    [
        "transport",
        "storage",
        "subscriptions",
        "swarm",
        "routing.relay",
        "routing.paths",
        "staking",
        "gateway",
        "gateway.quic",
        "accounts",
        "inbox",
        "sandbox",
    ]
    .into_iter()
    .fold(notes, bounds)
}

const HEAD: &str = "\
Every key there is. What is left out has its default, what is misspelt is refused.
Later layers win: this file, then the files in conf.d beside it, then STARLING_SECTION__KEY
variables, then -O section.key=value, then flags. `starling config show` tells who won.
All keys hold from the next start.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Role, private_node};

    /// A shipped file is exactly what the program would write: complete, commented, with the defaults.
    #[track_caller]
    fn check(shipped: &str, config: &Config) {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs").join(shipped);
        let text = std::fs::read_to_string(&path).unwrap();

        let expected = notes().example(config).unwrap();

        assert_eq!(starling_kernel::config::differences(&path, config).unwrap(), [""; 0], "{shipped}");
        assert!(
            text == expected,
            "the comments of configs/{shipped} are not those of the program; `starling config example` prints them"
        );
    }

    #[test]
    fn the_shipped_files_say_what_the_defaults_say() {
        check("node.toml", &Config::for_roles([Role::Node]));
        check("client.toml", &Config::for_roles([Role::Client]));
        check("both.toml", &Config::default());
        check("devnet.toml", &private_node("nodes.json".into(), None));
    }
}
