//! Cases that hold for every backend, through the port alone.

use super::{Outcome, Place, code, read_all, record};
use crate::{Batch, Follow, LogError, MAX_APPEND, MAX_RECORD};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A case of the port.
pub type Case = fn(&dyn Place) -> Outcome;

/// Every case with its name.
pub const CASES: &[(&str, Case)] = &[
    ("a new log is empty", new_log_is_empty),
    ("order and reopen", order_and_reopen),
    ("partitions are apart", partitions_are_apart),
    ("what is handed over stands in order", handed_over),
    ("read limits", read_limits),
    ("offsets outside are refused", offsets_outside_are_refused),
    ("sizes", sizes),
    ("concurrent appenders get dense offsets", concurrent_appenders),
    ("a waiter is woken", waiter_is_woken),
    ("a follower sees everything once", follower),
    ("wrong number of partitions", wrong_partitions),
];

const LONG: Duration = Duration::from_secs(60);

fn new_log_is_empty(place: &dyn Place) -> Outcome {
    let log = place.open(3)?;
    assert_eq!(log.partitions(), 3);
    let mut batch = Batch::new();
    batch.push(0, b"stale");
    for partition in 0..3 {
        assert_eq!((log.start(partition)?, log.end(partition)?), (0, 0));
        log.read(partition, 0, 1024, &mut batch)?;
        assert!(batch.is_empty());
        assert_eq!(log.append(partition, &[])?, 0..0);
        assert_eq!(log.wait(partition, 0, Duration::ZERO)?, 0);
    }
    Ok(())
}

fn order_and_reopen(place: &dyn Place) -> Outcome {
    let expected: Vec<_> = (0..60).map(|offset| (offset, record(offset))).collect();
    for round in 0..6 {
        let log = place.open(2)?;
        let end = round * 10;
        assert_eq!(log.end(1)?, end);
        assert_eq!(log.append(1, &[&record(end)])?, end..end + 1);
        let rest: Vec<_> = (end + 1..end + 10).map(record).collect();
        let rest: Vec<&[u8]> = rest.iter().map(Vec::as_slice).collect();
        assert_eq!(log.append(1, &rest)?, end + 1..end + 10);
        assert_eq!(read_all(&*log, 1, 4096)?, expected[..end as usize + 10]);
    }
    let log = place.open(2)?;
    assert_eq!(read_all(&*log, 1, 100)?, expected);
    Ok(())
}

fn partitions_are_apart(place: &dyn Place) -> Outcome {
    let log = place.open(4)?;
    for partition in 0..4 {
        for offset in 0..=u64::from(partition) {
            log.append(partition, &[&[partition as u8, offset as u8]])?;
        }
    }
    for partition in 0..4 {
        let expected: Vec<_> =
            (0..=u64::from(partition)).map(|o| (o, vec![partition as u8, o as u8])).collect();
        assert_eq!(read_all(&*log, partition, 4096)?, expected);
    }
    assert_eq!(code(log.append(4, &[b"x"])), "log.partition");
    assert_eq!(code(log.end(4)), "log.partition");
    Ok(())
}

fn handed_over(place: &dyn Place) -> Outcome {
    let log = place.open(2)?;
    let records: Vec<Vec<u8>> = (0..40).map(record).collect();
    let hand = |pair: &[Vec<u8>]| {
        let [one, other] = [[pair[0].as_slice()], [pair[1].as_slice()]];
        log.hand_over(&[(0, &one), (1, &other), (1, &[])])
    };
    let answers: Vec<_> = records.chunks(2).map(hand).collect();
    for (offset, answer) in (0..).zip(answers) {
        let told: Result<Vec<_>, LogError> = answer().into_iter().collect();
        let told = told?;
        assert_eq!(told[..2], [offset..offset + 1, offset..offset + 1]);
        assert!(told[2].is_empty());
    }
    for partition in 0..2 {
        let mine = records.iter().skip(partition).step_by(2).cloned();
        let expected: Vec<_> = (0..).zip(mine).collect();
        assert_eq!(read_all(&*log, partition as u32, 4096)?, expected);
    }
    let mut refused = log.hand_over(&[(2, &[b"x"])])();
    assert_eq!(refused.pop().map(code), Some("log.partition"));
    Ok(())
}

fn read_limits(place: &dyn Place) -> Outcome {
    let log = place.open(1)?;
    for length in [10, 10, 10, 200_000, 10] {
        log.append(0, &[&vec![7; length]])?;
    }
    let mut batch = Batch::new();
    for (from, limit, most) in [(0, 25, 2), (0, 0, 1), (2, 100, 1), (3, 1, 1), (3, 200_009, 1)] {
        log.read(0, from, limit, &mut batch)?;
        assert!((1..=most).contains(&batch.len()), "{from} {limit}: {}", batch.len());
        assert_eq!(batch.next_offset(), Some(from + batch.len() as u64));
    }
    log.read(0, 3, 1, &mut batch)?;
    assert_eq!(batch.iter().map(|(_, r)| r.len()).collect::<Vec<_>>(), [200_000]);
    for limit in [1, 15, 1000, 1 << 20] {
        assert_eq!(read_all(&*log, 0, limit)?.len(), 5);
    }
    Ok(())
}

fn offsets_outside_are_refused(place: &dyn Place) -> Outcome {
    let log = place.open(1)?;
    log.append(0, &[b"a", b"b"])?;
    let mut batch = Batch::new();
    batch.push(0, b"stale");
    let refused = log.read(0, 3, 10, &mut batch);
    assert_eq!(refused, Err(LogError::Offset { asked: 3, start: 0, end: 2 }));
    assert!(batch.is_empty());
    log.read(0, 2, 10, &mut batch)?;
    assert!(batch.is_empty());
    assert_eq!(code(log.truncate_before(0, 3)), "log.offset");
    let start = log.truncate_before(0, 2)?;
    assert!(start <= 2);
    assert_eq!((log.start(0)?, log.end(0)?), (start, 2));
    Ok(())
}

fn sizes(place: &dyn Place) -> Outcome {
    let log = place.open(1)?;
    assert_eq!(code(log.append(0, &[b"a", b""])), "log.empty");
    let mut large = vec![3; MAX_RECORD + 1];
    assert_eq!(code(log.append(0, &[b"a", &large])), "log.too_large");
    large.pop();
    let three = [large.as_slice(), &large, &large];
    assert!(three.iter().map(|r| r.len()).sum::<usize>() > MAX_APPEND);
    assert_eq!(code(log.append(0, &three)), "log.too_large");
    assert_eq!(log.end(0)?, 0, "a refused append leaves nothing");
    assert_eq!(log.append(0, &[b"a", &large, b"b"])?, 0..3);
    let log = {
        drop(log);
        place.open(1)?
    };
    let all = read_all(&*log, 0, 1 << 20)?;
    assert_eq!(all.iter().map(|(_, r)| r.len()).collect::<Vec<_>>(), [1, MAX_RECORD, 1]);
    assert!(all[1].1 == large);
    Ok(())
}

fn concurrent_appenders(place: &dyn Place) -> Outcome {
    const EACH: u64 = 40;
    let log = place.open(1)?;
    let answers: Vec<_> = thread::scope(|scope| {
        let log = &log;
        let appenders: Vec<_> = (0..8_u8)
            .map(|who| {
                scope.spawn(move || {
                    (0..EACH)
                        .map(|n| log.append(0, &[&[who, n as u8], &[who, n as u8, 1]]))
                        .collect::<Result<Vec<_>, _>>()
                })
            })
            .collect();
        appenders.into_iter().map(|appender| appender.join()).collect()
    });
    let all = read_all(&*log, 0, 64)?;
    assert_eq!(all.len() as u64, 8 * EACH * 2);
    for (who, answer) in answers.into_iter().enumerate() {
        let ranges = answer.map_err(|_| "an appender panicked")??;
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
        for (n, range) in ranges.into_iter().enumerate() {
            assert_eq!(range.end - range.start, 2);
            assert_eq!(all[range.start as usize].1, [who as u8, n as u8]);
            assert_eq!(all[range.start as usize + 1].1, [who as u8, n as u8, 1]);
        }
    }
    Ok(())
}

fn waiter_is_woken(place: &dyn Place) -> Outcome {
    let log = place.open(1)?;
    let woken = thread::scope(|scope| {
        let waiter = scope.spawn(|| log.wait(0, 1, LONG));
        log.append(0, &[b"a"])?;
        log.append(0, &[b"b"])?;
        waiter.join().map_err(|_| LogError::Empty)?
    })?;
    assert_eq!(woken, 2);
    assert_eq!(log.wait(0, 0, LONG)?, 2, "no sleep when there is something");
    Ok(())
}

fn follower(place: &dyn Place) -> Outcome {
    const RECORDS: u64 = 200;
    let log = place.open(1)?;
    let seen = thread::scope(|scope| {
        let mut follow = Follow::new(Arc::clone(&log), 0, 0, 100);
        let reader = scope.spawn(move || -> Result<Vec<Vec<u8>>, LogError> {
            let mut seen = Vec::new();
            while follow.position() < RECORDS {
                seen.extend(follow.next(LONG)?.iter().map(|(_, record)| record.to_vec()));
            }
            assert!(follow.next(Duration::ZERO)?.is_empty());
            Ok(seen)
        });
        for offset in 0..RECORDS {
            log.append(0, &[&record(offset)])?;
        }
        reader.join().map_err(|_| LogError::Empty)?
    })?;
    assert_eq!(seen, (0..RECORDS).map(record).collect::<Vec<_>>());
    Ok(())
}

fn wrong_partitions(place: &dyn Place) -> Outcome {
    drop(place.open(2)?);
    assert_eq!(code(place.open(3).map(drop)), "log.partitions");
    place.open(2)?;
    Ok(())
}
