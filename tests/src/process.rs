//! Signals, and waiting for something that another process does.

use std::{
    process::Command,
    time::{Duration, Instant},
};

/// Sends `name` (`TERM`, `KILL`, `INT`) to a process.
pub fn signal(pid: u32, name: &str) {
    // The shell's own `kill`: not every machine has one as a program.
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status();
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

/// The processes that `parent` has started and not yet waited for.
pub fn children_of(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("processes are listed").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}
