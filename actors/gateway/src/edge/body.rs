//! Reading request bodies: bounded in length, in time, and in what all of them take together.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    web::{BytesMut, Payload},
};
use bytes::Bytes;
use futures::StreamExt as _;
use starling_kernel::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics::{self, Refusal};

/// Longest body, in bytes (storage-rpc §1.1).
pub(crate) const MAX_BODY: usize = 10 << 20;

/// The unit in which memory is given out.
const PAGE: usize = 4096;

/// The memory for bodies, shared by all HTTP threads.
pub(super) struct Bodies {
    pages: Arc<Semaphore>,
    within: Duration,
    clock: Arc<dyn Clock>,
}

/// A body, with the memory that it takes until it is dropped.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _memory: Memory,
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is longer than [`MAX_BODY`].
    TooLarge,
    /// `Content-Length` is not a number.
    BadLength,
    /// It did not come in time.
    TooSlow,
    /// Too many bodies are being held already.
    NoMemory,
    /// It broke off.
    Broken,
}

impl Unread {
    pub(super) fn refusal(self) -> Refusal {
        match self {
            Unread::TooLarge => Refusal::TooLarge,
            Unread::TooSlow => Refusal::TooSlow,
            Unread::NoMemory => Refusal::Memory,
            Unread::BadLength | Unread::Broken => Refusal::Broken,
        }
    }
}

impl Bodies {
    pub(super) fn new(bytes: u64, within: Duration, clock: Arc<dyn Clock>) -> Self {
        let pages = usize::try_from(bytes).unwrap_or(usize::MAX) / PAGE;
        let pages = pages.min(Semaphore::MAX_PERMITS);
        Self { pages: Arc::new(Semaphore::new(pages)), within, clock }
    }

    /// Reads the whole body. Memory is taken as it arrives, not as it was announced.
    pub(super) async fn read(&self, request: &HttpRequest, payload: Payload) -> Result<Body, Unread> {
        if announced(request)?.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(Unread::TooLarge);
        }
        tokio::select! {
            biased;
            body = self.collect(payload) => body,
            () = self.clock.sleep(self.within) => Err(Unread::TooSlow),
        }
    }

    async fn collect(&self, mut payload: Payload) -> Result<Body, Unread> {
        let mut memory = Memory::default();
        let mut bytes = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| match error {
                PayloadError::Overflow => Unread::TooLarge,
                _ => Unread::Broken,
            })?;
            let length = bytes.len() + chunk.len();
            if length > MAX_BODY {
                return Err(Unread::TooLarge);
            }
            memory.grow(&self.pages, length)?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(Body { bytes: bytes.freeze(), _memory: memory })
    }
}

fn announced(request: &HttpRequest) -> Result<Option<u64>, Unread> {
    let Some(length) = request.headers().get(CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or(Unread::BadLength)
}

/// What one body takes.
#[derive(Default)]
struct Memory {
    permit: Option<OwnedSemaphorePermit>,
    pages: usize,
}

impl Memory {
    fn grow(&mut self, pages: &Arc<Semaphore>, length: usize) -> Result<(), Unread> {
        let more = length.div_ceil(PAGE).saturating_sub(self.pages);
        if more == 0 {
            return Ok(());
        }
        let count = u32::try_from(more).map_err(|_| Unread::NoMemory)?;
        let fresh = Arc::clone(pages).try_acquire_many_owned(count).map_err(|_| Unread::NoMemory)?;
        match &mut self.permit {
            Some(permit) => permit.merge(fresh),
            None => self.permit = Some(fresh),
        }
        self.pages += more;
        metrics::body_grew(more * PAGE);
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        metrics::body_freed(self.pages * PAGE);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use actix_web::{FromRequest as _, test::TestRequest};
    use futures::Stream;
    use starling_kernel::{ManualClock, SystemClock};

    use super::*;

    async fn read(bodies: &Bodies, request: TestRequest) -> Result<Body, Unread> {
        let (request, mut payload) = request.to_http_parts();
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        bodies.read(&request, payload).await
    }

    fn bodies(bytes: u64) -> Bodies {
        Bodies::new(bytes, Duration::from_secs(5), Arc::new(SystemClock::default()))
    }

    #[actix_web::test]
    async fn the_longest_body_is_read_and_one_byte_more_is_not() {
        let bodies = bodies(1 << 30);

        let longest =
            read(&bodies, TestRequest::post().set_payload(vec![7; MAX_BODY])).await.map(|body| body.bytes);
        let longer = read(&bodies, TestRequest::post().set_payload(vec![7; MAX_BODY + 1])).await;

        assert_eq!(longest.map(|bytes| bytes.len()), Ok(MAX_BODY));
        assert_eq!(longer.err(), Some(Unread::TooLarge));
    }

    #[actix_web::test]
    async fn an_announced_length_is_believed_only_to_refuse() {
        let bodies = bodies(1 << 30);
        let announced = |length: &'static str| {
            TestRequest::post().set_payload("x").insert_header((CONTENT_LENGTH, length))
        };

        assert_eq!(read(&bodies, announced("10485761")).await.err(), Some(Unread::TooLarge));
        assert_eq!(read(&bodies, announced("ten")).await.err(), Some(Unread::BadLength));
        assert_eq!(read(&bodies, announced("1")).await.map(|body| body.bytes).unwrap(), "x");
    }

    #[actix_web::test]
    async fn bodies_held_at_once_share_the_memory() {
        let bodies = bodies(2 * PAGE as u64);
        let page = || TestRequest::post().set_payload(vec![7; PAGE]);

        let (first, second) = (read(&bodies, page()).await, read(&bodies, page()).await);
        let third = read(&bodies, page()).await;
        drop(first);
        let fourth = read(&bodies, page()).await;

        assert!(second.is_ok());
        assert_eq!(third.err(), Some(Unread::NoMemory));
        assert!(fourth.is_ok());
    }

    #[actix_web::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let clock = ManualClock::at(0);
        let bodies = Bodies::new(1 << 20, Duration::from_secs(5), Arc::new(clock.clone()));
        let (request, _) = TestRequest::post().to_http_parts();
        let silence: Pin<Box<dyn Stream<Item = _>>> = Box::pin(futures::stream::pending());
        let mut stalled = actix_web::dev::Payload::from(silence);
        let payload = Payload::from_request(&request, &mut stalled).await.unwrap();

        let reading = bodies.read(&request, payload);
        let advancing = async {
            while clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            clock.advance(Duration::from_secs(5));
        };
        let (outcome, ()) = futures::join!(reading, advancing);

        assert_eq!(outcome.err(), Some(Unread::TooSlow));
    }
}
