//! What operators must look at: messages that reached nobody, subscriptions that were disabled,
//! books that do not add up.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State, rejection::QueryRejection},
    response::{IntoResponse, Response},
};
use proto::codes::Code;
use serde::Deserialize;
use serde_json::json;
use store::{DELIVERED, ESCALATED, FURTHER, IN_FLIGHT, OPEN, PENDING};

use super::{
    Api,
    answer::{Asked, Refusal, page, written},
};
use crate::ports::Caller;

/// Tasks that are done in one call at most.
const MOST: usize = 1_000;

fn operator(caller: &Caller) -> Result<(), Refusal> {
    if caller.operator { Ok(()) } else { Err(Refusal::from(Code::AuthForbidden)) }
}

/// `GET /v1/operators/queue`: what waits, the oldest first; `?subscription=` of one.
pub(super) async fn queue(
    State(api): State<Arc<Api>>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    operator(&caller)?;
    let Query(asked) = asked.map_err(|_| Refusal::from(Code::QueryInvalid))?;
    let (limit, after) = (asked.limit()?, asked.cursor(0)?);
    let of = match asked.subscription.as_deref() {
        None => None,
        Some(id) => {
            let found = api.store.subscription(id).await?;
            Some(found.ok_or(Refusal::from(Code::SubscriptionUnknown))?.key)
        }
    };
    let tasks = api.store.tasks(of, after, limit + 1).await?;
    Ok(page(
        tasks,
        limit,
        |task| task.id,
        |task| {
            let en = Code::parse(&task.code).map(Code::en);
            json!({"id": task.id, "kind": task.kind, "subscription": task.subscription,
                "alert": task.alert, "code": task.code, "title": en, "at": written(task.at)})
        },
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Done {
    ids: Vec<i64>,
}

/// `POST /v1/operators/queue/done`: someone has looked after these.
pub(super) async fn done(
    State(api): State<Arc<Api>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Refusal> {
    operator(&caller)?;
    let done: Done =
        serde_json::from_slice(&body).map_err(|_| Refusal::from(Code::SubscriptionInvalid))?;
    if done.ids.is_empty() || done.ids.len() > MOST {
        return Err(Refusal::from(Code::SubscriptionInvalid));
    }
    let done = api.store.done(&done.ids, &caller.account, api.now()).await?;
    Ok(Json(json!({ "done": done })).into_response())
}

/// `GET /v1/operators/books`: of each subscription, what became of every alert since it was made.
pub(super) async fn books(
    State(api): State<Arc<Api>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    operator(&caller)?;
    let (progress, accounts) = api.store.accounts().await?;
    let rows = api.store.subscriptions(0, i64::MAX).await?;
    let ids: BTreeMap<i64, String> = rows.into_iter().map(|row| (row.key, row.id)).collect();
    let mut items = Vec::with_capacity(accounts.len());
    for account in accounts {
        let [first, second] = account.rows;
        let of = |state: i64| first.get(usize::try_from(state).unwrap_or(0)).copied().unwrap_or(0);
        // What came after the last count was not asked for: else it would be counted.
        let later = progress.seq - account.counted_to;
        items.push(json!({
            "subscription": ids.get(&account.subscription),
            "alerts": progress.seq - account.since_seq,
            "extra": account.extra,
            "delivered": of(DELIVERED) + account.cleared,
            "escalated": of(ESCALATED),
            "pending": of(PENDING) + of(IN_FLIGHT) + of(OPEN) + of(FURTHER),
            "suppressed": {"unmatched": account.unmatched + later, "history": account.history,
                "muted": account.muted, "duplicate": account.duplicate},
            "second_channel": second.iter().sum::<i64>() + account.second_cleared,
            "missing": account.missing().0 + account.missing().1,
        }));
    }
    Ok(Json(json!({"items": items, "next": null})).into_response())
}
