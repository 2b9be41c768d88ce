//! Records of a feed that nobody can read, among others and alone: each is kept with its place, and
//! none holds the others up or ends the service. A partition that brings nothing else is held, with
//! what follows where it was written, until somebody wants it in the dead letters.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::atomic::AtomicBool,
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

use system_tests::server::agent;

use crate::{
    LOOK, LOOKS, PACK,
    load::{Dice, profile, send},
    services::{FEED, Province, Service, Topics},
};

/// Households whose events stand in the feed: none has more of them than it can.
const FAMILIES: u32 = 20_000;
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
        _ => (100_000, 5_000),
    }
}

/// The records of a round; one of `poisoned` cannot be read, none where it is 0.
fn records(round: &str, count: u32, poisoned: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let record = |n: u32| {
        let household = format!("H{}", n % FAMILIES);
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

/// After so many refused records in a row a partition is held, if nothing else is configured.
const HELD: usize = 1_000;

/// What intake says of its feeds: records that were taken or refused, partitions that are held.
fn counted(address: SocketAddr) -> (u64, u64) {
    let told = agent().get(format!("http://{address}/metrics")).call();
    let text = told.map(|mut told| told.body_mut().read_to_string().unwrap()).unwrap_or_default();
    let sum = |name: &str| {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
    };
    (sum("levee_intake_feed_records_total"), sum("levee_intake_feed_partitions_held"))
}

/// Starts intake before a feed that holds so many records for it; gives the records of a second from
/// the first one that it counts on.
fn carried_over(intake: &mut Service, count: u64) -> f64 {
    intake.start();
    let clock = SystemClock::new();
    let mut first = None;
    for _ in 0..LOOKS * 25 {
        let (records, _) = counted(intake.address);
        let (begun, at) = *first.get_or_insert((clock.monotonic(), records));
        if records == 0 {
            first = None;
        }
        if records >= count {
            let spent = clock.monotonic().saturating_sub(begun).as_secs_f64();
            return (records - at) as f64 / spent.max(f64::EPSILON);
        }
        thread::sleep(LOOK / 25);
    }
    panic!("{:?} of {count} records", counted(intake.address));
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

/// The topics as they must be.
#[derive(Default)]
struct Judge {
    good: BTreeMap<String, u32>,
    poison: BTreeSet<Place>,
}

impl Judge {
    fn settles(&self, topics: &Topics, saying: &str) {
        let settled = (0..LOOKS).any(|_| {
            let so = BTreeSet::from_iter(buried(&topics.dead)) == self.poison
                && entered(&topics.journal) == self.good;
            if !so {
                thread::sleep(LOOK);
            }
            so
        });
        let (dead, there) = (buried(&topics.dead).len(), entered(&topics.journal).len());
        let (poison, good) = (self.poison.len(), self.good.len());
        assert!(settled, "{saying}: {dead} of {poison} dead letters, {there} of {good} events");
    }
}

/// The places of poison from these ends on.
fn poisoned(feed: &KafkaLog, from: &[u64]) -> Vec<Vec<Place>> {
    let of = |(partition, from): (u32, &u64)| {
        let all = read_all(feed, partition, READ).unwrap().into_iter();
        let bad = all.filter(|(offset, record)| offset >= from && !record.starts_with(GOOD));
        bad.map(|(offset, _)| (partition, offset)).collect()
    };
    (0..).zip(from).map(of).collect()
}

#[test]
fn records_that_nobody_can_read_are_kept_by_their_place_and_hold_nothing_up() {
    let Some(mut province) = Province::start(PACK) else { return };
    // What is folded meanwhile would be measured as well.
    province.watchers.iter_mut().for_each(Service::kill);
    let cluster = Cluster::connect(&Connection::new(&province.broker.address(), "poison")).unwrap();
    let feed = KafkaLog::open(&cluster, &Settings { partitions: None, ..Settings::new(FEED, 1) });
    let (feed, topics) = (feed.unwrap(), province.topics());
    let ((many, few), mut judge, mut rates) = (volume(), Judge::default(), Vec::new());
    let write = |round: &str, count, poisoned: u32, judge: &mut Judge| {
        let records = records(round, count, poisoned);
        let pairs = records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
        yardstick::produce(&cluster, FEED, pairs).unwrap();
        let bad = |n: &u32| poisoned > 0 && n.is_multiple_of(poisoned);
        judge.good.extend((0..count).filter(|n| !bad(n)).map(|n| (format!("{round}-{n}"), 1)));
    };
    let ends = || -> Vec<u64> { (0..feed.partitions()).map(|p| feed.end(p).unwrap()).collect() };
    for (round, poison) in
        [("clean", 0), ("some", 1_000), ("clean again", 0), ("some again", 1_000)]
    {
        province.intake.stop();
        let from = ends();
        write(round, many, poison, &mut judge);
        judge.poison.extend(poisoned(&feed, &from).into_iter().flatten());
        let rate = carried_over(&mut province.intake, many.into());
        rates.push(format!("{round} {rate:.0}/s"));
        judge.settles(&topics, round);
    }
    // From here on it is the same process.
    let from = ends();
    write("all", few, 1, &mut judge);
    let all = poisoned(&feed, &from);
    assert!(all.iter().all(|places| places.len() > HELD), "the round says too little");
    judge.poison.extend(all.iter().flat_map(|places| &places[..HELD]));
    judge.settles(&topics, "each partition is held after so many");
    assert_eq!(counted(province.intake.address).1, u64::from(feed.partitions()));
    province.intake.wait_until_ready();
    let profile = [profile(&mut Dice(1), 1, 1)];
    assert!(send(province.intake.address, "households", &profile, &AtomicBool::new(true)));
    // Somebody wants all of it in the dead letters: what was held comes, and what stands behind it.
    write("behind", few, 0, &mut judge);
    judge.poison.extend(all.into_iter().flatten());
    province.intake.stop();
    province.intake.configure(|text| text.replace("[feeds]", "[feeds]\nhold_after = 0"));
    province.intake.start();
    judge.settles(&topics, "nothing is left behind");
    assert_eq!(counted(province.intake.address).1, 0);
    println!("{} dead letters; as intake counts: {rates:?}", judge.poison.len());
}
