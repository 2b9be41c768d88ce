//! `kill -9` of the broker while records are appended: what was confirmed is there once, in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use log::contract::read_all;
use log::{Log, LogError};
use log_kafka::{KafkaLog, Settings};
use test_broker::Broker;

use crate::{connect, made};

const KILLS: usize = 3;

#[test]
fn what_was_confirmed_survives_the_brokers_death_once_and_in_order() {
    let Some(mut broker) = Broker::start() else { return };
    let cluster = connect(&broker.address());
    made(&cluster, "journal", 1);
    let log = KafkaLog::open(&cluster, &Settings::new("journal", 1)).unwrap();
    let over = AtomicBool::new(false);
    let answers = thread::scope(|scope| {
        let appender = scope.spawn(|| {
            let mut answers = Vec::new();
            while !over.load(Ordering::Acquire) {
                let n = answers.len() as u64;
                let records = [(2 * n).to_le_bytes(), (2 * n + 1).to_le_bytes()];
                answers.push(log.append(0, &[&records[0], &records[1]]));
            }
            answers
        });
        for _ in 0..KILLS {
            let before = log.end(0).unwrap();
            while log.end(0).unwrap() < before + 200 {
                thread::sleep(Duration::from_millis(5));
            }
            broker.kill();
            broker.restart();
        }
        over.store(true, Ordering::Release);
        appender.join().unwrap()
    });
    let found = read_all(&log, 0, 1 << 16).unwrap();
    let number = |record: &[u8]| u64::from_le_bytes(record.try_into().unwrap());
    let numbers: Vec<u64> = found.iter().map(|(_, record)| number(record)).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "nothing twice, nothing out of order");
    assert!(answers.len() > KILLS * 100);
    for (n, answer) in (0..).zip(answers) {
        match answer {
            Ok(range) => {
                let at = range.start as usize;
                assert_eq!(numbers[at..at + 2], [2 * n, 2 * n + 1], "append {n}");
            }
            Err(LogError::Unconfirmed { .. }) => {}
            Err(error) => {
                assert!(!numbers.contains(&(2 * n)), "append {n} was refused: {error}");
            }
        }
    }
}
