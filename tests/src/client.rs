//! The command line, as a person or a script uses it.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::starling;

/// `starling --network … --data-dir …`, with a data folder that goes away with it.
pub struct Client {
    network: PathBuf,
    data: TempDir,
    options: Vec<String>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Client {
    /// A client of that network, with an empty data folder.
    pub fn new(network: &Path) -> Self {
        Self::with_first_hop(network, "https")
    }

    /// A client that reaches its guards over `first_hop`.
    pub fn with_first_hop(network: &Path, first_hop: &str) -> Self {
        let data = tempfile::tempdir().expect("a folder for the client");
        let options = vec!["-O".to_owned(), format!("transport.first_hop=\"{first_hop}\"")];
        Self { network: network.to_owned(), data, options }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Runs a verb with `--json` and whatever the input is.
    pub fn run(&self, arguments: &[&str], input: &str) -> Finished {
        let mut command = Command::new(starling());
        command.arg("--network").arg(&self.network).arg("--data-dir").arg(self.data.path());
        finish(command.args(&self.options).arg("--json").args(arguments), input)
    }

    /// Runs a verb that must succeed, and parses each line of its output.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let finished = self.run(arguments, "");
        assert_eq!(finished.code, 0, "{arguments:?} failed: {}", finished.stderr);
        let parse = |line| serde_json::from_str(line).expect("every line is a JSON object");
        finished.stdout.lines().map(parse).collect()
    }

    /// Runs a verb that must succeed with one line of output.
    #[track_caller]
    pub fn line(&self, arguments: &[&str]) -> Value {
        let mut lines = self.lines(arguments);
        assert_eq!(lines.len(), 1, "{arguments:?} prints one object");
        lines.remove(0)
    }

    /// Makes an account and returns its id and recovery password.
    #[track_caller]
    pub fn new_account(&self, profile: &str) -> (String, String) {
        let made = self.line(&["account", "new", "--profile", profile]);
        let text = |key: &str| made[key].as_str().expect("id and recovery are texts").to_owned();
        (text("id"), text("recovery"))
    }

    /// Sends a text and returns what was printed.
    #[track_caller]
    pub fn send(&self, profile: &str, to: &str, text: &str) -> Value {
        self.line(&["send", "--profile", profile, "--to", to, text])
    }

    /// The bodies of an inbox.
    #[track_caller]
    pub fn bodies(&self, profile: &str) -> Vec<String> {
        let lines = self.lines(&["inbox", "--profile", profile]);
        lines.iter().map(|line| line["body"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command, input: &str) -> Finished {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("starling can be started");
    let mut stdin = process.stdin.take().expect("stdin is piped");
    // A command that fails early does not read its input; that is no failure of the test.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = process.wait_with_output().expect("a child can be waited for");
    Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
