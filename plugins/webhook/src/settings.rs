//! What the operator sets.

use serde::Deserialize;
use starling_plugin::{AccountId, Error, Host, Message};

/// The `[config]` of `plugin.toml`, which has every default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where messages are posted to. The grant `http:` has its origin.
    pub(crate) url: String,
    /// Whether what the server answers is sent.
    pub(crate) answer: bool,
    /// Whether messages of accounts that have never been written to are posted.
    pub(crate) requests: bool,
    /// Only messages of these accounts are posted; of all when there are none.
    pub(crate) authors: Vec<AccountId>,
    /// A secret that goes along in a header.
    #[serde(default)]
    pub(crate) secret: Option<Secret>,
}

/// A header with a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// Which secret. The grant `secret:` has its name.
    pub(crate) name: String,
    /// In which header.
    #[serde(default = "authorization")]
    pub(crate) header: String,
    /// What comes before it.
    #[serde(default = "bearer")]
    pub(crate) prefix: String,
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer ".to_owned()
}

impl Settings {
    pub(crate) fn read(host: &Host) -> Result<Self, Error> {
        host.config().parse()
    }

    pub(crate) fn wants(&self, message: &Message) -> bool {
        let is_author = self.authors.is_empty() || self.authors.contains(message.author());
        is_author && (self.requests || !message.is_request)
    }
}
