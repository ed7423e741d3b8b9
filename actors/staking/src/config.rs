//! The `[staking]` section.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use starling_kernel::{Bounds, config::Note};
use starling_protocol::crypto::ed25519;

/// The `[staking]` section.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Which ledger is followed. From the next start.
    pub backend: BackendConfig,
    /// Mailbox, deadlines and restarts. From the next start.
    pub bounds: Bounds,
}

/// Which ledger is followed, chosen by `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum BackendConfig {
    /// A signed file of a private network.
    Local(LocalConfig),
}

/// The keys of `type = "local"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LocalConfig {
    /// The node-list file; a relative path begins at the working directory of the process. From the next start.
    pub file: PathBuf,
    /// The Ed25519 key, in hex, that signs the file. From the next start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<ed25519::PublicKey>,
    /// How often the file is looked at. From the next start.
    #[serde(with = "humantime_serde")]
    pub poll: Duration,
}

impl Config {
    /// What the keys of `[staking.backend]` mean, for the example file.
    pub const BACKEND_NOTES: &'static [Note] = &[
        Note::new("type", "Which ledger is followed: \"local\" is the signed file of a private network."),
        Note::new(
            "file",
            "The node-list file; a relative path begins at the working directory of the process.",
        ),
        Note::new("poll", "How often the file is looked at."),
        Note::optional(
            "authority",
            "The Ed25519 key that signs the file, 64 hexadecimal characters. A node does not start without it.",
            "\"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"",
        ),
    ];

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key.
    pub fn validate(&self) -> Result<(), String> {
        let BackendConfig::Local(local) = &self.backend;
        if local.authority.is_none() {
            return Err(
                "staking.backend.authority is missing: it is the Ed25519 public key that signs the node \
                        list, 64 hexadecimal characters"
                    .to_owned(),
            );
        }
        if local.poll.is_zero() {
            return Err("staking.backend.poll is 0s: expected a time above zero, such as \"1s\"".to_owned());
        }
        if local.file.as_os_str().is_empty() {
            return Err("staking.backend.file is empty: expected the path of the node-list file".to_owned());
        }
        Ok(())
    }
}

impl Default for BackendConfig {
    fn default() -> Self {
        Self::Local(LocalConfig::default())
    }
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self { file: PathBuf::from("nodes.json"), authority: None, poll: Duration::from_secs(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_with_every_key_reads_and_an_unknown_key_does_not() {
        let text = "[backend]\ntype = \"local\"\nfile = \"n.json\"\npoll = \"2s\"\n\
                    authority = \"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a\"\n";
        let config: Config = toml::from_str(text).unwrap();
        let BackendConfig::Local(local) = &config.backend;

        assert_eq!(local.poll, Duration::from_secs(2));
        assert_eq!(config.validate(), Ok(()));
        assert_eq!(toml::from_str::<Config>(&toml::to_string(&config).unwrap()).unwrap(), config);
        assert!(toml::from_str::<Config>("[backend]\ntype = \"local\"\nfiel = \"x\"\n").is_err());
        assert!(toml::from_str::<Config>("[backend]\ntype = \"oracle\"\n").is_err());
    }

    #[test]
    fn each_refusal_names_its_key() {
        let refused = |change: fn(&mut LocalConfig)| {
            let mut local =
                LocalConfig { authority: Some(ed25519::PublicKey([1; 32])), ..LocalConfig::default() };
            change(&mut local);
            Config { backend: BackendConfig::Local(local), ..Config::default() }.validate().unwrap_err()
        };

        assert!(refused(|local| local.authority = None).contains("staking.backend.authority"));
        assert!(refused(|local| local.poll = Duration::ZERO).contains("staking.backend.poll"));
        assert!(refused(|local| local.file = PathBuf::new()).contains("staking.backend.file"));
    }
}
