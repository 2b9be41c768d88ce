//! The contract in memory, and crashes in every state that a seed can reach.

use super::seeded::Seeded;
use super::{DiskFaults, Faults, SimulatedDisk, SimulatedLog};
use crate::contract::{self, Place, read_all};
use crate::{Log, LogError, Settings};
use std::collections::BTreeSet;
use std::sync::Arc;

struct Memory(SimulatedDisk);

impl Place for Memory {
    fn open(&self, partitions: u32) -> Result<Arc<dyn Log>, LogError> {
        let settings = Settings::new("journal", partitions);
        Ok(Arc::new(SimulatedLog::open(&self.0, &settings, Faults::default())?))
    }
}

#[test]
fn the_port_contract_holds_in_memory() {
    contract::run_port(&|| Box::new(Memory(SimulatedDisk::new(3))));
}

#[test]
fn the_storage_contract_holds_in_memory() {
    contract::run_storage(&|| SimulatedDisk::new(4).mount());
}

/// What one run under faults came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Report {
    answers: Vec<&'static str>,
    records: Vec<(u64, Vec<u8>)>,
    torn: usize,
    trace: u64,
}

fn check(log: &SimulatedLog, acknowledged: &[(u64, Vec<u8>)], refused: &BTreeSet<Vec<u8>>) {
    let all = read_all(log, 0, 700).unwrap();
    for (offset, record) in acknowledged {
        assert_eq!(all.get(*offset as usize), Some(&(*offset, record.clone())), "lost");
    }
    let mut seen = BTreeSet::new();
    for (_, record) in &all {
        assert!(!refused.contains(record), "a refused record is in the log");
        assert!(seen.insert(record.clone()), "a record is there twice");
    }
}

/// Appends, crashes and reopens by the seed, with every fault, and checks after each crash.
fn run(seed: u64) -> Report {
    let disk = SimulatedDisk::new(seed);
    let mut seeded = Seeded::new(!seed);
    let settings = Settings { segment_bytes: 2000, ..Settings::new("journal", 1) };
    let faults = Faults { refused: 50, ack_lost: 50, late: 50 };
    let mut acknowledged = Vec::new();
    let mut refused = BTreeSet::new();
    let mut report = Report::default();
    let mut count = 0_u64;
    for _ in 0..6 {
        disk.set_faults(DiskFaults::default());
        let open = || SimulatedLog::open(&disk, &settings, faults);
        // The crash that was set may come while the log is closed or opened.
        let log = open().or_else(|_| open()).unwrap();
        report.torn += log.torn().len();
        check(&log, &acknowledged, &refused);
        if seeded.coin() {
            disk.crash_after(seeded.below(40));
        }
        for _ in 0..seeded.below(25) {
            let capacity = (seeded.below(4) == 0).then_some(4000);
            disk.set_faults(DiskFaults { write: 60, sync: 60, capacity });
            let records: Vec<Vec<u8>> = (0..=seeded.below(3))
                .map(|_| {
                    count += 1;
                    let length = 8 + seeded.below(1500) as usize;
                    count.to_le_bytes().into_iter().cycle().take(length).collect()
                })
                .collect();
            let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            match log.append(0, &slices) {
                Ok(range) => {
                    report.answers.push("ok");
                    acknowledged.extend(range.zip(records));
                }
                Err(error) => {
                    report.answers.push(error.code());
                    if !matches!(error, LogError::Unconfirmed { .. }) {
                        refused.extend(records);
                    }
                }
            }
        }
        if seeded.coin() {
            disk.crash();
            assert_eq!(log.append(0, &[b"x"]).map_err(|e| e.code().starts_with("log.")), Err(true));
        } else {
            drop(log);
        }
    }
    disk.set_faults(DiskFaults::default());
    let open = || SimulatedLog::open(&disk, &settings, Faults::default());
    let log = open().or_else(|_| open()).unwrap();
    check(&log, &acknowledged, &refused);
    report.torn += log.torn().len();
    report.records = read_all(&log, 0, 10_000).unwrap();
    report.trace = disk.trace();
    report
}

#[test]
fn no_acknowledged_record_is_lost_and_no_refused_one_appears() {
    let mut answers = BTreeSet::new();
    let mut torn = 0;
    for seed in 0..400 {
        let report = run(seed);
        answers.extend(report.answers);
        torn += report.torn;
    }
    let expected = ["log.full", "log.io", "log.unconfirmed", "ok"];
    assert_eq!(answers.into_iter().collect::<Vec<_>>(), expected, "every fate was met");
    assert!(torn > 0, "some crash tore a write");
}

#[test]
fn one_seed_gives_one_history() {
    for seed in [1, 77, 4096] {
        assert_eq!(run(seed), run(seed));
    }
    assert_ne!(run(1).trace, run(2).trace);
}

#[test]
fn a_lost_answer_and_a_late_append_are_in_the_log_in_the_end() {
    let settings = Settings::new("journal", 1);
    for faults in
        [Faults { ack_lost: 1000, ..Faults::default() }, Faults { late: 1000, ..Faults::default() }]
    {
        let disk = SimulatedDisk::new(5);
        let log = SimulatedLog::open(&disk, &settings, faults).unwrap();
        let answer = log.append(0, &[b"once"]).map_err(|error| error.code());
        assert_eq!(answer, Err("log.unconfirmed"));
        let calls = (0..20).take_while(|_| log.end(0).unwrap() == 0).count();
        assert_eq!(calls == 0, faults.ack_lost > 0, "late is later than lost");
        assert_eq!(read_all(&log, 0, 100).unwrap(), [(0, b"once".to_vec())]);
    }
}

#[test]
fn a_crash_while_the_log_is_made_leaves_a_log_that_opens() {
    let settings = Settings::new("journal", 3);
    for seed in 0..200 {
        let disk = SimulatedDisk::new(seed);
        let mut seeded = Seeded::new(seed);
        disk.set_faults(DiskFaults { write: 300, sync: 300, capacity: None });
        for _ in 0..seeded.below(3) {
            disk.crash_after(seeded.below(20));
            drop(SimulatedLog::open(&disk, &settings, Faults::default()));
            disk.crash();
        }
        disk.set_faults(DiskFaults::default());
        let log = SimulatedLog::open(&disk, &settings, Faults::default()).unwrap();
        assert_eq!(log.append(2, &[b"x"]), Ok(0..1));
    }
}

#[test]
fn what_a_killed_process_wrote_is_made_durable_before_it_is_shown() {
    let settings = Settings::new("journal", 1);
    for seed in 0..20 {
        let disk = SimulatedDisk::new(seed);
        let open = || SimulatedLog::open(&disk, &settings, Faults::default()).unwrap();
        drop(open());
        let segment = disk.mount().create("0000/00000000000000000000.seg").unwrap();
        let record =
            [4, 0, 0, 0].into_iter().chain(crc32c::crc32c(b"\x04\0\0\0kill").to_le_bytes());
        segment.write_at(0, &record.chain(*b"kill").collect::<Vec<_>>()).unwrap();
        let log = open();
        assert_eq!(read_all(&log, 0, 100).unwrap(), [(0, b"kill".to_vec())]);
        disk.crash();
        drop(log);
        assert_eq!(read_all(&open(), 0, 100).unwrap(), [(0, b"kill".to_vec())]);
    }
}

#[test]
fn a_crash_after_retention_leaves_no_gap() {
    let settings = Settings { segment_bytes: 1, ..Settings::new("journal", 1) };
    for seed in 0..60 {
        let disk = SimulatedDisk::new(seed);
        let open = || SimulatedLog::open(&disk, &settings, Faults::default()).unwrap();
        let log = open();
        for offset in 0..10_u8 {
            log.append(0, &[&[offset]]).unwrap();
        }
        disk.crash_after(seed % 20);
        let _ = log.truncate_before(0, 9);
        disk.crash();
        drop(log);
        let log = open();
        let expected: Vec<_> = (log.start(0).unwrap()..10).map(|o| (o, vec![o as u8])).collect();
        assert_eq!(read_all(&log, 0, 100).unwrap(), expected);
    }
}

#[test]
fn appends_larger_than_a_group_together_wait_for_their_turn() {
    let disk = SimulatedDisk::new(6);
    let log = SimulatedLog::open(&disk, &Settings::new("journal", 1), Faults::default()).unwrap();
    let large = vec![1; 20 << 20];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| log.append(0, &[&large, &large]).unwrap());
        }
    });
    assert_eq!(log.end(0), Ok(8));
}
