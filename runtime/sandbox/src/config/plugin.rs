//! A `[plugins.NAME]` section, and an installed plugin's `operator.toml`, which has the same keys.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use starling_contracts::accounts::Profile;

use super::{Config, LimitSettings, SecretSource};
use crate::{
    fit,
    manifest::PluginName,
    permission::{Grants, SecretName},
    signature::{Digest, TrustedKey},
    values,
};

/// What an operator says of one plugin. Every key may be absent.
///
/// What stands in the settings holds from the next start, what a command sets at once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PluginConfig {
    /// Does it run? It does when this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// A folder with a `plugin.toml`, or a `.wasm` beside one; the installed plugin when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<PathBuf>,
    /// The SHA-256 that its component has to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The key that has to have signed its component.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<TrustedKey>,
    /// The account that it speaks as; the first one when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    /// What it may do, of what it asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// For filters: what becomes of an item when the filter fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// How much it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitSettings>,
    /// Its own settings, over the author's defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<toml::Table>,
    /// Where the secrets are that it may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<BTreeMap<SecretName, SecretSource>>,
}

/// What becomes of an item that a filter could not judge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It is shown, as if there were no filter.
    #[default]
    Show,
    /// It is kept back until a person lets it pass.
    Hold,
}

impl PluginConfig {
    /// A section with every key and what it means, to be commented out at the end of the example file.
    pub const EXAMPLE: &'static str = "\
A plugin; NAME is its own or another of a-z, 0-9 and -. Every key may be left out, and nothing is granted that is not listed.
What `starling plugin install`, `grant` and `disable` write into the data folder has the same keys; what stands here wins,
key by key.
[plugins.NAME]
Does it run?
enabled = true
A folder with a plugin.toml, or a .wasm beside one. When absent: what `starling plugin install` put into the data folder.
source = \"/opt/bots/echo\"
The SHA-256 that its component has to have.
digest = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"
The public key, in minisign's form, that has to have signed its component.
signer = \"RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\"
The account that it speaks as. When absent: the first one.
profile = \"default\"
What it may do, of what it asks for: send:, react: with reply, direct or an account id; read: with direct or an account id;
http: with an origin; secret:, secret-reveal: with a name; delete, kv, timers, config, log, clock, random, identity.
grants = [\"send:reply\", \"kv\", \"log\"]
For filters: \"show\" or \"hold\" what a filter fails to judge.
on_failure = \"show\"
How much it may use.
[plugins.NAME.limits]
memory = \"64 MiB\"
call_time = \"2s\"
table_elements = 20000
kv_bytes = \"16 MiB\"
kv_keys = 10000
Keys that a call sets or deletes, and what the plugin writes in a minute; a value of more than 4 KiB counts as several.
writes_per_call = 500
writes_per_minute = 3000
timers = 1000
sends_per_call = 20
sends_per_minute = 60
http_per_call = 20
http_per_minute = 60
http_body = \"256 KiB\"
log_lines_per_minute = 600
Percent of one core in the long run.
cpu_share = 25
How often an event is offered again before it is put into quarantine.
retries = 5
Its own settings, over its author's defaults.
[plugins.NAME.config]
greeting = \"Hello\"
Where its secrets are; a file may be readable by its owner alone.
[plugins.NAME.secrets]
api_key = { env = \"ECHO_API_KEY\" }
other_key = { file = \"/etc/starling/other_key\" }
";

    /// The settings' section laid over an installed plugin's `operator.toml`: of each key, what the settings say, if they say
    /// anything, counts as a whole.
    #[must_use]
    pub fn over(self, operator: Self) -> Self {
        Self {
            enabled: self.enabled.or(operator.enabled),
            source: self.source.or(operator.source),
            digest: self.digest.or(operator.digest),
            signer: self.signer.or(operator.signer),
            profile: self.profile.or(operator.profile),
            grants: self.grants.or(operator.grants),
            on_failure: self.on_failure.or(operator.on_failure),
            limits: self.limits.or(operator.limits),
            config: self.config.or(operator.config),
            secrets: self.secrets.or(operator.secrets),
        }
    }

    /// Does it run?
    pub fn is_enabled(&self) -> bool {
        self.enabled.unwrap_or(true)
    }

    /// What becomes of an item that it fails to judge.
    pub fn failing(&self) -> OnFailure {
        self.on_failure.unwrap_or_default()
    }

    /// What is granted; nothing by default.
    pub fn granted(&self) -> Grants {
        self.grants.clone().unwrap_or_default()
    }

    /// What is set of its limits.
    pub fn limits(&self) -> LimitSettings {
        self.limits.unwrap_or_default()
    }

    /// Its own settings in force, as JSON: the author's `defaults`, and over them what is set here.
    pub fn effective_config(&self, defaults: &toml::Table) -> serde_json::Map<String, serde_json::Value> {
        let set = self.config.clone().unwrap_or_default();
        values::json(&values::laid_over(defaults.clone(), &set))
    }

    /// What of its own settings does not fit the author's `defaults`, as a sentence that begins with the key.
    pub fn misfit(&self, name: &PluginName, defaults: &toml::Table) -> Option<String> {
        let misfit = fit::misfit(defaults, self.config.as_ref()?)?;
        Some(format!("plugins.{name}.config.{misfit}"))
    }

    /// A key of its own settings that may be misspelt, as a sentence that begins with it.
    pub fn lookalike(&self, name: &PluginName, defaults: &toml::Table) -> Option<String> {
        let lookalike = fit::lookalike(defaults, self.config.as_ref()?)?;
        Some(format!("plugins.{name}.config.{lookalike}"))
    }

    /// Where the secret of that name is.
    pub fn secret(&self, name: &SecretName) -> Option<&SecretSource> {
        self.secrets.as_ref().and_then(|secrets| secrets.get(name))
    }

    /// Checks what types cannot say.
    ///
    /// # Errors
    /// A sentence that begins with the key.
    pub fn validate(&self, name: &PluginName, host: &Config) -> Result<(), String> {
        let section = format!("plugins.{name}");
        self.limits().validate(&format!("{section}.limits"), host)?;
        if self.source.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            return Err(format!("{section}.source is empty: expected the path of a folder or a .wasm"));
        }
        if let Some(problem) = self.config.as_ref().and_then(values::problem) {
            return Err(format!("{section}.config {problem}"));
        }
        for (secret, source) in self.secrets.iter().flatten() {
            if let Some(problem) = source.problem() {
                return Err(format!("{section}.secrets.{secret}.{problem}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
