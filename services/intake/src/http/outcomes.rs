//! `POST /v1/cases/{case}/outcomes`: what people did about a case.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::HeaderMap,
    response::Response,
};
use proto::{codes::Code, frame::Entry, outcome::CaseId, region::Prefix};
use serde_json::Value;

use super::{
    Shared,
    answer::Refusal,
    media::{Media, media},
    take::{allowed, bring, check, may_touch, submit},
};
use crate::{
    caller::Caller,
    door::{Checked, Noun, Shape},
    port::SubmitError,
};

/// More episodes than a household has in a lifetime.
const EPISODES: u32 = 1_000;

pub(super) async fn post(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    case: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.works())?;
    let case = case.ok().and_then(|Path(case)| CaseId::parse(&case)).ok_or(Code::CaseUnknown)?;
    if media(&headers)? != Some(Media::Json) {
        return Err(Refusal::from(Code::BodyType));
    }
    let brought = bring(&shared, &caller, &headers, body).await?;
    let noun = Noun::Outcome(case);
    let mut checked = check(&shared, &caller, brought.bytes, Shape::One, noun).await?;
    refuse_unknown(&shared, &caller, &mut checked, case).await?;
    submit(&shared, checked, true, false).await
}

/// Refuses what is of another household's case or of a region that the caller may not touch.
async fn refuse_unknown(
    shared: &Shared,
    caller: &Caller,
    checked: &mut Checked,
    case: CaseId,
) -> Result<(), Refusal> {
    let Some(Entry::Outcome(outcome)) = checked.entries.first() else { return Ok(()) };
    let household = outcome.household.to_string();
    let told = shared.journal.household(household.clone()).await;
    let away = matches!(told, Err(SubmitError::Uncarried)) && caller.region == Prefix::ALL;
    let state = if away { None } else { told? };
    let last = if shared.journal.holds_state() && !away {
        let last = state.as_ref().and_then(|state| state["episode"].as_u64()).unwrap_or(0);
        u32::try_from(last).unwrap_or(u32::MAX)
    } else {
        // Whether there was such an episode the fold says, through the dead letters.
        EPISODES
    };
    let known = (1..=last).any(|episode| CaseId::of(&household, episode) == case);
    let now = shared.journal.now();
    if !known {
        checked.refuse_entry(0, Code::CaseUnknown, "/household", now);
    } else if !may_touch(caller, &state.unwrap_or(Value::Null)) {
        checked.refuse_entry(0, Code::AuthForbidden, "/household", now);
    }
    Ok(())
}
