//! WASI 0.2 as plugins get it: whole, since every language's library wants it, and empty. There are no files, no sockets, no
//! environment and no arguments; clocks stand still, randomness is that of the call, and what is printed goes to the log.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamError, StreamResult},
};

use crate::guest::Moment;

/// What a plugin may print in one call; the rest is counted and left out.
const PRINTED: usize = 64 << 10;
/// The largest piece that is taken at once.
const PIECE: usize = 4 << 10;
/// Streams of randomness of one call: what each part takes must not depend on what another took.
const STREAM_SECURE: u64 = 1;
const STREAM_INSECURE: u64 = 2;
/// As above: for `random.bytes` of the contract.
const STREAM_CONTRACT: u64 = 0;

/// The randomness that `random` of the contract hands out in one call.
pub fn randomness(moment: &Moment) -> ChaCha20Rng {
    stream(moment, STREAM_CONTRACT)
}

fn stream(moment: &Moment, number: u64) -> ChaCha20Rng {
    let mut randomness = ChaCha20Rng::from_seed(moment.seed);
    randomness.set_stream(number);
    randomness
}

/// Everything that WASI has to offer to one instance, at that moment.
pub(crate) fn context(moment: &Moment, printed: &Printed) -> WasiCtx {
    let mut insecure = stream(moment, STREAM_INSECURE);
    let seed = u128::from(insecure.next_u64()) << 64 | u128::from(insecure.next_u64());
    WasiCtx::builder()
        .stdout(printed.clone())
        .stderr(printed.clone())
        .wall_clock(Standing(moment.now_ms))
        .monotonic_clock(Standing(moment.now_ms))
        .secure_random(stream(moment, STREAM_SECURE))
        .insecure_random(insecure)
        .insecure_random_seed(seed)
        .max_random_size(65_536)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}

/// Moves the clocks and the randomness of an instance that is kept on to its next call.
pub(crate) fn move_on(context: &mut WasiCtx, moment: &Moment) {
    let mut fresh = self::context(moment, &Printed::default());
    std::mem::swap(context.random(), fresh.random());
    std::mem::swap(context.clocks(), fresh.clocks());
}

/// A clock that stands still.
struct Standing(u64);

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl HostMonotonicClock for Standing {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    fn now(&self) -> u64 {
        self.0.saturating_mul(1_000_000)
    }
}

/// What an instance has printed in this call.
#[derive(Clone, Default)]
pub(crate) struct Printed(Arc<Mutex<Page>>);

#[derive(Default)]
struct Page {
    text: Vec<u8>,
    left_out: usize,
}

impl Printed {
    /// Takes what was printed, and begins a new page. Nothing when nothing was.
    pub(crate) fn take(&self) -> Option<String> {
        let page = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if page.text.is_empty() {
            return None;
        }
        let mut text = String::from_utf8_lossy(&page.text).into_owned();
        if page.left_out > 0 {
            text.push_str(&format!("\n({} more bytes were printed and left out)", page.left_out));
        }
        Some(text)
    }

    fn add(&self, bytes: &[u8]) {
        let mut page = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = PRINTED.saturating_sub(page.text.len()).min(bytes.len());
        page.text.extend_from_slice(&bytes[..room]);
        page.left_out += bytes.len() - room;
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Only later versions of WASI, which are not linked, print this way.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PIECE {
            return Err(StreamError::trap("more was written than was allowed"));
        }
        self.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_bounded_and_the_rest_counted() {
        let printed = Printed::default();

        for _ in 0..20 {
            printed.add(&[b'x'; PIECE]);
        }

        let text = printed.take().unwrap();
        assert!(text.ends_with("(16384 more bytes were printed and left out)"), "{}", &text[PRINTED..]);
        assert_eq!(printed.take(), None);
    }

    #[test]
    fn one_moment_has_one_randomness_and_its_streams_differ() {
        let moment = Moment { now_ms: 1, seed: [7; 32] };

        assert_eq!(randomness(&moment).next_u64(), randomness(&moment).next_u64());
        assert_ne!(stream(&moment, STREAM_SECURE).next_u64(), randomness(&moment).next_u64());
    }
}
