//! Signals, and waiting for something that another process does.

use std::{
    process::Command,
    time::{Duration, Instant},
};

/// Sends `name` (`TERM`, `KILL`, `INT`) to a process.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
    assert!(status.is_ok_and(|status| status.success()), "no process {pid} to send SIG{name} to");
}

/// Asks `question` until it answers, at most for `within`. The only wait that these tests know: another process's state has no event to await.
#[track_caller]
pub fn eventually<T>(within: Duration, what: &str, mut question: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
