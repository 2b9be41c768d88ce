//! `POST /v1/sign-in-links`: another one-time link to the pages, for the operator.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use console::SignIn;
use proto::{codes::Code, region::Prefix};

use super::ports::Callers;

#[derive(Clone)]
struct Links {
    callers: Arc<Callers>,
    sign_in: Arc<SignIn>,
}

/// The route.
pub(super) fn router(callers: Arc<Callers>, sign_in: Arc<SignIn>) -> Router {
    Router::new().route("/v1/sign-in-links", post(make)).with_state(Links { callers, sign_in })
}

/// 201 with the path of the link.
async fn make(State(links): State<Links>, headers: HeaderMap) -> Response {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| links.callers.is_operator(token)) {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (challenge, intake::http::problem(Code::AuthRequired)).into_response();
    }
    match links.sign_in.mint(console::Caller { region: Prefix::ALL }) {
        Ok(code) => {
            let path = format!("/sign-in/{code}");
            (StatusCode::CREATED, Json(serde_json::json!({ "path": path }))).into_response()
        }
        Err(_) => intake::http::problem(Code::ServiceFault).into_response(),
    }
}
