//! The routes: subscriptions, their deliveries, and what operators must look at.
//!
//! It checks, writes and answers; the loops notice what was written.

mod answer;
mod operators;
mod stream;
mod subscriptions;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRequestParts,
    http::request::Parts,
    routing::{get, post},
};
use chassis::{SharedClock, Shutdown};
use proto::codes::Code;
use store::Store;
use tokio::sync::Notify;

use crate::{
    channel::{Channel, sse::Sse},
    http::answer::Refusal,
    ports::{Accounts, Alerts, Caller, Cases},
    seal::SealKey,
};

/// What the handlers stand on.
pub(crate) struct Api {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) alerts: Arc<dyn Alerts>,
    pub(crate) cases: Arc<dyn Cases>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) channels: Arc<[Arc<dyn Channel>]>,
    /// Who listens here.
    pub(crate) sse: Arc<Sse>,
    /// Ends the streams.
    pub(crate) shutdown: Shutdown,
    pub(crate) seal: Arc<Option<SealKey>>,
    pub(crate) clock: SharedClock,
    /// Rung when a subscription was changed.
    pub(crate) changed: Arc<Notify>,
    /// Rung when a replay was begun.
    pub(crate) replays: Arc<Notify>,
}

impl Api {
    fn now(&self) -> i64 {
        self.clock.now_unix_micros().div_euclid(1_000)
    }
}

pub(crate) fn router(api: Api) -> Router {
    use subscriptions as s;
    let one = get(s::one).patch(s::patch).put(s::put).delete(s::delete);
    Router::new()
        .route("/v1/subscriptions", post(s::create).get(s::list))
        .route("/v1/subscriptions/{id}", one)
        .route("/v1/subscriptions/{id}/pause", post(s::pause))
        .route("/v1/subscriptions/{id}/resume", post(s::resume))
        .route("/v1/subscriptions/{id}/rotate", post(s::rotate))
        .route("/v1/subscriptions/{id}/replay", post(s::replay))
        .route("/v1/subscriptions/{id}/deliveries", get(s::deliveries))
        .route("/v1/subscriptions/{id}/stream", get(stream::stream))
        .route("/v1/operators/queue", get(operators::queue))
        .route("/v1/operators/queue/done", post(operators::done))
        .route("/v1/operators/books", get(operators::books))
        .with_state(Arc::new(api))
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Caller, Refusal> {
        let caller = api.accounts.caller(&parts.method, &parts.headers);
        let caller = caller.ok_or(Refusal::from(Code::AuthRequired))?;
        if caller.reads { Ok(caller) } else { Err(Refusal::from(Code::AuthForbidden)) }
    }
}
