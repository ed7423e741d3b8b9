//! Messages that are new on this node, on their way to whoever tells subscribers of them.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use futures::{StreamExt as _, channel::mpsc};
use starling_contracts::subscriptions::NewMessage;

use crate::metrics;

/// Commits whose messages may wait to be told.
const MAX_COMMITS: usize = 256;
/// Bytes of bodies that may wait to be told. Beyond it what is new is not told: nobody may hold up the writer, or fill the memory.
const MAX_BYTES: usize = 32 << 20;

/// The writer's end.
#[derive(Clone, Default)]
pub(super) struct Outlet {
    listener: Arc<Mutex<Option<mpsc::Sender<Batch>>>>,
    waiting: Arc<AtomicUsize>,
}

/// What is new, commit by commit. Dropping it ends it.
pub struct News {
    batches: mpsc::Receiver<Batch>,
}

/// What one commit brought.
struct Batch {
    messages: Vec<NewMessage>,
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Outlet {
    /// From now on everything new is told there; the listener before hears no more.
    pub(super) fn listen(&self) -> News {
        let (sender, batches) = mpsc::channel(MAX_COMMITS);
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        News { batches }
    }

    /// Hands over what one commit brought, or counts it as lost. Never waits.
    pub(super) fn tell(&self, messages: Vec<NewMessage>) {
        if messages.is_empty() {
            return;
        }
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = listener.as_mut() else { return };
        let n_messages = messages.len();
        let bytes = messages.iter().map(|message| message.data.len()).sum::<usize>();
        let room = |waiting: usize| waiting.checked_add(bytes).filter(|waiting| *waiting <= MAX_BYTES);
        if self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, room).is_err() {
            metrics::announced(metrics::Announced::Dropped, n_messages);
            return;
        }
        let batch = Batch { messages, bytes, waiting: Arc::clone(&self.waiting) };
        match sender.try_send(batch) {
            Ok(()) => {}
            // Dropping what was not taken gives its bytes back.
            Err(error) if error.is_full() => metrics::announced(metrics::Announced::Dropped, n_messages),
            Err(_) => *listener = None,
        }
    }
}

impl News {
    /// The messages of the next commit that brought any; nothing when there is another listener, or the store is closed.
    pub async fn next(&mut self) -> Option<Vec<NewMessage>> {
        self.batches.next().await.map(|mut batch| std::mem::take(&mut batch.messages))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;
    use starling_protocol::{
        account::{AccountId, Prefix},
        storage::{MessageHash, Namespace},
    };

    use super::*;

    fn message(len: usize) -> NewMessage {
        NewMessage {
            account: AccountId::new(Prefix::Standard, [1; 32]),
            namespace: Namespace::DEFAULT,
            hash: MessageHash::from_bytes(&[b'a'; 43]).unwrap(),
            timestamp: 1,
            expiry: 2,
            data: Bytes::from(vec![0; len]),
        }
    }

    fn told(news: &mut News) -> usize {
        let mut n_told = 0;
        while let Some(Some(messages)) = news.next().now_or_never() {
            n_told += messages.len();
        }
        n_told
    }

    #[test]
    fn what_waits_is_bounded_in_bytes_and_in_number() {
        let outlet = Outlet::default();
        outlet.tell(vec![message(1)]);
        let mut news = outlet.listen();

        for _ in 0..5 {
            outlet.tell(vec![message(MAX_BYTES / 4)]);
        }
        assert_eq!(told(&mut news), 4, "the fifth has no room, and what was told before is nobody's");
        for _ in 0..MAX_COMMITS * 2 {
            outlet.tell(vec![message(0)]);
        }
        assert!((MAX_COMMITS..=MAX_COMMITS + 1).contains(&told(&mut news)));

        outlet.tell(vec![message(MAX_BYTES)]);
        assert_eq!(told(&mut news), 1, "all of the room came back");
    }

    #[test]
    fn the_last_to_listen_hears() {
        let outlet = Outlet::default();
        let (mut first, mut second) = (outlet.listen(), outlet.listen());

        outlet.tell(vec![message(1), message(2)]);

        assert_eq!((told(&mut first), told(&mut second)), (0, 2));
    }
}
