//! What may be typed after `starling`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use starling::Role;

const EXIT_CODES: &str = "\
Exit codes:
  0  done; also when stopped by Ctrl-C or SIGTERM
  1  something else: send or account new/restore stopped before the outcome was known, work
     that did not end in time, a second signal, or a defect of this program
  2  wrong usage or bad input: an argument, an id, a recovery password, a message
  3  wrong settings: a config or network file, a variable, an -O
  4  the network: no node reachable, no answer, refused
  5  this machine: the data folder, the disk, a port in use";

/// A node and a client of the Session messenger network.
///
/// Settings come from defaults, then files, then files in conf.d beside them, then STARLING_SECTION__KEY variables, then -O, then flags.
#[derive(Debug, Parser)]
#[command(name = "starling", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What may stand before or after every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// A file of settings; may be given several times, later ones win.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Vec<PathBuf>,
    /// The file that describes the network: its seeds and their certificates.
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) network: Option<PathBuf>,
    /// Where everything is kept, used by one process at a time [default: $XDG_DATA_HOME/starling or ~/.local/share/starling].
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
    /// Sets one key, as in -O transport.first_hop=https; may be given several times.
    #[arg(short = 'O', value_name = "SECTION.KEY=VALUE", global = true)]
    pub(crate) overrides: Vec<String>,
    /// Prints facts as JSON, one object per line; errors become one JSON object on standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Shows the log on standard error, for verbs that are otherwise quiet.
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Starts a private network of node processes on this machine, and shows two accounts talking over it.
    Devnet(Devnet),
    /// Runs the configured roles until Ctrl-C or SIGTERM; a second one aborts.
    Run(Run),
    /// Asks a running process for its readiness, its ports and what it has done; needs no network.
    Status(Status),
    /// Makes, restores and shows accounts; needs no network.
    Account {
        #[command(subcommand)]
        verb: Account,
    },
    /// Sends a text to an account.
    Send(Send),
    /// Fetches what is new and prints the messages.
    Inbox(Inbox),
    /// Makes, tests, installs and runs plugins: bots and filters.
    Plugin {
        #[command(subcommand)]
        verb: crate::plugin::arguments::Plugin,
    },
    /// Checks, shows and explains settings.
    Config {
        #[command(subcommand)]
        verb: Config,
    },
    /// Prints a script that completes arguments in a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Prints the version.
    Version,
}

#[derive(Debug, Args)]
pub(crate) struct Devnet {
    /// How many node processes.
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) nodes: u16,
    /// Where the network lives: empty or not there yet [default: a new folder for temporary files].
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// Leaves everything in the folder when the network stops; without it the folder is emptied.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Starts the network only, without the two accounts.
    #[arg(long)]
    pub(crate) no_demo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Ends when standard input does: for a parent process that wants its children to end with it.
    #[arg(long, hide = true)]
    pub(crate) end_with_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Where its operator's listener is [default: gateway.operator of the settings].
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) operator: Option<SocketAddr>,
}

/// Which account.
#[derive(Debug, Args)]
pub(crate) struct ProfileChoice {
    /// The local name of the account: 1 to 32 of a-z, 0-9, - and _.
    #[arg(long, value_name = "P", default_value = "default")]
    pub(crate) profile: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Makes an account and prints its recovery password, this once.
    New {
        #[command(flatten)]
        profile: ProfileChoice,
        /// The name that others see [default: none; the profile is a local matter].
        #[arg(long)]
        name: Option<String>,
    },
    /// Brings an account back from the recovery password on standard input.
    Restore {
        #[command(flatten)]
        profile: ProfileChoice,
        /// The name that others see [default: none; the profile is a local matter].
        #[arg(long)]
        name: Option<String>,
    },
    /// Shows an account.
    Show {
        #[command(flatten)]
        profile: ProfileChoice,
        /// Shows the recovery password too. Whoever has it has the account.
        #[arg(long)]
        recovery: bool,
    },
    /// Lists the accounts of the data folder.
    List,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) profile: ProfileChoice,
    /// The account id of the recipient: 66 characters that begin with 05.
    #[arg(long, value_name = "ID")]
    pub(crate) to: String,
    /// The text; - reads it from standard input.
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: String,
}

#[derive(Debug, Args)]
pub(crate) struct Inbox {
    #[command(flatten)]
    pub(crate) profile: ProfileChoice,
    /// Prints only what this call brought.
    #[arg(long)]
    pub(crate) new: bool,
    /// Goes on printing what comes, until Ctrl-C.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Prints what filters have put aside instead, each with its number; asks no swarm.
    #[arg(long, conflicts_with_all = ["new", "follow"])]
    pub(crate) held: bool,
    /// Lets the message pass that is held under this number.
    #[arg(long, value_name = "ID", conflicts_with_all = ["new", "follow", "held"])]
    pub(crate) release: Option<u64>,
    /// Forgets the message that is held under this number.
    #[arg(long, value_name = "ID", conflicts_with_all = ["new", "follow", "held", "release"])]
    pub(crate) discard: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Reads all settings and says whether a runtime could start from them.
    Check,
    /// Prints every key with its effective value and where it was written.
    Show,
    /// Prints a complete file with what every key means.
    Example {
        /// For which roles [default: both].
        #[arg(long, value_name = "ROLE", value_parser = parse_role)]
        role: Vec<Role>,
        /// For a node of a private network on one machine, as devnet starts them.
        #[arg(long, conflicts_with = "role")]
        devnet: bool,
    },
}

fn parse_role(text: &str) -> Result<Role, String> {
    match text {
        "node" => Ok(Role::Node),
        "client" => Ok(Role::Client),
        _ => Err("expected node or client".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_definition_has_no_contradictions() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn options_may_stand_before_and_after_the_verb() {
        let before = "starling --network n.toml --data-dir d -O a.b=c --json send --profile p --to 05 text";
        let after = "starling send --profile p --to 05 text --network n.toml --data-dir d -O a.b=c --json";
        for line in [before, after] {
            let Arguments { global, verb } = Arguments::try_parse_from(line.split(' ')).unwrap();

            assert_eq!(global.network.as_deref(), Some(std::path::Path::new("n.toml")));
            assert_eq!(global.data_dir.as_deref(), Some(std::path::Path::new("d")));
            assert_eq!(global.overrides, ["a.b=c"]);
            assert!(global.json);
            let Verb::Send(send) = verb else { panic!("{verb:?}") };
            assert_eq!(
                (send.profile.profile.as_str(), send.to.as_str(), send.text.as_str()),
                ("p", "05", "text")
            );
        }
    }

    #[test]
    fn what_is_held_is_listed_released_or_discarded_one_at_a_time() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));

        let Verb::Inbox(inbox) = parse("starling inbox --release 7").unwrap().verb else { panic!("inbox") };
        assert_eq!((inbox.held, inbox.release, inbox.discard), (false, Some(7), None));
        for both in ["--held --release 7", "--release 7 --discard 7", "--held --follow", "--discard x"] {
            assert!(parse(&format!("starling inbox {both}")).is_err(), "{both}");
        }
    }

    #[test]
    fn a_single_dash_is_a_text() {
        let given = Arguments::try_parse_from(["starling", "send", "--to", "05", "-"]).unwrap();

        let Verb::Send(send) = given.verb else { panic!("send was given") };
        assert_eq!((send.text.as_str(), send.profile.profile.as_str()), ("-", "default"));
    }
}
