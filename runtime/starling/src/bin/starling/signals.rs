//! Ctrl-C and its relatives.
//!
//! SIGHUP is left as it was inherited: under `nohup` it is ignored, and listening would end that.

use crate::exit::Failure;

/// Requests to stop, from a terminal or a service manager.
pub(crate) struct Signals {
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 2],
    /// When the last request came.
    #[cfg(unix)]
    heard: Option<std::time::Instant>,
}

/// Requests that come so soon after another are the same one: `timeout` and some service managers signal a process and its group.
#[cfg(unix)]
const ECHO: std::time::Duration = std::time::Duration::from_millis(250);

#[cfg(unix)]
impl Signals {
    /// From now on requests to stop are answered by [`Signals::next`] instead of ending the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::machine(format!("could not listen for signals: {error}")))
        };
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        let [interrupt, terminate] = kinds.map(listen);
        Ok(Self { streams: [interrupt?, terminate?], heard: None })
    }

    /// Waits for a request to stop.
    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.streams;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if self.heard.is_none_or(|before| before.elapsed() >= ECHO) {
                break;
            }
        }
        self.heard = Some(std::time::Instant::now());
    }
}

#[cfg(not(unix))]
impl Signals {
    /// From now on requests to stop are answered by [`Signals::next`] instead of ending the process.
    pub(crate) fn listen() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// Waits for a request to stop.
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
