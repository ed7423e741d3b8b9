//! From an accepted connection to HTTP: TLS, a look at the first head, then actix's HTTP/1.1.
//!
//! The look is needed because actix refuses a `Content-Length` that is no number by itself, and without the text that
//! storage-rpc §1.1 promises. It is taken at the first request of a connection, as far as its head came in one piece;
//! further requests that are malformed in this way get actix's own 400.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_http::{HttpService, Protocol};
use actix_rt::net::TcpStream;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::{
    App,
    dev::{AppConfig, Server},
    web::{Data, PayloadConfig, to},
};
use bytes::{Buf as _, BytesMut};
use rustls::ServerConfig;
use starling_kernel::Clock;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::{
    config::Config,
    edge::Edge,
    metrics::{self, Refusal},
};

/// How much of a first head is looked at, in bytes; clients send some hundred.
const LOOK: usize = 8 << 10;

/// The HTTPS server, ready to run.
pub(crate) fn server(
    config: &Config,
    listener: TcpListener,
    mut tls: ServerConfig,
    edge: Data<Edge>,
    clock: Arc<dyn Clock>,
) -> io::Result<Server> {
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    let workers = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        given => given,
    };
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(config.max_connections.div_ceil(workers))
        .shutdown_timeout(config.bounds.drain_within.as_secs())
        .disable_signals();
    let closing = builder.graceful_shutdown_signal();
    let (handshake_within, head_within) = (config.handshake_within, config.head_within);
    let keep_alive = config.keep_alive;
    let server = builder.listen("https", listener, move || {
        let (edge, clock) = (edge.clone(), Arc::clone(&clock));
        let (at_http, at_look) = (closing.clone(), closing.clone());
        let mut acceptor = Acceptor::new(tls.clone());
        acceptor.set_handshake_timeout(handshake_within);
        // The edge bounds bodies itself, with the texts that clients expect.
        let unbounded = PayloadConfig::new(usize::MAX);
        let app = App::new().app_data(edge.clone()).app_data(unbounded).default_service(to(Edge::serve));
        let app = app.into_factory().map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .keep_alive(keep_alive)
            .client_request_timeout(head_within)
            .graceful_shutdown_signal(move || {
                let closing = at_http.clone();
                async move { closing.notified().await }
            })
            .finish(map_config(app, |()| AppConfig::default()));
        let look = fn_service(move |io: TlsStream<TcpStream>| {
            let (closing, clock, edge) = (at_look.clone(), Arc::clone(&clock), edge.clone());
            async move {
                tokio::select! {
                    biased;
                    looked = look(io, &edge) => looked,
                    () = clock.sleep(head_within) => Err(Ended),
                    () = closing.notified() => Err(Ended),
                }
            }
        });
        acceptor.map_err(|_| Ended).and_then(look).and_then(http.map_err(|_| Ended))
    })?;
    Ok(server.run())
}

/// A connection that does not get as far as HTTP, or that broke there. There is nobody to tell.
#[derive(Debug)]
struct Ended;

/// What HTTP is given: the connection, and what was read of it already.
struct Looked {
    ahead: BytesMut,
    io: TlsStream<TcpStream>,
}

/// Reads what came first, and answers by itself if that is a head with a malformed length.
async fn look(
    mut io: TlsStream<TcpStream>,
    edge: &Edge,
) -> Result<(Looked, Protocol, Option<SocketAddr>), Ended> {
    // Answers are small and wanted at once; a connection that refuses the wish works all the same.
    let _ = io.get_ref().0.set_nodelay(true);
    let mut ahead = BytesMut::with_capacity(LOOK);
    io.read_buf(&mut ahead).await.map_err(|_| Ended)?;
    if has_malformed_length(&ahead) {
        metrics::refused(Refusal::Broken);
        io.write_all(edge.bad_length().as_bytes()).await.map_err(|_| Ended)?;
        io.shutdown().await.map_err(|_| Ended)?;
        return Err(Ended);
    }
    let from = io.get_ref().0.peer_addr().ok();
    Ok((Looked { ahead, io }, Protocol::Http1, from))
}

/// Is there a whole head with a `Content-Length` that is no decimal number of 64 bits?
fn has_malformed_length(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n').skip(1);
    lines.any(|line| {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { return false };
        let value = value.trim_ascii();
        let is_number = value.iter().all(u8::is_ascii_digit)
            && std::str::from_utf8(value).is_ok_and(|value| value.parse::<u64>().is_ok());
        name.eq_ignore_ascii_case(b"content-length") && !is_number
    })
}

impl AsyncRead for Looked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.ahead.len().min(buf.remaining());
        buf.put_slice(&self.ahead[..length]);
        self.ahead.advance(length);
        if self.ahead.is_empty() {
            // The memory is not needed for the rest of the connection's life.
            self.ahead = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Looked {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, is_malformed: bool) {
        assert_eq!(has_malformed_length(head.as_bytes()), is_malformed, "{head:?}");
    }

    #[test]
    fn only_a_whole_head_with_a_length_that_is_no_number_is_malformed() {
        for length in ["ten", "-1", "+1", "1x", "", "1 2", "99999999999999999999999"] {
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"), true);
            check(&format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-LENGTH:{length}\r\n\r\nbody"), true);
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n"), false);
            check(&format!("POST / HTTP/1.1\r\nX-Content-Length: {length}\r\n\r\n"), false);
            check(&format!("POST / HTTP/1.1\r\n\r\nContent-Length: {length}\r\n\r\n"), false);
        }
        for length in ["0", "10485761", " 7 ", "18446744073709551615"] {
            check(&format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"), false);
        }
        check("", false);
        check("\r\n\r\n", false);
        check("\n:\n\r\n\r\n", false);
    }
}
