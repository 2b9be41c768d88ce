//! The answering side, in the watcher.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json, Router,
    body::to_bytes,
    extract::{Request, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
    routing::post,
};
use intake::caller::{OperatorToken, authenticate};
use proto::{
    codes::Code,
    ids::{HouseholdKey, household_id},
    region::Prefix,
};
use serde::Serialize;
use tokio::sync::Semaphore;
use watcher::{Carrier, NotHeld, Told, Topic};

use super::question::{Answers, PATH, Part, Question, Visits};

/// Bytes of a question: the ids of the largest desk's households.
const QUESTION: usize = 4 << 20;
/// Questions in work at once.
const QUESTIONS: usize = 64;

struct Desk {
    carrier: Carrier,
    /// Of the journal.
    partitions: u32,
    /// Of the person log.
    persons: u32,
    token: OperatorToken,
    room: Semaphore,
}

/// The route of the interface, closed against everything else.
pub(in crate::member) fn router(
    carrier: Carrier,
    (partitions, persons): (u32, u32),
    token: &str,
) -> Router {
    let (token, room) = (OperatorToken::new(token), Semaphore::new(QUESTIONS));
    let desk = Desk { carrier, partitions, persons, token, room };
    intake::closed(Router::new().route(PATH, post(answer)).with_state(Arc::new(desk)))
}

async fn answer(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let mut response = match told(desk, request).await {
        Ok(response) => response,
        Err(code) => intake::http::problem(code).into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn told(desk: Arc<Desk>, request: Request) -> Result<Response, Code> {
    authenticate(&desk.token, request.method(), request.headers())?;
    let _seat = desk.room.try_acquire().map_err(|_| Code::OverloadBusy)?;
    let body = to_bytes(request.into_body(), QUESTION).await.map_err(|_| Code::LimitBody)?;
    // Why it is not understood would repeat it.
    let question = serde_json::from_slice(&body).map_err(|_| Code::QueryInvalid)?;
    let asked = Arc::clone(&desk);
    let told = tokio::task::spawn_blocking(move || asked.tell(question)).await;
    told.map_err(|_| Code::ServiceFault)?
}

impl Desk {
    fn tell(&self, question: Question) -> Result<Response, Code> {
        match question {
            Question::Household(id) => self.one(&id, |engine| watcher::portrait(engine, &id)),
            Question::Dossier(id) => {
                let asked = [id];
                self.one(&asked[0], |engine| watcher::dossiers(engine, &asked).pop())
            }
            Question::Visits(ids) => Ok(written(self.visits(&ids))),
            Question::Batch(id) => {
                let of = |topic, partitions| {
                    let asked =
                        move |partition| (partition, self.carrier.part(topic, partition, id));
                    held((0..partitions).map(asked))
                };
                let partitions = of(Topic::Journal, self.partitions);
                let persons = of(Topic::Persons, self.persons);
                Ok(Json(Answers { partitions, persons }).into_response())
            }
            Question::Quality(area) => {
                let area = if area.is_empty() { Some(Prefix::ALL) } else { Prefix::parse(&area) };
                let area = area.ok_or(Code::QueryInvalid)?;
                let asked = |partition| self.carrier.ask(partition, |engine| engine.quality(area));
                Ok(written((0..self.partitions).map(|partition| (partition, asked(partition)))))
            }
        }
    }

    /// The answer about a household, if its partition is here.
    fn one<T: Serialize>(
        &self,
        id: &str,
        question: impl FnOnce(&engine::Engine) -> T,
    ) -> Result<Response, Code> {
        if !household_id(id) {
            return Err(Code::QueryInvalid);
        }
        let partition = HouseholdKey::of(id).partition(self.partitions);
        let told = self.carrier.ask(partition, question).map_err(|why| match why {
            NotHeld::Elsewhere => Code::PartitionElsewhere,
            NotHeld::Restoring => Code::ServiceStarting,
        })?;
        Ok(written([(partition, Ok(told))]))
    }

    fn visits(&self, ids: &[String]) -> Vec<(u32, Result<Told<Visits>, NotHeld>)> {
        let mut homes: BTreeMap<u32, Vec<&String>> = BTreeMap::new();
        for id in ids {
            homes.entry(HouseholdKey::of(id).partition(self.partitions)).or_default().push(id);
        }
        let visits = |engine: &engine::Engine, ids: &[&String]| -> Visits {
            let visits = ids.iter().flat_map(|id| engine.visits(id));
            visits.map(|visit| (visit.case.to_string(), visit.at.map(|at| at.0))).collect()
        };
        let ask = |(partition, ids): (u32, Vec<&String>)| {
            (partition, self.carrier.ask(partition, |engine| visits(engine, &ids)))
        };
        homes.into_iter().map(ask).collect()
    }
}

fn written<T: Serialize>(
    told: impl IntoIterator<Item = (u32, Result<Told<T>, NotHeld>)>,
) -> Response {
    Json(Answers { partitions: held(told), persons: BTreeMap::new() }).into_response()
}

/// The answers of the partitions that are here.
fn held<T>(
    told: impl IntoIterator<Item = (u32, Result<Told<T>, NotHeld>)>,
) -> BTreeMap<u32, Part<T>> {
    let part = |(partition, told): (u32, Result<Told<T>, NotHeld>)| {
        let Told { next, answer } = told.ok()?;
        Some((partition, Part { next, answer }))
    };
    told.into_iter().filter_map(part).collect()
}
