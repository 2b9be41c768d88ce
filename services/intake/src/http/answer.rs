//! Answers: what became of the records of a call, and refusals as problem documents.
//!
//! It refuses to show anything of a record but its place and a plain id.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use chassis::Problem;
use proto::codes::Code;
use serde::Serialize;
use serde_json::Value;

use crate::{
    door::{Record, Refused, Tally, Whole},
    meters::Meters,
    port::{Outcome, Receipt, SubmitError},
};

/// The header that carries a call's batch.
pub(super) const BATCH: HeaderName = HeaderName::from_static("levee-batch");
/// Seconds after which a caller that met a passing limit may come again.
const SOON_S: u32 = 1;
/// Seconds after which a full disk may have been looked after.
const DISK_S: u32 = 60;

/// The problem document of a code.
#[must_use]
pub fn problem(code: Code) -> Problem {
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let problem = Problem::new(code.name(), status, code.en());
    if code.retryable() { problem.retry_after(SOON_S) } else { problem }
}

/// A refusal of a whole call.
#[derive(Debug)]
pub(super) struct Refusal(Box<Response>);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Refusal {
        Refusal::from(problem(code))
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        // The rest of a body that is too large is not read: the connection cannot be used again.
        let close = problem.status() == StatusCode::PAYLOAD_TOO_LARGE;
        let mut response = problem.into_response();
        if close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Refusal(Box::new(response))
    }
}

impl From<Whole> for Refusal {
    fn from(whole: Whole) -> Refusal {
        Refusal::from(located(problem(whole.code), None, whole.offset))
    }
}

impl From<proto::event::Refusal> for Refusal {
    fn from(refusal: proto::event::Refusal) -> Refusal {
        Refusal::from(problem(refusal.code).pointer(refusal.pointer))
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Refusal {
        Refusal::from(match error {
            SubmitError::Busy { retry_after_s } => {
                problem(Code::OverloadBusy).retry_after(retry_after_s.max(SOON_S))
            }
            SubmitError::Full => problem(Code::StorageFull).retry_after(DISK_S),
            SubmitError::Starting => problem(Code::ServiceStarting),
            SubmitError::Undecided => problem(Code::BatchUndecided),
            SubmitError::Uncarried => problem(Code::PartitionUncarried),
            SubmitError::Fault => problem(Code::ServiceFault),
        })
    }
}

/// A problem document with members of its own beside those of RFC 9457.
pub(super) fn extended(problem: &Problem, member: &'static str, value: Value) -> Response {
    let mut document = serde_json::to_value(problem).unwrap_or_default();
    document[member] = value;
    let mut response = (problem.status(), Json(document)).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn located(problem: Problem, pointer: Option<&str>, offset: Option<usize>) -> Problem {
    let problem = match pointer {
        Some(pointer) => problem.pointer(pointer),
        None => problem,
    };
    match offset {
        Some(offset) => problem.detail(format!("noticed at byte {offset}")),
        None => problem,
    }
}

/// One record that was not simply accepted.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    index: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
}

#[derive(Serialize)]
struct Answer<'a> {
    accepted: u64,
    duplicate: u64,
    parked: u64,
    rejected: u64,
    /// How many records were taken with a doubt, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    flags: BTreeMap<&'static str, u64>,
    results: Vec<Line<'a>>,
}

/// The lines of the refused records.
pub(super) fn refused_lines(records: &[Record]) -> Vec<Line<'_>> {
    let refused = records.iter().filter_map(|r| r.refused.as_ref().map(|why| (r, why)));
    refused.map(|(record, why)| line(record, "rejected", Some(why.code), why.pointer())).collect()
}

impl Refused {
    fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }
}

fn line<'a>(
    record: &'a Record,
    status: &'static str,
    code: Option<Code>,
    pointer: Option<&'a str>,
) -> Line<'a> {
    let code = code.map(Code::name);
    Line { index: record.index, id: record.id.as_deref(), status, code, pointer }
}

/// The answer to a call that is durable: counts, a line for what was not accepted, the batch.
/// `alone`: the call was one record, whose refusal is the answer.
pub(super) fn taken(
    receipt: &Receipt,
    (records, tally): (&[Record], &Tally),
    alone: bool,
    meters: &Meters,
) -> Response {
    let mut flags = BTreeMap::new();
    if tally.unverified > 0 {
        flags.insert(Code::IdentityUnverified.name(), tally.unverified);
    }
    let mut answer =
        Answer { accepted: 0, duplicate: 0, parked: 0, rejected: 0, flags, results: vec![] };
    let mut outcomes = receipt.outcomes.iter();
    let mut single = None;
    for record in records {
        let outcome = match &record.refused {
            Some(why) => Outcome::Refused(why.code),
            // A port that answers too little has not said that the entry is durable.
            None => *outcomes.next().unwrap_or(&Outcome::Refused(Code::ServiceFault)),
        };
        let pointer = record.refused.as_ref().and_then(Refused::pointer);
        match outcome {
            Outcome::Accepted => answer.accepted += 1,
            Outcome::Duplicate => {
                answer.duplicate += 1;
                answer.results.push(line(record, "duplicate", None, None));
            }
            Outcome::Parked => {
                answer.parked += 1;
                answer.results.push(line(record, "parked", None, None));
            }
            Outcome::Refused(code) => {
                answer.rejected += 1;
                answer.results.push(line(record, "rejected", Some(code), pointer));
                let offset = record.refused.as_ref().and_then(|why| why.offset);
                single = Some(located(problem(code), pointer, offset));
            }
        }
        meters.record(outcome);
    }
    let mut response = match single {
        Some(problem) if alone => problem.into_response(),
        _ => Json(&answer).into_response(),
    };
    response.headers_mut().insert(BATCH, HeaderValue::from(receipt.batch));
    response
}
