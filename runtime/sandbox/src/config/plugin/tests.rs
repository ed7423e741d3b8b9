use std::collections::BTreeSet;

use starling_kernel::config::Loader;

use super::*;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    sandbox: Config,
    plugins: BTreeMap<PluginName, PluginConfig>,
}

/// The example without its sentences.
fn uncommented() -> String {
    let is_toml = |line: &&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    PluginConfig::EXAMPLE.lines().filter(is_toml).collect::<Vec<_>>().join("\n").replace("NAME", "echo")
}

fn section(text: &str) -> PluginConfig {
    toml::from_str(text).unwrap()
}

fn name() -> PluginName {
    "echo".parse().unwrap()
}

#[track_caller]
fn refused(given: &str, because: &str) {
    let error =
        Loader::new().set(given).load::<Settings>().map(drop).expect_err("must be refused").to_string();

    assert!(error.contains(because), "{error}");
}

#[test]
fn the_example_shows_every_key_and_what_it_shows_is_valid() {
    let text = uncommented();
    let settings: Settings = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));

    let echo = &settings.plugins[&name()];
    let keys = |text: &str| {
        text.parse::<toml::Table>().unwrap().into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>()
    };
    let shown = keys(&toml::to_string(echo).unwrap());

    assert_eq!(echo.validate(&name(), &settings.sandbox), Ok(()));
    assert_eq!(shown.len(), 10, "{shown:?}");
    assert_eq!(keys(&toml::to_string(&echo.limits()).unwrap()).len(), 16);
    assert_eq!(echo.secrets.as_ref().unwrap().len(), 2);
}

#[test]
fn the_example_shows_the_defaults() {
    let settings: Settings = toml::from_str(&uncommented()).unwrap();
    let limits = settings.plugins[&name()].limits();

    let shown = super::super::Allowance::resolve(&settings.sandbox, &Default::default(), &limits);

    assert_eq!(shown, Ok(super::super::Allowance::default()));
    assert!(settings.plugins[&name()].is_enabled());
    assert_eq!(settings.plugins[&name()].on_failure, Some(OnFailure::default()));
}

#[test]
fn a_section_is_read_like_any_other_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, uncommented()).unwrap();

    let loaded = Loader::new().file(&path).set("plugins.echo.limits.timers=7").load::<Settings>().unwrap();

    let (settings, expected) = (loaded.value, toml::from_str::<Settings>(&uncommented()).unwrap());
    let echo = &settings.plugins[&name()];
    assert_eq!(echo.limits().timers, Some(7));
    assert_eq!(echo.secrets, expected.plugins[&name()].secrets);
    assert_eq!(echo.config, expected.plugins[&name()].config);
    assert_eq!(echo.grants, expected.plugins[&name()].grants);
}

#[test]
fn errors_name_the_key_and_repeat_no_secret() {
    refused("plugins.echo.grant=[\"log\"]", "plugins.echo.grant; did you mean plugins.echo.grants?");
    refused("plugins.echo.grants=[\"lgo\"]", "did you mean log?");
    refused("plugins.Echo.enabled=true", "a plugin's name has");
    refused("plugins.echo.digest=\"abc\"", "plugins.echo.digest");
    refused("plugins.echo.signer=\"abc\"", "plugins.echo.signer");
    let error =
        Loader::new().set("plugins.echo.secrets.x=\"hunter2\"").load::<Settings>().map(drop).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn the_settings_win_whole_key_by_key() {
    let settings = section("grants = [\"log\"]\n[limits]\ntimers = 1\n");
    let operator = section(
        "enabled = false\ngrants = [\"kv\", \"send:direct\"]\nprofile = \"bot\"\n[limits]\nmemory = \"1 MiB\"\n[config]\na = 1\n",
    );

    let merged = settings.over(operator);

    assert_eq!(
        merged,
        section(
            "enabled = false\ngrants = [\"log\"]\nprofile = \"bot\"\n[limits]\ntimers = 1\n[config]\na = 1\n"
        )
    );
    assert_eq!(PluginConfig::default().over(merged.clone()), merged);
    assert_eq!(merged.clone().over(PluginConfig::default()), merged);
}

#[test]
fn an_empty_list_of_grants_in_the_settings_takes_all_away() {
    let merged = section("grants = []").over(section("grants = [\"kv\"]"));

    assert!(merged.granted().is_empty());
}

#[test]
fn nothing_is_granted_and_everything_runs_by_default() {
    let nothing = PluginConfig::default();

    assert!(nothing.granted().is_empty());
    assert!(nothing.is_enabled());
    assert_eq!(toml::to_string(&nothing).unwrap(), "");
    assert_eq!(nothing.validate(&name(), &Config::default()), Ok(()));
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    let refused = |text: &str| section(text).validate(&name(), &Config::default()).unwrap_err();

    assert!(refused("[limits]\ncpu_share = 0").starts_with("plugins.echo.limits.cpu_share is 0"));
    assert!(refused("source = \"\"").starts_with("plugins.echo.source is empty"));
    assert!(refused("[config]\na = nan").starts_with("plugins.echo.config has a number"));
    assert!(
        refused("[secrets]\nkey = { env = \"\" }").starts_with("plugins.echo.secrets.key.env is no name")
    );
    assert!(
        refused("[secrets]\nkey = { file = \"\" }").starts_with("plugins.echo.secrets.key.file is empty")
    );
}

#[test]
fn the_author_s_settings_lie_below_the_operator_s() {
    let defaults = "greeting = \"Hello\"\nlimit = 3\n".parse().unwrap();

    let effective = section("[config]\nlimit = 5\n").effective_config(&defaults);

    assert_eq!(serde_json::Value::Object(effective), serde_json::json!({"greeting": "Hello", "limit": 5}));
}
