//! What the operator set for this plugin.

use serde::de::DeserializeOwned;

use crate::{
    Error,
    imports::{Backing, Imports as _},
};

/// The plugin's config: the author's defaults of `plugin.toml`, and over them the operator's values. Needs `config`.
///
/// ```
/// use std::time::Duration;
///
/// use serde::Deserialize;
/// use serde_json::json;
/// use starling_plugin::{duration, mock::MockHost};
///
/// #[derive(Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Settings {
///     greeting: String,
///     #[serde(with = "duration")]
///     pause: Duration,
/// }
///
/// let mock = MockHost::new().with_config(json!({ "greeting": "Hello", "pause": "10m" }));
/// mock.call(|host| {
///     let settings: Settings = host.config().parse()?;
///     assert_eq!(settings.pause, Duration::from_secs(600));
///     host.log().info(&settings.greeting);
///     Ok(())
/// })
/// .expect("the config has the keys of the type");
/// ```
#[derive(Clone, Copy)]
pub struct Config<'a> {
    backing: &'a Backing,
}

impl<'a> Config<'a> {
    pub(crate) fn new(backing: &'a Backing) -> Self {
        Self { backing }
    }

    /// All of it as a type of the author's. An error names the key.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_str(&self.text()?).map_err(|error| Error::malformed("the plugin's config", error))
    }

    /// All of it as the text of one JSON object.
    pub fn text(&self) -> Result<String, Error> {
        self.backing.config_get_all()
    }
}
