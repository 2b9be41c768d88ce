//! What is only read: the report on a batch, and the description of the interface.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use proto::codes::Code;

use super::{Shared, answer::Refusal, take::allowed};
use crate::caller::Caller;

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
    let report = shared.journal.batch(id).await.ok_or(Code::BatchUnknown)?;
    Ok(Json(report).into_response())
}

pub(super) async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, include_str!("../../../../proto/openapi.json")).into_response()
}
