//! The table of bad inputs, one test a row: a stable code, nothing enqueued, nothing repeated.

use std::io::Write;

use axum::{body::Body, http::Request};
use flate2::{Compression, write::GzEncoder};
use intake::DeadLetter;
use proto::{
    catalogue::{EventType, Title},
    codes::Code,
    frame::Entry,
    household::Profile,
};

use crate::desk::{CANARY, Desk, EVENT, PROFILE};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn packed(desk: &Desk, encoding: &str, body: Vec<u8>) -> crate::desk::Answer {
    let request = Request::post("/v1/events")
        .header("authorization", "Bearer operator")
        .header("content-type", "application/x-ndjson")
        .header("content-encoding", encoding);
    desk.ask(request.body(Body::from(body)).unwrap())
}

fn dead(desk: &Desk) -> Vec<DeadLetter> {
    desk.journal.state().submissions.iter().flat_map(|s| s.dead.clone()).collect()
}

/// Each event refused alone: the status, the code, and the same code within a batch.
fn refuses(from: &str, to: &str, code: Code, pointer: &str) {
    assert!(EVENT.contains(from), "{from}");
    let text = EVENT.replacen(from, to, 1);
    let desk = Desk::new();
    let answer = desk.event(text.clone());
    desk.refused(&answer, code.status(), code);
    assert_eq!(answer.json()["pointer"].as_str().unwrap_or("-"), pointer, "{to}");
    assert!(answer.headers.contains_key("levee-batch"));
    let answer = desk.lines(text);
    assert_eq!((answer.status, desk.enqueued()), (200, 0));
    let line = &answer.json()["results"][0];
    assert_eq!(
        (line["status"].as_str(), line["code"].as_str()),
        (Some("rejected"), Some(code.name()))
    );
    desk.silent(&answer);
    assert_eq!(dead(&desk).len(), 2);
}

#[test]
fn not_json_is_refused_with_the_place() {
    for (body, offset) in [
        (EVENT[..EVENT.len() - 1].to_owned(), EVENT.len() - 1),
        (format!("{EVENT} {CANARY}"), EVENT.len() + 2),
        (format!("{{{CANARY}"), 2),
    ] {
        let desk = Desk::new();
        let answer = desk.event(body);
        desk.refused(&answer, 400, Code::JsonSyntax);
        assert_eq!(answer.json()["detail"], format!("noticed at byte {offset}"));
        assert_eq!(dead(&desk)[0].body, None);
    }
    let desk = Desk::new();
    let answer = desk.batch(format!("[{EVENT},{EVENT}"));
    desk.refused(&answer, 400, Code::JsonSyntax);
    assert!(desk.journal.state().submissions.is_empty(), "an array is taken apart or left");
}

#[test]
fn a_line_that_is_not_json_is_refused_and_its_neighbours_are_not() {
    let desk = Desk::new();
    let answer = desk.lines(format!("{EVENT}\n\n{{{CANARY}\n{}", EVENT.replace("e1", "e2")));
    desk.silent(&answer);
    let json = answer.json();
    assert_eq!((json["parked"].as_u64(), json["rejected"].as_u64()), (Some(2), Some(1)));
    let refused: Vec<_> =
        json["results"].as_array().unwrap().iter().filter(|r| r["status"] == "rejected").collect();
    assert_eq!((&refused[0]["index"], &refused[0]["code"]), (&2.into(), &"json.syntax".into()));
    assert_eq!(desk.enqueued(), 2);
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_header_and_while_it_streams() {
    let desk = Desk::new();
    let request = Request::post("/v1/events")
        .header("authorization", "Bearer operator")
        .header("content-type", "application/x-ndjson")
        .header("content-length", "16777217");
    let answer = desk.ask(request.body(Body::from(CANARY)).unwrap());
    desk.refused(&answer, 413, Code::LimitBody);
    assert_eq!(answer.headers["connection"], "close");
    let answer = desk.lines(CANARY.repeat(1_700_000));
    desk.refused(&answer, 413, Code::LimitBody);
    assert_eq!(answer.headers["connection"], "close");
}

#[test]
fn a_packed_body_is_limited_after_unpacking_too() {
    let desk = Desk::new();
    let bomb = gzip(&vec![b' '; 1 << 20]);
    desk.refused(&packed(&desk, "gzip", bomb), 413, Code::LimitBody);
    let mut lines = String::new();
    for n in 0..1_500_000 {
        lines.push_str(&format!("{:08x}{CANARY}\n", n * 2_654_435_761u64 % 0xffff_ffff));
    }
    let large = gzip(lines.as_bytes());
    assert!(large.len() < 16 << 20 && lines.len() > 16 << 20);
    desk.refused(&packed(&desk, "gzip", large), 413, Code::LimitBody);
    let answer = packed(&desk, "gzip", gzip(EVENT.as_bytes()));
    assert_eq!((answer.status, desk.enqueued()), (200, 1));
}

#[test]
fn an_encoding_that_is_unknown_or_broken_is_refused() {
    let desk = Desk::new();
    desk.refused(&packed(&desk, "br", vec![1]), 415, Code::BodyEncoding);
    desk.refused(&packed(&desk, "gzip, gzip", vec![1]), 415, Code::BodyEncoding);
    desk.refused(&packed(&desk, "gzip", CANARY.into()), 400, Code::BodyBroken);
    let mut cut = gzip(EVENT.as_bytes());
    cut.truncate(cut.len() - 9);
    desk.refused(&packed(&desk, "gzip", cut), 400, Code::BodyBroken);
}

#[test]
fn structure_beyond_its_limits_is_refused() {
    let note = format!("\"{CANARY}\"");
    refuses(&note, &format!("{}1{}", "[".repeat(31), "]".repeat(31)), Code::LimitDepth, "-");
    refuses(&note, &format!("[{}1]", "1,".repeat(20_000)), Code::LimitValues, "-");
    refuses(CANARY, &CANARY.repeat(7_000), Code::LimitString, "-");
    let desk = Desk::new();
    let answer = desk.lines("{}\n".repeat(10_001));
    desk.refused(&answer, 413, Code::LimitRecords);
    let answer = desk.batch(format!("[{}1]", "1,".repeat(10_000)));
    desk.refused(&answer, 413, Code::LimitRecords);
    assert!(desk.journal.state().submissions.is_empty());
}

#[test]
fn a_key_named_twice_is_refused() {
    refuses(r#""setting""#, r#""total_fen":1,"setting""#, Code::JsonDuplicateKey, "-");
}

#[test]
fn text_that_hides_something_is_refused() {
    refuses(CANARY, "\\ud800", Code::TextSurrogate, "-");
    refuses(CANARY, "a\\u0000b", Code::TextControl, "-");
    refuses(CANARY, "a\u{202e}b", Code::TextControl, "-");
    let desk = Desk::new();
    let mut bytes = EVENT.as_bytes().to_vec();
    bytes[30] = 0xff;
    desk.refused(&desk.event(bytes.clone()), 422, Code::TextUtf8);
    bytes.insert(0, b'[');
    desk.refused(&desk.batch(bytes), 422, Code::TextUtf8);
}

#[test]
fn an_unknown_word_waits_in_the_dead_letters_for_an_upgrade() {
    refuses("inpatient", "in_patient", Code::SchemaUnknownEnum, "/data/setting");
    let desk = Desk::new();
    let answer = desk.event(EVENT.replace("medical.settlement", "fishery.loss"));
    desk.refused(&answer, 422, Code::SchemaUnknownType);
    let letter = dead(&desk).remove(0);
    assert!(letter.replayable());
    desk.journal.upgrade(EventType {
        name: "fishery.loss".into(),
        risk: None,
        title: Title::default(),
        area: false,
        fields: vec![],
    });
    let answer = desk.event(letter.body.unwrap());
    assert_eq!((answer.status, desk.enqueued()), (200, 1));
}

#[test]
fn the_clock_is_asked() {
    refuses("2026-03-04T10:20:30", "2026-03-05T12:00:01", Code::TimeFuture, "/time");
    refuses("2026-03-04T10:20:30", "2023-12-20T10:20:30", Code::TimeOrder, "/data/occurred_on");
    let ancient = r#"2023-12-20T10:20:30+08:00","supersedes":"x"#;
    let text =
        EVENT.replace("2026-03-04T10:20:30+08:00", ancient).replace("2026-03-03", "2023-12-19");
    let desk = Desk::new();
    desk.refused(&desk.event(text), 422, Code::TimeAncient);
    refuses("2026-03-03", "2024-03-03", Code::TimeAncient, "/data/occurred_on");
    refuses("2026-03-03", "2026-02-30", Code::TimeInvalid, "/data/occurred_on");
    let ahead = EVENT.replace("T10:20:30", "T12:05:01");
    let desk = Desk::new();
    assert_eq!(desk.event(ahead).status, 200);
    assert_eq!(desk.count("levee_intake_early_events_total"), Some(1));
}

#[test]
fn amounts_are_whole_fen() {
    refuses("734500", "7345.5", Code::AmountFloat, "/data/self_paid_fen");
    refuses("734500", "99999999999999999999", Code::AmountRange, "/data/self_paid_fen");
    refuses("734500", "1e400", Code::AmountRange, "-");
    refuses("734500", "NaN", Code::JsonSyntax, "-");
    refuses("734500", "734,500", Code::JsonSyntax, "-");
    refuses("734500", "\"734,500\"", Code::AmountText, "/data/self_paid_fen");
    refuses("734500", "\"７３４５００\"", Code::AmountText, "/data/self_paid_fen");
}

#[test]
fn a_negative_amount_is_a_refund() {
    let desk = Desk::new();
    assert_eq!(desk.event(EVENT.replace("734500", "-734500")).status, 200);
    assert_eq!(desk.enqueued(), 1);
}

#[test]
fn the_same_again_is_a_duplicate_and_another_content_a_conflict() {
    let desk = Desk::new();
    desk.send("PUT /v1/households/H1", "application/json", PROFILE);
    assert_eq!(desk.event(EVENT).json()["accepted"], 1);
    assert_eq!(desk.event(EVENT).json()["duplicate"], 1);
    let answer = desk.event(EVENT.replace("734500", "734501"));
    assert_eq!((answer.status, answer.code()), (409, "id.conflict".to_owned()));
    desk.silent(&answer);
}

#[test]
fn an_id_number_becomes_a_token_or_is_refused_and_never_stays() {
    let number = "990000199001010010";
    let desk = Desk::new();
    let odd = "990000199001010010";
    let text = EVENT.replace("household/H1", &format!("person/{odd}"));
    let answer = desk.event(text);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["flags"][Code::IdentityUnverified.name()], 1);
    assert_eq!(desk.count("levee_intake_unverified_identities_total"), Some(1));
    assert!(!format!("{:?}", desk.journal.state().submissions).contains(odd));
    for (from, to, pointer) in [("e1", number, "/id"), (CANARY, number, "/data")] {
        refuses(from, to, Code::IdPersonal, pointer);
        let desk = Desk::new();
        let answer = desk.lines(EVENT.replace(from, to));
        assert!(!answer.text.contains(number), "{}", answer.text);
        let letter = dead(&desk).remove(0);
        assert!(!letter.to_json().contains(number) && !letter.replayable());
    }
}

#[test]
fn rare_characters_pass_unchanged() {
    let desk = Desk::new();
    let text = PROFILE.replace(CANARY, "𠀀\u{e000}é");
    assert_eq!(desk.send("PUT /v1/households/H1", "application/json", text).status, 200);
    let state = desk.journal.state();
    let Entry::Profile(profile) = &state.submissions[0].entries[0] else { panic!("a profile") };
    let profile: &Profile = profile;
    assert!(std::str::from_utf8(&profile.canonical).unwrap().contains("𠀀\u{e000}é"));
}

#[test]
fn what_is_missing_or_of_another_kind_is_refused() {
    refuses(r#""setting":"inpatient","#, "", Code::SchemaRequired, "/data/setting");
    refuses(
        r#""specversion":"1.0""#,
        r#""specversion":"0.3""#,
        Code::CloudEventsVersion,
        "/specversion",
    );
    refuses("household/H1", "area/99", Code::SchemaSubject, "/subject");
    refuses("99/ybj", "ybj", Code::SchemaRange, "/source");
    refuses(r#""e1""#, "7", Code::SchemaType, "/id");
    let desk = Desk::new();
    desk.refused(&desk.event("[]"), 422, Code::SchemaType);
}

#[test]
fn content_types_that_are_not_known_are_refused() {
    let desk = Desk::new();
    for kind in ["", "text/plain", "application/json; charset=gbk", "application/yaml"] {
        let answer = desk.send("POST /v1/events", kind, EVENT);
        desk.refused(&answer, 415, Code::BodyType);
    }
    let answer = desk.send("POST /v1/households", "application/cloudevents+json", PROFILE);
    desk.refused(&answer, 415, Code::BodyType);
}
