//! Who is calling: a bearer token, or a session's cookie.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::header::{AUTHORIZATION, COOKIE, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use proto::codes::Code;

use super::{Console, Refusal};
use crate::page::{self, Lang};
use crate::ports::Caller;

/// A caller under `/v1`.
pub(super) struct Access(pub(super) Caller);

impl FromRequestParts<Arc<Console>> for Access {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Arc<Console>,
    ) -> Result<Self, Refusal> {
        caller(console, &parts.headers).map(Access).ok_or(Refusal(Code::AuthRequired))
    }
}

/// A token that is sent decides alone; only without one the cookie is looked at.
pub(super) fn caller(console: &Console, headers: &HeaderMap) -> Option<Caller> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let bearer = scheme.eq_ignore_ascii_case("bearer");
        return console.accounts.bearer(token.trim()).filter(|_| bearer);
    }
    let mut cookies = headers.get_all(COOKIE).iter().filter_map(|c| c.to_str().ok());
    cookies.find_map(|cookie| console.sign_in.session(cookie))
}

/// `GET /sign-in/{code}`. A HEAD, as previews of links send it, must not use the code up.
pub(super) async fn sign_in(
    State(console): State<Arc<Console>>,
    method: Method,
    Path(code): Path<String>,
) -> Response {
    if method != Method::GET {
        return StatusCode::NO_CONTENT.into_response();
    }
    match console.sign_in.redeem(&code) {
        Ok(Some(token)) => {
            let headers = [(SET_COOKIE, crate::sign_in::cookie(&token)), (LOCATION, "/".into())];
            (StatusCode::SEE_OTHER, headers).into_response()
        }
        Ok(None) => page::message(StatusCode::FORBIDDEN, Lang::Zh, &page::Message::BAD_CODE),
        Err(_) => page::message(StatusCode::INTERNAL_SERVER_ERROR, Lang::Zh, &page::Message::FAULT),
    }
}
