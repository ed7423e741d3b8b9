//! What an operator is told of the store (storage-load §4).

use std::time::Duration;

use starling_contracts::storage::{Error, Figures};

use super::Server;
use crate::{store::Census, traffic::Asked};

/// A census is good for so long at least.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// And for so many times as long as it took: at most two parts in a hundred of one core go into it, however large the store is.
const TIMES_ITS_COST: u32 = 50;

/// The last census, and until when it is good.
pub(crate) struct Figured {
    census: Census,
    until: Duration,
}

impl Server {
    /// The figures of now, with a census that may be a little older. Callers that come while one is taken share it.
    pub(crate) async fn figures(&self) -> Result<Figures, Error> {
        let clock = self.ctx.clock();
        let mut figured = self.figured.lock().await;
        if figured.as_ref().is_none_or(|figured| figured.until <= clock.elapsed()) {
            let store = self.store().clone();
            let began = clock.elapsed();
            let census = self.on_store(move || store.census()).await?;
            let now = clock.elapsed();
            let cost = now.saturating_sub(began);
            *figured = Some(Figured { census, until: now + GOOD_FOR.max(cost * TIMES_ITS_COST) });
        }
        let census = figured.as_ref().map(|figured| figured.census.clone()).unwrap_or_default();
        drop(figured);
        let now = clock.elapsed();
        let mut traffic = self.traffic.borrow_mut();
        Ok(Figures {
            accounts: census.accounts,
            total_stored: census.messages,
            account_msg_mean: census.mean,
            account_msg_count: census.spread,
            namespace_messages: census.namespaces,
            db_used: census.used_bytes,
            db_total: census.file_bytes,
            db_max: self.capacity,
            store_requests: traffic.requests(Asked::Store, now),
            retrieve_requests: traffic.requests(Asked::Retrieve, now),
            recent_timespan: traffic.timespan(now),
        })
    }
}
