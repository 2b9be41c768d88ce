//! The stored form is frozen, and damaged sections are refused.

use proto::{
    date::Instant,
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    outcome::{CaseId, CaseOutcome},
    person::Persons,
};

use crate::{Engine, OneHand, Output, Stamped};

const PACK: &str = r#"pack: medical
title: {zh: 自付, en: bills}
scope: "99"
effective: {from: 2026-01-01}
facts:
  oop: {sum: medical.settlement.self_paid_fen, over: 365d}
rules:
  - {id: burden, risk: illness, red: "oop > 1000", green: "oop > 10"}
clocks:
  red: {acknowledge: 24h, visit: 5wd, route: [village, township]}
chain:
  - {step: posting, after: visit, within: 2d, lasts: 5wd}
  - {step: township, after: posting, within: 2d}
"#;

fn small() -> Engine {
    let mut engine = Engine::new(2);
    let profile = br#"{"household":"H1","region":"990102003004","size":2,"class":"ordinary","net_income_fen":5,
        "updated_at":"2026-01-05T08:00:00+08:00","members":[{"person":"p1","birth_year":1980}]}"#;
    let event = |id: &str, subject: &str| {
        let text = format!(
            r#"{{"specversion":"1.0","type":"medical.settlement","id":"{id}","source":"99/ybj",
            "time":"2026-03-04T10:20:30+08:00","subject":"{subject}",
            "data":{{"total_fen":5000,"self_paid_fen":2000,"setting":"inpatient"}}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        Event::parse(&json, engine.catalogue(), Persons::AsGiven).unwrap().0
    };
    let json = Json::parse(profile).unwrap();
    let profile = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven).unwrap().0;
    let pack =
        Entry::Pack { name: "pack.yaml".into(), yaml: PACK.as_bytes().into(), withdrawn: false };
    let entries = [
        pack,
        Entry::Profile(Box::new(profile)),
        Entry::Event(Box::new(event("e1", "person/p1"))),
        Entry::Event(Box::new(event("e2", "person/p2"))),
    ];
    let at = Instant::parse("2026-03-04T10:20:31+08:00").unwrap();
    let entries = entries.map(|entry| Stamped::new(at, entry));
    let mut out = Output::default();
    engine.apply(&OneHand, &entries, &mut out);
    assert_eq!(out.alerts.len(), 1);
    let outcome = |id: &str, kind: &str| {
        let text = format!(
            r#"{{"id":"{id}","household":"H1","kind":"{kind}","at":"2026-03-05T10:00:00+08:00","by":"w-1"}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        let outcome = CaseOutcome::parse(&json, CaseId::of("H1", 1)).unwrap().0;
        Entry::Outcome(Box::new(outcome))
    };
    let at = Instant::parse("2026-03-05T12:00:00+08:00").unwrap();
    let entries = [outcome("o1", "posted"), outcome("o2", "risk_removed")];
    engine.apply(&OneHand, &entries.map(|entry| Stamped::new(at, entry)), &mut out);
    // Opened, overdue at the township, closed.
    assert_eq!(out.alerts.len(), 3);
    engine
}

/// What is stored must be read by the next version, or refused by a new version of the fold.
#[test]
fn the_stored_form_is_frozen() {
    let sections = small().snapshot(&OneHand).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/snapshot/golden.bin");
    if std::env::var_os("LEVEE_REGENERATE").is_some() {
        std::fs::write(path, sections.concat()).unwrap();
    }
    assert!(
        sections.concat() == std::fs::read(path).unwrap(),
        "the form of snapshots changed: raise the watcher's FOLD_VERSION with the golden file"
    );
}

#[test]
fn damaged_sections_are_not_taken() {
    let sections = small().snapshot(&OneHand).unwrap();
    assert!(Engine::restore(&OneHand, &sections).is_some());
    assert!(Engine::restore(&OneHand, &sections[..2]).is_none());
    assert!(Engine::restore(&OneHand, &[]).is_none());
    for at in 0..sections.len() {
        let mut cut = sections.clone();
        cut[at].pop();
        assert!(Engine::restore(&OneHand, &cut).is_none(), "section {at}");
        cut[at].extend([0, 0]);
        assert!(Engine::restore(&OneHand, &cut).is_none(), "section {at}");
    }
}
