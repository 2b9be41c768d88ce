//! How complete the data of an alert were, over partitions that see a feed each: every alert says the
//! same of the feeds as one process that sees all of them, also of one that has fallen silent. An area's
//! warning reaches the households of every partition.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    sync::atomic::AtomicBool,
    thread,
    time::Duration,
};

use chassis::{Clock, SystemClock};
use log::{Log, contract::read_all};
use proto::{
    catalogue::Catalogue,
    date::Instant,
    frame::{Entry, decode, open},
    ids::HouseholdKey,
};
use serde_json::{Value, json};
use system_tests::server::{Server, agent};

use crate::{
    load::send,
    services::{Province, Topics},
    until,
};

const PACK: &str = r#"
pack: marks
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 3650d}
  sick: {count: medical.diagnosis, over: 3650d}
  warned: {active: disaster.warning}
rules:
  - {id: storm, risk: disaster, yellow: warned >= 1}
  - {id: clues, risk: illness, red: clues + sick >= 1}
"#;

const HOUSEHOLDS: u32 = 10;
const READ: usize = 4 << 20;
/// Longer than a clock that is the wall clock takes from one mark to the next.
const MINUTE: Duration = Duration::from_secs(62);

fn profiles() -> Vec<String> {
    let profile = |n| {
        format!(
            r#"{{"household":"H{n}","updated_at":"2026-01-05T08:00:00+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":5}}"#
        )
    };
    (0..HOUSEHOLDS).map(profile).collect()
}

fn event(id: &str, source: &str, kind: &str, day: &str, subject: &str, data: &Value) -> String {
    json!({"specversion": "1.0", "id": id, "source": source, "type": kind,
        "time": format!("2026-03-{day}T10:20:30+08:00"), "subject": subject, "data": data})
    .to_string()
}

fn clue(household: u32) -> String {
    let subject = format!("household/H{household}");
    let id = format!("c{household}");
    event(&id, "99/zxb", "clue.reported", "05", &subject, &json!({"channel": "self"}))
}

/// One event of each feed: two of one household each, one of an area.
fn first() -> Vec<String> {
    let warning = json!({"hazard": "flood", "colour": "orange", "expires": "2099-12-31"});
    let severe = json!({"severity": "severe"});
    vec![
        event("d0", "99/ybj", "medical.diagnosis", "04", "household/H0", &severe),
        clue(1),
        event("w1", "99/yjt", "disaster.warning", "05", "area/9901", &warning),
    ]
}

/// What does not depend on when it was sent.
fn told(alert: &Value) -> (String, Value) {
    let mut data = alert["data"].clone();
    data["clocks"] = Value::Null;
    (alert["id"].as_str().unwrap().to_owned(), data)
}

fn of_topic(topics: &Topics) -> BTreeMap<String, Value> {
    let all = (0..topics.alerts.partitions())
        .flat_map(|partition| read_all(&topics.alerts, partition, READ).unwrap());
    all.map(|(_, line)| told(&serde_json::from_slice(&line).unwrap())).collect()
}

fn of_server(server: &Server) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for item in server.all("/v1/cases") {
        let (_, case) =
            server.call("GET", &format!("/v1/cases/{}", item["case"].as_str().unwrap()), None);
        found.extend(case["alerts"].as_array().unwrap().iter().map(told));
    }
    found
}

/// The feeds that a partition of the journal was told of.
fn marked(journal: &dyn Log, partition: u32) -> BTreeSet<String> {
    let catalogue = Catalogue::shipped();
    let mut feeds = BTreeSet::new();
    for (_, record) in read_all(journal, partition, READ).unwrap() {
        for sealed in &decode(&record).unwrap().entries {
            if let Ok((_, Entry::Marks(marks))) = open(sealed, Instant(0), &catalogue) {
                feeds.extend(marks.iter().map(|mark| mark.source.to_string()));
            }
        }
    }
    feeds
}

fn post(address: SocketAddr, token: &str, path: &str, lines: &[String]) {
    let call = agent()
        .post(format!("http://{address}/v1/{path}"))
        .header("authorization", format!("Bearer {token}"))
        .content_type("application/x-ndjson");
    assert_eq!(call.send(lines.join("\n")).unwrap().status(), 200);
}

#[test]
fn every_partition_says_of_the_feeds_what_one_process_says() {
    let Some(province) = Province::start(PACK) else { return };
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack.yaml");
    fs::write(&pack, PACK).unwrap();
    let mut server = Server::start(&folder.path().join("up"), &pack);
    server.wait_until_ready();
    let (token, never, clock) = (server.token(), AtomicBool::new(false), SystemClock::new());
    for (path, lines) in [("households", profiles()), ("events", first())] {
        post(server.address(), &token, path, &lines);
        assert!(send(province.intake.address, path, &lines, &never));
    }
    let begun = clock.monotonic();
    let topics = province.topics();
    until("the warning reaches every household", || {
        let (here, there) = (of_topic(&topics), of_server(&server));
        here == there && here.len() as u32 == HOUSEHOLDS + 2
    });
    let feeds = ["99/ybj", "99/yjt", "99/zxb"].map(str::to_owned);
    until("every partition is told of every feed", || {
        let partitions = 0..topics.journal.partitions();
        partitions.into_iter().all(|p| marked(&topics.journal, p) == BTreeSet::from(feeds.clone()))
    });
    thread::sleep(MINUTE.saturating_sub(clock.monotonic().saturating_sub(begun)));
    let second: Vec<String> = (2..HOUSEHOLDS).map(clue).collect();
    post(server.address(), &token, "events", &second);
    assert!(send(province.intake.address, "events", &second, &never));
    let wanted = (2 * HOUSEHOLDS) as usize;
    until("all alerts are there", || {
        of_topic(&topics).len() == wanted && of_server(&server).len() == wanted
    });
    let (here, there) = (of_topic(&topics), of_server(&server));
    assert_eq!(here, there);
    // The feed that has been silent since is shown as silent, wherever its events are.
    let seen = json!([{"source": "99/ybj", "seen_to": "2026-03-04"},
        {"source": "99/yjt", "seen_to": "2026-03-05"},
        {"source": "99/zxb", "seen_to": "2026-03-05"}]);
    let partitions = topics.journal.partitions();
    let late = here.values().filter(|data| data["feeds"] == seen);
    let homes: BTreeSet<u32> = late
        .map(|data| HouseholdKey::of(data["household"].as_str().unwrap()).partition(partitions))
        .collect();
    assert!(homes.len() > 1, "{homes:?} {here:?}");
    server.stop();
}
