//! A process that may not make memory executable, as services with `MemoryDenyWriteExecute` are.

#![cfg(target_os = "linux")]

use std::{env, process::Command};

use starling_sandbox::{EngineOptions, Sandbox, config::CodeMode};

use crate::{house::House, release::Release};

/// Set in the process that was forbidden it.
const HARDENED: &str = "STARLING_TEST_HARDENED";
/// Forbids it for good, then runs a program. 77: this system cannot forbid it.
const FORBID: &str = "
import ctypes, os, sys
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
";
const CANNOT_FORBID: i32 = 77;

#[tokio::test]
async fn where_memory_may_not_become_executable_only_interpreted_plugins_run() {
    if env::var_os(HARDENED).is_none() {
        return run_hardened();
    }
    let options = |mode| EngineOptions { mode, cache: None, max_memory: 32 << 20, instances: 4 };

    let native = Sandbox::new(&options(CodeMode::Native)).err().expect("it is forbidden").to_string();

    assert!(native.contains("sandbox.code = \"interpreted\""), "{native}");
    let mut house = House::new();
    house.config.code = CodeMode::Interpreted;
    Release::counter().install(&house.folder());
    house.open().await;
    house.until_runs("counter", "1.0.0").await;
    house.receive("alice", "one").await;
    house.until_left(1).await;
    house.close().await;
    assert_eq!(house.mail.texts_to("alice"), ["1 one"]);
}

/// Runs this one test again where it is forbidden.
fn run_hardened() {
    let mut python = Command::new("python3");
    python.args(["-c", FORBID]).arg(env::current_exe().expect("a test knows its own file"));
    python.args(["hardened::where_memory_may_not_become_executable_only_interpreted_plugins_run", "--exact"]);
    let output = python.env(HARDENED, "1").output().expect("python3 can be run");
    if output.status.code() == Some(CANNOT_FORBID) {
        eprintln!("this system cannot forbid executable memory: it needs Linux 6.3");
        return;
    }
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{complained}");
}
