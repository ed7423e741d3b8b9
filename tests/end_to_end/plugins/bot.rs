//! A client process with a plugin in it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, sync_channel},
    time::{Duration, Instant},
};

use serde_json::Value;
use starling_tests::{Client, Devnet, signal, starling};
use tempfile::TempDir;

/// Debug builds on a busy machine take their time, and compile the plugin first.
const WITHIN: Duration = Duration::from_secs(180);

/// `starling … plugin run` or `starling … run`; killed when dropped.
pub(crate) struct Bot {
    process: Child,
    events: Receiver<Value>,
}

impl Bot {
    /// Starts a verb over the client's data folder.
    pub(crate) fn start(devnet: &Devnet, client: &Client, arguments: &[&str]) -> Self {
        let mut command = Command::new(starling());
        command.arg("--network").arg(devnet.network()).arg("--data-dir").arg(client.data());
        command.arg("--json").args(arguments);
        // In one place: before a verb and behind it, the second list takes the place of the first.
        for option in [
            "runtime.roles=[\"client\"]",
            "gateway.operator=\"127.0.0.1:0\"",
            "transport.port=0",
            "runtime.log.level=\"warn\"",
            "transport.first_hop=\"https\"",
        ] {
            command.args(["-O", option]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect("starling can be started");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        let (sender, events) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    break;
                }
            }
        });
        Self { process, events }
    }

    /// Waits for a line of its output.
    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> Value {
        let began = Instant::now();
        loop {
            let left = WITHIN.saturating_sub(began.elapsed());
            match self.events.recv_timeout(left) {
                Ok(event) if event["event"] == name => return event,
                Ok(_) => {}
                Err(error) => panic!("no line {name:?} within {WITHIN:?}: {error}"),
            }
        }
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        signal(self.process.id(), "KILL");
        self.process.wait().expect("a child can be waited for");
    }

    /// Ends it in order.
    pub(crate) fn stop(mut self) {
        signal(self.process.id(), "TERM");
        let status = self.process.wait().expect("a child can be waited for");
        assert!(status.success(), "the process ended with {status}");
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // It has mostly ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a guest of these tests, as its author would hand it over.
pub(crate) struct Handed {
    folder: TempDir,
    component: String,
}

impl Handed {
    /// The guest whose sources lie in that folder of `tests/plugins`.
    pub(crate) fn new(sources: &str) -> Self {
        let name =
            Path::new(sources).file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let folder = tempfile::tempdir().expect("a folder for the plugin");
        let manifest = starling_test_guests::plugins_folder().join(sources).join("plugin.toml");
        fs::copy(manifest, folder.path().join("plugin.toml")).expect("the guest has a manifest");
        let component = format!("{name}.wasm");
        fs::write(folder.path().join(&component), starling_test_guests::guest(&name))
            .expect("the component can be written");
        Self { folder, component }
    }

    pub(crate) fn path(&self) -> &str {
        self.folder.path().to_str().expect("temporary folders have plain names")
    }

    pub(crate) fn component(&self) -> PathBuf {
        self.folder.path().join(&self.component)
    }
}
