//! `/v1/households`: profiles in, removals, and the state of one household out.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use proto::{
    codes::Code, date::Instant, event::Refusal as Refused, frame::Entry, ids::household_id,
    json::Json, person::holds_id_number,
};
use serde::Deserialize;

use super::{
    Shared,
    answer::Refusal,
    media::{Media, json_shape, media},
    take::{
        Asked, Mode, allowed, asked, bring, check, document, foreign, may_touch, refuse_foreign,
        submit,
    },
};
use crate::{
    caller::Caller,
    door::{Checked, Door, Noun, Record, Shape},
};

type Id = Result<Path<String>, PathRejection>;

pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    query: Asked<Mode>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.sends())?;
    let mode = asked(query)?;
    let lines = match media(&headers)? {
        Some(Media::Lines) => true,
        Some(Media::Json) => false,
        _ => return Err(Refusal::from(Code::BodyType)),
    };
    let brought = bring(&shared, &caller, &headers, body).await?;
    let shape = if lines { Shape::Lines } else { json_shape(&brought.bytes) };
    let mut checked = check(&shared, &caller, brought.bytes, shape, Noun::Household).await?;
    refuse_foreign(&shared, &caller, &mut checked).await?;
    submit(&shared, checked, shape == Shape::One, mode.atomic()).await
}

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    id: Id,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.sends())?;
    let id = household(id)?;
    if media(&headers)? != Some(Media::Json) {
        return Err(Refusal::from(Code::BodyType));
    }
    let brought = bring(&shared, &caller, &headers, body).await?;
    let mut checked = check(&shared, &caller, brought.bytes, Shape::One, Noun::Household).await?;
    let other = |entry: &Entry| matches!(entry, Entry::Profile(p) if *p.household != *id);
    if checked.entries.first().is_some_and(other) {
        checked.refuse_entry(0, Code::HouseholdMismatch, "/household", shared.journal.now());
    }
    refuse_foreign(&shared, &caller, &mut checked).await?;
    submit(&shared, checked, true, false).await
}

/// `?updated_at=`: the instant of a removal.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    updated_at: Option<String>,
}

pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    id: Id,
    query: Asked<When>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.sends())?;
    let id = household(id)?;
    let when = asked(query)?;
    let kind = media(&headers)?;
    let brought = bring(&shared, &caller, &headers, body).await?;
    let now = shared.journal.now();
    let mut updated_at = None;
    if !brought.bytes.trim_ascii().is_empty() {
        if kind.is_some_and(|kind| kind != Media::Json) {
            return Err(Refusal::from(Code::BodyType));
        }
        updated_at = removal(&brought.bytes, &id)?;
    }
    if let Some(text) = &when.updated_at {
        let instant = Instant::parse(text).ok_or(Code::QueryInvalid)?;
        updated_at = Some(instant);
    }
    let updated_at = updated_at.unwrap_or(now);
    let catalogue = shared.journal.catalogue();
    let door = Door { catalogue: &catalogue, key: &shared.key, now, caller: &caller };
    door.check_updated_at(updated_at)?;
    allowed(!foreign(&shared, &caller, &id).await?)?;
    let record = Record { index: 0, id: Some(id.clone()), refused: None };
    let entry = Entry::Removal { household: id.into(), updated_at };
    let checked = Checked { entries: vec![entry], records: vec![record], ..Checked::default() };
    submit(&shared, checked, true, false).await
}

/// The optional body of a removal: `{"household"?, "updated_at"?}`.
fn removal(bytes: &[u8], id: &str) -> Result<Option<Instant>, Refusal> {
    let json = Json::parse(bytes).map_err(|e| Refusal::from(e.code))?;
    let refused = |code, pointer: &str| Refusal::from(Refused::new(code, pointer));
    if !matches!(json, Json::Map(_)) {
        return Err(refused(Code::SchemaType, ""));
    }
    match json.get("household") {
        None | Some(Json::Null) => {}
        Some(Json::Text(household)) if household == id => {}
        Some(_) => return Err(refused(Code::HouseholdMismatch, "/household")),
    }
    match json.get("updated_at") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => {
            Instant::parse(text).map(Some).ok_or_else(|| refused(Code::TimeInvalid, "/updated_at"))
        }
        Some(_) => Err(refused(Code::SchemaType, "/updated_at")),
    }
}

pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    id: Id,
) -> Result<Response, Refusal> {
    allowed(caller.reads())?;
    let _seat = shared.gate.enter(&caller.account)?;
    let Ok(id) = household(id) else { return Err(Refusal::from(Code::HouseholdUnknown)) };
    if !shared.journal.holds_state() {
        return Err(Refusal::from(Code::ViewElsewhere));
    }
    let state = shared.journal.household(id).await?.ok_or(Code::HouseholdUnknown)?;
    allowed(may_touch(&caller, &state))?;
    Ok(document(state).into_response())
}

fn household(id: Id) -> Result<String, Refusal> {
    match id {
        Ok(Path(id)) if household_id(&id) => Ok(id),
        Ok(Path(id)) if holds_id_number(&id) => Err(Refusal::from(Code::IdPersonal)),
        Ok(_) => Err(Refusal::from(Code::SchemaRange)),
        Err(_) => Err(Refusal::from(Code::PathUnknown)),
    }
}
