//! Records of a feed that nobody can read, among others and alone: each is kept with its place, and
//! none holds the others up or ends the service.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

use chassis::{Clock, SystemClock};
use intake::DeadLetter;
use log::{Log, contract::read_all};
use log_kafka::{Cluster, Connection, KafkaLog, Settings, yardstick};
use proto::{
    catalogue::Catalogue,
    date::Instant,
    frame::{Entry, decode, open},
};

use crate::{
    LOOK, LOOKS, PACK,
    load::HOUSEHOLDS,
    services::{FEED, Province},
};

/// Bytes of one read.
const READ: usize = 4 << 20;
/// How good records begin.
const GOOD: &[u8] = b"{\"specversion\":\"1.0\"";
/// What stands in a feed and is no event: cut short, not text, of no known type, nothing.
const POISON: [&[u8]; 4] =
    [b"{\"specversion\":", b"\xff\xfe", b"{\"specversion\":\"9\",\"type\":\"no.such\"}", b"null"];

type Place = (u32, u64);

/// Records of the first round, and of the one in which all are poison.
fn volume() -> (u32, u32) {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => (1_000_000, 50_000),
        _ => (20_000, 5_000),
    }
}

/// The records of a round; one of `poisoned` cannot be read, none where it is 0.
fn records(round: &str, count: u32, poisoned: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let record = |n: u32| {
        let household = format!("H{}", u64::from(n) % HOUSEHOLDS);
        let value = if poisoned > 0 && n.is_multiple_of(poisoned) {
            POISON[(n / poisoned) as usize % POISON.len()].to_vec()
        } else {
            format!(
                r#"{{"specversion":"1.0","id":"{round}-{n}","source":"99/zxb","type":"clue.reported","time":"2026-03-04T10:20:30+08:00","subject":"household/{household}","data":{{"channel":"self"}}}}"#
            )
            .into_bytes()
        };
        (format!("{household}-{n}").into_bytes(), value)
    };
    (0..count).map(record).collect()
}

/// The ids of the journal's events with how often each stands there.
fn entered(journal: &dyn Log) -> BTreeMap<String, u32> {
    let catalogue = Catalogue::shipped();
    let mut ids = BTreeMap::new();
    for partition in 0..journal.partitions() {
        for (_, record) in read_all(journal, partition, READ).unwrap() {
            let frame = decode(&record).unwrap();
            for sealed in &frame.entries {
                if let Ok((_, Entry::Event(event))) = open(sealed, Instant(0), &catalogue) {
                    *ids.entry(event.id.to_string()).or_default() += 1;
                }
            }
        }
    }
    ids
}

/// The places in the feed that dead letters name.
fn buried(dead: &dyn Log) -> Vec<Place> {
    let mut places = Vec::new();
    for partition in 0..dead.partitions() {
        for (_, line) in read_all(dead, partition, READ).unwrap() {
            let letter = DeadLetter::from_json(std::str::from_utf8(&line).unwrap()).unwrap();
            let origin = letter.origin.unwrap();
            assert_eq!(origin.topic, FEED);
            places.push((origin.partition, origin.offset));
        }
    }
    places.sort_unstable();
    places
}

#[test]
fn records_that_nobody_can_read_are_kept_by_their_place_and_hold_nothing_up() {
    let Some(mut province) = Province::start(PACK) else { return };
    let cluster = Cluster::connect(&Connection::new(&province.broker.address(), "poison")).unwrap();
    let feed = KafkaLog::open(&cluster, &Settings { partitions: None, ..Settings::new(FEED, 1) });
    let (feed, topics) = (feed.unwrap(), province.topics());
    let ((many, few), clock) = (volume(), SystemClock::new());
    let (mut good, mut rates) = (BTreeSet::new(), Vec::new());
    for (round, count, poisoned) in [("clean", many, 0), ("some", many, 1_000), ("all", few, 1)] {
        let records = records(round, count, poisoned);
        let begun = clock.monotonic();
        let pairs = records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        yardstick::produce(&cluster, FEED, pairs).unwrap();
        let bad = |n: &u32| poisoned > 0 && n.is_multiple_of(poisoned);
        good.extend((0..count).filter(|n| !bad(n)).map(|n| format!("{round}-{n}")));
        let mut places = Vec::new();
        for partition in 0..feed.partitions() {
            let all = read_all(&feed, partition, READ).unwrap();
            let bad = all.into_iter().filter(|(_, record)| !record.starts_with(GOOD));
            places.extend(bad.map(|(offset, _)| (partition, offset)));
        }
        places.sort_unstable();
        let wanted: BTreeMap<String, u32> = good.iter().map(|id| (id.clone(), 1)).collect();
        let settled = (0..LOOKS).any(|_| {
            thread::sleep(LOOK);
            buried(&topics.dead) == places && entered(&topics.journal) == wanted
        });
        let (dead, there) = (buried(&topics.dead), entered(&topics.journal));
        assert!(
            settled,
            "{round}: {} of {} dead letters, {} of {} events",
            dead.len(),
            places.len(),
            there.len(),
            wanted.len()
        );
        let spent = clock.monotonic().saturating_sub(begun);
        rates.push(format!("{round} {:.0}/s", f64::from(count) / spent.as_secs_f64()));
        // It is still the same process.
        province.intake.wait_until_ready();
    }
    println!("{} dead letters; with the judge's own looks: {rates:?}", buried(&topics.dead).len());
}
