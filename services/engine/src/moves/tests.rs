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

fn profile(household: &str, day: u64, persons: &[&str]) -> Entry {
    let members = persons.iter().map(|p| format!(r#"{{"person":"{p}","birth_year":1980}}"#));
    let members = members.collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"household":"{household}","region":"990102003004","size":2,"class":"ordinary","net_income_fen":5,
        "updated_at":"2026-01-{day:02}T08:00:00+08:00","members":[{members}]}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let parsed = proto::household::Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven);
    Entry::Profile(Box::new(parsed.unwrap().0))
}

fn removal(household: &str, day: u64) -> Entry {
    let updated_at = Instant::parse(&format!("2026-01-{day:02}T08:00:00+08:00")).unwrap();
    Entry::Removal { household: household.into(), updated_at }
}

fn bill(engine: &Engine, id: &str, subject: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","type":"medical.settlement","id":"{id}","source":"99/ybj",
        "time":"2026-03-04T10:20:30+08:00","subject":"{subject}",
        "data":{{"total_fen":5000,"self_paid_fen":2000,"setting":"inpatient"}}}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Event(Box::new(Event::parse(&json, engine.catalogue(), Persons::AsGiven).unwrap().0))
}

fn pack() -> Entry {
    Entry::Pack { name: "pack.yaml".into(), yaml: PACK.as_bytes().into(), withdrawn: false }
}

/// The alerts of entries of one instant, in batches of these lengths, again and again.
fn told(engine: &mut Engine, entries: Vec<Entry>, lengths: &[usize]) -> Vec<String> {
    let at = Instant::parse("2026-03-04T10:20:31+08:00").unwrap();
    let stamped: Vec<Stamped> = entries.into_iter().map(|e| Stamped::new(at, e)).collect();
    let (mut out, mut rest) = (Output::default(), &stamped[..]);
    for length in lengths.iter().cycle() {
        let (batch, further) = rest.split_at((*length).min(rest.len()));
        engine.apply(&OneHand, batch, &mut out);
        rest = further;
        if rest.is_empty() {
            break;
        }
    }
    let mut told: Vec<String> =
        out.alerts.iter().map(|alert| String::from_utf8(alert.json().to_vec()).unwrap()).collect();
    told.sort();
    told
}

#[test]
fn what_comes_after_a_removal_waits_for_the_next_profile() {
    for at_once in 1..=3 {
        let mut engine = Engine::new(2);
        // The person and the feed are known before the batch in which the household goes.
        let first = vec![pack(), profile("H1", 5, &["p1"]), bill(&engine, "e1", "person/p1")];
        assert_eq!(told(&mut engine, first, &[3]).len(), 1);
        let then =
            vec![removal("H1", 6), bill(&engine, "e2", "person/p1"), profile("H2", 7, &["p1"])];
        let alerts = told(&mut engine, then, &[at_once]);
        let red = alerts.iter().filter(|a| a.contains(r#""level":"red""#)).count();
        assert_eq!((alerts.len(), red), (2, 1), "{at_once} at once: {alerts:#?}");
    }
}

#[test]
fn what_is_told_does_not_depend_on_what_enters_together() {
    let mut state = 7u64;
    let mut dice = |sides: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let persons = ["p1", "p2", "p3", "p4"];
    let mut all = 0;
    for seed in 0..300 {
        let blank = Engine::new(1);
        let entries: Vec<Entry> = std::iter::once(pack())
            .chain((0..60).map(|n| {
                let household = format!("H{}", dice(3));
                match dice(10) {
                    0 => removal(&household, 1 + dice(28)),
                    1..=3 => {
                        let named: Vec<&str> =
                            persons.into_iter().filter(|_| dice(2) == 0).collect();
                        profile(&household, 1 + dice(28), &named)
                    }
                    4 => bill(&blank, &format!("e{}", n / 2), &format!("household/{household}")),
                    _ => {
                        let person = persons[usize::try_from(dice(4)).unwrap()];
                        bill(&blank, &format!("e{n}"), &format!("person/{person}"))
                    }
                }
            }))
            .collect();
        let single = told(&mut Engine::new(4), entries.clone(), &[1]);
        let lengths = [2 + dice(5), 1 + dice(9), 1 + dice(30)].map(|n| usize::try_from(n).unwrap());
        let batched = told(&mut Engine::new(4), entries, &lengths);
        let differs = single.iter().zip(&batched).find(|(one, many)| one != many);
        assert_eq!((differs, single.len()), (None, batched.len()), "seed {seed}, {lengths:?}");
        all += single.len();
    }
    assert!(all > 1_500, "{all}");
}
