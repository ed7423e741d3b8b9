//! What may be typed after `starling plugin`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use starling_sandbox::{manifest::PluginName, permission::Permission, signature::TrustedKey};

use super::templates::Language;
use crate::arguments::ProfileChoice;

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// Writes a new plugin that builds and passes its test.
    New(New),
    /// Builds the component, as [build] of plugin.toml says, and checks it.
    Build(Project),
    /// Says what a plugin is, imports and asks for, and whether this host can run it.
    #[command(visible_alias = "inspect")]
    Check(Check),
    /// Builds the plugin where that is needed, and plays its tests/*.json to it.
    Test(Test),
    /// Calls one export of a plugin outside of any network, and tells what it did.
    Call(Call),
    /// Starts a private network with two accounts, runs the plugin in one of them, and swaps it whenever its sources change.
    Dev(Dev),
    /// Runs a client with this plugin, with nothing installed, until Ctrl-C.
    Run(Run),
    /// Puts a plugin into the data folder. A process that runs an earlier version of it swaps it within a second; a new one
    /// runs from the next start.
    Install(Install),
    /// Takes a plugin out of the data folder. What it kept in its store stays, for when it is installed again.
    Uninstall(Named),
    /// Lists the plugins of the data folder.
    List,
    /// Shows what a plugin has logged.
    Logs(Logs),
    /// Grants a plugin more of what it asks for.
    Grant(Grant),
    /// Takes grants from a plugin.
    Revoke(Grant),
    /// Switches a plugin on.
    Enable(Named),
    /// Switches a plugin off.
    Disable(Named),
    /// Goes back to the version that was installed before this one.
    Rollback(Named),
    /// Shows every use of a grant, and verifies that none is missing.
    Audit(Audit),
    /// Shows the events that a plugin could not handle, or forgets them; not while a process uses the data folder.
    Quarantine(Quarantine),
    /// Records what a running plugin is told and does.
    Record(Record),
    /// Plays a recording to a component, and shows the first thing that it does otherwise.
    Replay(Replay),
    /// Has two filters judge recorded traffic, each with the config of its plugin.toml, and shows where they differ.
    Compare(Compare),
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// In what it is written.
    #[arg(long)]
    pub(crate) lang: Language,
    /// What it is called: 1 to 32 of a-z, 0-9 and -.
    pub(crate) name: String,
    /// The folder that it comes into; not there yet, or empty [default: one of its name, here].
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
}

/// A plugin's sources.
#[derive(Debug, Args)]
pub(crate) struct Project {
    /// The folder of its plugin.toml.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
}

/// A plugin, from its sources or built.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// A folder with a plugin.toml, or a component.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub(crate) source: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) project: Project,
    /// Plays only the scripts with this in their names.
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// Tests the component that is there, without building.
    #[arg(long)]
    pub(crate) no_build: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Call {
    /// on-start, on-message, on-command, on-event, on-timer, migrate or review.
    pub(crate) export: String,
    /// The text, name or version that the export takes; or an event as a step of a test's script has it, as JSON. - reads
    /// standard input.
    #[arg(allow_hyphen_values = true)]
    pub(crate) argument: Option<String>,
    /// The folder of its plugin.toml, or a component beside one.
    #[arg(long, value_name = "FILE|DIR", default_value = ".")]
    pub(crate) plugin: PathBuf,
    /// Grants only this, of what it asks for; may be given several times [default: all that it asks for].
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) grant: Vec<Permission>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) project: Project,
    /// How many node processes.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(4..=50))]
    pub(crate) nodes: u16,
}

/// What is granted.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Granting {
    /// Grants this, of what it asks for, such as send:reply; may be given several times.
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) grant: Vec<Permission>,
    /// Grants everything that it asks for.
    #[arg(long)]
    pub(crate) grant_all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A folder with a plugin.toml, or a component beside one.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) profile: ProfileChoice,
    #[command(flatten)]
    pub(crate) granting: Granting,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// A folder with a plugin.toml, or a component beside one.
    pub(crate) source: String,
    /// The account that it speaks as [default: the first one].
    #[arg(long, value_name = "P")]
    pub(crate) profile: Option<String>,
    /// Another name than its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<PluginName>,
    #[command(flatten)]
    pub(crate) granting: Granting,
    /// The public key, in minisign's form, that has to have signed it.
    #[arg(long, value_name = "KEY")]
    pub(crate) signer: Option<TrustedKey>,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The name under which it is installed.
    pub(crate) name: PluginName,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// Goes on showing what comes, until Ctrl-C.
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// Such as send:reply, kv or http:https://api.example.org.
    #[arg(value_name = "PERMISSION", required = true)]
    pub(crate) permissions: Vec<Permission>,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// Shows only the last while, such as 1h.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) since: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Quarantine {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// Forgets the events: this one, or with `all` every one.
    #[arg(long, value_name = "ID")]
    pub(crate) discard: Option<Which>,
}

/// One of many, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    One(u64),
    All,
}

impl std::str::FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            number => number.parse().map(Self::One).map_err(|_| "expected the number of an event, or all"),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) plugin: Named,
    /// The new file that the recording goes into.
    #[arg(long, value_name = "FILE", required_unless_present = "stop")]
    pub(crate) to: Option<PathBuf>,
    /// Ends the recording.
    #[arg(long, conflicts_with = "to")]
    pub(crate) stop: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A recording.
    pub(crate) recording: PathBuf,
    /// The component, or a folder with a plugin.toml.
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    pub(crate) plugin: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The filter that runs: a component beside a plugin.toml, or its folder.
    pub(crate) old: PathBuf,
    /// The one that is to run.
    pub(crate) new: PathBuf,
    /// A recording of a filter.
    #[arg(long, value_name = "FILE")]
    pub(crate) traffic: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{Arguments, Verb};

    fn parse(line: &str) -> Result<Plugin, String> {
        match Arguments::try_parse_from(line.split(' ')).map_err(|error| error.to_string())?.verb {
            Verb::Plugin { verb } => Ok(verb),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_plugin_is_here_unless_it_is_said_where() {
        let Plugin::Test(test) = parse("starling plugin test --json").unwrap() else { panic!("test") };
        assert_eq!(test.project.dir, PathBuf::from("."));
        let Plugin::Check(check) = parse("starling plugin inspect echo.wasm").unwrap() else {
            panic!("check")
        };
        assert_eq!(check.source, PathBuf::from("echo.wasm"));
        let Plugin::New(new) = parse("starling plugin new --lang rust hello").unwrap() else { panic!("new") };
        assert_eq!((new.lang, new.name.as_str(), new.path), (Language::Rust, "hello", None));
    }

    #[test]
    fn grants_are_permissions() {
        let line =
            "starling plugin install . --grant send:reply --grant http:https://api.example.org --profile bot";
        let Plugin::Install(install) = parse(line).unwrap() else { panic!("install") };
        let texts: Vec<_> = install.granting.grant.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["send:reply", "http:https://api.example.org"]);
        let Plugin::Grant(grant) = parse("starling plugin grant echo kv timers").unwrap() else {
            panic!("grant")
        };
        assert_eq!(grant.permissions.len(), 2);

        let refused = parse("starling plugin grant echo kvs").unwrap_err();
        assert!(refused.contains("unknown permission \"kvs\""), "{refused}");
        assert!(parse("starling plugin grant echo").is_err());
        assert!(parse("starling plugin install . --grant kv --grant-all").is_err());
        assert!(parse("starling plugin logs ../echo").is_err());
    }

    #[test]
    fn an_event_in_quarantine_has_a_number() {
        assert_eq!("7".parse(), Ok(Which::One(7)));
        assert_eq!("all".parse(), Ok(Which::All));
        assert!("each".parse::<Which>().is_err());
        assert!(parse("starling plugin record echo").is_err());
        assert!(parse("starling plugin record echo --to a --stop").is_err());
        assert!(parse("starling plugin audit echo --since 1h").is_ok());
    }
}
