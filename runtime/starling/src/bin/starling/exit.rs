//! How the command ends when it does not end well: one sentence, one code.

use std::{fmt, process::ExitCode};

use starling::{
    Error,
    contracts::{accounts, inbox, routing},
    kernel::{CallError, ErrorKind, Kinded, StartError, config},
};

/// What kind of failure, as the exit code tells it. `--help` and the README list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// Something else: stopped before the outcome was known, not ended in time, or a defect.
    Other = 1,
    /// Wrong usage or bad input.
    Usage = 2,
    /// Wrong settings.
    Config = 3,
    /// The network.
    Network = 4,
    /// This machine: data folder, disk, ports.
    Machine = 5,
}

/// One sentence for a person, and the code for a script.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    sentence: String,
    /// It is no failure to anybody: nobody is left to read it, or the end is what they asked for.
    silent: bool,
}

impl Failure {
    pub(crate) fn new(code: Code, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), silent: false }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self::new(Code::Usage, sentence)
    }

    pub(crate) fn config(sentence: impl Into<String>) -> Self {
        Self::new(Code::Config, sentence)
    }

    pub(crate) fn network(sentence: impl Into<String>) -> Self {
        Self::new(Code::Network, sentence)
    }

    pub(crate) fn machine(sentence: impl Into<String>) -> Self {
        Self::new(Code::Machine, sentence)
    }

    /// Standard output could not be written. A reader that has seen enough, as `head` has, is no failure.
    pub(crate) fn output(error: &std::io::Error) -> Self {
        let silent = error.kind() == std::io::ErrorKind::BrokenPipe;
        Self { code: Code::Machine, sentence: format!("could not write to standard output: {error}"), silent }
    }

    /// Somebody asked twice.
    pub(crate) fn aborted() -> Self {
        Self::new(Code::Other, "aborted by a second signal; work that was accepted may be lost")
    }

    /// Somebody asked to stop, and nothing is left undone that they would want to hear of.
    pub(crate) fn stopped() -> Self {
        Self { code: Code::Other, sentence: "stopped".to_owned(), silent: true }
    }

    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// Says it on standard error and gives the exit code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if self.silent {
            return ExitCode::SUCCESS;
        }
        self.say(json);
        ExitCode::from(self.code as u8)
    }

    /// Says it on standard error.
    pub(crate) fn say(&self, json: bool) {
        if json {
            eprintln!("{}", serde_json::json!({ "error": self.sentence, "code": self.code as u8 }));
        } else {
            eprintln!("error: {}", self.sentence);
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Prints what clap has to say: help and version on standard output, refusals in one sentence on standard error. A command
/// line without a verb is answered with the help.
pub(crate) fn refuse_usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if !error.use_stderr() {
        // A terminal that is gone cannot be told so.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let is_help = error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help && !wants_json {
        // As above.
        let _ = error.print();
        return ExitCode::from(Code::Usage as u8);
    }
    let sentence =
        if is_help { "a verb is missing".to_owned() } else { sentence(&error.render().to_string()) };
    Failure::usage(format!("{sentence} (see --help)")).report(wants_json)
}

/// What clap says before it explains the usage, and its first tip, on one line.
fn sentence(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    let refusal = line.strip_prefix("error: ").unwrap_or(&line);
    match text.lines().find_map(|line| line.trim().strip_prefix("tip: ")) {
        Some(tip) => format!("{refusal}; {tip}"),
        None => refusal.to_owned(),
    }
}

fn code_of(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Rejected => Code::Usage,
        ErrorKind::Transient | ErrorKind::PeerAtFault => Code::Network,
        ErrorKind::Operator => Code::Machine,
        ErrorKind::Bug => Code::Other,
    }
}

impl From<config::Error> for Failure {
    fn from(error: config::Error) -> Self {
        Self::config(error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Config(_) | Error::Invalid { .. } => Code::Config,
            Error::Start(StartError::Fault { .. } | StartError::Thread(_) | StartError::Deadline { .. }) => {
                Code::Machine
            }
            Error::Start(_) => Code::Other,
            _ => Code::Machine,
        };
        Self::new(code, error.to_string())
    }
}

impl From<accounts::Error> for Failure {
    fn from(error: accounts::Error) -> Self {
        let sentence = match &error {
            // The contract does not know by which option a name came.
            accounts::Error::BadName(why) => format!("--name: {why}"),
            other => other.to_string(),
        };
        Self::new(code_of(error.kind()), sentence)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let code = match error.kind() {
            // Within one process these are no matter of the network.
            ErrorKind::Transient => Code::Other,
            kind => code_of(kind),
        };
        Self::new(code, error.to_string())
    }
}

impl From<inbox::Error> for Failure {
    fn from(error: inbox::Error) -> Self {
        let code = match &error {
            // What the network refused is no wrong input of the person who typed it.
            inbox::Error::Refused { .. } | inbox::Error::Network(routing::Error::Refused { .. }) => {
                Code::Network
            }
            other => code_of(other.kind()),
        };
        let sentence = match error {
            inbox::Error::Account(error) => return error.into(),
            inbox::Error::Empty => format!("{error}; give a text, or - to read it from standard input"),
            other => other.to_string(),
        };
        Self::new(code, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(failure: impl Into<Failure>, code: Code) {
        assert_eq!(failure.into().code(), code);
    }

    #[test]
    fn a_refusal_of_clap_is_one_sentence_with_its_tip() {
        let text = "error: unexpected argument '--profle' found\n\n  tip: a similar argument exists: '--profile'\n\n\
                    Usage: starling inbox --profile <P>\n\nFor more information, try '--help'.\n";
        assert_eq!(
            sentence(text),
            "unexpected argument '--profle' found; a similar argument exists: '--profile'"
        );
        assert_eq!(
            sentence(
                "error: the following arguments were not provided:\n  --to <ID>\n  <TEXT>\n\nUsage: x\n"
            ),
            "the following arguments were not provided: --to <ID> <TEXT>"
        );
    }

    #[test]
    fn each_failure_has_the_documented_code() {
        check(inbox::Error::Empty, Code::Usage);
        check(inbox::Error::TooLong { size: 80_000, limit: 76_800 }, Code::Usage);
        check(inbox::Error::NotStored, Code::Network);
        check(inbox::Error::Refused { status: 401, reason: String::new() }, Code::Network);
        check(inbox::Error::Network(routing::Error::NoNodeReachable), Code::Network);
        check(inbox::Error::Store("full".to_owned()), Code::Machine);
        check(accounts::Error::BadRecovery("word 3".to_owned()), Code::Usage);
        check(accounts::Error::Locked("no key".to_owned()), Code::Machine);
        check(Error::InUse { path: "x".into(), pid: None }, Code::Machine);
        check(Error::Newer { path: "x".into(), found: 2, known: 1 }, Code::Machine);
        check(config::Error::NotAnAssignment { given: "x".to_owned() }, Code::Config);
        check(accounts::Error::BadName("the name is empty".to_owned()), Code::Usage);
        check(CallError::Panicked { actor: "a", message: "m" }, Code::Other);
    }
}
