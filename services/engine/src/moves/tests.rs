//! Persons who lose their household and find another, in one batch or in several.

use proto::{date::Instant, frame::Entry};

use crate::{
    Engine, OneHand, Output, Stamped,
    samples::{self, bill, profile},
};

fn pack() -> Entry {
    samples::pack("  - {id: burden, risk: illness, red: \"oop > 3000\", green: \"oop > 1000\"}\n")
}

fn removal(household: &str, day: u64) -> Entry {
    let updated_at = Instant::parse(&format!("2026-01-{day:02}T08:00:00+08:00")).unwrap();
    Entry::Removal { household: household.into(), updated_at }
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
        let first = vec![pack(), profile("H1", 5, &["p1"]), bill("e1", "person/p1")];
        assert_eq!(told(&mut engine, first, &[3]).len(), 1);
        let then = vec![removal("H1", 6), bill("e2", "person/p1"), profile("H2", 7, &["p1"])];
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
                    4 => bill(&format!("e{}", n / 2), &format!("household/{household}")),
                    _ => {
                        let person = persons[usize::try_from(dice(4)).unwrap()];
                        bill(&format!("e{n}"), &format!("person/{person}"))
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
