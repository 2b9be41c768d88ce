//! `application/problem+json` (RFC 9457): one shape for every refusal over HTTP.
//!
//! Code, status and title come from the caller; this file knows no code of its own. A `detail`
//! says what was wrong with a value and never repeats the value.

use std::borrow::Cow;

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// One refusal. `type` is `urn:problem-type:CODE`: a name, not an address to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Cow<'static, str>,
    status: StatusCode,
    title: Cow<'static, str>,
    detail: Option<String>,
    pointer: Option<String>,
    retry_after: Option<u32>,
}

impl Problem {
    /// A problem of this stable `code`, answered with `status` and the short text `title`.
    #[must_use]
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        status: StatusCode,
        title: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code: code.into(),
            status,
            title: title.into(),
            detail: None,
            pointer: None,
            retry_after: None,
        }
    }

    /// What was wrong this time, without the content that was refused.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Where in the request body: a JSON pointer (RFC 6901).
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// Seconds after which the same request may succeed; also sent as `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("urn:problem-type:{}", self.code))?;
        map.serialize_entry("title", &self.title)?;
        map.serialize_entry("status", &self.status.as_u16())?;
        map.serialize_entry("code", &self.code)?;
        if let Some(detail) = &self.detail {
            map.serialize_entry("detail", detail)?;
        }
        if let Some(pointer) = &self.pointer {
            map.serialize_entry("pointer", pointer)?;
        }
        if let Some(seconds) = self.retry_after {
            map.serialize_entry("retry_after", &seconds)?;
        }
        map.end()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_given_is_in_the_json_and_no_other() {
        let problem = Problem::new("limit.size", StatusCode::PAYLOAD_TOO_LARGE, "Too large");
        assert_eq!(
            serde_json::to_value(&problem).unwrap(),
            serde_json::json!({"type": "urn:problem-type:limit.size", "title": "Too large",
                "status": 413, "code": "limit.size"}),
        );
        let full = problem.detail("more than 4 records").pointer("/records/4").retry_after(30);
        assert_eq!(
            serde_json::to_value(&full).unwrap(),
            serde_json::json!({"type": "urn:problem-type:limit.size", "title": "Too large",
                "status": 413, "code": "limit.size", "detail": "more than 4 records",
                "pointer": "/records/4", "retry_after": 30}),
        );
    }

    #[test]
    fn the_response_says_what_it_is_and_when_to_return() {
        let response = Problem::new("busy", StatusCode::SERVICE_UNAVAILABLE, "Busy")
            .retry_after(7)
            .into_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[RETRY_AFTER], "7");
    }
}
