//! What is only read: the report on a batch, how often rules and feeds were right, and the
//! description of the interface.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use proto::{codes::Code, region::Prefix};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Shared,
    answer::Refusal,
    take::{Asked, allowed, asked, document},
};
use crate::caller::{Caller, Role};

/// Cases that a line needs before a department sees it: fewer point at families.
const FEW: u64 = 5;

/// Counts only: they tell nothing of a household, so every account that sends or reads everything
/// may ask; ids of batches are not secret.
pub(super) async fn batch(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    allowed(caller.sends())?;
    let _seat = shared.gate.enter(&caller.account)?;
    let id = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or(Code::BatchUnknown)?;
    if !shared.journal.holds_state() {
        return Err(Refusal::from(Code::ViewElsewhere));
    }
    let report = shared.journal.batch(id).await?.ok_or(Code::BatchUnknown)?;
    Ok(Json(report).into_response())
}

/// `?region=`: an area of the caller's; without it all of it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Where {
    region: Option<String>,
}

/// Counts only. Who sends events sees the lines of its own feeds, and of these no line of fewer
/// than five cases; how many were left out is said under `few`.
pub(super) async fn quality(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    query: Asked<Where>,
) -> Result<Response, Refusal> {
    let _seat = shared.gate.enter(&caller.account)?;
    let area = match asked(query)?.region.as_deref() {
        None | Some("") => caller.region,
        Some(text) => Prefix::parse(text).ok_or(Code::QueryInvalid)?,
    };
    allowed(caller.region.covers(area))?;
    let mut report = shared.journal.quality(area).await?.ok_or(Code::ViewElsewhere)?;
    if caller.role == Role::Feed {
        own(&mut report, &caller);
    }
    Ok(document(report).into_response())
}

/// Leaves the lines of the caller's own feeds.
fn own(report: &mut Value, caller: &Caller) {
    let mut few = 0_u64;
    for name in ["feeds", "feed_rules"] {
        let Some(lines) = report[name].as_array_mut() else { continue };
        lines.retain(|line| line["feed"].as_str().is_some_and(|feed| caller.sends_for(feed)));
        let before = lines.len();
        lines.retain(|line| line["decided"].as_u64().is_some_and(|decided| decided >= FEW));
        few = few.saturating_add(before.saturating_sub(lines.len()) as u64);
    }
    if let Some(report) = report.as_object_mut() {
        report.retain(|name, _| matches!(name.as_str(), "region" | "feeds" | "feed_rules"));
        report.insert("few".to_owned(), few.into());
    }
}

pub(super) async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, include_str!("../../../../proto/openapi.json")).into_response()
}
