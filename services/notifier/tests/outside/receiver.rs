//! A receiver of calls on this machine: it keeps what it got and answers as told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};

/// One call as it came.
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A listening receiver.
#[derive(Clone, Default)]
pub(crate) struct Receiver {
    calls: Arc<Mutex<Vec<Call>>>,
    answer: Arc<Mutex<(u16, &'static str)>>,
}

impl Receiver {
    /// Listens and answers 200 with nothing.
    pub(crate) async fn start() -> (Receiver, SocketAddr) {
        let receiver = Receiver::default();
        receiver.answer(200, "");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    /// Answers so from now on.
    pub(crate) fn answer(&self, status: u16, body: &'static str) {
        *self.answer.lock().expect("no panic held it") = (status, body);
    }

    /// The calls since the last time.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().expect("no panic held it"))
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, &'static str) {
    let call = Call { path: uri.to_string(), headers, body };
    receiver.calls.lock().expect("no panic held it").push(call);
    let (status, body) = *receiver.answer.lock().expect("no panic held it");
    (StatusCode::from_u16(status).expect("a status"), body)
}
