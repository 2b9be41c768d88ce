//! Real services on a real Apache Kafka, killed and paused under load: what was answered is decided
//! upon, every alert stands once and is what the journal gives.
//!
//! `LEVEE_SEED` chooses the moments, `LEVEE_VOLUME=full` makes it longer. Without Java or Maven it
//! says so and passes, unless `LEVEE_REQUIRE` names `kafka`.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod batch;
mod load;
mod marks;
mod poison;
mod services;
mod view;

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use load::{Dice, HOUSEHOLDS};
use log::Log;
use services::{Province, Service};
use system_tests::province;

const PACK: &str = r#"
pack: crash
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
facts:
  clues: {count: clue.reported, over: 3650d}
rules:
  - id: clues
    risk: illness
    red: clues >= 12
    yellow: clues >= 6
    green: clues >= 1
    material: {value: clues, step: 4}
"#;

/// How often the topics are judged again while the services catch up, and how long between.
const LOOKS: u32 = 120;
const LOOK: Duration = Duration::from_millis(500);

/// Looks until it is so.
fn until(saying: &str, mut so: impl FnMut() -> bool) {
    let found = (0..LOOKS).any(|_| {
        let found = so();
        if !found {
            thread::sleep(LOOK);
        }
        found
    });
    assert!(found, "{saying}");
}

struct Volume {
    watcher_kills: usize,
    intake_kills: usize,
    broker_kills: usize,
    pauses: usize,
}

fn volume() -> Volume {
    match std::env::var("LEVEE_VOLUME").as_deref() {
        Ok("full") => Volume { watcher_kills: 100, intake_kills: 50, broker_kills: 10, pauses: 10 },
        _ => Volume { watcher_kills: 6, intake_kills: 4, broker_kills: 1, pauses: 1 },
    }
}

/// Under load until `faults` has done its work; gives what was answered.
fn under_load(
    province: &mut Province,
    seed: u64,
    faults: impl FnOnce(&mut Province, &mut Dice),
) -> (Vec<String>, Vec<String>) {
    let over = AtomicBool::new(false);
    let address = province.intake.address;
    thread::scope(|scope| {
        let senders: Vec<_> = (1..4)
            .map(|n| {
                scope.spawn({
                    let over = &over;
                    move || load::run(address, seed * 10 + n, over)
                })
            })
            .collect();
        faults(province, &mut Dice(seed));
        // What is under way gets its answer.
        province.intake.wait_until_ready();
        over.store(true, Ordering::Release);
        let (mut profiles, mut events) = (Vec::new(), Vec::new());
        for sender in senders {
            let (some, more) = sender.join().unwrap();
            profiles.extend(some);
            events.extend(more);
        }
        (profiles, events)
    })
}

/// Judges the topics until they say what they must.
fn judge(province: &Province, answered: &(Vec<String>, Vec<String>), doubles: bool) {
    let topics = province.topics();
    let key = province.key();
    let entries = load::entries(&answered.0, &answered.1, &key.key);
    let households: Vec<String> = (0..HOUSEHOLDS).map(|n| format!("H{n}")).collect();
    let look = || -> Result<province::Seen, String> {
        let topics = province::Topics {
            journal: &topics.journal,
            persons: &topics.persons,
            alerts: &topics.alerts,
            dead: &topics.dead,
        };
        let read = province::Province::read(topics, &|_| Vec::new())?;
        read.holds(&entries)?;
        read.alerts(doubles)?;
        read.one_engine(&households)?;
        Ok(read.seen)
    };
    let mut told = look();
    for _ in 0..LOOKS {
        if told.is_ok() {
            break;
        }
        thread::sleep(LOOK);
        told = look();
    }
    let seen = told.unwrap_or_else(|told| panic!("{told}"));
    println!("{} entries answered, {seen:?}", entries.len());
    assert!(seen.alerts > 20 && seen.moves > 0, "the load says too little");
}

#[test]
fn killed_and_paused_services_lose_nothing_and_double_nothing() {
    let seed = std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let Some(mut province) = Province::start(PACK) else { return };
    let Volume { watcher_kills, intake_kills, broker_kills, pauses } = volume();
    let first = under_load(&mut province, seed, |province, dice| {
        for n in 0..watcher_kills.max(intake_kills) {
            thread::sleep(Duration::from_millis(dice.below(700)));
            if n < watcher_kills {
                let watcher = &mut province.watchers[n % 2];
                watcher.kill();
                watcher.start();
            }
            if n < intake_kills {
                province.intake.kill();
                province.intake.start();
                province.intake.wait_until_ready();
            }
        }
        for _ in 0..broker_kills {
            province.broker.kill();
            province.broker.restart();
            thread::sleep(Duration::from_millis(dice.below(700)));
        }
        let Province { intake, watchers, .. } = province;
        watchers.iter_mut().chain([intake]).for_each(Service::keep_until_ready);
    });
    judge(&province, &first, false);
    // A paused owner, a successor in its place, and the former one that wakes and goes on.
    let mut second = under_load(&mut province, seed + 1, |province, dice| {
        for _ in 0..pauses {
            thread::sleep(Duration::from_millis(dice.below(700)));
            let mut former = province.watchers.remove(0);
            former.signal("-STOP");
            let mut successor = former.again();
            successor.start();
            successor.wait_until_ready();
            former.signal("-CONT");
            thread::sleep(Duration::from_millis(500 + dice.below(700)));
            former.kill();
            province.watchers.insert(0, successor);
        }
    });
    second.0.extend(first.0);
    second.1.extend(first.1);
    judge(&province, &second, true);
}

#[test]
fn a_service_with_another_key_or_other_topics_does_not_start() {
    let Some(mut province) = Province::start(PACK) else { return };
    // Its address is free for those that must not start.
    province.watchers[0].kill();
    let watcher = &province.watchers[0];
    let (code, told) = services::refused(watcher, |text| text.replace("token.key", "none.key"));
    assert_eq!(code, 64, "{told}");
    services::make_key(&province.file("other.key"));
    let (code, told) = services::refused(watcher, |text| text.replace("token.key", "other.key"));
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("log.key"), "{told}");
    let plan = fs::read_to_string(province.file("topics.yaml")).unwrap();
    let wider = plan.replace("persons: {partitions: 2", "persons: {partitions: 3");
    fs::write(province.file("wider.yaml"), wider).unwrap();
    let (code, told) = services::refused(watcher, |text| text.replace("topics.yaml", "wider.yaml"));
    assert_eq!(code, 64, "{told}");
    assert!(told.contains("log.partitions"), "{told}");
}

#[test]
fn records_that_are_gone_before_they_were_folded_stop_the_service_by_name() {
    let Some(mut province) = Province::start(PACK) else { return };
    province.watchers.iter_mut().for_each(|watcher| watcher.kill());
    let profiles: Vec<String> =
        (0..HOUSEHOLDS).map(|n| load::profile(&mut Dice(n), n, n)).collect();
    assert!(load::send(province.intake.address, "households", &profiles, &AtomicBool::new(true)));
    let topics = province.topics();
    for partition in 0..topics.journal.partitions() {
        let end = topics.journal.end(partition).unwrap();
        assert_eq!(topics.journal.truncate_before(partition, end).unwrap(), end);
    }
    let (code, told) = services::refused(&province.watchers[0], str::to_owned);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("journal.gap"), "{told}");
}
