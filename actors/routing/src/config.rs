//! The `[routing]` and `[network]` sections.

use serde::{Deserialize, Serialize};
use starling_kernel::config::Note;

use crate::{paths::PathsConfig, relay::RelayConfig};

/// The `[routing]` section: a part for the node, a part for the client.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The node's half.
    pub relay: RelayConfig,
    /// The client's half.
    pub paths: PathsConfig,
}

impl Config {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        self.relay.validate()?;
        self.paths.validate()
    }
}

/// The `[network]` section: which network a client belongs to. All of it counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// The network's name. What was learnt in one network is not used in another.
    pub name: String,
    /// Servers that tell the first node list.
    pub seeds: Vec<Seed>,
    /// With fewer known nodes than this the list is fetched anew.
    pub min_pool: usize,
    /// Keeps two nodes of one path out of one /24. Off in private networks on one machine.
    pub subnet_diversity: bool,
}

impl Network {
    /// What the keys mean, for the example file.
    pub const NOTES: &'static [Note] = &[
        Note::new("name", "The network's name. What was learnt in one network is not used in another."),
        Note::new(
            "seeds",
            "Servers that tell the first node list: { url, certificates = [SHA-256 of accepted certificates, in hex] }; \
             without certificates any is accepted.",
        ),
        Note::new("min_pool", "With fewer known nodes than this the list is fetched anew."),
        Note::new(
            "subnet_diversity",
            "Keeps two nodes of one path out of one /24. Off in private networks on one machine.",
        ),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence naming the key.
    pub fn validate(&self) -> Result<(), String> {
        for seed in &self.seeds {
            if !seed.url.starts_with("https://") && !seed.url.starts_with("http://") {
                return Err(format!("network.seeds: {:?} is no http or https address", seed.url));
            }
            seed.pins()?;
        }
        Ok(())
    }
}

impl Default for Network {
    fn default() -> Self {
        // The smallest pool of Android and library clients (onion-requests §7).
        Self { name: "private".to_owned(), seeds: Vec::new(), min_pool: 12, subnet_diversity: true }
    }
}

/// A server that tells the first node list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    /// Its base URL, such as `https://seed1.getsession.org:4443`.
    pub url: String,
    /// SHA-256 of the certificates it may show, in hex, colons allowed; any, when empty.
    #[serde(default)]
    pub certificates: Vec<String>,
}

impl Seed {
    /// The pinned digests.
    ///
    /// # Errors
    /// A sentence naming the digest that is none.
    pub fn pins(&self) -> Result<Vec<[u8; 32]>, String> {
        self.certificates.iter().map(|text| pin(text)).collect()
    }
}

fn pin(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|digit| *digit != ':').collect();
    // A digest has the form of a key.
    let digest = digits.parse::<starling_protocol::crypto::x25519::PublicKey>();
    digest.map(|digest| digest.0).map_err(|_| {
        format!("network.seeds.certificates: {text:?} is no SHA-256 digest, 64 hexadecimal digits with or without colons")
    })
}

/// How a client speaks to the first node of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstHop {
    /// Over libp2p: nodes of this program.
    #[default]
    Libp2p,
    /// Over HTTPS: every node of the network.
    Https,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_file_is_read_and_its_pins_are_understood() {
        let text = r#"
            name = "devnet"
            min_pool = 7
            subnet_diversity = false
            seeds = [{ url = "https://127.0.0.1:1", certificates = ["36:EA:0B:25:35:37:98:85:51:EE:85:6E:4F:D2:0D:55:01:1E:9C:8B:27:EA:A2:F3:4B:8F:32:A0:BD:F0:4F:2D"] }]
        "#;

        let network: Network = toml::from_str(text).unwrap();

        assert_eq!(network.validate(), Ok(()));
        assert_eq!(network.seeds[0].pins().unwrap()[0][..3], [0x36, 0xea, 0x0b]);
    }

    #[test]
    fn seeds_that_cannot_work_are_refused() {
        let network = |url: &str, pin: &str| Network {
            seeds: vec![Seed { url: url.to_owned(), certificates: vec![pin.to_owned()] }],
            ..Network::default()
        };

        assert!(network("ftp://x", &"00".repeat(32)).validate().unwrap_err().contains("ftp://x"));
        assert!(network("https://x", "36:EA").validate().unwrap_err().contains("36:EA"));
    }

    #[test]
    fn the_defaults_are_valid_and_every_key_has_a_note() {
        use starling_kernel::{Bounds, config::Notes};
        let notes = Notes::new()
            .section("relay", "", RelayConfig::NOTES)
            .section("relay.web", "", crate::relay::WebConfig::NOTES)
            .section("relay.bounds", "", Bounds::NOTES)
            .section("paths", "", PathsConfig::NOTES)
            .section("paths.bounds", "", Bounds::NOTES);

        let config = Config::default();
        assert_eq!(config.validate(), Ok(()));
        let example = notes.example(&config).expect("every key has a note");
        assert_eq!(toml::from_str::<Config>(&example).expect("the example parses"), config);
        let example = Notes::new().section("", "", Network::NOTES).example(&Network::default());
        assert!(example.is_ok(), "{example:?}");
    }
}
