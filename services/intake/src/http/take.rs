//! The way of records through the door: body, records, journal, answer. One for all nouns.

use std::sync::Arc;

use axum::{Json, body::Body, extract::Query, http::HeaderMap, response::Response};
use proto::{codes::Code, frame::Entry, region::Prefix, region::Region};
use serde::Deserialize;

use super::{
    Shared,
    answer::{Refusal, extended, problem, refused_lines, taken},
    body,
    gate::Seat,
};
use crate::{
    caller::Caller,
    door::{Checked, Door, Noun, Shape, Whole},
};

/// From this size on the records of a body are read on a thread that may block.
const LONG: usize = 64 * 1024;

/// `?mode=`: `atomic`, or absent for each record by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mode {
    mode: Option<Word>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Atomic,
    Independent,
}

impl Mode {
    pub(super) fn atomic(self) -> bool {
        self.mode == Some(Word::Atomic)
    }
}

/// A query as it was understood.
pub(super) type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// The query's content, or `query.invalid`.
pub(super) fn asked<T>(query: Asked<T>) -> Result<T, Refusal> {
    query.map(|Query(content)| content).map_err(|_| Refusal::from(Code::QueryInvalid))
}

/// The caller's role, or `auth.forbidden`.
pub(super) fn allowed(may: bool) -> Result<(), Refusal> {
    if may { Ok(()) } else { Err(Refusal::from(Code::AuthForbidden)) }
}

/// A body with the room it takes.
pub(super) struct Brought {
    pub(super) bytes: Vec<u8>,
    pub(super) seat: Seat,
}

/// Finds room and reads the body.
pub(super) async fn bring(
    shared: &Shared,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Brought, Refusal> {
    let mut seat = shared.gate.enter(&caller.account)?;
    let bytes = body::collect(headers, body, &mut seat, shared.limits.body).await?;
    Ok(Brought { bytes, seat })
}

/// Looks at the records of a body.
pub(super) async fn check(
    shared: &Arc<Shared>,
    caller: &Caller,
    bytes: Vec<u8>,
    shape: Shape,
    noun: Noun,
) -> Result<Checked, Refusal> {
    let (shared, caller) = (Arc::clone(shared), caller.clone());
    let long = bytes.len() > LONG;
    let work = move || {
        let catalogue = shared.journal.catalogue();
        let now = shared.journal.now();
        let door = Door { catalogue: &catalogue, key: &shared.key, now, caller: &caller };
        door.check(&bytes, shape, noun)
    };
    let checked: Result<Checked, Whole> = if long {
        tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::from(Code::ServiceFault))?
    } else {
        work()
    };
    Ok(checked?)
}

/// Gives the entries to the journal and answers once they are durable and decided upon.
pub(super) async fn submit(
    shared: &Shared,
    checked: Checked,
    alone: bool,
    atomic: bool,
) -> Result<Response, Refusal> {
    if atomic && checked.refused() > 0 {
        for code in checked.records.iter().filter_map(|r| r.refused.as_ref()).map(|r| r.code) {
            shared.meters.refused(code);
        }
        let lines = serde_json::to_value(refused_lines(&checked.records)).unwrap_or_default();
        return Ok(extended(&problem(Code::BatchRefused), "results", lines));
    }
    let tally = checked.tally;
    let (submission, records) = checked.into_submission();
    let timer = shared.meters.decision();
    let receipt = shared.journal.submit(submission).await;
    match &receipt {
        Ok(_) => timer.observe_duration(),
        // What was not taken was not decided; the counter of answers has it.
        Err(_) => drop(timer.stop_and_discard()),
    }
    let receipt = receipt?;
    shared.meters.noticed(&tally);
    Ok(taken(&receipt, (&records, &tally), alone, &shared.meters))
}

/// Refuses profiles of households that stand in a region the caller may not touch: a household
/// is moved away by whoever may touch both places.
pub(super) async fn refuse_foreign(
    shared: &Shared,
    caller: &Caller,
    checked: &mut Checked,
) -> Result<(), Refusal> {
    let now = shared.journal.now();
    let mut at = 0;
    while let Some(entry) = checked.entries.get(at) {
        let Entry::Profile(profile) = entry else { break };
        if foreign(shared, caller, &profile.household).await? {
            checked.refuse_entry(at, Code::AuthForbidden, "/household", now);
        } else {
            at += 1;
        }
    }
    Ok(())
}

/// Whether a household stands in a region that the caller may not touch. Who may touch every region
/// is not held up by those who know where it stands.
pub(super) async fn foreign(
    shared: &Shared,
    caller: &Caller,
    household: &str,
) -> Result<bool, Refusal> {
    if caller.region == Prefix::ALL {
        return Ok(false);
    }
    let known = shared.journal.household(household.to_owned()).await?;
    Ok(known.as_ref().is_some_and(|state| !may_touch(caller, state)))
}

/// Whether the caller may touch the household of this state; without a region nobody but the
/// whole province's operator may.
pub(super) fn may_touch(caller: &Caller, state: &serde_json::Value) -> bool {
    let region = state["region"].as_str().and_then(Region::parse);
    match region {
        Some(region) => caller.may_touch(region),
        None => caller.region == Prefix::ALL,
    }
}

/// A JSON document with 200.
pub(super) fn document(value: serde_json::Value) -> Json<serde_json::Value> {
    Json(value)
}
