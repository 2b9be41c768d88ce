//! The fold on disks that crash between any two steps: nothing that was answered is lost, no alert
//! stands twice, and a restart gives what a fold without any crash gives.

use std::{collections::BTreeSet, sync::Arc};

use ::log::{Faults, Log, LogError, Settings, SimulatedDisk, SimulatedLog};
use proto::{
    catalogue::Catalogue, date::Date, event::Event, household::Profile, json::Json, person::Persons,
};

use super::*;
use crate::{
    Submission, derive,
    restore::{Witness, restore},
    sequencer::Sequencer,
    snapshot::{Refused, Shelf},
};

const PACK: &str = r#"
pack: test
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
close_after: 2d
facts:
  clues: {count: clue.reported, over: 5d}
rules:
  - id: clues
    risk: illness
    red: clues >= 3
    green: clues >= 1
    why: {zh: "{clues}", en: "{clues}"}
"#;

/// Numbers by seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct Disks {
    journal: SimulatedDisk,
    alerts: SimulatedDisk,
    dead: SimulatedDisk,
    snapshots: SimulatedDisk,
}

impl Disks {
    fn new(seed: u64) -> Disks {
        let disk = |n| SimulatedDisk::new(seed * 10 + n);
        Disks { journal: disk(1), alerts: disk(2), dead: disk(3), snapshots: disk(4) }
    }

    fn all(&self) -> [&SimulatedDisk; 4] {
        [&self.journal, &self.alerts, &self.dead, &self.snapshots]
    }

    fn topics(&self, faults: Faults) -> Result<Topics, LogError> {
        let open = |disk, name| -> Result<Arc<dyn Log>, LogError> {
            let settings = Settings { segment_bytes: 8 << 10, ..Settings::new(name, 1) };
            Ok(Arc::new(SimulatedLog::open(disk, &settings, faults)?))
        };
        Ok(Topics {
            journal: open(&self.journal, "journal")?,
            alerts: open(&self.alerts, "alerts")?,
            dead: open(&self.dead, "dead_letters")?,
        })
    }

    fn crash(&self) {
        self.all().iter().for_each(|disk| disk.crash());
    }
}

#[derive(Default)]
struct Silent(Vec<Refused>);

impl Witness for Silent {
    fn refused(&mut self, _name: &str, why: Refused) {
        self.0.push(why);
    }

    fn progress(&mut self, _done: u64, _total: u64) {}
}

fn writer() -> Writer {
    Arc::new(|letter: &Letter| format!("{} {}", letter.code.name(), letter.index).into_bytes())
}

fn restored(disks: &Disks, topics: &Topics) -> Result<Machine, Fault> {
    let shelf = Shelf::new(disks.snapshots.mount());
    let found = restore(topics, &shelf, Crew::new(1), &writer(), &mut Silent::default())?;
    Ok(found.expect("nobody asked it to stop"))
}

fn at(hours: u64) -> Instant {
    let start = Date::parse("2026-03-01").unwrap().midnight();
    start.plus_us(i64::try_from(hours).unwrap() * 3_600_000_000)
}

fn profile(n: u64, size: u64) -> Entry {
    let text = format!(
        r#"{{"household":"H{n}","updated_at":"2026-01-01T08:00:{size:02}+08:00","region":"990102003004","class":"ordinary","size":{size},"net_income_fen":5,"members":[{{"person":"t{n}"}}]}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    Entry::Profile(Box::new(Profile::parse(&json, Instant(0), Persons::AsGiven).unwrap().0))
}

fn event(id: u64, subject: &str, at: Instant, channel: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","id":"e{id}","source":"99/zxb","type":"clue.reported","time":"{at}","subject":"{subject}","data":{{"channel":"{channel}"}}}}"#
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let read = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven);
    Entry::Event(Box::new(read.unwrap().0))
}

fn pack() -> Entry {
    let yaml = PACK.as_bytes().into();
    Entry::Pack { name: "test.yaml".into(), yaml, withdrawn: false }
}

fn entry(dice: &mut Dice, hours: u64) -> Entry {
    let household = dice.below(6);
    match dice.below(10) {
        0 | 1 => profile(household, 1 + dice.below(9)),
        2 => event(dice.below(40), &format!("person/t{household}"), at(hours), "self"),
        // Another content under an id that is used often: a conflict.
        3 => event(dice.below(40), &format!("household/H{household}"), at(hours), "visit"),
        _ => event(
            1_000 + dice.below(100_000),
            &format!("household/H{household}"),
            at(hours),
            "self",
        ),
    }
}

/// Works on the disks until something breaks; gives the journal records that were answered.
fn session(disks: &Disks, dice: &mut Dice, hours: &mut u64, answered: &mut BTreeSet<u64>) {
    let faults = Faults { refused: 20, ack_lost: 20, late: 0 };
    let Ok(topics) = disks.topics(faults) else { return };
    let Ok(mut machine) = restored(disks, &topics) else { return };
    let shelf = Shelf::new(disks.snapshots.mount());
    let (journal, dead) = (Arc::clone(&topics.journal), Arc::clone(&topics.dead));
    let mut sequencer = Sequencer::new(journal, dead, machine.clock());
    let known = Catalogue::shipped();
    for _ in 0..40 {
        *hours += dice.below(9);
        let first = topics.journal.end(0).is_ok_and(|end| end == 0);
        let group = (0..1 + dice.below(3)).map(|_| {
            let count = dice.below(4);
            let entries: Vec<Entry> = match first {
                true => vec![pack()],
                false => (0..count).map(|_| entry(dice, *hours)).collect(),
            };
            Submission { entries, ..Submission::default() }
        });
        let group = group.collect();
        let committed = match sequencer.commit(group, at(*hours), &known) {
            Ok(committed) => committed,
            Err(LogError::Unconfirmed { .. } | LogError::Io { .. }) => continue,
            Err(_) => return,
        };
        let step = || -> Result<(), Fault> {
            while machine.next() < committed.records.start {
                crate::restore::catch_up(&mut machine, &topics.journal, committed.records.start)?;
            }
            for (offset, framed) in (committed.records.start..).zip(committed.frames) {
                machine.take(offset, framed)?;
            }
            machine.settle()?;
            machine.work(3)?;
            answered.extend(committed.records);
            while let Err(fault) = machine.flush() {
                let Fault::Log {
                    error: LogError::Io { .. } | LogError::Unconfirmed { .. }, ..
                } = fault
                else {
                    return Err(fault);
                };
                if topics.alerts.end(0).is_err() || dice.below(30) == 0 {
                    return Err(fault);
                }
            }
            Ok(())
        };
        if let Err(fault) = step() {
            assert!(matches!(fault, Fault::Log { .. }), "{fault}");
            return;
        }
        if dice.below(8) == 0
            && let Some(snapshot) = machine.snapshot(&topics)
            && shelf.write(&snapshot).is_err()
        {
            return;
        }
    }
}

fn alerts(topics: &Topics) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    each_record(&*topics.alerts, 0, |_, record| {
        let IdOnly { id } = serde_json::from_slice(record).unwrap();
        found.push((id, record.to_vec()));
    })
    .unwrap();
    found
}

#[test]
fn a_crash_between_any_two_steps_loses_nothing_and_doubles_nothing() {
    let mut published = 0;
    for seed in 0..60 {
        let disks = Disks::new(seed);
        let mut dice = Dice(seed);
        let mut hours = 0;
        let mut answered = BTreeSet::new();
        for _ in 0..6 {
            let unlucky = usize::try_from(dice.below(4)).unwrap();
            disks.all()[unlucky].crash_after(dice.below(120));
            session(&disks, &mut dice, &mut hours, &mut answered);
            disks.crash();
        }
        let topics = disks.topics(Faults::default()).unwrap();
        let machine = restored(&disks, &topics).unwrap();
        let end = topics.journal.end(0).unwrap();
        assert!(answered.iter().all(|record| *record < end), "seed {seed}: an answer was lost");
        let there = alerts(&topics);
        let ids: BTreeSet<&String> = there.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), there.len(), "seed {seed}: an alert stands twice");
        // A fold that never crashed, from the journal alone.
        let fresh = Disks::new(seed + 1_000);
        let mut anew = fresh.topics(Faults::default()).unwrap();
        anew.journal = Arc::clone(&topics.journal);
        let again = restored(&fresh, &anew).unwrap();
        let (mut there, mut expected) = (there, alerts(&anew));
        there.sort();
        expected.sort();
        assert_eq!(there, expected, "seed {seed}");
        assert_eq!(machine.tally(), again.tally(), "seed {seed}");
        published += there.len();
    }
    assert!(published > 500, "the worlds say too little: {published} alerts");
}

fn small() -> (Disks, Topics, Machine) {
    let disks = Disks::new(7);
    let topics = disks.topics(Faults::default()).unwrap();
    let mut machine = restored(&disks, &topics).unwrap();
    let (journal, dead) = (Arc::clone(&topics.journal), Arc::clone(&topics.dead));
    let mut sequencer = Sequencer::new(journal, dead, machine.clock());
    let clue = |id, channel| event(id, "household/H1", at(1), channel);
    for entries in [vec![pack(), profile(1, 2)], vec![clue(1, "self"), clue(1, "visit")]] {
        let group = vec![Submission { entries, ..Submission::default() }];
        let committed = sequencer.commit(group, at(2), &Catalogue::shipped()).unwrap();
        for (offset, framed) in (committed.records.start..).zip(committed.frames) {
            machine.take(offset, framed).unwrap();
        }
        machine.settle().unwrap();
        machine.flush().unwrap();
    }
    (disks, topics, machine)
}

#[test]
fn what_came_of_a_call_is_told_then_and_after_a_restart() {
    let (disks, topics, mut machine) = small();
    let outcomes = machine.outcomes();
    assert_eq!(outcomes[3], Outcome::Refused(proto::codes::Code::IdConflict));
    let report = machine.report(1).unwrap();
    assert_eq!((report.accepted, report.dead_lettered["id.conflict"]), (1, 1));
    let again = restored(&disks, &topics).unwrap();
    assert_eq!(again.report(1), Some(report));
    assert_eq!(topics.dead.end(0).unwrap(), 1, "a letter is not written twice");
    assert_eq!(alerts(&topics).len(), 1);
}

#[test]
fn a_published_alert_with_other_bytes_stops_the_fold() {
    let (disks, topics, _) = small();
    let (id, mut record) = alerts(&topics).remove(0);
    let last = record.len() - 2;
    record.insert(last, b' ');
    topics.alerts.append(0, &[&record]).unwrap();
    let fault = restored(&disks, &topics).err().unwrap();
    assert_eq!(fault.code(), "log.diverged");
    assert!(fault.to_string().contains(&id));
    // An alert that the journal does not lead to.
    let (disks, topics, _) = small();
    topics.alerts.append(0, &[br#"{"id":"f00"}"#]).unwrap();
    let fault = restored(&disks, &topics).err().unwrap();
    assert!(fault.to_string().contains("f00"), "{fault}");
}

#[test]
fn what_stays_unmatched_for_too_long_goes_to_the_dead_letters() {
    for subject in ["household/H9", "person/t9"] {
        let disks = Disks::new(9);
        let topics = disks.topics(Faults::default()).unwrap();
        let mut machine = restored(&disks, &topics).unwrap();
        let (journal, dead) = (Arc::clone(&topics.journal), Arc::clone(&topics.dead));
        let mut sequencer = Sequencer::new(journal, dead, machine.clock());
        for (hours, entries) in [
            (1, vec![pack(), event(1, subject, at(1), "self")]),
            (24 * 399, vec![Entry::Tick]),
            (24 * 440, vec![Entry::Tick]),
        ] {
            assert_eq!(topics.dead.end(0).unwrap(), 0);
            let group = vec![Submission { entries, ..Submission::default() }];
            let committed = sequencer.commit(group, at(hours), &Catalogue::shipped()).unwrap();
            for (offset, framed) in (committed.records.start..).zip(committed.frames) {
                machine.take(offset, framed).unwrap();
            }
            machine.settle().unwrap();
            while machine.work(16).unwrap() {}
            machine.flush().unwrap();
        }
        let mut letters = Vec::new();
        each_record(&*topics.dead, 0, |_, record| letters.push(record.to_vec())).unwrap();
        assert_eq!(letters, [b"parked.expired 0"], "{subject}");
        restored(&disks, &topics).unwrap();
        assert_eq!(topics.dead.end(0).unwrap(), 1, "a letter is not written twice");
    }
}

#[test]
fn a_journal_that_cannot_be_folded_is_refused_by_name() {
    let code = |topics: &Topics, disks: &Disks| restored(disks, topics).err().unwrap().code();
    let (disks, topics, _) = small();
    topics.journal.append(0, &[b"no frame"]).unwrap();
    assert_eq!(code(&topics, &disks), "frame.malformed");

    let yaml = format!("{PACK}event_types:\n  a.b: {{title: {{zh: a, en: a}}}}\n");
    let known = rules::Pack::load("a.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
    let text = r#"{"specversion":"1.0","id":"x","source":"99/zxb","type":"a.b","time":"2026-03-01T00:00:00+08:00","subject":"household/H1"}"#;
    let json = Json::parse(text.as_bytes()).unwrap();
    let event = Event::parse(&json, &known.catalogue, Persons::AsGiven).unwrap().0;
    let entries = vec![(at(3), Entry::Event(Box::new(event)))];
    let framed = Framed { at: at(3), history: false, entries, refused: Vec::new() };
    let (disks, topics, _) = small();
    topics.journal.append(0, &[&framed.encode(&known.catalogue)]).unwrap();
    assert_eq!(code(&topics, &disks), "frame.unknown_type");

    let (disks, topics, _) = small();
    let filler = vec![0; 3 << 10];
    for _ in 0..9 {
        topics.journal.append(0, &[&filler]).unwrap();
    }
    assert!(topics.journal.truncate_before(0, 8).unwrap() > 0);
    assert_eq!(code(&topics, &disks), "journal.gap");

    let (disks, topics, _) = small();
    let shelf = Shelf::new(disks.snapshots.mount());
    disks.snapshots.crash_after(0);
    let mount = disks.snapshots.mount();
    assert!(mount.create("x").is_err() || mount.list("").is_err());
    let failed = restore(&topics, &shelf, Crew::new(1), &writer(), &mut Silent::default());
    assert_eq!(failed.err().map(|fault| fault.code()), Some("snapshot.io"));
}

#[test]
fn an_alert_is_made_again_from_the_journal() {
    let (_, topics, _) = small();
    for (id, record) in alerts(&topics) {
        let derived = derive(&topics.journal, &id, Crew::new(2)).unwrap().unwrap();
        assert_eq!(derived.json, record);
        assert_eq!((derived.offset, derived.at), (1, at(2)));
    }
    assert!(derive(&topics.journal, "none", Crew::new(1)).unwrap().is_none());
}

#[test]
fn a_snapshot_that_cannot_be_used_is_named_and_the_journal_is_folded_instead() {
    let (disks, topics, machine) = small();
    let shelf = Shelf::new(disks.snapshots.mount());
    let sound = Snapshot {
        fold_version: state::FOLD_VERSION,
        next: 2,
        alerts: 1,
        dead: 1,
        sections: vec![b"not ours".to_vec()],
    };
    for (snapshot, why) in [
        (sound.clone(), Refused::Content),
        (Snapshot { fold_version: 999, ..sound.clone() }, Refused::FoldVersion),
        (Snapshot { next: 99, ..sound.clone() }, Refused::Ahead),
        (Snapshot { alerts: 99, ..sound }, Refused::Ahead),
    ] {
        shelf.write(&snapshot).unwrap();
        let mut witness = Silent::default();
        let found = restore(&topics, &shelf, Crew::new(1), &writer(), &mut witness).unwrap();
        assert_eq!(found.unwrap().tally(), machine.tally());
        assert!(witness.0.contains(&why), "{why}: {:?}", witness.0);
    }
}
