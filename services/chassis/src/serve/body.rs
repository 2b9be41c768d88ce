//! The two bodies of an exchange: the request's, which must keep a pace, and the response's,
//! which tells when it has been sent. They count bytes and look at none.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::Options;
use super::phase::Answering;

/// Whether a request's body was too slow.
#[derive(Debug, Clone, Default)]
pub(super) struct Slow(Arc<AtomicBool>);

impl Slow {
    pub(super) fn happened(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The body came too slowly; the answer to it is the server's, not the handler's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("request body too slow")]
pub(super) struct SlowBody;

/// A request body that ends with [`SlowBody`] when it loses its pace or its time.
#[derive(Debug)]
pub(super) struct PacedBody {
    inner: Body,
    slow: Slow,
    end: Pin<Box<Sleep>>,
    turn: Option<Pin<Box<Sleep>>>,
    came: u64,
    pace_bytes: u64,
    pace_every: std::time::Duration,
}

impl PacedBody {
    pub(super) fn new(inner: Body, options: &Options, slow: Slow) -> Self {
        Self {
            inner,
            slow,
            end: Box::pin(sleep(options.body_timeout)),
            turn: None,
            came: 0,
            pace_bytes: options.body_pace_bytes,
            pace_every: options.body_pace_every,
        }
    }

    /// Asked only when nothing is there. Handlers read without pauses, so the time is the peer's.
    fn is_too_slow(&mut self, cx: &mut Context<'_>) -> bool {
        if self.end.as_mut().poll(cx).is_ready() {
            return true;
        }
        loop {
            let turn = self.turn.get_or_insert_with(|| Box::pin(sleep(self.pace_every)));
            if turn.as_mut().poll(cx).is_pending() {
                return false;
            }
            if self.came < self.pace_bytes {
                return true;
            }
            self.came = 0;
            self.turn = None;
        }
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    let bytes = frame.data_ref().map_or(0, Bytes::len);
                    self.came = self.came.saturating_add(bytes as u64);
                }
                Poll::Ready(frame)
            }
            Poll::Pending if self.is_too_slow(cx) => {
                self.slow.0.store(true, Ordering::Release);
                Poll::Ready(Some(Err(axum::Error::new(SlowBody))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A response body that frees its connection when it is dropped, which is when it was sent.
#[derive(Debug)]
pub(super) struct SentBody {
    inner: Body,
    _answering: Answering,
}

impl SentBody {
    pub(super) fn new(inner: Body, answering: Answering) -> Self {
        Self { inner, _answering: answering }
    }
}

impl HttpBody for SentBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
