//! Answers: problem documents, lists in pages, and instants as people read them.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chassis::Problem;
use proto::codes::Code;
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::{planning::at, ports::Unreadable, spec::Invalid};

/// Items on a page when the caller does not say.
const LIMIT: i64 = 50;
/// Items on a page at most.
const MOST: i64 = 500;

/// A call that is not answered with what it asked for.
#[derive(Debug)]
pub(crate) struct Refusal(Box<Problem>);

impl From<Code> for Refusal {
    fn from(code: Code) -> Refusal {
        let status = StatusCode::from_u16(code.status()).unwrap_or_default();
        let problem = Problem::new(code.name(), status, code.en());
        let problem = if code.retryable() { problem.retry_after(1) } else { problem };
        Refusal(Box::new(problem))
    }
}

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Refusal {
        let Refusal(problem) = Refusal::from(invalid.code);
        Refusal(Box::new(problem.pointer(invalid.pointer)))
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        tracing::warn!(%error, "the store did not answer a call");
        Refusal::from(error.code())
    }
}

impl From<Unreadable> for Refusal {
    fn from(_: Unreadable) -> Refusal {
        Refusal::from(Code::ServiceFault)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let required = self.0.status() == StatusCode::UNAUTHORIZED;
        let mut response = self.0.into_response();
        if required {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    pub(crate) limit: Option<i64>,
    pub(crate) cursor: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) subscription: Option<String>,
}

impl Asked {
    pub(crate) fn limit(&self) -> Result<i64, Refusal> {
        match self.limit {
            None => Ok(LIMIT),
            Some(limit) if limit >= 1 => Ok(limit.min(MOST)),
            Some(_) => Err(Refusal::from(Code::QueryInvalid)),
        }
    }

    /// The number of the last item seen, or `begin`.
    pub(crate) fn cursor(&self, begin: i64) -> Result<i64, Refusal> {
        match self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) {
            None => Ok(begin),
            Some(text) => text.parse().map_err(|_| Refusal::from(Code::QueryInvalid)),
        }
    }
}

#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
    next: Option<String>,
}

/// A page of at most `limit` of the rows, of which one more was asked for.
pub(crate) fn page<R, T: Serialize>(
    mut rows: Vec<R>,
    limit: i64,
    number: impl Fn(&R) -> i64,
    item: impl Fn(&R) -> T,
) -> Response {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| number(row).to_string());
    Json(List { items: rows.iter().map(item).collect(), next }).into_response()
}

/// RFC 3339 in Asia/Shanghai.
pub(crate) fn written(ms: i64) -> String {
    at(ms).to_string()
}
