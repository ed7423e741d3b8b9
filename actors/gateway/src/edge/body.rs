//! Reading request bodies: bounded in length, in time, and in what all of them take together.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest,
    error::PayloadError,
    http::header::{CONTENT_LENGTH, HeaderMap},
    web::{BytesMut, Payload},
};
use bytes::Bytes;
use futures::StreamExt as _;
use starling_kernel::Clock;

use crate::{admission::Caller, config::Config, memory::Memory, metrics::Refusal};

/// Longest body, in bytes (storage-rpc §1.1).
pub(crate) const MAX_BODY: usize = 10 << 20;

/// So much of a body, or what is left of it, has to come within the time that the config calls `stall_within`.
pub(crate) const STEP: usize = 16 << 10;

/// How long a body that is refused is still read, so that its sender is done sending when the refusal comes.
const SKIP_WITHIN: Duration = Duration::from_secs(1);

/// Reads bodies; the memory for them is shared by all HTTP threads.
pub(super) struct Bodies {
    memory: Memory,
    within: Duration,
    stall_within: Duration,
    clock: Arc<dyn Clock>,
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
    pub(super) fn new(config: &Config, memory: Memory, clock: Arc<dyn Clock>) -> Self {
        Self { memory, within: config.body_within, stall_within: config.stall_within, clock }
    }

    /// Reads the whole body. Memory is taken as it arrives, not as it was announced, and is held until nobody has the bytes any
    /// more.
    pub(super) async fn read(
        &self,
        request: &HttpRequest,
        payload: &mut Payload,
        caller: Caller,
    ) -> Result<Bytes, Unread> {
        if announced(request.headers())?.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(Unread::TooLarge);
        }
        tokio::select! {
            biased;
            body = self.collect(payload, caller) => body,
            () = self.clock.sleep(self.within) => Err(Unread::TooSlow),
        }
    }

    async fn collect(&self, payload: &mut Payload, caller: Caller) -> Result<Bytes, Unread> {
        let mut charge = self.memory.charge(caller);
        let mut bytes = BytesMut::new();
        let (mut step, mut patience) = (STEP, self.clock.sleep(self.stall_within));
        loop {
            let chunk = tokio::select! {
                biased;
                chunk = payload.next() => chunk,
                () = &mut patience => return Err(Unread::TooSlow),
            };
            let Some(chunk) = chunk else { return Ok(charge.tie(bytes.freeze())) };
            let chunk = chunk.map_err(|error| match error {
                PayloadError::Overflow => Unread::TooLarge,
                _ => Unread::Broken,
            })?;
            let length = bytes.len() + chunk.len();
            if length > MAX_BODY {
                return Err(Unread::TooLarge);
            }
            // The buffer doubles when it is full, and it is what takes memory.
            let capacity = if length > bytes.capacity() {
                length.max(bytes.capacity() * 2).min(MAX_BODY)
            } else {
                length
            };
            if !charge.cover(capacity) {
                return Err(Unread::NoMemory);
            }
            bytes.reserve(capacity - bytes.len());
            bytes.extend_from_slice(&chunk);
            step = step.saturating_sub(chunk.len());
            if step == 0 {
                (step, patience) = (STEP, self.clock.sleep(self.stall_within));
            }
        }
    }

    /// Throws away what comes of a refused body, for a moment. A connection that still has something of it to come is closed
    /// after the answer.
    pub(super) async fn skip(&self, request: &HttpRequest, payload: &mut Payload) {
        if announced(request.headers())
            .is_ok_and(|length| length.is_none_or(|length| length <= MAX_BODY as u64))
        {
            tokio::select! {
                biased;
                () = async { while payload.next().await.is_some_and(|chunk| chunk.is_ok()) {} } => {}
                () = self.clock.sleep(SKIP_WITHIN) => {}
            }
        }
    }
}

/// The length that a head announces, if it does.
pub(super) fn announced(headers: &HeaderMap) -> Result<Option<u64>, Unread> {
    let Some(length) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = length.to_str().ok().and_then(|text| text.trim().parse().ok());
    length.map(Some).ok_or(Unread::BadLength)
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, pin::Pin};

    use actix_web::{FromRequest as _, test::TestRequest};
    use futures::{FutureExt as _, Stream};
    use starling_kernel::ManualClock;

    use super::*;
    use crate::memory::PAGE;

    fn caller(last: u8) -> Caller {
        Caller::from(IpAddr::from([203, 0, 113, last]))
    }

    async fn read_from(last: u8, bodies: &Bodies, request: TestRequest) -> Result<Bytes, Unread> {
        let (request, mut payload) = request.to_http_parts();
        let mut payload = Payload::from_request(&request, &mut payload).await.unwrap();
        bodies.read(&request, &mut payload, caller(last)).await
    }

    async fn read(bodies: &Bodies, request: TestRequest) -> Result<Bytes, Unread> {
        read_from(1, bodies, request).await
    }

    fn bodies(bytes: u64) -> Bodies {
        Bodies::new(&Config::default(), Memory::new(bytes), Arc::new(ManualClock::at(0)))
    }

    #[actix_web::test]
    async fn the_longest_body_is_read_and_one_byte_more_is_not() {
        let bodies = bodies(1 << 30);

        let longest = read(&bodies, TestRequest::post().set_payload(vec![7; MAX_BODY])).await;
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
        assert_eq!(read(&bodies, announced("1")).await.unwrap(), "x");
    }

    #[actix_web::test]
    async fn bodies_held_at_once_share_the_memory_and_nobody_gets_all_of_it() {
        let bodies = bodies(10 * PAGE as u64);
        let page = || TestRequest::post().set_payload(vec![7; PAGE]);

        let (first, second) = (read(&bodies, page()).await, read(&bodies, page()).await);
        let third = read(&bodies, page()).await;
        let of_another = read_from(2, &bodies, page()).await;
        drop(first);
        let fourth = read(&bodies, page()).await;

        assert!(second.is_ok() && of_another.is_ok());
        assert_eq!(third.err(), Some(Unread::NoMemory));
        assert!(fourth.is_ok());
    }

    /// A body whose chunks come when the test says so.
    async fn fed() -> (futures::channel::mpsc::Sender<Bytes>, HttpRequest, Payload) {
        let (sender, chunks) = futures::channel::mpsc::channel::<Bytes>(4);
        let (request, _) = TestRequest::post().to_http_parts();
        let stream: Pin<Box<dyn Stream<Item = _>>> = Box::pin(chunks.map(Ok));
        let mut payload = actix_web::dev::Payload::from(stream);
        let payload = Payload::from_request(&request, &mut payload).await.unwrap();
        (sender, request, payload)
    }

    #[actix_web::test]
    async fn a_body_that_stalls_is_given_up_and_gives_its_memory_back() {
        let (clock, memory) = (ManualClock::at(0), Memory::new(256 * PAGE as u64));
        let config = Config::default();
        let bodies = Bodies::new(&config, memory.clone(), Arc::new(clock.clone()));
        let (mut chunks, request, mut payload) = fed().await;
        let mut reading = Box::pin(bodies.read(&request, &mut payload, caller(1)));
        let moment = Duration::from_millis(1);

        for _ in 0..3 {
            chunks.try_send(vec![7; STEP].into()).unwrap();
            assert!((&mut reading).now_or_never().is_none(), "more may come");
            clock.advance(config.stall_within - moment);
            assert!((&mut reading).now_or_never().is_none(), "there is time left");
        }
        chunks.try_send(vec![7; STEP - 1].into()).unwrap();
        assert!((&mut reading).now_or_never().is_none(), "one byte is missing");
        clock.advance(moment);

        assert_eq!(reading.now_or_never().unwrap().err(), Some(Unread::TooSlow));
        assert!(memory.charge(caller(1)).cover(51 * PAGE), "nothing is held");
    }

    #[actix_web::test]
    async fn a_body_that_trickles_is_given_up_in_the_end() {
        let clock = ManualClock::at(0);
        let config = Config { body_within: Duration::from_secs(5), ..Config::default() };
        let bodies = Bodies::new(&config, Memory::new(1 << 20), Arc::new(clock.clone()));
        let (_chunks, request, mut payload) = fed().await;
        let mut reading = Box::pin(bodies.read(&request, &mut payload, caller(1)));

        assert!((&mut reading).now_or_never().is_none(), "it waits");
        clock.advance(config.body_within);

        assert_eq!(reading.now_or_never().unwrap().err(), Some(Unread::TooSlow));
    }

    #[actix_web::test]
    async fn a_refused_body_is_thrown_away_for_a_moment_only() {
        let clock = ManualClock::at(0);
        let bodies = Bodies::new(&Config::default(), Memory::new(0), Arc::new(clock.clone()));
        let (mut chunks, request, mut payload) = fed().await;
        let mut skipping = Box::pin(bodies.skip(&request, &mut payload));

        chunks.try_send(vec![7; STEP].into()).unwrap();
        assert!((&mut skipping).now_or_never().is_none(), "more may come");
        clock.advance(SKIP_WITHIN);

        assert!(skipping.now_or_never().is_some());
    }
}
