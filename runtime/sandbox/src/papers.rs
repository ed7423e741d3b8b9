//! What is written down of a plugin in plain files: its receipts and its log.

use std::{io, sync::Arc, time::Duration};

use starling_kernel::Clock;
use tracing::warn;

use crate::{
    call::LogLevel,
    config::Allowance,
    house::House,
    journal::{Journal, Source},
    manifest::PluginName,
    receipts::Receipts,
};

/// How long lines may wait in memory.
const KEPT: Duration = Duration::from_secs(1);

/// The writing ends of both, of which there is one at a time for each plugin.
pub(crate) struct Papers {
    plugin: PluginName,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) receipts: Receipts,
    pub(crate) journal: Journal,
}

impl Papers {
    /// Opens both, and makes the plugin's folder where it is missing. It waits for the disk.
    pub(crate) fn open(house: &House, plugin: &PluginName, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let folder = &house.folder;
        folder.make(plugin).map_err(io::Error::other)?;
        let receipts =
            Receipts::open(&folder.receipts(plugin), house.config.receipts.as_u64(), plugin.clone())?;
        let lines = Allowance::default().log_lines_per_minute;
        let journal =
            Journal::open(&folder.log(plugin), house.config.log.as_u64(), lines, Arc::clone(&clock))?;
        Ok(Self { plugin: plugin.clone(), clock, receipts, journal })
    }

    /// Writes a line of the host's into the log.
    pub(crate) fn say(&self, level: LogLevel, line: &str) {
        self.journal.write(self.clock.now_ms(), level, Source::Host, line);
    }

    /// Writes what has gathered, about once a second, for as long as it is polled.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            self.clock.sleep(KEPT).await;
            self.written(|papers| {
                papers.receipts.tick(papers.clock.now_ms())?;
                papers.journal.flush()
            });
        }
    }

    /// Writes everything.
    pub(crate) fn close(&self) {
        self.written(|papers| {
            papers.receipts.flush(papers.clock.now_ms())?;
            papers.journal.flush()
        });
    }

    fn written(&self, write: impl FnOnce(&Self) -> io::Result<()>) {
        if let Err(error) = write(self) {
            warn!(plugin = %self.plugin, %error, "the plugin's log or receipts could not be written");
        }
    }
}
