//! `GET /v1/cases` and `GET /v1/cases/{case}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use proto::alert::Severity;
use proto::chain::Step;
use proto::codes::Code;
use proto::region::{Area, Prefix, Region};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::access::Access;
use super::{Console, Refusal};
use crate::board::{Cursor, Filter, Item, Key, State};
use crate::ports::{Alerts, Caller};

/// Cases on a page when the caller does not say.
const LIMIT: usize = 50;
/// Cases on a page at most.
const MOST: usize = 500;
/// Revisions of one case at most; the latest are given.
pub(super) const REVISIONS: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct Asked {
    region: Option<String>,
    level: Option<String>,
    state: Option<String>,
    rule: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(super) struct List {
    items: Vec<Item>,
    next: Option<String>,
}

#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    item: Item,
    /// What people did about it, in the order of entry.
    outcomes: Vec<Value>,
    /// The clocks of an open case.
    clocks: Vec<Value>,
    /// Where it stands on the way from a clue to help.
    chain: Vec<Value>,
    /// The alerts as they stand in the log, oldest first.
    alerts: Vec<Box<RawValue>>,
}

/// The area asked for within what the caller may see, and a site apart from it.
pub(super) fn area(
    asked: Option<&str>,
    caller: Caller,
) -> Result<(Prefix, Option<String>), Refusal> {
    let Some(text) = asked.filter(|text| !text.is_empty()) else {
        return Ok((caller.region, None));
    };
    match Area::parse(text).ok_or(Refusal(Code::QueryInvalid))? {
        Area::Prefix(prefix) if caller.region.covers(prefix) => Ok((prefix, None)),
        Area::Prefix(_) => Err(Refusal(Code::AuthForbidden)),
        Area::Site(site) => Ok((caller.region, Some(site))),
    }
}

/// A level by its word; an empty word is none asked for.
pub(super) fn level(asked: Option<&str>) -> Result<Option<Severity>, Refusal> {
    let word = asked.filter(|word| !word.is_empty());
    let parse = |word| Severity::parse(word).ok_or(Refusal(Code::QueryInvalid));
    word.map(parse).transpose()
}

pub(super) async fn list(
    Shared(console): Shared<Arc<Console>>,
    Access(caller): Access,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<List>, Refusal> {
    let Query(asked) = asked.map_err(|_| Refusal(Code::QueryInvalid))?;
    let (area, site) = area(asked.region.as_deref(), caller)?;
    let state = match asked.state.as_deref() {
        None | Some("open" | "") => Some(State::Open),
        Some("closed") => Some(State::Closed),
        Some("all") => None,
        Some(_) => return Err(Refusal(Code::QueryInvalid)),
    };
    let level = level(asked.level.as_deref())?;
    let rule = asked.rule.filter(|rule| !rule.is_empty());
    let limit = asked.limit.unwrap_or(LIMIT).min(MOST);
    let cursor = asked.cursor.filter(|c| !c.is_empty());
    let after = cursor.map(|c| Cursor::parse(&c).ok_or(Refusal(Code::QueryInvalid))).transpose()?;
    if limit == 0 {
        return Err(Refusal(Code::QueryInvalid));
    }
    ready(&console)?;
    let filter = Filter { area, site, level, state, rule };
    let page = console.desk.board().list(&filter, after, limit);
    Ok(Json(List { items: page.items, next: page.next.map(|c| c.to_string()) }))
}

pub(super) async fn one(
    Shared(console): Shared<Arc<Console>>,
    Access(caller): Access,
    Path(case): Path<String>,
) -> Result<Json<One>, Refusal> {
    ready(&console)?;
    let (item, seqs) = find(&console, caller, &case).ok_or(Refusal(Code::CaseUnknown))?;
    let alerts = Arc::clone(&console.alerts);
    let lines = tokio::task::spawn_blocking(move || read(&*alerts, &seqs));
    let lines = lines.await.map_err(|_| Refusal(Code::ServiceFault))?;
    let raw = |line: Vec<u8>| RawValue::from_string(String::from_utf8(line).ok()?).ok();
    let Course { outcomes, clocks, chain } = course(&console, &item).await?;
    let alerts = lines.into_iter().filter_map(raw).collect();
    Ok(Json(One { item, outcomes, clocks, chain, alerts }))
}

/// What people did about a case, and what is due.
#[derive(Default)]
pub(super) struct Course {
    outcomes: Vec<Value>,
    clocks: Vec<Value>,
    pub(super) chain: Vec<Value>,
}

pub(super) async fn course(console: &Console, item: &Item) -> Result<Course, Refusal> {
    let dossier = match console.households.dossier(item.household.clone()).await {
        Err(Code::ViewElsewhere) => Value::Null,
        told => told.map_err(Refusal)?.unwrap_or_default(),
    };
    let list = |name: &str| dossier[name].as_array().cloned().unwrap_or_default();
    let mut outcomes = list("outcomes");
    outcomes.retain(|outcome| outcome["case"] == *item.case);
    let present = item.state == State::Open && dossier["episode"] == item.episode;
    let clocks = if present { list("clocks") } else { Vec::new() };
    let chain = chain(&outcomes, &clocks);
    Ok(Course { outcomes, clocks, chain })
}

/// Every step of the chain with when it was done and by whom, or until when it is due and who is
/// asked; nothing for what has not begun. The county's step is due when the decision is.
fn chain(outcomes: &[Value], clocks: &[Value]) -> Vec<Value> {
    let due = |step: Step| {
        let waits = clocks.iter().find(|c| c["step"] == step.word() && c["state"] != "answered");
        waits.map(|clock| (clock["by"].clone(), clock["asked"].clone()))
    };
    let step = |step: Step| {
        let answer = step.answer().word();
        let done = outcomes.iter().find(|o| o["kind"] == answer && o["revoked"] == false);
        let done = done.map_or((Value::Null, Value::Null), |o| (o["at"].clone(), o["by"].clone()));
        let decide = || due(Step::Decide).filter(|_| step == Step::County);
        let due = due(step).or_else(decide).unwrap_or_default();
        json!({"step": step.word(), "done_at": done.0, "by": done.1, "due_by": due.0,
            "asked": due.1})
    };
    Step::in_order().map(step).collect()
}

/// A case and the numbers of its alerts, if the caller may see it.
pub(super) fn find(console: &Console, caller: Caller, case: &str) -> Option<(Item, Vec<u64>)> {
    let key = Key::parse(case)?;
    let board = console.desk.board();
    let item = board.case(key)?;
    let seen = Region::parse(&item.region).is_some_and(|region| caller.sees(region));
    seen.then(|| (item, board.revisions(key, REVISIONS)))
}

/// Half a board would hide families: nothing is listed before it is whole.
pub(super) fn ready(console: &Console) -> Result<(), Refusal> {
    if console.desk.is_live() { Ok(()) } else { Err(Refusal(Code::ServiceStarting)) }
}

/// The alerts with these numbers, in their order; what is no longer kept is left out. Blocks.
pub(super) fn read(alerts: &dyn Alerts, seqs: &[u64]) -> Vec<Vec<u8>> {
    let one = |seq: &u64| {
        let found = alerts.read(*seq, 1).ok()?;
        found.into_iter().find(|(number, _)| number == seq).map(|(_, line)| line)
    };
    seqs.iter().filter_map(one).collect()
}
