//! Persons who lose their household and find another, in one batch or in several.

use proto::{date::Instant, event::Event, frame::Entry, json::Json, person::Persons};

use crate::{Engine, OneHand, Output, Stamped};

const PACK: &str = r#"pack: medical
title: {zh: 自付, en: bills}
scope: "99"
effective: {from: 2026-01-01}
facts:
  oop: {sum: medical.settlement.self_paid_fen, over: 365d}
rules:
  - {id: burden, risk: illness, red: "oop > 3000", green: "oop > 1000"}
"#;

fn profile(household: &str, day: u8) -> Entry {
    let text = format!(
        r#"{{"household":"{household}","region":"990102003004","size":2,"class":"ordinary","net_income_fen":5,
        "updated_at":"2026-01-{day:02}T08:00:00+08:00","members":[{{"person":"p1","birth_year":1980}}]}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let parsed = proto::household::Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven);
    Entry::Profile(Box::new(parsed.unwrap().0))
}

fn bill(engine: &Engine, id: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","type":"medical.settlement","id":"{id}","source":"99/ybj",
        "time":"2026-03-04T10:20:30+08:00","subject":"person/p1",
        "data":{{"total_fen":5000,"self_paid_fen":2000,"setting":"inpatient"}}}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Event(Box::new(Event::parse(&json, engine.catalogue(), Persons::AsGiven).unwrap().0))
}

/// The alerts of a world in which a household is removed between two bills, so many entries at once.
fn told(at_once: usize) -> Vec<(String, &'static str)> {
    let mut engine = Engine::new(2);
    let updated_at = Instant::parse("2026-01-06T08:00:00+08:00").unwrap();
    let entries = [
        Entry::Pack { name: "pack.yaml".into(), yaml: PACK.as_bytes().into(), withdrawn: false },
        profile("H1", 5),
        bill(&engine, "e1"),
        Entry::Removal { household: "H1".into(), updated_at },
        bill(&engine, "e2"),
        profile("H2", 7),
    ];
    let at = Instant::parse("2026-03-04T10:20:31+08:00").unwrap();
    let entries = entries.map(|entry| Stamped::new(at, entry));
    let mut out = Output::default();
    // The person and the feed are known before the batch in which the household goes.
    engine.apply(&OneHand, &entries[..3], &mut out);
    entries[3..].chunks(at_once).for_each(|some| engine.apply(&OneHand, some, &mut out));
    let told = out.alerts.into_iter();
    told.map(|alert| (alert.household.to_string(), alert.level.word())).collect()
}

#[test]
fn what_comes_after_a_removal_waits_for_the_next_profile_however_it_is_batched() {
    let all = [("H1", "green"), ("H1", "none"), ("H2", "red")];
    let all = all.map(|(household, level)| (household.to_owned(), level));
    for at_once in 1..=3 {
        assert_eq!(told(at_once), all, "{at_once} at once");
    }
}
