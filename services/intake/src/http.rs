//! The routes of `/v1` that bring something in, and the order in which a request is looked at.
//!
//! Path and method, caller, query, content type, room, body, records, journal: what fails first
//! answers. It refuses to decide anything about a record: that is the door's part.

use std::sync::Arc;

use axum::{
    Router,
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderValue, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use chassis::Problem;
use prometheus::Registry;
use proto::{codes::Code, person::TokenKey};

use crate::{
    caller::{Accounts, Caller, authenticate},
    meters::Meters,
    port::Journal,
};

mod answer;
mod body;
mod events;
mod gate;
mod households;
mod media;
mod outcomes;
mod packs;
mod reads;
mod take;

pub use answer::problem;

/// What callers may hold at once, and the largest call. Every default is a number of this file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of one body, as sent and after decompression.
    pub body: usize,
    /// Bytes of all bodies in work together.
    pub bytes: usize,
    /// Requests in work together.
    pub requests: usize,
    /// Requests in work of one account.
    pub per_account: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { body: 16 << 20, bytes: 128 << 20, requests: 256, per_account: 64 }
    }
}

/// The door with everything behind it.
#[derive(Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

struct Shared {
    journal: Arc<dyn Journal>,
    accounts: Arc<dyn Accounts>,
    key: TokenKey,
    limits: Limits,
    gate: Arc<gate::Gate>,
    meters: Meters,
    /// One pack is put in force at a time: the check against the others must hold when it enters.
    packs: tokio::sync::Mutex<()>,
}

impl Intake {
    /// A door before `journal` for the callers of `accounts`; metrics go to `registry`.
    ///
    /// # Errors
    /// The registry already holds metrics of these names.
    pub fn new(
        journal: Arc<dyn Journal>,
        accounts: Arc<dyn Accounts>,
        key: TokenKey,
        registry: &Registry,
        limits: Limits,
    ) -> Result<Intake, prometheus::Error> {
        let gate = Arc::new(gate::Gate::new(&limits));
        let meters = Meters::new(registry)?;
        let packs = tokio::sync::Mutex::default();
        let shared = Shared { journal, accounts, key, limits, gate, meters, packs };
        Ok(Intake { shared: Arc::new(shared) })
    }

    /// The routes, to be merged with those of other services and then given to [`closed`].
    pub fn router(&self) -> Router {
        let shared = Arc::clone(&self.shared);
        Router::new()
            .route("/v1/events", post(events::post))
            .route("/v1/households", post(households::post))
            .route(
                "/v1/households/{id}",
                get(households::get).put(households::put).delete(households::delete),
            )
            .route("/v1/cases/{case}/outcomes", post(outcomes::post))
            .route("/v1/batches/{id}", get(reads::batch))
            .route("/v1/quality", get(reads::quality))
            .route("/v1/packs", get(packs::list))
            .route("/v1/packs/{pack}", put(packs::put).get(packs::source))
            .route("/openapi.json", get(reads::openapi))
            .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), counted))
            .with_state(shared)
    }
}

/// Adds the answers to unknown paths and methods; once, to the merged router.
pub fn closed(router: Router) -> Router {
    router
        .fallback(async || problem(Code::PathUnknown))
        .method_not_allowed_fallback(async || problem(Code::MethodUnknown))
}

/// What the server answers to a body that arrives too slowly (`chassis::serve`).
#[must_use]
pub fn slow_body() -> Problem {
    problem(Code::BodyTimeout)
}

async fn counted(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned());
    let response = next.run(request).await;
    shared.meters.request(route.as_deref().unwrap_or("unmatched"), response.status().as_u16());
    response
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Caller, Response> {
        authenticate(shared.accounts.as_ref(), &parts.method, &parts.headers).map_err(|code| {
            let mut response = problem(code).into_response();
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        })
    }
}
