//! `/v1/packs`: rule packs in force or to come. A pack with an error never replaces a good one.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use proto::{codes::Code, frame::Entry, ids::hex};
use rules::{Pack, PackCode, PackError, PackSet};
use serde_json::{Value, json};

use super::{
    Shared,
    answer::{BATCH, Refusal, extended, problem},
    media::{Media, media},
    take::{allowed, bring},
};
use crate::{
    caller::Caller,
    port::{Outcome, Submission},
};

type Name = Result<Path<String>, PathRejection>;

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    name: Name,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    allowed(caller.rules())?;
    let Path(name) = name.map_err(|_| Code::PathUnknown)?;
    if !matches!(media(&headers)?, Some(Media::Yaml) | None) {
        return Err(Refusal::from(Code::BodyType));
    }
    let brought = bring(&shared, &caller, &headers, body).await?;
    let _turn = shared.packs.lock().await;
    let catalogue = shared.journal.catalogue();
    let file = format!("{name}.yaml");
    let pack = match Pack::load(&file, &brought.bytes, &catalogue) {
        Ok(pack) => Arc::new(pack),
        Err(errors) => return Ok(faults(Code::PackInvalid, &errors)),
    };
    if pack.id != name {
        return Ok(faults(Code::PackInvalid, &[misnamed(&file)]));
    }
    allowed(caller.region.covers(pack.scope))?;
    let mut others = shared.journal.packs();
    if others.iter().any(|known| known.id == pack.id && known.digest == pack.digest) {
        return Ok(Json(described(&pack)).into_response());
    }
    let replaced = others.iter().find(|known| known.id == pack.id);
    allowed(replaced.is_none_or(|known| caller.region.covers(known.scope)))?;
    others.retain(|known| known.id != pack.id);
    others.push(Arc::clone(&pack));
    if let Err(errors) = PackSet::new(others) {
        return Ok(faults(Code::PackConflict, &errors));
    }
    let yaml = brought.bytes.into_boxed_slice();
    let entry = Entry::Pack { name: file.into(), yaml, withdrawn: false };
    let submission = Submission { entries: vec![entry], ..Submission::default() };
    let receipt = shared.journal.submit(submission).await?;
    if let Some(Outcome::Refused(code)) = receipt.outcomes.first() {
        return Err(Refusal::from(*code));
    }
    Ok(([(BATCH, receipt.batch.to_string())], Json(described(&pack))).into_response())
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
) -> Result<Response, Refusal> {
    let _seat = shared.gate.enter(&caller.account)?;
    let mut packs = shared.journal.packs();
    packs.sort_by(|a, b| a.id.cmp(&b.id));
    let items: Vec<Value> = packs.iter().map(|pack| described(pack)).collect();
    Ok(Json(json!({"items": items, "next": null})).into_response())
}

pub(super) async fn source(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    name: Name,
) -> Result<Response, Refusal> {
    let _seat = shared.gate.enter(&caller.account)?;
    let Path(name) = name.map_err(|_| Code::PathUnknown)?;
    let packs = shared.journal.packs();
    let pack = packs.iter().find(|pack| pack.id == name).ok_or(Code::PackUnknown)?;
    let kind = [(header::CONTENT_TYPE, "application/yaml")];
    Ok((StatusCode::OK, kind, pack.source.clone()).into_response())
}

fn misnamed(file: &str) -> PackError {
    PackError {
        code: PackCode::Value,
        file: file.to_owned(),
        line: 1,
        column: 1,
        message: "the pack has another id than the path".to_owned(),
        hint: Some("put it under its own id".to_owned()),
    }
}

fn described(pack: &Pack) -> Value {
    let to = pack.to.map(|to| to.to_string());
    let rules: Vec<&str> = pack.rules.iter().map(|rule| &*rule.id).collect();
    json!({
        "pack": pack.id,
        "digest": format!("sha256:{}", hex(&pack.digest)),
        "title": {"zh": pack.title.zh, "en": pack.title.en},
        "scope": pack.scope.to_string(),
        "effective": {"from": pack.from.to_string(), "to": to},
        "rules": rules,
    })
}

fn faults(code: Code, errors: &[PackError]) -> Response {
    let each = errors.iter().map(|error| {
        json!({
            "line": error.line,
            "column": error.column,
            "code": error.code.name(),
            "message": error.message,
            "hint": error.hint,
        })
    });
    extended(&problem(code), "errors", each.collect())
}
