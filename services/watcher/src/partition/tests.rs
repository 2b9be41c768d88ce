//! One partition's machine by itself: hand-over, read-back, and what stops it by name. What happens
//! between many of them stands in the simulation of the system tests.

use std::sync::Arc;

use ::log::{Faults, Log, Settings, SimulatedDisk, SimulatedLog};
use proto::{
    catalogue::Catalogue, date::Date, event::Event, household::Profile, json::Json, person::Persons,
};

use super::*;
use crate::{ObjectFolder, Store, outlet::each_record};

const PACK: &str = r#"
pack: test
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 5d}
rules:
  - {id: clues, risk: illness, red: clues >= 3, green: clues >= 1}
"#;

pub(crate) fn at(hours: i64) -> Instant {
    Date::parse("2026-03-01").unwrap().midnight().plus_us(hours * 3_600_000_000)
}

fn topic(name: &str) -> Arc<dyn Log> {
    let settings = Settings { segment_bytes: 2 << 10, ..Settings::new(name, 1) };
    Arc::new(SimulatedLog::open(&SimulatedDisk::new(1), &settings, Faults::default()).unwrap())
}

pub(crate) fn ports(store: &Arc<dyn Store>) -> Ports {
    Ports {
        journal: topic("journal"),
        persons: topic("persons"),
        alerts: topic("alerts"),
        dead: topic("dead_letters"),
        store: Arc::clone(store),
        letter: Arc::new(|letter: &Letter| letter.code.name().into()),
    }
}

pub(crate) fn folder() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let store = ObjectFolder::open(folder.path()).unwrap();
    (folder, Arc::new(store))
}

pub(crate) fn open(ports: &Ports, topic: Topic, owner: &str) -> Result<PartitionMachine, Fault> {
    let limits = Limits { snapshot_entries: 1_000, ..Limits::default() };
    PartitionMachine::open(topic, 0, ports.clone(), limits, owner, &mut |_, _| {})
}

fn run(machine: &mut PartitionMachine, now: Instant) -> Result<(), Fault> {
    while machine.step(now)? != Step::Idle {}
    Ok(())
}

pub(crate) fn profile() -> Entry {
    let text = br#"{"household":"H1","updated_at":"2026-01-01T08:00:00+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5,"members":[{"person":"t1"}]}"#;
    let json = Json::parse(text).unwrap();
    Entry::Profile(Box::new(Profile::parse(&json, Instant(0), Persons::AsGiven).unwrap().0))
}

pub(crate) fn clue(id: u32, subject: &str, channel: &str) -> Entry {
    let text = format!(
        r#"{{"specversion":"1.0","id":"e{id}","source":"99/zxb","type":"clue.reported","time":"{}","subject":"{subject}","data":{{"channel":"{channel}"}}}}"#,
        at(0)
    );
    let json = Json::parse(text.as_bytes()).unwrap();
    let read = Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven);
    Entry::Event(Box::new(read.unwrap().0))
}

pub(crate) fn append(log: &Arc<dyn Log>, entries: &[Entry]) {
    let entries = entries.iter().map(|entry| (at(1), entry));
    let frame = proto::frame::encode(at(1), entries, &Catalogue::shipped());
    log.append(0, &[&frame]).unwrap();
}

pub(crate) fn pack() -> Entry {
    Entry::Pack { name: "test.yaml".into(), yaml: PACK.as_bytes().into(), withdrawn: false }
}

fn records(log: &Arc<dyn Log>) -> Vec<String> {
    let mut found = Vec::new();
    let text = |record: &[u8]| String::from_utf8_lossy(record).into_owned();
    each_record(&**log, 0, |_, record| found.push(text(record))).unwrap();
    found
}

#[test]
fn a_persons_event_finds_its_household_over_the_person_log() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    append(&ports.journal, &[pack(), profile()]);
    append(&ports.persons, &[clue(1, "person/t1", "self"), clue(1, "person/t1", "visit")]);
    let mut journal = open(&ports, Topic::Journal, "a").unwrap();
    let mut persons = open(&ports, Topic::Persons, "b").unwrap();
    for _ in 0..3 {
        run(&mut journal, at(2)).unwrap();
        run(&mut persons, at(2)).unwrap();
    }
    let alerts = records(&ports.alerts);
    assert_eq!(alerts.len(), 1);
    assert!(alerts[0].contains("\"level\":\"green\""), "{}", alerts[0]);
    assert_eq!(records(&ports.dead), ["id.conflict"]);
    assert!(journal.progress().live && journal.partition().is_some());
    assert_eq!(persons.tally().accepted, 3);
    // A midnight on which nothing enters passes by itself, once.
    run(&mut journal, at(30)).unwrap();
    run(&mut journal, at(30)).unwrap();
    assert_eq!(journal.next(), 3);
}

#[test]
fn a_successor_goes_on_where_the_snapshot_ends_and_publishes_only_what_is_missing() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    let mut first = open(&ports, Topic::Journal, "first").unwrap();
    append(&ports.journal, &[pack(), profile(), clue(1, "household/H1", "self")]);
    run(&mut first, at(2)).unwrap();
    first.wish_snapshot();
    assert!(first.wishes());
    run(&mut first, at(2)).unwrap();
    assert!(!first.wishes());
    append(&ports.journal, &[clue(2, "household/H1", "self"), clue(3, "household/H1", "self")]);
    run(&mut first, at(2)).unwrap();
    assert_eq!(records(&ports.alerts).len(), 2);

    let mut second = open(&ports, Topic::Journal, "second").unwrap();
    assert_eq!((second.next(), second.progress().live), (1, false));
    append(&ports.journal, &[profile()]);
    run(&mut second, at(2)).unwrap();
    assert_eq!((second.next(), second.found()), (3, 1));
    assert_eq!(records(&ports.alerts).len(), 2, "nothing is published again");
    first.wish_snapshot();
    let fault = run(&mut first, at(2)).unwrap_err();
    assert_eq!((fault.code(), fault.retryable()), ("partition.superseded", false));
}

#[test]
fn an_alert_that_the_journal_does_not_give_stops_the_partition() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    append(&ports.journal, &[pack(), profile(), clue(1, "household/H1", "self")]);
    run(&mut open(&ports, Topic::Journal, "first").unwrap(), at(2)).unwrap();
    let alert = records(&ports.alerts).remove(0);
    let refused = |record: &str| {
        ports.alerts.append(0, &[record.as_bytes()]).unwrap();
        let fault = run(&mut open(&ports, Topic::Journal, "next").unwrap(), at(2)).unwrap_err();
        assert!(!fault.retryable());
        fault.code()
    };
    // The same again is one that a former owner published late.
    ports.alerts.append(0, &[alert.as_bytes()]).unwrap();
    run(&mut open(&ports, Topic::Journal, "next").unwrap(), at(2)).unwrap();
    let later =
        alert.replace("\"revision\":1", "\"revision\":9").replace("\"id\":\"", "\"id\":\"f");
    assert_eq!(refused(&later), "log.diverged");
    assert_eq!(refused(&alert.replace("green", "red")), "log.diverged");
}

#[test]
fn a_snapshot_that_cannot_be_used_is_named_and_an_older_one_serves() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    let mut machine = open(&ports, Topic::Journal, "first").unwrap();
    append(&ports.journal, &[pack(), profile()]);
    run(&mut machine, at(2)).unwrap();
    machine.wish_snapshot();
    run(&mut machine, at(2)).unwrap();
    let mut owner = Ownership::take(Arc::clone(&store), "journal-0000", "test").unwrap();
    let sections = vec![b"not ours".to_vec()];
    let sound = Snapshot { fold_version: fold::VERSION, next: 1, alerts: 0, dead: 0, sections };
    for (snapshot, code) in [
        (sound.encode(), "snapshot.content"),
        (Snapshot { next: 99, ..sound.clone() }.encode(), "snapshot.ahead"),
        (Snapshot { alerts: 99, ..sound.clone() }.encode(), "snapshot.ahead"),
        (Snapshot { dead: 99, ..sound.clone() }.encode(), "snapshot.ahead"),
        (Snapshot { fold_version: 99, ..sound.clone() }.encode(), "fold.version"),
        (b"x".to_vec(), "snapshot.corrupt"),
    ] {
        let name = "snapshots/journal-0000/bad";
        store.remove(name).unwrap();
        store.create(name, &snapshot).unwrap();
        let snapshots = owner.snapshots().to_vec();
        let fallback = snapshots.last().unwrap();
        let mut told = Vec::new();
        let mut machine = open(&ports, Topic::Journal, "test 2").unwrap();
        machine.owner.offer_first(name);
        let newest = machine.newest(&mut |name, code| told.push((name.to_owned(), code)));
        assert_eq!(newest.unwrap().unwrap().next, 1, "{fallback}");
        assert_eq!(told, [(name.to_owned(), code)]);
    }
    owner = Ownership::take(Arc::clone(&store), "journal-0000", "test 3").unwrap();
    assert!(!owner.snapshots().is_empty());
}

#[test]
fn a_journal_that_begins_behind_every_snapshot_is_refused() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    for _ in 0..40 {
        append(&ports.journal, &[profile()]);
    }
    assert!(ports.journal.truncate_before(0, 30).unwrap() > 0);
    assert_eq!(open(&ports, Topic::Journal, "first").unwrap_err().code(), "journal.gap");
}

#[test]
fn a_place_that_retention_has_overtaken_is_never_skipped() {
    let (_folder, store) = folder();
    let ports = ports(&store);
    let mut machine = open(&ports, Topic::Journal, "first").unwrap();
    run(&mut machine, at(2)).unwrap();
    for _ in 0..40 {
        append(&ports.journal, &[profile()]);
    }
    assert!(ports.journal.truncate_before(0, 30).unwrap() > 0);
    let fault = run(&mut machine, at(2)).unwrap_err();
    assert_eq!((fault.code(), fault.retryable()), ("log.offset", false));
}
