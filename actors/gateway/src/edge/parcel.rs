//! A large answer on its way out: handed to HTTP in pieces, and paid for until the last of them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::body::{BodySize, MessageBody};
use bytes::Bytes;

use crate::{intake::Serving, memory::Charge};

/// HTTP copies what it is given into the connection's buffer; in pieces, that buffer stays small.
const PIECE: usize = 32 << 10;

/// The bytes that are left of an answer.
pub(super) struct Parcel {
    bytes: Bytes,
    _charge: Charge,
    /// A connection that is being written to is not idle.
    _serving: Option<Serving>,
}

impl Parcel {
    pub(super) fn new(bytes: Bytes, charge: Charge, serving: Option<Serving>) -> Self {
        Self { bytes, _charge: charge, _serving: serving }
    }
}

impl MessageBody for Parcel {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.len() as u64)
    }

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(None);
        }
        let count = self.bytes.len().min(PIECE);
        Poll::Ready(Some(Ok(self.bytes.split_to(count))))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use actix_web::body::to_bytes;

    use super::*;
    use crate::{admission::Caller, memory::Memory};

    #[actix_web::test]
    async fn it_comes_out_whole_and_is_paid_for_until_then() {
        let memory = Memory::new(4 << 20);
        let mut charge = memory.charge(Caller::from(IpAddr::from([203, 0, 113, 7])));
        assert!(charge.cover(500_000));
        let bytes: Bytes = (0..500_000_u32).map(|n| n.to_le_bytes()[0]).collect::<Vec<_>>().into();
        let mut parcel = Parcel::new(bytes.clone(), charge, None);
        let another = || memory.charge(Caller::from(IpAddr::from([203, 0, 113, 8]))).cover(980_000);

        let first = futures::future::poll_fn(|cx| Pin::new(&mut parcel).poll_next(cx)).await;
        assert_eq!(first.unwrap().unwrap(), bytes[..PIECE]);
        assert!(!another(), "too much of the memory is taken");

        assert_eq!(to_bytes(parcel).await.unwrap(), bytes[PIECE..]);
        assert!(another());
    }
}
