//! One node process of a private network.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::Deserialize;
use starling::Listening;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::{mpsc, watch},
};

use crate::exit::Failure;

/// How long a node may take to stop before it is killed. A node drains for longer only when something is wrong.
const STOP_WITHIN: Duration = Duration::from_secs(8);
/// How long a node may take to say where it listens.
const REPORT_WITHIN: Duration = Duration::from_secs(60);
/// How much of a log is shown when its node ended.
const LOG_LINES: usize = 12;

/// A node that runs and has said where.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its place among the nodes.
    pub(crate) index: usize,
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) listening: Listening,
    /// Kept open: a process that writes to a closed pipe is ended by it.
    _stdout: Lines<BufReader<ChildStdout>>,
}

/// A process just started; it will say where it listens.
pub(crate) struct Launched {
    index: usize,
    pid: u32,
    log: PathBuf,
    stdout: Lines<BufReader<ChildStdout>>,
}

/// A process that ended although nobody asked it to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) index: usize,
    pub(crate) pid: u32,
    pub(crate) status: Option<ExitStatus>,
}

/// The process and what holds it.
pub(crate) struct Held {
    index: usize,
    pid: u32,
    child: Child,
    stdin: ChildStdin,
}

/// Starts a node with its settings in `folder`.
pub(crate) fn launch(
    program: &Path,
    index: usize,
    folder: &Path,
    overrides: &[String],
) -> Result<(Launched, Held), Failure> {
    let refuse = |error: std::io::Error| {
        Failure::machine(format!("could not start node {index} in {}: {error}", folder.display()))
    };
    let log = folder.join("log");
    let file = fs::File::create(&log).map_err(refuse)?;
    let mut command = Command::new(program);
    command.args(["run", "--json", "--end-with-stdin", "--config"]).arg(folder.join("node.toml"));
    command.arg("--data-dir").arg(folder.join("data"));
    for assignment in overrides {
        command.args(["-O", assignment]);
    }
    // The nodes are to have the settings of the network, not those of whoever starts it.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("STARLING_") {
            command.env_remove(variable);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).kill_on_drop(true);
    // Ctrl-C is for this process, which then stops the nodes in order.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(refuse)?;
    let gone = || Failure::machine(format!("node {index} ended at once; its log is {}", log.display()));
    let pid = child.id().ok_or_else(gone)?;
    let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).ok_or_else(gone)?;
    let stdout = BufReader::new(stdout).lines();
    Ok((Launched { index, pid, log, stdout }, Held { index, pid, child, stdin }))
}

impl Launched {
    /// Waits until the node has said where it listens.
    pub(crate) async fn report(mut self) -> Result<Node, Failure> {
        let Self { index, pid, .. } = self;
        let line = match tokio::time::timeout(REPORT_WITHIN, self.stdout.next_line()).await {
            Err(_) => return Err(self.failure(&format!("did not start within {REPORT_WITHIN:?}"))),
            Ok(Ok(Some(line))) => line,
            Ok(_) => return Err(self.failure("ended while it started")),
        };
        match serde_json::from_str(&line) {
            Ok(listening) => Ok(Node { index, pid, listening, _stdout: self.stdout }),
            Err(error) => Err(self.failure(&format!("said something unexpected ({error})"))),
        }
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::machine(format!("node {} {what}: {}", self.index, last_words(&self.log)))
    }
}

/// What a node said last: its own error if it left one, the end of its log otherwise.
pub(crate) fn last_words(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let last = text.lines().next_back().unwrap_or_default();
    if let Ok(Complaint { error }) = serde_json::from_str(last) {
        return error;
    }
    let lines: Vec<_> = text.lines().rev().take(LOG_LINES).collect();
    let end: String = lines.into_iter().rev().map(|line| format!("\n  {line}")).collect();
    format!("its log {} ends with:{end}", log.display())
}

/// How a process that was started with `--json` says why it ended.
#[derive(Deserialize)]
struct Complaint {
    error: String,
}

impl Held {
    /// Waits for the process to end by itself, which is told to `ended`; or for `stop`, upon which it is asked to end, and
    /// killed if it does not.
    pub(crate) async fn tend(self, mut stop: watch::Receiver<bool>, ended: mpsc::Sender<Ended>) {
        let Self { index, pid, mut child, stdin } = self;
        // The parent that asks and the parent that is gone come to the same.
        let asked = async move { stop.wait_for(|stop| *stop).await.is_ok() };
        tokio::select! {
            status = child.wait() => {
                let ended_with = Ended { index, pid, status: status.ok() };
                // Nobody listens any more once the network is being stopped.
                let _ = ended.send(ended_with).await;
            }
            _ = asked => {
                drop(stdin);
                if tokio::time::timeout(STOP_WITHIN, child.wait()).await.is_err() {
                    // It may have ended just now; then there is nothing to kill.
                    let _ = child.kill().await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_node_are_its_own_error_or_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");

        fs::write(&log, "INFO starting\n{\"error\":\"the port is taken\",\"code\":5}\n").unwrap();
        assert_eq!(last_words(&log), "the port is taken");
        fs::write(&log, "INFO one\nINFO two\n").unwrap();
        assert!(last_words(&log).ends_with("ends with:\n  INFO one\n  INFO two"));
    }
}
