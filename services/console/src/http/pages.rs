//! The handlers of the pages: they gather what a page shows and hold no word of it.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use proto::alert::Severity;
use proto::codes::Code;
use proto::date::{Date, Instant};
use proto::ids;
use proto::region::Region;
use serde::Deserialize;
use serde_json::Value;

use super::access::caller;
use super::cases::{area, find, level, read};
use super::{Console, Refusal};
use crate::board::{Item, Key};
use crate::page::{
    self, Bills, CasePage, ChainStep, Course, Dot, Front, HouseholdPage, Lang, Look, Message,
    Shown, Step, View,
};
use crate::ports::Caller;

/// Alerts on the first page.
const FRONT: usize = 50;
/// Revisions that a case's page shows; the latest.
const SHOWN: usize = 50;
/// Revisions that a drawing shows over all episodes; the latest.
const DRAWN: usize = 200;
/// Episodes that a household's page shows; the latest.
const EPISODES: u32 = 20;

#[derive(Deserialize, Default)]
pub(super) struct Asked {
    region: Option<String>,
    level: Option<String>,
    before: Option<u64>,
    lang: Option<String>,
}

type Query_ = Result<Query<Asked>, QueryRejection>;

/// Why there is no page.
pub(super) struct Stop(pub(super) StatusCode, pub(super) Message);

const UNKNOWN: Stop = Stop(StatusCode::NOT_FOUND, Message::UNKNOWN);

impl From<Refusal> for Stop {
    fn from(Refusal(code): Refusal) -> Stop {
        let status = StatusCode::from_u16(code.status()).unwrap_or_default();
        let message = match code {
            Code::QueryInvalid => Message::QUERY,
            Code::AuthForbidden => Message::FORBIDDEN,
            Code::ServiceStarting => Message::STARTING,
            Code::PartitionUncarried => Message::UNCARRIED,
            Code::ViewElsewhere => Message::ELSEWHERE,
            _ => Message::FAULT,
        };
        Stop(status, message)
    }
}

pub(super) async fn front(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    asked: Query_,
) -> Response {
    let (lang, asked) = opened(asked, |asked| asked.lang.as_deref());
    answer(lang, async {
        let (caller, asked) = (admitted(&console, &headers)?, asked?);
        let (area, site) = area(asked.region.as_deref(), caller)?;
        let level = level(asked.level.as_deref())?.unwrap_or(Severity::None);
        let region = asked.region.unwrap_or_default();
        let look = Look { region, level, lang };
        let (seqs, next, newest) = {
            let board = console.desk.board();
            let (seqs, next) = board.newest(area, site.as_deref(), level, asked.before, FRONT);
            (seqs, next, board.last_id())
        };
        let alerts = shown(&console, seqs).await?;
        let live = asked.before.is_none().then(|| stream(&look, newest));
        Ok(page::html(StatusCode::OK, &Front { l: lang, look, alerts, next, live }))
    })
    .await
}

pub(super) async fn case(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Path(case): Path<String>,
    asked: Query_,
) -> Response {
    let (lang, asked) = opened(asked, |asked| asked.lang.as_deref());
    answer(lang, async {
        let caller = admitted(&console, &headers)?;
        asked?;
        let (item, seqs) = find(&console, caller, &case).ok_or(UNKNOWN)?;
        let latest = seqs.get(seqs.len().saturating_sub(SHOWN)..).unwrap_or_default();
        let mut alerts = shown(&console, latest.to_vec()).await?;
        alerts.reverse();
        let told = console.households.household(item.household.clone()).await;
        // The case is known here; that its household is not must be said, not left out.
        let away = told.as_ref().is_err_and(|code| *code != Code::ViewElsewhere);
        let view = told.ok().flatten().filter(|view| visible(view, caller));
        let bills = Bills::of(view.as_ref(), &console.catalogue, lang);
        let course = course(&console, lang, &episodes(&console, &item), &bills).await?;
        let now = Instant(console.clock.now_unix_micros());
        let told = super::cases::course(&console, &item).await;
        let away = away || told.is_err();
        let chain = told.unwrap_or_default().chain;
        let steps = chain.iter().map(|step| ChainStep::of(step, now)).collect();
        let page = CasePage { l: lang, item, alerts, steps, bills, view: View(view), course, away };
        Ok(page::html(StatusCode::OK, &page))
    })
    .await
}

pub(super) async fn household(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    Path(household): Path<String>,
    asked: Query_,
) -> Response {
    let (lang, asked) = opened(asked, |asked| asked.lang.as_deref());
    answer(lang, async {
        let caller = admitted(&console, &headers)?;
        asked?;
        if !ids::household_id(&household) {
            return Err(UNKNOWN);
        }
        let view = match console.households.household(household.clone()).await {
            // Its cases are shown all the same.
            Err(Code::ViewElsewhere) => None,
            told => told.map_err(Refusal)?,
        };
        let last = view.as_ref().and_then(|v| v.get("episode")).and_then(Value::as_u64);
        let last = last.and_then(|n| u32::try_from(n).ok());
        let mut cases = known(&console, &household, last);
        // What is known now decides who may look; a case, where no profile is left.
        let seen = match (&view, cases.last()) {
            (Some(view), _) => visible(view, caller),
            (None, Some(item)) => inside(&item.region, caller),
            (None, None) => false,
        };
        if !seen {
            return Err(UNKNOWN);
        }
        let bills = Bills::of(view.as_ref(), &console.catalogue, lang);
        let course = course(&console, lang, &cases, &bills).await?;
        cases.reverse();
        let view = View(view);
        let page = HouseholdPage { l: lang, household, cases, bills, view, course };
        Ok(page::html(StatusCode::OK, &page))
    })
    .await
}

/// The language, which a page needs also where the rest of the query is refused.
pub(super) fn opened<Q>(
    asked: Result<Query<Q>, QueryRejection>,
    lang: impl Fn(&Q) -> Option<&str>,
) -> (Lang, Result<Q, Stop>) {
    let asked = asked.map(|Query(asked)| asked);
    let asked = asked.map_err(|_| Stop(StatusCode::BAD_REQUEST, Message::QUERY));
    (Lang::of(asked.as_ref().ok().and_then(lang)), asked)
}

pub(super) async fn answer(
    lang: Lang,
    page: impl Future<Output = Result<Response, Stop>>,
) -> Response {
    match page.await {
        Ok(response) => response,
        Err(Stop(status, message)) => page::message(status, lang, &message),
    }
}

/// The caller, once there is something to show.
pub(super) fn admitted(console: &Console, headers: &HeaderMap) -> Result<Caller, Stop> {
    let found = caller(console, headers);
    let found = found.ok_or(Stop(StatusCode::UNAUTHORIZED, Message::SIGNED_OUT))?;
    super::cases::ready(console)?;
    Ok(found)
}

fn visible(view: &Value, caller: Caller) -> bool {
    view.get("region").and_then(Value::as_str).is_some_and(|region| inside(region, caller))
}

fn inside(region: &str, caller: Caller) -> bool {
    Region::parse(region).is_some_and(|region| caller.sees(region))
}

/// The stream that goes on where the page was rendered.
fn stream(look: &Look, newest: Option<Key>) -> String {
    let mut address = match newest {
        Some(id) => format!("/v1/alerts/stream?last_event_id={id}"),
        None => "/v1/alerts/stream?from=start".to_owned(),
    };
    if !look.region.is_empty() {
        address.push_str(&format!("&region={}", look.region));
    }
    if look.level != Severity::None {
        address.push_str(&format!("&level={}", look.level.word()));
    }
    address
}

/// The alerts with these numbers, read where blocking is allowed.
async fn shown(console: &Console, seqs: Vec<u64>) -> Result<Vec<Shown>, Stop> {
    let alerts = Arc::clone(&console.alerts);
    let read = move || {
        let lines = read(&*alerts, &seqs);
        lines.iter().filter_map(|line| Shown::parse(line)).collect()
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|_| Stop(StatusCode::INTERNAL_SERVER_ERROR, Message::FAULT))
}

/// The cases of a household, oldest first: ids are functions of the episode.
fn known(console: &Console, household: &str, last: Option<u32>) -> Vec<Item> {
    let board = console.desk.board();
    let of =
        |episode| Key::parse(&ids::case_id(household, episode)).and_then(|key| board.case(key));
    let upto = match last {
        Some(last) => last,
        None => (1..).take_while(|episode| of(*episode).is_some()).last().unwrap_or(0),
    };
    (upto.saturating_sub(EPISODES - 1).max(1)..=upto).filter_map(of).collect()
}

fn episodes(console: &Console, item: &Item) -> Vec<Item> {
    known(console, &item.household, Some(item.episode))
}

async fn course(
    console: &Console,
    lang: Lang,
    cases: &[Item],
    bills: &Bills,
) -> Result<Option<Course>, Stop> {
    let seqs: Vec<u64> = {
        let board = console.desk.board();
        let keys = cases.iter().filter_map(|item| Key::parse(&item.case));
        keys.flat_map(|key| board.revisions(key, DRAWN)).collect()
    };
    let latest = seqs.get(seqs.len().saturating_sub(DRAWN)..).unwrap_or_default();
    let alerts = shown(console, latest.to_vec()).await?;
    let steps = alerts.iter().filter_map(|a| Some(Step { at: a.at()?, level: a.data.level }));
    let steps: Vec<Step> = steps.collect();
    let live = bills.all.iter().filter(|bill| !bill.withdrawn);
    let dots = live.filter_map(|bill| {
        let on = Date::parse(&bill.on)?;
        Some(Dot { on, fen: bill.fen, title: bill.title.clone() })
    });
    let dots: Vec<Dot> = dots.collect();
    let now = Instant(console.clock.now_unix_micros());
    Ok(Course::draw(lang, &steps, &dots, now))
}
