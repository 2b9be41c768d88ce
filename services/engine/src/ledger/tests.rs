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

#[test]
fn what_is_known_is_found_however_much_is_held_and_wherever_it_came_from() {
    let mut ledger = Ledger::default();
    let bill = |n: i64| event(&format!("bill-{n}"), None, n);
    for n in 0..200 {
        assert!(matches!(ledger.offer(&bill(n), FEED, 1), Offered::Taken { .. }), "{n}");
    }
    ledger.part(|n| n % 3 == 0);
    let (mut moved, mut kept) = (Ledger::default(), ledger.clone());
    let (piece, _) = kept.release(1);
    moved.adopt(&piece, 7);
    let written = postcard::to_allocvec(&moved).unwrap();
    let read: Ledger = postcard::from_bytes(&written).unwrap();
    assert_eq!(read, moved);
    for (mut ledger, slot) in [(ledger, 1), (moved, 7), (read, 7)] {
        for n in 0..200 {
            let offered = ledger.offer(&bill(n), FEED, slot);
            let known = n % 3 != 0;
            assert_eq!(offered == Offered::Duplicate, known, "{n} of {slot}");
        }
    }
    assert!(kept.is_empty() && kept.offer(&bill(1), FEED, 1) != Offered::Duplicate);
}

#[test]
fn what_is_old_is_forgotten_on_its_day() {
    let at = |day: i64, us: i64| Instant(day * 86_400_000_000 + us);
    for (oldest, left) in
        [(at(3, 0), 3), (at(3, 1), 2), (at(2, 0), 3), (at(5, 0), 1), (at(6, 0), 0)]
    {
        let mut ledger = Ledger::default();
        for (id, day) in [("c", 5), ("a", 3), ("b", 4)] {
            ledger.offer(&event(id, None, at(day, 0).0), FEED, 0);
        }
        ledger.forget(oldest);
        assert_eq!(ledger.len(), left, "{oldest}");
        ledger.forget(at(6, 0));
        assert!(ledger.is_empty());
    }
}
