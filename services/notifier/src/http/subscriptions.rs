//! `/v1/subscriptions`: create, list, change, pause, rotate the secret, replay, delete.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use planner::{Entry, Notice};
use proto::{codes::Code, date::Instant, ids::hex};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{
    ACTIVE, DELETED, DELIVERED, DISABLED, ESCALATED, IN_FLIGHT, PAUSED, PENDING, Subscription,
};

use super::{
    Api,
    answer::{Asked, Refusal, page, written},
};
use crate::{
    channel::{Kind, Target},
    planning::{ms, new_delivery},
    ports::Caller,
    replaying,
    served::{may_ask, within},
    spec::{Spec, Start},
};

/// The secret before the last stays valid for so long after a rotation.
const FORMER_MS: i64 = 24 * 3_600_000;
/// The present cases are asked for so often, 50 ms apart, until they are known.
const PATIENCE: u32 = 100;
/// Bytes of a body at most.
const BODY: usize = 64 << 10;

/// `POST /v1/subscriptions`.
pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    body: Bytes,
) -> Result<Response, Refusal> {
    let spec = checked(&api, &caller, with_region(&caller, &body)?.as_slice())?;
    let secret = match spec.channel.kind() {
        Kind::Webhook => Some(random()?),
        _ => None,
    };
    let now = api.now();
    let id = hex(&random()?[..8]);
    let sealed = secret.map(|secret| rests(&api, &id, &secret)).transpose()?;
    let new = Subscription {
        key: 0,
        id: id.clone(),
        owner: caller.account.to_string(),
        within: caller.region.to_string(),
        state: ACTIVE,
        code: None,
        body: stored(&spec)?,
        secret: sealed,
        former_secret: None,
        former_until: None,
        since_seq: 0,
        created_at: now,
        changed_at: now,
    };
    let (rows, pace, read_to) = match spec.start {
        Start::Now => (Vec::new(), 0, Vec::new()),
        Start::Open => present(&api, &caller, &spec, &id).await?,
    };
    let key = api.store.create(&new, &rows, pace, &read_to).await?;
    api.changed.notify_one();
    api.replays.notify_one();
    let mut shown = item(&api, &Subscription { key, ..new });
    if let Some(secret) = secret {
        shown["secret"] = json!(whsec(&secret));
    }
    Ok((StatusCode::CREATED, Json(shown)).into_response())
}

type First = (Vec<store::NewDelivery>, i64, Vec<(i64, i64)>);

/// The rows of the present cases, and how far the log was read when they were present.
async fn present(api: &Api, caller: &Caller, spec: &Spec, id: &str) -> Result<First, Refusal> {
    let wish = spec.wish(0, id, caller.region);
    for _ in 0..PATIENCE {
        let (cases, alerts) = (Arc::clone(&api.cases), Arc::clone(&api.alerts));
        let (wish, now) = (wish.clone(), Instant(api.clock.now_unix_micros()));
        let read = tokio::task::spawn_blocking(move || {
            let reached: Vec<(u32, u64)> =
                (0..alerts.partitions()).map(|p| (p, alerts.end(p))).collect();
            let places = cases.present(&wish.area, &reached)?;
            let mut notices = Vec::with_capacity(places.len());
            for (partition, number) in places {
                let line = alerts.read(partition, number, 1, 1).ok()?;
                let found = line.into_iter().find(|(found, _)| *found == number);
                let notice = found.and_then(|(_, line)| Notice::parse(&line).ok());
                notices.extend(notice.map(|notice| (partition, number, notice)));
            }
            let entry = |(partition, offset, notice)| Entry { seq: -1, partition, offset, notice };
            let entries: Vec<Entry<'_>> =
                notices.iter().map(|(p, n, notice)| entry((*p, *n, notice))).collect();
            let (rows, pace) = planner::plan::open(&wish, &entries, now);
            let rows = rows.iter().map(new_delivery).collect();
            let read_to = reached.iter().map(|(partition, end)| {
                (i64::from(*partition), i64::try_from(*end).unwrap_or(i64::MAX))
            });
            Some((rows, pace.map_or(0, ms), read_to.collect()))
        });
        if let Some(first) = read.await.map_err(|_| Refusal::from(Code::ServiceFault))? {
            return Ok(first);
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(Refusal::from(Code::ServiceStarting))
}

/// `GET /v1/subscriptions`.
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(asked) = asked.map_err(|_| Refusal::from(Code::QueryInvalid))?;
    let (limit, mut after) = (asked.limit()?, asked.cursor(0)?);
    let mut rows = Vec::new();
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1);
    while rows.len() < wanted {
        let some = api.store.subscriptions(after, limit + 1).await?;
        let Some(last) = some.last() else { break };
        after = last.key;
        rows.extend(some.into_iter().filter(|row| sees(&caller, row)));
    }
    rows.truncate(wanted);
    Ok(page(rows, limit, |row| row.key, |row| item(&api, row)))
}

/// `GET /v1/subscriptions/{id}`.
pub(super) async fn one(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    Ok(Json(item(&api, &find(&api, &caller, &id).await?)))
}

/// `PUT /v1/subscriptions/{id}`: everything anew.
pub(super) async fn put(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let spec = checked(&api, &caller, with_region(&caller, &body)?.as_slice())?;
    change(&api, row, &spec).await
}

/// `PATCH /v1/subscriptions/{id}`: the fields named, by JSON merge patch at the first level.
pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let Value::Object(patch) = syntax(&body)? else {
        return Err(Refusal::from(Code::SubscriptionInvalid));
    };
    let mut whole: Value = serde_json::from_str(&row.body).unwrap_or_default();
    for (field, value) in patch {
        whole[field] = value;
    }
    let spec = checked(&api, &caller, whole.to_string().as_bytes())?;
    change(&api, row, &spec).await
}

async fn change(api: &Api, row: Subscription, spec: &Spec) -> Result<Json<Value>, Refusal> {
    let was: Option<Spec> = Spec::parse(row.body.as_bytes()).ok();
    let moved = was.is_none_or(|was| was.channel != spec.channel);
    let mut to = Subscription { body: stored(spec)?, ..row.clone() };
    let mut told = None;
    if spec.channel.kind() == Kind::Webhook && to.secret.is_none() {
        let secret = random()?;
        to.secret = Some(rests(api, &row.id, &secret)?);
        told = Some(whsec(&secret));
    }
    // A receiver that was no more has another address now.
    if to.state == DISABLED && moved {
        (to.state, to.code) = (ACTIVE, None);
    }
    let mut shown = write(api, &row, to).await?;
    if let Some(secret) = told {
        shown["secret"] = json!(secret);
    }
    Ok(Json(shown))
}

/// `POST /v1/subscriptions/{id}/pause`: its messages wait.
pub(super) async fn pause(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let to = Subscription { state: PAUSED, code: None, ..row.clone() };
    write(&api, &row, to).await.map(Json)
}

/// `POST /v1/subscriptions/{id}/resume`: what waited is sent.
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let to = Subscription { state: ACTIVE, code: None, ..row.clone() };
    write(&api, &row, to).await.map(Json)
}

/// `POST /v1/subscriptions/{id}/rotate`: a new secret, shown once; messages are signed with both
/// for a day.
pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let row = find(&api, &caller, &id).await?;
    if row.secret.is_none() {
        return Err(Refusal::from(Code::SubscriptionChannel));
    }
    let secret = random()?;
    let until = api.now() + FORMER_MS;
    let to = Subscription {
        secret: Some(rests(&api, &row.id, &secret)?),
        former_secret: row.secret.clone(),
        former_until: Some(until),
        ..row.clone()
    };
    let mut shown = write(&api, &row, to).await?;
    shown["secret"] = json!(whsec(&secret));
    shown["former_secret_until"] = json!(written(until));
    Ok(Json(shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: String,
}

/// `POST /v1/subscriptions/{id}/replay`: everything of its filter from an instant on, once more.
pub(super) async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let asked: From =
        serde_json::from_slice(&body).map_err(|_| Refusal::from(Code::SubscriptionInvalid))?;
    let since = Instant::parse(&asked.from).ok_or(Refusal::from(Code::TimeInvalid))?;
    let alerts = Arc::clone(&api.alerts);
    let key = row.key;
    let parts = tokio::task::spawn_blocking(move || replaying::parts(&*alerts, key, since));
    let parts = parts.await.map_err(|_| Refusal::from(Code::ServiceFault))??;
    api.store.begin_replay(&parts).await?;
    api.replays.notify_one();
    let alerts: i64 = parts.iter().map(|part| part.until - part.position).sum();
    let told = json!({"subscription": row.id, "from": since.to_string(), "alerts": alerts});
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}

/// `DELETE /v1/subscriptions/{id}`.
pub(super) async fn delete(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let to = Subscription { state: DELETED, secret: None, former_secret: None, ..row.clone() };
    write(&api, &row, to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/subscriptions/{id}/deliveries`: the newest first; `?state=pending|in_flight|delivered|escalated`.
pub(super) async fn deliveries(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let row = find(&api, &caller, &id).await?;
    let Query(asked) = asked.map_err(|_| Refusal::from(Code::QueryInvalid))?;
    let state = match asked.state.as_deref() {
        None | Some("") => None,
        Some("pending") => Some(PENDING),
        Some("in_flight") => Some(IN_FLIGHT),
        Some("delivered") => Some(DELIVERED),
        Some("escalated") => Some(ESCALATED),
        Some(_) => return Err(Refusal::from(Code::QueryInvalid)),
    };
    let (limit, before) = (asked.limit()?, asked.cursor(i64::MAX)?);
    let rows = api.store.deliveries(row.key, state, before, limit + 1).await?;
    Ok(page(
        rows,
        limit,
        |row| row.id,
        |row| {
            let state = match row.state {
                IN_FLIGHT => "in_flight",
                DELIVERED => "delivered",
                ESCALATED => "escalated",
                _ => "pending",
            };
            json!({"alert": row.alert, "channel": if row.channel == 0 { "first" } else { "second" },
                "group": row.parcel, "state": state, "attempts": row.attempt, "code": row.code,
                "due_at": written(row.due), "settled_at": row.settled_at.map(written)})
        },
    ))
}

fn sees(caller: &Caller, row: &Subscription) -> bool {
    caller.region.covers(within(row))
}

pub(super) async fn find(api: &Api, caller: &Caller, id: &str) -> Result<Subscription, Refusal> {
    let found = api.store.subscription(id).await?;
    found.filter(|row| sees(caller, row)).ok_or(Refusal::from(Code::SubscriptionUnknown))
}

/// Writes a change, unless another came first.
async fn write(api: &Api, was: &Subscription, to: Subscription) -> Result<Value, Refusal> {
    let to = Subscription { changed_at: api.now().max(was.changed_at + 1), ..to };
    if !api.store.change(&to, was.changed_at).await? {
        return Err(Refusal::from(Code::SubscriptionConflict));
    }
    api.changed.notify_one();
    Ok(item(api, &to))
}

fn syntax(body: &[u8]) -> Result<Value, Refusal> {
    if body.len() > BODY {
        return Err(Refusal::from(Code::SubscriptionInvalid));
    }
    serde_json::from_slice(body).map_err(|_| Refusal::from(Code::JsonSyntax))
}

/// Who names no region means the own one.
fn with_region(caller: &Caller, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut body = syntax(body)?;
    let own = caller.region.to_string();
    if let Some(spec) = body.as_object_mut()
        && !own.is_empty()
    {
        spec.entry("region").or_insert(json!(own));
    }
    Ok(body.to_string().into_bytes())
}

/// A spec that this caller may have and that can be served here.
fn checked(api: &Api, caller: &Caller, body: &[u8]) -> Result<Spec, Refusal> {
    let spec = Spec::parse(body)?;
    if !may_ask(caller.region, &spec.area()) {
        return Err(Refusal::from(Code::AuthForbidden));
    }
    for target in [Some(&spec.channel), spec.escalate_to.as_ref()].into_iter().flatten() {
        let channel = api.channels.iter().find(|channel| channel.kind() == target.kind());
        channel.ok_or(Refusal::from(Code::SubscriptionChannel))?.check(target)?;
    }
    Ok(spec)
}

fn stored(spec: &Spec) -> Result<String, Refusal> {
    serde_json::to_string(spec).map_err(|_| Refusal::from(Code::ServiceFault))
}

fn random() -> Result<[u8; 32], Refusal> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::from(Code::ServiceFault))?;
    Ok(bytes)
}

/// A secret as it rests in the store.
fn rests(api: &Api, id: &str, secret: &[u8; 32]) -> Result<Vec<u8>, Refusal> {
    match api.seal.as_ref() {
        Some(key) => key.seal(id, secret).ok_or(Refusal::from(Code::ServiceFault)),
        None => Ok(secret.to_vec()),
    }
}

fn whsec(secret: &[u8; 32]) -> String {
    format!("whsec_{}", STANDARD.encode(secret))
}

/// A subscription as it is shown: without secrets, and without targets that are one, but with the
/// public keys that its messages can be verified with.
fn item(api: &Api, row: &Subscription) -> Value {
    let mut shown: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let target: Option<Target> = serde_json::from_value(shown["channel"].clone()).ok();
    let kind = target.map(|target| target.kind());
    let channel = api.channels.iter().find(|channel| Some(channel.kind()) == kind);
    let keys = channel.map(|channel| channel.public_keys()).unwrap_or_default();
    if !keys.is_empty() {
        shown["public_keys"] = json!(keys);
    }
    for field in ["channel", "escalate_to"] {
        let target: Option<Target> = serde_json::from_value(shown[field].clone()).ok();
        if let Some(target @ Target::Wecom { .. }) = target {
            shown[field] = json!({"kind": target.kind().word()});
        }
    }
    let state = match row.state {
        PAUSED => "paused",
        DISABLED => "disabled",
        _ => "active",
    };
    shown["id"] = json!(row.id);
    shown["state"] = json!(state);
    shown["code"] = json!(row.code);
    shown["created_at"] = json!(written(row.created_at));
    shown["changed_at"] = json!(written(row.changed_at));
    shown
}
