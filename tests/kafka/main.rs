//! Feeds over a real Apache Kafka: what platforms write into topics comes out as frames of the
//! journal and as dead letters, and what is done with is not read again.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod asyncapi;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chassis::SystemClock;
use intake::door::Noun;
use intake::feed::Feeds;
use intake::{Caller, DeadLetter};
use log::contract::read_all;
use log::{Log, LogError};
use log_kafka::{
    Cluster, Connection, Dress, Feed, FeedSettings, HEADERS, KafkaLog, Plan, Settings, yardstick,
};
use proto::catalogue::Catalogue;
use proto::frame::decode;
use proto::person::TokenKey;

const PARTITIONS: u32 = 4;

fn event(n: usize) -> String {
    let time = "2026-03-04T10:20:30+08:00";
    format!(
        r#"{{"specversion":"1.0","id":"e{n}","source":"99/ybj","type":"medical.settlement","time":"{time}","subject":"household/H{:03}","data":{{"setting":"inpatient","total_fen":{n},"self_paid_fen":{n}}}}}"#,
        n % 50
    )
}

struct Topics {
    cluster: Arc<Cluster>,
    journal: Arc<dyn Log>,
    persons: Arc<dyn Log>,
    dead: Arc<dyn Log>,
}

fn topics(address: &str) -> Topics {
    let cluster = Cluster::connect(&Connection::new(address, "levee-test")).unwrap();
    let plan = format!(
        "replication: 1\nmin_insync: 1\ntopics:\n  {HEADERS}: {{partitions: 1, keep: forever}}\n  journal: {{partitions: {PARTITIONS}, keep: 800d}}\n  persons: {{partitions: 2, keep: 800d}}\n  dead_letters: {{partitions: 1, keep: 800d}}\n  feed_events: {{partitions: 3, keep: 14d}}\n  feed_households: {{partitions: 2, keep: forever, compacted: true}}\n"
    );
    Plan::read(&plan).unwrap().create(&cluster).unwrap();
    let open = |topic: &str, dress| -> Arc<dyn Log> {
        let settings = Settings { partitions: None, dress, ..Settings::new(topic, 1) };
        Arc::new(KafkaLog::open(&cluster, &settings).unwrap())
    };
    Topics {
        journal: open("journal", Dress::Bare),
        persons: open("persons", Dress::Bare),
        dead: open("dead_letters", Dress::DeadLetter),
        cluster,
    }
}

/// Carries over until `records` were taken or refused.
fn carry(topics: &Topics, records: u64) -> Result<(), LogError> {
    let settings = FeedSettings {
        group: "levee-intake".into(),
        topics: vec!["feed_events".into(), "feed_households".into()],
        instance: None,
        session: Duration::from_secs(6),
    };
    let catalogue = Arc::new(Catalogue::shipped());
    let feeds = Feeds {
        source: Box::new(Feed::open(&topics.cluster, &settings)?),
        nouns: BTreeMap::from([
            ("feed_events".to_owned(), Noun::Event),
            ("feed_households".to_owned(), Noun::Household),
        ]),
        journal: Arc::clone(&topics.journal),
        persons: Arc::clone(&topics.persons),
        dead: Arc::clone(&topics.dead),
        key: TokenKey::new(1, &[7; 32]),
        caller: Caller::operator(),
        clock: Arc::new(SystemClock::new()),
        known: Arc::new(move || Arc::clone(&catalogue)),
        hold_after: 0,
    };
    let stop = AtomicBool::new(false);
    let mut seen = 0;
    feeds.run(&|| stop.load(Ordering::Acquire), &mut |told| {
        seen += told.taken + told.refused.values().sum::<u64>();
        stop.store(seen >= records, Ordering::Release);
    })?;
    assert_eq!(seen, records, "nothing is read twice");
    Ok(())
}

fn written(topics: &Topics, topic: &str, records: &[(String, String)]) {
    let pairs = records.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
    yardstick::produce(&topics.cluster, topic, pairs).unwrap();
}

fn entries(topics: &Topics) -> usize {
    let frames = (0..PARTITIONS).flat_map(|p| read_all(&*topics.journal, p, 1 << 20).unwrap());
    frames.map(|(_, record)| decode(&record).unwrap().entries.len()).sum()
}

#[test]
fn what_platforms_write_is_carried_over_once_also_over_a_restart() {
    let Some(broker) = test_broker::Broker::start() else { return };
    let topics = topics(&broker.address());
    let mut events: Vec<_> = (0..500).map(|n| (format!("k{n}"), event(n))).collect();
    events[17].1 = "{".into();
    written(&topics, "feed_events", &events);
    let profile = r#"{"household":"H001","region":"990102003004","class":"ordinary","size":3,"net_income_fen":5}"#;
    written(&topics, "feed_households", &[("H001".into(), profile.into())]);
    carry(&topics, 501).unwrap();
    assert_eq!(entries(&topics), 500);

    // A new member of the group goes on where the last one committed.
    let more: Vec<_> = (500..520).map(|n| (format!("k{n}"), event(n))).collect();
    written(&topics, "feed_events", &more);
    carry(&topics, 20).unwrap();
    assert_eq!(entries(&topics), 520);

    let dead = read_all(&*topics.dead, 0, 1 << 20).unwrap();
    let [(_, line)] = dead.as_slice() else { panic!("{} letters", dead.len()) };
    let letter = DeadLetter::from_json(std::str::from_utf8(line).unwrap()).unwrap();
    let origin = letter.origin.unwrap();
    assert_eq!((letter.code.name(), origin.topic.as_str()), ("json.syntax", "feed_events"));
    let headers = Dress::DeadLetter.envelope(line).headers;
    let said = |name: &str| headers.iter().find(|(n, _)| *n == name).unwrap().1.clone();
    assert_eq!(said("__connect.errors.offset"), origin.offset.to_string().into_bytes());
}

#[test]
fn a_feed_whose_records_went_before_they_were_read_stops_by_name() {
    let Some(broker) = test_broker::Broker::start() else { return };
    let topics = topics(&broker.address());
    let events: Vec<_> = (0..60).map(|n| (format!("k{n}"), event(n))).collect();
    written(&topics, "feed_events", &events);
    carry(&topics, 60).unwrap();
    written(&topics, "feed_events", &events);
    // Retention overtakes the stopped reader in every partition.
    let settings = Settings { partitions: None, ..Settings::new("feed_events", 1) };
    let feed = KafkaLog::open(&topics.cluster, &settings).unwrap();
    for partition in 0..feed.partitions() {
        feed.truncate_before(partition, feed.end(partition).unwrap()).unwrap();
    }
    written(&topics, "feed_events", &events);
    let told = carry(&topics, 60);
    assert_eq!(told.map_err(|error| error.code()), Err("log.offset"));
}
