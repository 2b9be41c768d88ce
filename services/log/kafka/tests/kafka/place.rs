//! Where a reader stands and where it may not: bounds that moved, topics that are not what was
//! expected, lanes that are full.

use log::contract::read_all;
use log::{Batch, Log, LogError};
use log_kafka::{KafkaLog, Settings, header_of};

use crate::{cluster, fresh, made};

fn code<T>(result: Result<T, LogError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "no error")
}

#[test]
fn a_topic_that_is_not_what_was_expected_is_refused_by_name() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("expected");
    let open = |settings: &Settings| KafkaLog::open(cluster, settings).map(drop);
    let settings = Settings { key: Some([7; 16]), ..Settings::new(&topic, 2) };
    assert_eq!(code(open(&settings)), "log.topic", "a topic that nobody made is not made");
    assert_eq!(code(cluster.partitions_of(&topic)), "log.topic", "not even by asking");
    made(cluster, &topic, 2);
    assert_eq!(header_of(cluster, &topic), Ok(None));
    assert_eq!(code(open(&Settings { partitions: Some(3), ..settings.clone() })), "log.partitions");
    open(&settings).unwrap();
    open(&Settings { partitions: None, ..settings.clone() }).unwrap();
    assert_eq!(code(open(&Settings { key: Some([8; 16]), ..settings.clone() })), "log.key");
    assert_eq!(code(open(&Settings { key: None, ..settings })), "log.key");
    let header = header_of(cluster, &topic).unwrap().unwrap();
    assert_eq!((header.partitions, header.key), (2, Some([7; 16])));
}

#[test]
fn records_that_went_before_they_were_read_are_never_skipped() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("retention");
    made(cluster, &topic, 1);
    let open = || KafkaLog::open(cluster, &Settings::new(&topic, 1)).unwrap();
    let log = open();
    let records: Vec<[u8; 1]> = (0..20).map(|n| [n]).collect();
    for record in &records {
        log.append(0, &[record]).unwrap();
    }
    let mut batch = Batch::new();
    let stopped = open();
    stopped.read(0, 0, 1, &mut batch).unwrap();
    assert_eq!(log.truncate_before(0, 15), Ok(15));
    let gone = Err(LogError::Offset { asked: 3, start: 15, end: 20 });
    assert_eq!(open().read(0, 3, 100, &mut batch), gone);
    // A reader that stands there goes on as far as its lane reaches, and is then told.
    let mut next = batch.next_offset().unwrap_or(1);
    let told = loop {
        match stopped.read(0, next, 1, &mut batch) {
            Ok(()) if batch.is_empty() => break None,
            Ok(()) => next = batch.next_offset().unwrap(),
            Err(error) => break Some(error.code()),
        }
    };
    assert!(told == Some("log.offset") || next == 20, "{told:?} at {next}");
    assert_eq!(read_all(&open(), 0, 100).unwrap().len(), 5);
    assert_eq!(code(log.truncate_before(0, 21)), "log.offset");
}

#[test]
fn a_topic_that_lost_its_end_is_told_of() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("cut");
    made(cluster, &topic, 1);
    let log = KafkaLog::open(cluster, &Settings::new(&topic, 1)).unwrap();
    log.append(0, &[b"a", b"b"]).unwrap();
    let mut batch = Batch::new();
    // What a reader remembers of a topic that was made anew with fewer records.
    let lost = Err(LogError::Offset { asked: 7, start: 0, end: 2 });
    assert_eq!(log.read(0, 7, 100, &mut batch), lost);
}

#[test]
fn a_full_lane_holds_up_neither_itself_nor_others() {
    let Some(cluster) = cluster() else { return };
    const RECORDS: u64 = 60;
    let topic = fresh("lanes");
    made(cluster, &topic, 3);
    let log = KafkaLog::open(cluster, &Settings::new(&topic, 3)).unwrap();
    let record: Vec<u8> = (0..1_u32 << 20).map(|n| (n * 31 % 251) as u8).collect();
    for partition in 0..3 {
        for _ in 0..RECORDS / 10 {
            log.append(partition, &[record.as_slice(); 10]).unwrap();
        }
    }
    let mut batch = Batch::new();
    // The first lane is left full while the others are read to their ends.
    for partition in [0, 1, 2, 0] {
        let mut seen = 0;
        let mut next = 0;
        let stop = if partition == 0 && batch.is_empty() { 1 } else { RECORDS };
        while seen < stop {
            log.read(partition, next, 3 << 20, &mut batch).unwrap();
            for (offset, found) in batch.iter() {
                assert_eq!((offset, found.len()), (seen, record.len()));
                assert!(found == record.as_slice());
                seen += 1;
            }
            next = seen;
        }
    }
}

#[test]
fn two_readers_at_two_places_of_a_partition_both_arrive() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("two");
    made(cluster, &topic, 1);
    let log = KafkaLog::open(cluster, &Settings::new(&topic, 1)).unwrap();
    let append = |n: u32| log.append(0, &[&n.to_le_bytes()]).unwrap();
    for n in 0..50 {
        append(n);
    }
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| log.wait(0, 50, std::time::Duration::from_secs(60)));
        for _ in 0..5 {
            assert_eq!(read_all(&log, 0, 40).unwrap().len(), 50);
        }
        append(50);
        assert_eq!(waiter.join().unwrap(), Ok(51));
    });
}
