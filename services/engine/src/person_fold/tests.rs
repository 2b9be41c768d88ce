//! What households are told of persons, step by step.

use proto::{belonging::Claim, date::Date, json::Json, person::Persons};

use super::*;
use crate::OneHand;

fn at(days: i32) -> Instant {
    Date::parse("2026-03-01").unwrap().plus(days).midnight()
}

fn event(id: &str, channel: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"99/zxb","type":"clue.reported","time":"{}","subject":"person/p1","data":{{"channel":"{channel}"}}}}"#,
        at(0)
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Event(Box::new(Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0))
}

fn claim(household: &str, updated: i32, number: u64, removed: bool) -> Entry {
    let (person, household, updated_at) = ("p1".into(), household.into(), at(updated));
    Entry::Claim(Box::new(Claim { person, household, updated_at, removed, number }))
}

/// Applies one entry; gives what came of it and what was told, in short.
fn step(fold: &mut PersonFold, days: i32, entry: Entry) -> (Outcome, String) {
    let mut out = Output::default();
    fold.apply(&OneHand, &[Stamped::new(at(days), entry)], &mut out);
    let ids = |events: &[Event]| events.iter().map(|event| &*event.id).collect::<Vec<_>>().join("");
    let told = out.told.iter().map(|told| match &told.entry {
        Entry::Adopt(adopt) => format!("{}+{}{}", adopt.household, adopt.turn, ids(&adopt.events)),
        Entry::Release(release) => format!("{}-{}", release.household, release.turn),
        other => format!("{other:?}"),
    });
    let mut told: Vec<String> = told.collect();
    told.extend(out.expired.iter().map(|_| "expired".to_owned()));
    (out.outcomes[0], told.join(" "))
}

#[test]
fn the_winning_household_is_told_all_and_the_loser_that_it_is_over() {
    let (yes, no) = (Outcome::Accepted, Outcome::Duplicate);
    let fold = &mut PersonFold::default();
    for (entry, outcome, told) in [
        (event("a", "self"), Outcome::Parked, ""),
        (event("a", "self"), no, ""),
        (claim("B", 1, 1, false), yes, "B+1a"),
        (claim("B", 1, 1, false), no, ""),
        (event("b", "self"), yes, "B+1b"),
        (event("b", "self"), no, ""),
        (event("b", "visit"), Outcome::Refused(Code::IdConflict), ""),
        // An older claim of another household changes nothing; an equally old one of a smaller id
        // wins.
        (claim("C", 0, 1, false), yes, ""),
        (claim("A", 1, 4, false), yes, "B-1 A+2ab"),
        // What A said before comes late.
        (claim("A", 0, 3, true), no, ""),
        (claim("A", 2, 5, true), yes, "A-2 B+3ab"),
        (claim("B", 2, 2, true), yes, "B-3 C+4ab"),
        (claim("C", 2, 2, true), yes, "C-4"),
        (event("c", "self"), Outcome::Parked, ""),
        (claim("B", 3, 3, false), yes, "B+6abc"),
    ] {
        assert_eq!(step(fold, 1, entry), (outcome, told.to_owned()));
    }
}

#[test]
fn nobody_is_told_of_a_person_without_events() {
    let fold = &mut PersonFold::default();
    assert_eq!(step(fold, 1, claim("B", 1, 1, false)).1, "");
    assert_eq!(step(fold, 1, claim("A", 1, 1, false)).1, "");
    assert_eq!(step(fold, 1, event("a", "self")).1, "A+2a");
}

#[test]
fn what_nobody_claims_for_too_long_is_given_back() {
    let fold = &mut PersonFold::default();
    step(fold, 0, event("a", "self"));
    assert_eq!(step(fold, 399, Entry::Tick).1, "");
    assert_eq!(step(fold, 440, Entry::Tick).1, "expired");
    assert_eq!(step(fold, 441, claim("A", 1, 1, false)).1, "");
    // Unclaimed again, and claimed when it is too late.
    step(fold, 441, event("b", "self"));
    step(fold, 441, claim("A", 2, 2, true));
    assert_eq!(step(fold, 842, claim("A", 3, 3, false)).1, "expired");
}

/// What is stored must be read by the next version, or refused by a new version of the fold.
#[test]
fn the_stored_form_is_frozen() {
    let fold = &mut PersonFold::default();
    for entry in [event("a", "self"), claim("B", 1, 1, false), claim("A", 1, 4, false)] {
        step(fold, 1, entry);
    }
    step(fold, 2, event("b", "visit"));
    let sections = fold.snapshot(&OneHand).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/person_fold/golden.bin");
    if std::env::var_os("LEVEE_REGENERATE").is_some() {
        std::fs::write(path, sections.concat()).unwrap();
    }
    assert!(
        sections.concat() == std::fs::read(path).unwrap(),
        "the form of snapshots changed: raise the version of the partition's fold with the golden file"
    );
    assert!(PersonFold::restore(&OneHand, &sections).is_some());
    assert!(PersonFold::restore(&OneHand, &sections[1..]).is_none());
}
