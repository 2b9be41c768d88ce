//! Topics that platforms write, carried over in process: what becomes of each kind of record, and
//! that nothing is committed before it is durable.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use chassis::ManualClock;
use intake::{
    Caller, DeadLetter,
    door::Noun,
    feed::{Feeds, Told},
};
use log::{
    Batch, Faults, Log, LogError, Position, Record, Settings, SimulatedDisk, SimulatedLog, Source,
};
use proto::{
    catalogue::Catalogue,
    date::Instant,
    frame::{Entry, decode, open},
    ids::HouseholdKey,
    person::TokenKey,
};

use crate::desk::{CANARY, EVENT, NOW, PROFILE};

const JOURNAL: u32 = 4;
const PERSONS: u32 = 2;

/// A record as a platform wrote it.
#[derive(Default)]
struct Wrote {
    topic: &'static str,
    key: Option<&'static str>,
    value: Option<String>,
    headers: Vec<(&'static str, &'static str)>,
    written: Option<&'static str>,
}

/// Gives what was written, in small portions, and remembers commits.
struct Script {
    records: Vec<Wrote>,
    given: usize,
    committed: Arc<Mutex<Vec<u64>>>,
    stop: Arc<AtomicBool>,
    held: bool,
}

impl Source for Script {
    fn read(
        &mut self,
        most: usize,
        _: Duration,
        seen: &mut dyn FnMut(Record<'_>) -> bool,
    ) -> Result<usize, LogError> {
        let most = if self.held { 0 } else { most.min(3) };
        let portion = self.records.iter().enumerate().skip(self.given).take(most);
        let mut count = 0;
        for (offset, wrote) in portion {
            let headers: Vec<_> = wrote.headers.iter().map(|(k, v)| (*k, v.as_bytes())).collect();
            let go_on = seen(Record {
                topic: wrote.topic,
                partition: 7,
                offset: offset as u64,
                written_us: wrote.written.map(|at| Instant::parse(at).unwrap().0),
                key: wrote.key.map(str::as_bytes),
                value: wrote.value.as_deref().map(str::as_bytes),
                headers: &headers,
            });
            count += 1;
            if !go_on {
                break;
            }
        }
        self.given += count;
        self.stop.store(count == 0, Ordering::Release);
        Ok(count)
    }

    fn pause(&mut self, topic: &str, partition: u32) -> Result<(), LogError> {
        assert_eq!((topic, partition), ("events", 7));
        self.held = true;
        Ok(())
    }

    fn resume(&mut self, _: &str, _: u32) -> Result<(), LogError> {
        self.held = false;
        Ok(())
    }

    fn position(&self) -> Vec<Position> {
        vec![Position { topic: "events".into(), partition: 7, next: self.given as u64 }]
    }

    fn commit(&mut self, done: &[Position]) -> Result<(), LogError> {
        self.committed.lock().unwrap().extend(done.iter().map(|at| at.next));
        Ok(())
    }
}

struct Run {
    ended: Result<(), LogError>,
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
    dead: Arc<dyn Log>,
    committed: Vec<u64>,
    told: Told,
}

fn run(records: Vec<Wrote>, journal: Faults, dead: Faults) -> Run {
    let open = |name: &str, partitions, faults| -> Arc<dyn Log> {
        let disk = SimulatedDisk::new(1);
        Arc::new(SimulatedLog::open(&disk, &Settings::new(name, partitions), faults).unwrap())
    };
    let journal = open("journal", JOURNAL, journal);
    let persons = open("persons", PERSONS, Faults::default());
    let dead = open("dead_letters", 1, dead);
    let (committed, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let script = Script {
        records,
        given: 0,
        committed: Arc::clone(&committed),
        stop: Arc::clone(&stop),
        held: false,
    };
    let catalogue = Arc::new(Catalogue::shipped());
    let feeds = Feeds {
        source: Box::new(script),
        nouns: BTreeMap::from([
            ("events".to_owned(), Noun::Event),
            ("households".to_owned(), Noun::Household),
        ]),
        journal: Arc::clone(&journal),
        persons: Arc::clone(&persons),
        dead: Arc::clone(&dead),
        key: TokenKey::new(1, &[7; 32]),
        caller: Caller::operator(),
        clock: Arc::new(ManualClock::at_unix_micros(Instant::parse(NOW).unwrap().0)),
        known: Arc::new(move || Arc::clone(&catalogue)),
        hold_after: 4,
    };
    let mut told = Told::default();
    let ended = feeds.run(&|| stop.load(Ordering::Acquire), &mut |batch| {
        told.taken += batch.taken;
        told.held = batch.held;
        for (code, n) in &batch.refused {
            *told.refused.entry(*code).or_default() += n;
        }
    });
    let committed = committed.lock().unwrap().clone();
    Run { ended, journal, persons, dead, committed, told }
}

fn records(log: &dyn Log) -> Vec<(u32, Vec<u8>)> {
    let mut all = Vec::new();
    let mut batch = Batch::new();
    for partition in 0..log.partitions() {
        log.read(partition, 0, usize::MAX, &mut batch).unwrap();
        all.extend(batch.iter().map(|(_, record)| (partition, record.to_vec())));
    }
    all
}

fn entries(log: &dyn Log) -> Vec<(u32, Entry)> {
    let catalogue = Catalogue::shipped();
    let mut all = Vec::new();
    for (partition, record) in records(log) {
        let frame = decode(&record).unwrap();
        let at = Instant(frame.at_us);
        assert_eq!(at, Instant::parse(NOW).unwrap());
        all.extend(frame.entries.iter().map(|e| (partition, open(e, at, &catalogue).unwrap().1)));
    }
    all
}

fn event(value: &str) -> Wrote {
    Wrote { topic: "events", value: Some(value.to_owned()), ..Wrote::default() }
}

fn household(key: &'static str, value: Option<&str>, written: &'static str) -> Wrote {
    let (key, value, written) = (Some(key), value.map(str::to_owned), Some(written));
    Wrote { topic: "households", key, value, written, ..Wrote::default() }
}

const NONE: Faults = Faults { refused: 0, ack_lost: 0, late: 0 };

#[test]
fn both_modes_of_cloud_events_give_the_same_entry() {
    let data = r#"{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":734500}"#;
    let plain = r#"{"specversion":"1.0","id":"e\"1","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"household/H1","data":DATA}"#;
    let structured = Wrote {
        headers: vec![("content-type", "application/cloudevents+json; charset=utf-8")],
        ..event(&plain.replace("DATA", data))
    };
    let binary = Wrote {
        headers: vec![
            ("content-type", "application/json"),
            ("ce_specversion", "1.0"),
            ("ce_id", "e\"1"),
            ("ce_source", "99/ybj"),
            ("ce_type", "medical.settlement"),
            ("ce_time", "2026-03-04T10:20:30+08:00"),
            ("ce_subject", "household/H1"),
        ],
        ..event(data)
    };
    let run = run(vec![structured, binary], NONE, NONE);
    assert_eq!(run.ended, Ok(()));
    assert_eq!((run.told.taken, run.told.refused.len()), (2, 0));
    let found = entries(&*run.journal);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0].0, HouseholdKey::of("H1").partition(JOURNAL));
    assert_eq!(run.committed, [2]);
}

#[test]
fn everything_goes_where_it_is_looked_for() {
    let person = EVENT.replace("household/H1", "person/990000199001010017");
    let area = r#"{"specversion":"1.0","id":"w","source":"99/qxj","type":"disaster.warning","time":"2026-03-04T10:20:30+08:00","subject":"area/9901","data":{"hazard":"flood","colour":"red"}}"#;
    let early = "2026-03-01T00:00:00+08:00";
    let run = run(
        vec![
            event(&person),
            event(area),
            household("H1", Some(PROFILE), early),
            household("H2", None, early),
            household("H3", None, "2027-01-01T00:00:00+08:00"),
        ],
        NONE,
        NONE,
    );
    assert_eq!(run.ended, Ok(()));
    assert_eq!(run.told.taken, 5);
    let persons = entries(&*run.persons);
    let [(_, Entry::Event(event))] = persons.as_slice() else { panic!("{persons:?}") };
    assert!(event.subject.to_string().starts_with("person/p1"), "a token");
    let journal = entries(&*run.journal);
    let area = journal.iter().filter(|(_, entry)| matches!(entry, Entry::Event(_)));
    assert_eq!(area.map(|(partition, _)| *partition).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let at = |text| Instant::parse(text).unwrap();
    for (id, updated) in [("H2", at(early)), ("H3", at(NOW))] {
        let removal = Entry::Removal { household: id.into(), updated_at: updated };
        assert!(journal.contains(&(HouseholdKey::of(id).partition(JOURNAL), removal)), "{id}");
    }
    let profile = journal.iter().find_map(|(partition, entry)| match entry {
        Entry::Profile(profile) => Some((*partition, profile.updated_at)),
        _ => None,
    });
    let written = (HouseholdKey::of("H1").partition(JOURNAL), at(early));
    assert_eq!(profile, Some(written), "the instant it was written, however often it is read");
}

#[test]
fn a_refused_record_says_where_it_stands_and_nothing_else() {
    let garbage = format!("{{\"{CANARY}");
    let unknown = EVENT.replace("medical.settlement", "medical.bill");
    let run = run(
        vec![event(EVENT), event(&garbage), event(&unknown), household("a b", None, NOW)],
        NONE,
        NONE,
    );
    assert_eq!(run.ended, Ok(()));
    assert_eq!((run.told.taken, entries(&*run.journal).len()), (1, 1));
    let letters: Vec<DeadLetter> = records(&*run.dead)
        .iter()
        .map(|(_, line)| DeadLetter::from_json(std::str::from_utf8(line).unwrap()).unwrap())
        .collect();
    let said: Vec<_> = letters
        .iter()
        .map(|letter| {
            let origin = letter.origin.as_ref().unwrap();
            (letter.code.name(), origin.topic.as_str(), origin.partition, origin.offset)
        })
        .collect();
    let expected = [
        ("json.syntax", "events", 7, 1),
        ("schema.unknown_type", "events", 7, 2),
        ("schema.required", "households", 7, 3),
    ];
    assert_eq!(said, expected);
    assert!(letters[1].replayable() && !letters[0].replayable());
    assert_eq!(run.committed.last(), Some(&4));
}

#[test]
fn a_partition_that_brings_only_what_is_refused_is_held_where_it_stands() {
    let poison = || event("{");
    let all = vec![event(EVENT), poison(), poison(), event(EVENT), poison(), poison(), poison()];
    let rest = [poison(), event(EVENT), poison()];
    let run = run(all.into_iter().chain(rest).collect(), NONE, NONE);
    assert_eq!((run.ended, run.told.held), (Ok(()), 1));
    // The fourth in a row is the last one that was read: what follows stays in the topic.
    assert_eq!((run.told.taken, run.told.refused[&proto::codes::Code::JsonSyntax]), (2, 6));
    assert_eq!((records(&*run.dead).len(), run.committed.last()), (6, Some(&8)));
}

#[test]
fn nothing_is_committed_before_it_is_durable() {
    let lost = Faults { ack_lost: 1000, ..NONE };
    let refused = Faults { refused: 1000, ..NONE };
    let all = || vec![event(EVENT), event("{"), event(EVENT), event(EVENT)];
    for (journal, dead) in [(lost, NONE), (refused, NONE), (NONE, lost), (NONE, refused)] {
        let run = run(all(), journal, dead);
        assert!(run.ended.is_err());
        assert_eq!(run.committed, [] as [u64; 0]);
        assert_eq!(run.told, Told::default());
    }
    assert_eq!(run(all(), NONE, NONE).committed.last(), Some(&4));
}
