//! The router: lists and stream under `/v1`, pages beside them.

mod access;
mod assets;
mod cases;
mod pages;
mod quality;
mod queue;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chassis::{Problem, SharedClock};
use proto::catalogue::Catalogue;
use proto::codes::Code;

use crate::board::Budget;
use crate::desk::Desk;
use crate::ports::{Accounts, Alerts, Households};
use crate::sign_in::SignIn;

/// What the router stands on.
pub struct Console {
    /// The board, which a [`crate::Follower`] keeps up to date.
    pub desk: Arc<Desk>,
    /// The alerts log.
    pub alerts: Arc<dyn Alerts>,
    /// The households.
    pub households: Arc<dyn Households>,
    /// The bearer tokens.
    pub accounts: Arc<dyn Accounts>,
    /// The sessions of browsers.
    pub sign_in: Arc<SignIn>,
    /// The types of event, for their titles.
    pub catalogue: Arc<Catalogue>,
    /// The time, for what is still running.
    pub clock: SharedClock,
    /// Visits that can be made in a week.
    pub budget: Budget,
}

/// `GET /v1/cases`, `/v1/cases/{case}`, `/v1/queue` and `/v1/alerts/stream`; the pages `/`,
/// `/queue`, `/quality`, `/cases/{case}`, `/households/{id}` and `/sign-in/{code}`; and what the
/// pages need.
pub fn router(console: Console) -> Router {
    let pages = Router::new()
        .route("/", get(pages::front))
        .route("/queue", get(queue::page))
        .route("/quality", get(quality::page))
        .route("/cases/{case}", get(pages::case))
        .route("/households/{id}", get(pages::household))
        .route("/sign-in/{code}", get(access::sign_in))
        .route("/assets/levee.css", get(assets::style))
        .route("/assets/live.js", get(assets::script))
        .route("/assets/levee.svg", get(assets::icon))
        .layer(axum::middleware::map_response(assets::guard));
    Router::new()
        .route("/v1/cases", get(cases::list))
        .route("/v1/cases/{case}", get(cases::one))
        .route("/v1/queue", get(queue::list))
        .route("/v1/alerts/stream", get(stream::stream))
        .merge(pages)
        .with_state(Arc::new(console))
}

/// A refusal under `/v1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Refusal(Code);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(code) = self;
        let status = StatusCode::from_u16(code.status()).unwrap_or_default();
        let problem = Problem::new(code.name(), status, code.en());
        let problem = if code.retryable() { problem.retry_after(1) } else { problem };
        let mut response = problem.into_response();
        if code == Code::AuthRequired {
            let value = axum::http::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, value);
        }
        response
    }
}
