//! What people did about a case enters by the door, and what is not a case's is refused by name.

use proto::{codes::Code, frame::Entry, outcome::CaseId};

use crate::desk::{Answer, Desk, PROFILE, UNDECIDED};

const JSON: &str = "application/json";
const VISITED: &str =
    r#"{"id":"o1","household":"H1","kind":"visited","at":"2026-03-04T11:00:00+08:00","by":"w-1"}"#;

fn desk() -> Desk {
    let desk = Desk::new();
    assert_eq!(desk.send("PUT /v1/households/H1", JSON, PROFILE).status, 200);
    desk
}

fn post(desk: &Desk, token: &str, case: CaseId, body: &str) -> Answer {
    desk.send_as(token, &format!("POST /v1/cases/{case}/outcomes"), JSON, body.to_owned())
}

#[test]
fn an_outcome_enters_once_it_is_durable() {
    let desk = desk();
    let case = CaseId::of("H1", 1);
    for token in ["operator", "worker"] {
        let answer = post(&desk, token, case, VISITED);
        assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(1)), "{token}");
        assert!(answer.headers.contains_key("levee-batch"));
    }
    let state = desk.journal.state();
    let last = state.submissions.last().unwrap();
    let [Entry::Outcome(outcome)] = &last.entries[..] else { panic!("{:?}", last.entries) };
    assert_eq!((outcome.case, &*outcome.id), (case, "o1"));
}

#[test]
fn what_is_no_cases_outcome_is_refused_and_kept() {
    let desk = desk();
    let case = CaseId::of("H1", 1);
    for (case, body, status, code) in [
        (CaseId::of("H1", 2), VISITED.to_owned(), 404, Code::CaseUnknown),
        (CaseId::of("H2", 1), VISITED.to_owned(), 404, Code::CaseUnknown),
        (CaseId::of("H9", 1), VISITED.replace("H1", "H9"), 404, Code::CaseUnknown),
        (case, VISITED.replace("visited", "seen"), 422, Code::SchemaUnknownEnum),
        (case, VISITED.replace("w-1", "990000199001010017"), 422, Code::IdPersonal),
        (case, VISITED.replace("2026-03-04", "2026-03-06"), 422, Code::TimeFuture),
    ] {
        let answer = post(&desk, "operator", case, &body);
        assert_eq!((answer.status, answer.code().as_str()), (status, code.name()), "{body}");
        let state = desk.journal.state();
        let last = state.submissions.last().unwrap();
        assert_eq!((last.entries.len(), last.dead.len()), (0, 1), "{body}");
        assert_eq!(last.dead[0].code, code);
    }
    let line = "POST /v1/cases/xyz/outcomes";
    assert_eq!(desk.send(line, JSON, VISITED.to_owned()).code(), "case.unknown");
    assert_eq!(post(&desk, "feed", case, VISITED).code(), "auth.forbidden");
}

#[test]
fn where_the_state_is_elsewhere_outcomes_are_taken_and_views_refused_by_name() {
    let desk = desk();
    let batch = desk.send("PUT /v1/households/H1", JSON, PROFILE).headers["levee-batch"].clone();
    desk.journal.state().elsewhere = true;
    assert_eq!(post(&desk, "operator", CaseId::of("H1", 3), VISITED).status, 200);
    // What is of no episode of the household is still told at once.
    assert_eq!(post(&desk, "operator", CaseId::of("H2", 1), VISITED).code(), "case.unknown");
    for line in ["GET /v1/households/H1", &format!("GET /v1/batches/{}", batch.to_str().unwrap())] {
        let answer = desk.send(line, JSON, "");
        assert_eq!((answer.status, answer.code().as_str()), (501, "view.elsewhere"), "{line}");
    }
}

#[test]
fn while_nobody_carries_a_household_it_is_not_unknown_and_the_operator_is_not_held_up() {
    let desk = desk();
    desk.journal.state().uncarried = true;
    let case = CaseId::of("H1", 3);
    let refused = [
        desk.send("GET /v1/households/H1", JSON, ""),
        desk.send("GET /v1/households/H9", JSON, ""),
        post(&desk, "worker", case, VISITED),
        desk.send_as("city", "DELETE /v1/households/H1", JSON, ""),
        desk.send_as("city", "PUT /v1/households/H1", JSON, PROFILE),
    ];
    for answer in refused {
        assert_eq!((answer.status, answer.code().as_str()), (503, "partition.uncarried"));
        assert!(answer.headers.contains_key("retry-after"));
    }
    let answer = desk.send(&format!("GET /v1/batches/{UNDECIDED}"), JSON, "");
    assert_eq!((answer.status, answer.code().as_str()), (503, "batch.undecided"));
    assert_eq!(post(&desk, "operator", case, VISITED).status, 200);
    assert_eq!(post(&desk, "operator", CaseId::of("H2", 1), VISITED).code(), "case.unknown");
    assert_eq!(desk.send("DELETE /v1/households/H1", JSON, "").status, 200);
}
