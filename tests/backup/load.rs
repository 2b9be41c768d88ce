//! The events that are sent, a record of what was answered, and what they must lead to.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use proto::date::Instant;
use system_tests::server::Server;

/// Green, yellow and red from 1, 6 and 12 events on.
pub(crate) const PACK: &str = r#"
pack: backup
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 365d}
rules:
  - id: clues
    risk: illness
    red: clues >= 12
    yellow: clues >= 6
    green: clues >= 1
    why: {zh: "{clues}", en: "{clues}"}
"#;
/// An event of a type that no catalogue has.
pub(crate) const REFUSED: &str = r#"{"specversion":"1.0","id":"r1","source":"99/zxb","type":"none.such","time":"2026-01-01T10:00:00+08:00","subject":"household/H0","data":{}}"#;
/// Events of one call.
pub(crate) const CALL: usize = 20;

/// A profile line for each household.
pub(crate) fn profiles(count: usize) -> Vec<String> {
    let line = |n| {
        format!(
            r#"{{"household":"H{n}","updated_at":"2026-01-01T08:00:00+08:00","region":"990102003004","class":"ordinary","size":2,"net_income_fen":500000}}"#
        )
    };
    (0..count).map(line).collect()
}

/// The level that a household with so many events has.
fn level(events: usize) -> &'static str {
    match events {
        0..6 => "green",
        6..12 => "yellow",
        _ => "red",
    }
}

fn counts(events: &BTreeMap<String, String>) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for household in events.values() {
        *counts.entry(household.as_str()).or_default() += 1;
    }
    counts
}

/// The level of every household with an event, by event id and household.
pub(crate) fn levels(events: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let counts = counts(events).into_iter();
    counts.map(|(household, n)| (household.to_owned(), level(n).to_owned())).collect()
}

/// How many alerts the events give: for each household one for each level that it has reached.
pub(crate) fn alerts(events: &BTreeMap<String, String>) -> BTreeMap<String, usize> {
    let of = |n: usize| [1, 6, 12].iter().filter(|step| n >= **step).count();
    counts(events).into_iter().map(|(household, n)| (household.to_owned(), of(n))).collect()
}

/// What was answered so far, and the number of the next call.
#[derive(Default)]
pub(crate) struct Sent {
    lines: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

impl Sent {
    /// The lines of the events.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The ids of the events.
    pub(crate) fn ids(&self) -> Vec<String> {
        let id = |line: &String| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["id"].as_str().unwrap().to_owned()
        };
        self.lines().iter().map(id).collect()
    }

    /// Waits until so many calls are answered.
    pub(crate) fn wait_for(&self, calls: usize) {
        let there = || self.lines.lock().unwrap().len() >= calls * CALL;
        let waited = (0..6_000).any(|_| {
            there() || {
                thread::sleep(Duration::from_millis(20));
                false
            }
        });
        assert!(waited, "the calls are not answered");
    }
}

/// Low numbers come often, high ones seldom, so there are households of every level.
fn household(seed: &mut u64, households: usize) -> usize {
    let mut below = |limit: usize| {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*seed >> 33).unwrap() % limit
    };
    let most = below(households) + 1;
    below(most)
}

/// One call; all of it must be taken.
pub(crate) fn send(server: &Server, lines: &[String]) {
    let (status, told) = server.post("/v1/events", "application/x-ndjson", &lines.join("\n"));
    assert_eq!((status, told["rejected"].as_u64()), (200, Some(0)), "{told}");
}

/// Sends call after call until it is over.
pub(crate) fn run(server: &Server, households: usize, sent: &Sent, over: &AtomicBool) {
    let clock = chassis::SystemClock::new();
    let time = Instant(chassis::Clock::now_unix_micros(&clock)).date().plus(-1);
    while !over.load(Ordering::Acquire) {
        let call = sent.calls.fetch_add(1, Ordering::Relaxed);
        let mut seed = call as u64;
        let line = |n: usize| {
            let household = household(&mut seed, households);
            format!(
                r#"{{"specversion":"1.0","id":"e{}","source":"99/zxb","type":"clue.reported","time":"{time}T10:00:00+08:00","subject":"household/H{household}","data":{{"channel":"self"}}}}"#,
                call * CALL + n,
            )
        };
        let lines: Vec<String> = (0..CALL).map(line).collect();
        send(server, &lines);
        sent.lines.lock().unwrap().extend(lines);
    }
}
