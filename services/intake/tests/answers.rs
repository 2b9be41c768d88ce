//! What is answered to good input, and who may ask for what.

use axum::{body::Body, http::Request};
use intake::{Limits, SubmitError};
use proto::{codes::Code, frame::Entry};

use crate::desk::{Answer, Desk, EVENT, PROFILE};

const JSON: &str = "application/json";

fn put(desk: &Desk, token: &str, id: &str, region: &str) -> Answer {
    let text = PROFILE.replace("H1", id).replace("990102003004", region);
    desk.send_as(token, &format!("PUT /v1/households/{id}"), JSON, text)
}

#[test]
fn one_record_alone_is_answered_with_counts_and_a_batch() {
    let desk = Desk::new();
    let answer = put(&desk, "operator", "H1", "990102003004");
    let counts = r#"{"accepted":1,"duplicate":0,"parked":0,"rejected":0,"results":[]}"#;
    assert_eq!((answer.status, answer.text.as_str()), (200, counts));
    assert_eq!(answer.headers["levee-batch"], "1");
    assert_eq!(desk.event(EVENT).text, counts);
    assert_eq!(desk.send("POST /v1/events", JSON, EVENT).json()["duplicate"], 1);
    assert_eq!(desk.count("levee_intake_dropped_fields_total"), Some(2));
    let accepted = "levee_intake_records_total{code=\"\",outcome=\"accepted\"}";
    assert_eq!(desk.count(accepted), Some(2));
}

#[test]
fn a_batch_answers_for_each_record_that_was_not_accepted() {
    let desk = Desk::new();
    put(&desk, "operator", "H1", "990102003004");
    let other = EVENT.replace("H1", "H9").replace("e1", "e2");
    let body = format!("[{EVENT},{other},{EVENT},{{}},7]");
    for kind in [JSON, "application/cloudevents-batch+json"] {
        let answer = desk.send("POST /v1/events", kind, body.clone());
        assert_eq!(answer.status, 200);
    }
    let desk = Desk::new();
    put(&desk, "operator", "H1", "990102003004");
    let answer = desk.batch(body);
    let expected = serde_json::json!({"accepted": 1, "duplicate": 1, "parked": 1, "rejected": 2,
        "results": [
            {"index": 1, "id": "e2", "status": "parked"},
            {"index": 2, "id": "e1", "status": "duplicate"},
            {"index": 3, "status": "rejected", "code": "schema.required", "pointer": "/specversion"},
            {"index": 4, "status": "rejected", "code": "schema.type", "pointer": ""}]});
    assert_eq!(answer.json(), expected);
    let report = desk.send("GET /v1/batches/2", "", "").json();
    assert_eq!(report["dead_lettered"]["schema.type"], 1);
    assert_eq!(desk.send("GET /v1/batches/9", "", "").code(), "batch.unknown");
    assert_eq!(desk.send("GET /v1/batches/x", "", "").code(), "batch.unknown");
    let empty = desk.batch("[]");
    assert_eq!((empty.status, empty.json()["accepted"].as_u64()), (200, Some(0)));
    assert!(empty.headers.contains_key("levee-batch"));
}

#[test]
fn an_atomic_call_is_taken_whole_or_not_at_all() {
    let desk = Desk::new();
    let atomic = "POST /v1/events?mode=atomic";
    let lines = "application/x-ndjson";
    let answer = desk.send(atomic, lines, format!("{EVENT}\n{{}}\n"));
    desk.refused(&answer, 422, Code::BatchRefused);
    assert_eq!(answer.json()["results"][0]["index"], 1);
    assert!(desk.journal.state().submissions.is_empty());
    assert_eq!(desk.send(atomic, lines, EVENT).status, 200);
    let answer = desk.send("POST /v1/events?mode=half", lines, EVENT);
    assert_eq!((answer.status, answer.code()), (400, "query.invalid".to_owned()));
}

#[test]
fn binary_mode_gives_the_same_entry_as_structured_mode() {
    let ask = |desk: &Desk, id: &str, data: &'static str| {
        let request = Request::post("/v1/events")
            .header("authorization", "Bearer operator")
            .header("content-type", JSON)
            .header("ce-specversion", "1.0")
            .header("ce-id", id)
            .header("ce-source", "99/ybj")
            .header("ce-type", "medical.settlement")
            .header("ce-time", "2026-03-04T10:20:30%2B08:00")
            .header("ce-subject", "household/H1");
        desk.ask(request.body(Body::from(data)).unwrap())
    };
    let data = r#"{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":734500}"#;
    let desk = Desk::new();
    assert_eq!(ask(&desk, "e1", data).status, 200);
    assert_eq!(desk.event(EVENT).json()["duplicate"], 1);
    assert_eq!(ask(&desk, "%ff", data).code(), "text.utf8");
    assert_eq!(ask(&desk, "e1", "{").code(), "json.syntax");
    assert_eq!(ask(&desk, "e1", "{},\"id\":\"e2\"").code(), "json.syntax");
    assert_eq!(ask(&desk, "e3", "").code(), "schema.required");
}

#[test]
fn a_household_is_put_listed_and_removed_under_its_own_id() {
    let desk = Desk::new();
    let path = "PUT /v1/households/H2";
    let answer = desk.send(path, JSON, PROFILE);
    desk.refused(&answer, 422, Code::HouseholdMismatch);
    assert_eq!(answer.json()["pointer"], "/household");
    let many = format!("{PROFILE}\n{}\n{{}}", PROFILE.replace("H1", "H2"));
    let answer = desk.send("POST /v1/households", "application/x-ndjson", many);
    assert_eq!(
        (answer.json()["accepted"].as_u64(), answer.json()["rejected"].as_u64()),
        (Some(2), Some(1))
    );
    let state = desk.send("GET /v1/households/H1", "", "").json();
    assert_eq!(state["region"], "990102003004");
    let when = "DELETE /v1/households/H1?updated_at=2026-03-01T00:00:00%2B08:00";
    assert_eq!(desk.send(when, "", "").json()["accepted"], 1);
    let Some(Entry::Removal { updated_at, .. }) = last(&desk) else { panic!("a removal") };
    assert_eq!(updated_at.to_string(), "2026-03-01T00:00:00+08:00");
    assert_eq!(desk.send("GET /v1/households/H1", "", "").code(), "household.unknown");
    assert_eq!(desk.send("DELETE /v1/households/H2", "", "").status, 200);
    let Some(Entry::Removal { updated_at, .. }) = last(&desk) else { panic!("a removal") };
    assert_eq!(updated_at.to_string(), crate::desk::NOW);
}

fn last(desk: &Desk) -> Option<Entry> {
    desk.journal.state().submissions.last()?.entries.first().cloned()
}

#[test]
fn a_removal_that_is_not_understood_is_refused() {
    let desk = Desk::new();
    for (path, body, code) in [
        ("H1?updated_at=x", "", "query.invalid"),
        ("H1?at=2026-03-01", "", "query.invalid"),
        ("H1", r#"{"household":"H2"}"#, "household.mismatch"),
        ("H1", r#"{"updated_at":"x"}"#, "time.invalid"),
        ("H1", r#"{"updated_at":7}"#, "schema.type"),
        ("H1", r#"{"updated_at":"2026-03-05T12:00:01+08:00"}"#, "time.future"),
        ("H1", "[]", "schema.type"),
        ("H1", "{", "json.syntax"),
        ("990000199001010017", "", "id.personal"),
        ("a%20b", "", "schema.range"),
    ] {
        let answer = desk.send(&format!("DELETE /v1/households/{path}"), JSON, body);
        assert_eq!(answer.code(), code, "{path} {body}");
    }
    assert_eq!(desk.enqueued(), 0);
}

#[test]
fn a_caller_reaches_its_own_region_only() {
    let desk = Desk::new();
    put(&desk, "operator", "H1", "990102003004");
    put(&desk, "operator", "H2", "990202003004");
    assert_eq!(desk.send_as("city", "GET /v1/households/H1", "", "").status, 200);
    let entries = desk.enqueued();
    for answer in [
        desk.send_as("city", "GET /v1/households/H2", "", ""),
        desk.send_as("city", "DELETE /v1/households/H2", "", ""),
        put(&desk, "city", "H3", "990202003004"),
        put(&desk, "city", "H2", "990102003004"),
        put(&desk, "worker", "H1", "990102003004"),
        desk.send_as("city", "POST /v1/events", JSON, EVENT),
        desk.send_as("feed", "POST /v1/events", JSON, EVENT.replace("ybj", "gaj")),
        desk.send_as("feed", "GET /v1/households/H1", "", ""),
        desk.send_as("worker", "GET /v1/batches/1", "", ""),
    ] {
        assert_eq!((answer.status, answer.code()), (403, "auth.forbidden".to_owned()));
        desk.silent(&answer);
    }
    assert_eq!(desk.enqueued(), entries);
    let own = EVENT.replace("99/ybj", "9901/ybj");
    assert_eq!(desk.send_as("city", "POST /v1/events", JSON, own).status, 200);
    assert_eq!(desk.send_as("feed", "POST /v1/events", JSON, EVENT).status, 200);
}

#[test]
fn without_a_known_token_nothing_is_looked_at() {
    let desk = Desk::new();
    let answer = desk.send_as("stranger", "POST /v1/events", JSON, EVENT);
    desk.refused(&answer, 401, Code::AuthRequired);
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    let session = |method: &str| {
        let request = Request::builder().method(method).uri("/v1/packs/x");
        let request = request.header("cookie", "levee_session=session1");
        desk.ask(request.body(Body::empty()).unwrap()).code()
    };
    assert_eq!(session("GET"), "pack.unknown");
    assert_eq!(session("PUT"), "auth.required");
}

#[test]
fn unknown_paths_and_methods_have_codes() {
    let desk = Desk::new();
    let answer = desk.send("GET /v1/nothing", "", "");
    assert_eq!((answer.status, answer.code()), (404, "path.unknown".to_owned()));
    let answer = desk.send("GET /v1/events", "", "");
    assert_eq!((answer.status, answer.code()), (405, "method.unknown".to_owned()));
    assert_eq!(answer.headers["allow"], "POST");
    assert_eq!(intake::http::slow_body().code(), "body.timeout");
}

#[test]
fn a_journal_that_cannot_take_anything_is_told_with_a_time_to_return() {
    let desk = Desk::new();
    for (error, status, code, after) in [
        (SubmitError::Busy { retry_after_s: 7 }, 503, "overload.busy", "7"),
        (SubmitError::Full, 503, "storage.full", "60"),
        (SubmitError::Starting, 503, "service.starting", "1"),
        (SubmitError::Fault, 500, "service.fault", "1"),
    ] {
        desk.journal.state().failing = Some(error);
        let answer = desk.event(EVENT);
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        assert_eq!(answer.headers["retry-after"], after);
    }
    assert_eq!(desk.enqueued(), 0);
}

#[test]
fn beyond_its_room_the_door_takes_nothing_and_forgets_nothing() {
    let limits = Limits { bytes: 2048, ..Limits::default() };
    let desk = Desk::within(limits);
    let answer = desk.lines(format!("{EVENT}\n").repeat(20));
    desk.refused(&answer, 503, Code::OverloadBusy);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(desk.event(EVENT).status, 200, "the room came back");
    let desk = Desk::within(Limits { per_account: 0, ..limits });
    desk.refused(&desk.event(EVENT), 429, Code::OverloadRate);
    let desk = Desk::within(Limits { requests: 0, ..limits });
    desk.refused(&desk.event(EVENT), 503, Code::OverloadBusy);
}

#[test]
fn the_interface_is_described_and_every_route_of_the_door_is_in_it() {
    let desk = Desk::new();
    let request = Request::get("/openapi.json").body(Body::empty()).unwrap();
    let answer = desk.ask(request);
    let description = answer.json();
    assert_eq!(description["openapi"], "3.1.0");
    let served = ["/v1/events", "/v1/households", "/v1/batches", "/v1/packs", "/v1/quality"];
    let mut operations = 0;
    for (path, item) in description["paths"].as_object().unwrap() {
        if !served.iter().any(|s| path.starts_with(s)) {
            continue;
        }
        let concrete = path.replace("{id}", "1").replace("{pack}", "a");
        for method in item.as_object().unwrap().keys().filter(|k| *k != "parameters") {
            operations += 1;
            let line = format!("{} {concrete}", method.to_uppercase());
            let code = desk.send(&line, "", "").text;
            assert!(!code.contains("path.unknown") && !code.contains("method.unknown"), "{line}");
        }
    }
    assert_eq!(operations, 10);
    let refs = answer.text.matches("\"$ref\":").count();
    assert!(refs > 10);
    for target in answer.text.split("\"$ref\": \"#").skip(1) {
        let pointer = target.split('"').next().unwrap();
        assert!(description.pointer(pointer).is_some(), "{pointer}");
    }
}
