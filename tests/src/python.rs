//! The second implementation of the client, in Python.

use std::{path::PathBuf, process::Command, sync::OnceLock};

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
        let script = repository().join("tests/interop/client.py");
        let output = Command::new(interpreter())
            .arg(script)
            .args(["--cipher", self.cipher])
            .args(arguments)
            .output()
            .expect("python can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "client.py {arguments:?} failed: {errors}");
        serde_json::from_slice(&output.stdout).expect("client.py prints JSON")
    }
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
