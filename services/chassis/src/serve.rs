//! HTTP/1.1 on a listener, with a limit on everything a peer can hold: heads, bodies, idle
//! connections, their number, and the time of a stop.
//!
//! It knows connections, not routes. TLS ends before it. At the limit of connections it stops
//! accepting: further peers wait in the listener's queue. A panic in a handler is no concern of
//! this file: the hook of `run` ends the process.

mod body;
mod phase;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::ServiceExt;

use self::body::{PacedBody, SentBody, Slow};
use self::phase::{Phases, Watched};
use crate::problem::Problem;
use crate::run::Shutdown;

/// What a peer may hold, and for how long. Every default is a number of this file.
#[derive(Debug, Clone)]
pub struct Options {
    /// From the first byte of a request (or the connection's start) to the end of its head.
    pub head_timeout: Duration,
    /// Bytes of the request line and headers together; above: 431. At least 8,192.
    pub head_bytes: usize,
    /// From the end of the head to the end of the body.
    pub body_timeout: Duration,
    /// Bytes that each `body_pace_every` must bring while a handler waits for the body.
    pub body_pace_bytes: u64,
    /// See `body_pace_bytes`.
    pub body_pace_every: Duration,
    /// Answer to a body that was too slow; `None`: 408 without a body.
    pub slow_body: Option<Problem>,
    /// Between two requests of one connection.
    pub idle_timeout: Duration,
    /// Connections at once.
    pub connections: usize,
    /// From the wish to stop until open connections are cut.
    pub drain: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            head_bytes: 16 * 1024,
            body_timeout: Duration::from_secs(60),
            body_pace_bytes: 10 * 1024,
            body_pace_every: Duration::from_secs(10),
            slow_body: None,
            idle_timeout: Duration::from_secs(75),
            connections: 1_024,
            drain: Duration::from_secs(20),
        }
    }
}

/// How the server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    All,
    /// So many had to be cut.
    Cut(usize),
}

/// Serves `router` until `shutdown`, then lets requests in flight end within `options.drain`.
///
/// Handlers find the peer in [`ConnectInfo<SocketAddr>`]. A response that streams without end
/// must itself end at `shutdown`, else it is cut.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: Options,
    shutdown: Shutdown,
) -> Drained {
    let options = Arc::new(options);
    let seats = Arc::new(Semaphore::new(options.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &seats) => accepted,
        };
        match accepted {
            Ok((seat, stream, peer)) => {
                let router = router.clone();
                let (options, shutdown) = (Arc::clone(&options), shutdown.clone());
                connections.spawn(async move {
                    let _seat = seat;
                    connection(stream, peer, router, options, shutdown).await;
                });
            }
            Err(error) => {
                // Out of descriptors, or the peer has gone: the next accept may succeed.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // New peers are refused from here on, not left waiting in the queue.
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain, all).await.is_ok() {
        return Drained::All;
    }
    let cut = connections.len();
    connections.shutdown().await;
    tracing::warn!(connections = cut, "connections cut at the end of the drain");
    Drained::Cut(cut)
}

/// A free seat first, then a peer: at the limit nothing is accepted.
async fn accept(
    listener: &TcpListener,
    seats: &Arc<Semaphore>,
) -> io::Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let seat = Arc::clone(seats).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((seat, stream, peer))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    options: Arc<Options>,
    shutdown: Shutdown,
) {
    // Answers are written whole; waiting for more of them only adds delay.
    let _ = stream.set_nodelay(true);
    let phases = Phases::default();
    let service = {
        let (phases, options) = (phases.clone(), Arc::clone(&options));
        service_fn(move |request| answer(request, peer, router.clone(), &phases, &options))
    };
    let mut http = http1::Builder::new();
    // The phases below tell a slow head from an idle connection; hyper's one timer does not.
    http.timer(TokioTimer::new()).header_read_timeout(None);
    http.max_header_size(options.head_bytes).max_buf_size(options.head_bytes.max(32 * 1024));
    let io = TokioIo::new(Watched::new(stream, phases.clone()));
    let mut served = std::pin::pin!(http.serve_connection(io, service));
    let mut expired = std::pin::pin!(phases.expired(options.head_timeout, options.idle_timeout));
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = &mut expired => return,
        () = shutdown.requested() => {
            if phases.is_quiet() {
                return;
            }
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = &mut served => ended,
                () = &mut expired => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended by an error");
    }
}

/// One request: its body is paced, its answer marks the connection idle when it has been sent.
fn answer(
    request: hyper::Request<Incoming>,
    peer: SocketAddr,
    router: Router,
    phases: &Phases,
    options: &Options,
) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
    let sent = phases.busy();
    let slow = Slow::default();
    let mut request =
        request.map(|body| Body::new(PacedBody::new(Body::new(body), options, slow.clone())));
    request.extensions_mut().insert(ConnectInfo(peer));
    let refusal = options.slow_body.clone();
    async move {
        let Ok(mut response) = router.oneshot(request).await;
        if slow.happened() {
            response = refusal.map_or_else(
                || StatusCode::REQUEST_TIMEOUT.into_response(),
                Problem::into_response,
            );
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Body::new(SentBody::new(body, sent))))
    }
}

#[cfg(test)]
mod tests;
