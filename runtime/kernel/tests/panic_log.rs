//! What is written of a panic. The hook is the process's, so there is one test.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().expect("nobody panics while writing"));
        String::from_utf8(bytes).expect("the log is text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics while writing").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[test]
fn a_panic_is_logged_with_its_place_and_without_what_it_was_about() {
    let log = Log::default();
    tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).init();
    starling_kernel::log_panics();
    let secret = String::from("05deadbeef");

    let _ = std::thread::Builder::new()
        .name("worker".to_owned())
        .spawn(|| panic!("a constant text"))
        .map(|t| t.join());
    let constant = log.take();
    let _ = std::thread::spawn(move || panic!("no swarm for {secret}")).join();
    let formatted = log.take();

    assert!(constant.contains("ERROR") && constant.contains("a constant text"), "{constant}");
    assert!(constant.contains("tests/panic_log.rs") && constant.contains("thread=\"worker\""), "{constant}");
    assert!(formatted.contains("tests/panic_log.rs") && !formatted.contains("deadbeef"), "{formatted}");
}
