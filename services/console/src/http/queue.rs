//! `GET /v1/queue` and its page: who waits for a visit, village by village.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use proto::codes::Code;
use proto::date::{Date, Instant};
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::cases::{area, ready};
use super::pages::{admitted, answer, opened};
use super::{Console, Refusal};
use crate::board::{By, Queue, Sought, Stand, Waiting, Week, monday};
use crate::page::{self, QueuePage};
use crate::ports::Caller;

/// Waiting cases on a page when the caller does not say.
const LIMIT: usize = 50;
/// Waiting cases on a page at most.
const MOST: usize = 500;
/// The largest budget that can be asked for: every household of a large village.
const LARGEST: u32 = 10_000;

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    region: Option<String>,
    by: Option<String>,
    /// Visits a week, to see what another budget would hold.
    budget: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    lang: Option<String>,
}

#[derive(Serialize)]
pub(super) struct List {
    /// The Monday of the week.
    week: String,
    by: &'static str,
    /// Whether it is known who was visited: not without the fold at hand.
    visits_known: bool,
    desks: Vec<Week>,
    items: Vec<Waiting>,
    next: Option<String>,
}

/// A queue with what was asked for.
struct Gathered {
    sought: Sought,
    queue: Queue,
    known: bool,
}

pub(super) async fn list(
    State(console): State<Arc<Console>>,
    Access(caller): Access,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<List>, Refusal> {
    let Query(asked) = asked.map_err(|_| Refusal(Code::QueryInvalid))?;
    let Gathered { sought, queue, known } = gather(&console, caller, &asked).await?;
    Ok(Json(List {
        week: sought.monday.to_string(),
        by: sought.by.word(),
        visits_known: known,
        desks: queue.weeks,
        items: queue.places,
        next: queue.next.map(|stand| stand.to_string()),
    }))
}

pub(super) async fn page(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let (lang, asked) = opened(asked, |asked| asked.lang.as_deref());
    answer(lang, async {
        let caller = admitted(&console, &headers)?;
        let asked = asked?;
        let Gathered { sought, queue, known } = gather(&console, caller, &asked).await?;
        let page = QueuePage {
            l: lang,
            region: asked.region.unwrap_or_default(),
            asked_budget: asked.budget.filter(|budget| !budget.is_empty()),
            sought,
            queue,
            known,
        };
        Ok(page::html(StatusCode::OK, &page))
    })
    .await
}

async fn gather(console: &Console, caller: Caller, asked: &Asked) -> Result<Gathered, Refusal> {
    let invalid = Refusal(Code::QueryInvalid);
    let (sought, from, limit) = read(console, caller, asked)?;
    if limit == 0 {
        return Err(invalid);
    }
    ready(console)?;
    let (groups, more) = console.desk.board().groups(&sought, from, limit);
    let households = groups.iter().flat_map(|group| group.households.clone()).collect();
    let visits = console.households.visits(households).await;
    let known = visits.is_ok();
    let visits = visits.unwrap_or_default();
    let queue = console.desk.board().rank(&sought, (groups, more), &visits, from, limit);
    Ok(Gathered { sought, queue, known })
}

/// What is sought, where to go on, and how many.
fn read(
    console: &Console,
    caller: Caller,
    asked: &Asked,
) -> Result<(Sought, Option<Stand>, usize), Refusal> {
    let invalid = || Refusal(Code::QueryInvalid);
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (area, site) = area(asked.region.as_deref(), caller)?;
    let by = match given(&asked.by) {
        Some(word) => By::parse(&word).ok_or_else(invalid)?,
        None => By::Village,
    };
    // Half a township has no week of its own.
    if site.is_none() && area.digits() > by.level().digits() {
        return Err(invalid());
    }
    let budget = match given(&asked.budget) {
        Some(text) => text.parse().ok().filter(|n| *n <= LARGEST).ok_or_else(invalid)?,
        None => console.budget.of(by),
    };
    let stand = |text: String| Stand::parse(&text).ok_or_else(invalid);
    let from = given(&asked.cursor).map(stand).transpose()?;
    let today: Date = Instant(console.clock.now_unix_micros()).date();
    let sought = Sought { area, site, by, monday: monday(today), budget };
    Ok((sought, from, asked.limit.unwrap_or(LIMIT).min(MOST)))
}
