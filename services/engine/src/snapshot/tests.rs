//! The stored form is frozen, and damaged sections are refused.

use proto::{
    date::Instant,
    frame::Entry,
    json::Json,
    outcome::{CaseId, CaseOutcome},
};

use crate::{
    Engine, OneHand, Output, Stamped,
    samples::{bill, pack, profile},
};

const RULES: &str = r#"  - {id: burden, risk: illness, red: "oop > 1000", green: "oop > 10"}
clocks:
  red: {acknowledge: 24h, visit: 5wd, route: [village, township]}
chain:
  - {step: posting, after: visit, within: 2d, lasts: 5wd}
  - {step: township, after: posting, within: 2d}
"#;

fn small() -> Engine {
    let mut engine = Engine::new(2);
    let entries =
        [pack(RULES), profile("H1", 5, &["p1"]), bill("e1", "person/p1"), bill("e2", "person/p2")];
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
