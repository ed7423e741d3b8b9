//! The second implementation of the client, in Python.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

use crate::binary::repository;

/// `interop/client.py` against one seed.
pub struct Python {
    seed: String,
    cipher: &'static str,
}

impl Python {
    /// A client that knows the network from `seed` and seals its onion layers with `cipher`.
    pub fn new(seed: &str, cipher: &'static str) -> Self {
        Self { seed: seed.to_owned(), cipher }
    }

    /// Makes an account: its seed and its id.
    pub fn new_account(&self) -> (String, String) {
        let made = self.run(&["new"]);
        let text = |key: &str| made[key].as_str().expect("seed and id are texts").to_owned();
        (text("seed"), text("id"))
    }

    /// Sends a text.
    pub fn send(&self, from_seed: &str, to: &str, text: &str) -> Value {
        self.run(&["send", &self.seed, from_seed, to, text])
    }

    /// Reads what waits.
    pub fn receive(&self, seed: &str) -> Vec<Value> {
        self.run(&["receive", &self.seed, seed]).as_array().cloned().expect("a list of messages")
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Value {
        let arguments = [&["--cipher", self.cipher], arguments].concat();
        run_python("client.py", &arguments)
    }
}

/// Runs a script of `interop` to its end; what it printed, as JSON.
#[track_caller]
pub fn run_python(script: &str, arguments: &[&str]) -> Value {
    let output = python_script(script).args(arguments).output().expect("python can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {arguments:?} failed: {errors}");
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

/// A script of `interop` that goes on telling; killed when dropped.
pub struct PythonProcess {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl PythonProcess {
    /// Starts it.
    pub fn start(script: &str, arguments: &[&str]) -> Self {
        let mut command = python_script(script);
        let mut process =
            command.args(arguments).stdout(Stdio::piped()).spawn().expect("python can be started");
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Self { process, output }
    }

    /// The next line that it prints, as JSON. The scripts give up by themselves when what they wait for does not come.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("output is text");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the script printed {line:?} instead of JSON"))
    }

    /// Waits for its end, which has to be a good one.
    #[track_caller]
    pub fn finish(mut self) {
        assert!(self.process.wait().expect("a child can be waited for").success(), "the script failed");
    }
}

impl Drop for PythonProcess {
    fn drop(&mut self) {
        // It has mostly ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A command that runs a script of `interop`, with what it stands on.
fn python_script(name: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(repository().join("tests/interop").join(name));
    command
}

/// The interpreter of a virtual environment under `target`, made once with the packages that the script needs.
fn interpreter() -> &'static PathBuf {
    static INTERPRETER: OnceLock<PathBuf> = OnceLock::new();
    INTERPRETER.get_or_init(|| {
        let requirements = repository().join("tests/interop/requirements.txt");
        let folder = repository().join("target/interop-python");
        let interpreter = folder.join("bin/python");
        let stamp = folder.join("installed");
        let wanted = std::fs::read_to_string(&requirements).expect("the list of packages is there");
        if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return interpreter;
        }
        let explain =
            "the interop test needs python3 with venv and pip (Debian: apt-get install python3-venv)";
        let made = Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder).status();
        assert!(made.is_ok_and(|status| status.success()), "{explain}");
        let mut install = Command::new(&interpreter);
        install
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements);
        assert!(
            install.status().is_ok_and(|status| status.success()),
            "{explain}, and a package index that pip can reach"
        );
        std::fs::write(&stamp, wanted).expect("the stamp can be written");
        interpreter
    })
}
