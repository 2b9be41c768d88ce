//! What the ledger takes, keeps and gives away.

use proto::{event::Subject, fields::Fields};

use super::*;

fn event(id: &str, supersedes: Option<&str>, time: i64) -> Event {
    Event {
        source: "99/ybj".into(),
        id: id.into(),
        type_id: TypeId(3),
        time: Instant(time),
        subject: Subject::Household("H1".into()),
        supersedes: supersedes.map(Into::into),
        occurred_on: Date(20_000),
        void: false,
        fields: Fields::default(),
    }
}

fn live(ledger: &Ledger) -> Vec<&str> {
    ledger.records().filter(|r| r.live()).map(Record::id).collect()
}

const FEED: Source = Source(4);

#[test]
fn identity_is_feed_subject_and_id() {
    let mut ledger = Ledger::default();
    let taken = Offered::Taken { changed: true, unmatched: false, turn: Turn::Alone };
    assert_eq!(ledger.offer(&event("a", None, 1), FEED, 0), taken);
    assert_eq!(ledger.offer(&event("a", None, 1), FEED, 0), Offered::Duplicate);
    assert_eq!(ledger.offer(&event("a", None, 2), FEED, 0), Offered::Conflict);
    assert_eq!(ledger.offer(&event("a", None, 2), FEED, 1), taken);
    assert_eq!(ledger.offer(&event("a", None, 2), Source(5), 0), taken);
    assert_eq!(ledger.len(), 3);
}

#[test]
fn an_original_that_comes_after_its_correction_changes_nothing() {
    let mut ledger = Ledger::default();
    let taken = |changed, turn| Offered::Taken { changed, unmatched: false, turn };
    assert_eq!(ledger.offer(&event("b", Some("a"), 2), FEED, 0), taken(true, Turn::Alone));
    assert_eq!(ledger.offer(&event("a", None, 1), FEED, 0), taken(false, Turn::Other));
    assert_eq!(live(&ledger), ["b"]);
    let replaced = taken(true, Turn::Replaces(0));
    assert_eq!(ledger.offer(&event("c", Some("a"), 3), FEED, 0), replaced);
    assert_eq!(ledger.at(0).map(Record::id), Some("b"));
    assert_eq!(live(&ledger), ["c"]);
}

#[test]
fn a_persons_events_move_whole() {
    let mut ledger = Ledger::default();
    ledger.offer(&event("a", None, 1), FEED, 1);
    ledger.offer(&event("b", Some("a"), 2), FEED, 1);
    ledger.offer(&event("a", None, 1), FEED, 0);
    let (piece, live_moved) = ledger.release(1);
    assert!(live_moved && ledger.len() == 1 && piece.len() == 2);
    let mut other = Ledger::default();
    assert!(other.adopt(&piece, 3));
    assert_eq!(live(&other), ["b"]);
    assert!(other.records().all(|r| r.slot() == 3));
}

#[test]
fn what_a_kept_correction_ignores_is_kept_with_it() {
    let mut ledger = Ledger::default();
    ledger.offer(&event("old", None, 1), FEED, 0);
    ledger.offer(&event("b", Some("a"), 2), FEED, 0);
    ledger.offer(&event("a", None, 30), FEED, 0);
    ledger.forget(Instant(10));
    assert_eq!(live(&ledger), ["b"]);
    assert_eq!(ledger.len(), 2);
    ledger.forget(Instant(100));
    assert!(ledger.is_empty());
}
