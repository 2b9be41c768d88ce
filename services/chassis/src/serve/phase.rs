//! Where a connection stands between two requests, and how long it may stand there.
//!
//! It sees that bytes came and when a request began and ended; it never looks at a byte.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Connected, no byte yet.
    Fresh,
    /// A head has begun.
    Head,
    /// A request is being answered.
    Busy,
    /// An answer was sent and no further byte came.
    Idle,
}

/// The phase, and how many requests were answered before it.
#[derive(Debug, Clone, Copy)]
struct Standing {
    phase: Phase,
    answered: u64,
}

/// The phase of one connection. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Phases(watch::Sender<Standing>);

impl Default for Phases {
    fn default() -> Self {
        Self(watch::Sender::new(Standing { phase: Phase::Fresh, answered: 0 }))
    }
}

impl Phases {
    /// Ends when the peer took too long for a head, or stayed idle too long.
    pub(super) async fn expired(&self, head: Duration, idle: Duration) {
        let mut changes = self.0.subscribe();
        // The time for the first head starts with the connection, not again with its first byte.
        let mut timed = Standing { phase: Phase::Head, answered: 0 };
        let mut sleep = Box::pin(tokio::time::sleep(head));
        loop {
            let now = *changes.borrow_and_update();
            // Several changes may come as one: the count tells an old head from a new one.
            let news = now.answered > timed.answered || now.phase != timed.phase;
            match now.phase {
                Phase::Idle if news => {
                    sleep = Box::pin(tokio::time::sleep(idle));
                    timed = now;
                }
                Phase::Head if news => {
                    sleep = Box::pin(tokio::time::sleep(head));
                    timed = now;
                }
                Phase::Fresh | Phase::Head | Phase::Busy | Phase::Idle => {}
            }
            tokio::select! {
                () = &mut sleep, if now.phase != Phase::Busy => return,
                // The sender is `self`: it outlives this future.
                _ = changes.changed() => {}
            }
        }
    }

    /// No request has begun: closing now loses nothing.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.0.borrow().phase, Phase::Fresh | Phase::Idle)
    }

    /// A request is being answered until the guard is dropped.
    pub(super) fn busy(&self) -> Answering {
        self.0.send_modify(|standing| standing.phase = Phase::Busy);
        Answering(self.clone())
    }

    fn bytes_came(&self) {
        self.0.send_if_modified(|standing| {
            let begins = matches!(standing.phase, Phase::Fresh | Phase::Idle);
            if begins {
                standing.phase = Phase::Head;
            }
            begins
        });
    }
}

/// While it lives, its connection is busy.
#[derive(Debug)]
pub(super) struct Answering(Phases);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.send_modify(|standing| {
            standing.phase = Phase::Idle;
            standing.answered = standing.answered.saturating_add(1);
        });
    }
}

/// A stream that tells its phases when bytes come.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    phases: Phases,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, phases: Phases) -> Self {
        Self { stream, phases }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.phases.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
