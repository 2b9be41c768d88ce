//! Cases for a log on a disk: what a crash, a full disk or a flipped bit may and may not do.

use super::{Outcome, code, read_all, record};
use crate::{Batch, Disk, EmbeddedLog, Log, LogError, Settings, Torn, Verify};
use metered::Metered;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

mod metered;

/// A case of a log on a disk.
pub type Case = fn(&Arc<dyn Disk>) -> Outcome;

/// Every case with its name.
pub const CASES: &[(&str, Case)] = &[
    ("a torn tail is cut wherever it is torn", torn_at_every_byte),
    ("zeros behind the end are cut", zeros_behind_the_end),
    ("a flipped byte is damage, never skipped", flipped_byte),
    ("damage in an earlier segment is found when read", damage_in_earlier_segment),
    ("a missing segment is damage", missing_segment),
    ("a segment under another name is damage", misnamed_segment),
    ("a full disk refuses and recovers", full_disk),
    ("a full disk at a new segment", full_disk_at_new_segment),
    ("a failed sync is never acknowledged", failed_sync),
    ("a failed cut holds the partition until it works", failed_cut),
    ("the folder is locked", locked),
    ("topic, key and version are compared", header_is_compared),
    ("concurrent appenders share syncs", shared_syncs),
    ("retention removes whole segments", retention),
    ("reading takes few calls", few_calls),
];

const SEGMENT: &str = "0000/00000000000000000000.seg";

fn settings(segment_bytes: u64) -> Settings {
    Settings { segment_bytes, ..Settings::new("journal", 1) }
}

fn open(disk: &Arc<dyn Disk>, segment_bytes: u64) -> Result<EmbeddedLog, LogError> {
    EmbeddedLog::open_on(Arc::clone(disk), &settings(segment_bytes))
}

fn append_from(log: &dyn Log, from: u64, to: u64) -> Result<(), LogError> {
    for offset in from..to {
        assert_eq!(log.append(0, &[&record(offset)])?, offset..offset + 1);
    }
    Ok(())
}

fn expect_records(log: &dyn Log, from: u64, to: u64) -> Outcome {
    let expected: Vec<_> = (from..to).map(|offset| (offset, record(offset))).collect();
    assert_eq!(read_all(log, 0, 300)?, expected);
    Ok(())
}

fn content(disk: &Arc<dyn Disk>, name: &str) -> Result<Vec<u8>, std::io::Error> {
    let file = disk.open(name)?;
    let mut bytes = vec![0; file.len()? as usize];
    file.read_at(0, &mut bytes)?;
    Ok(bytes)
}

fn replace(disk: &Arc<dyn Disk>, name: &str, bytes: &[u8]) -> Result<(), std::io::Error> {
    let file = disk.create(name)?;
    file.write_at(0, bytes)?;
    file.sync()
}

fn torn_at_every_byte(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 1 << 20)?;
    append_from(&log, 0, 3)?;
    let before = disk.open(SEGMENT)?.len()?;
    append_from(&log, 3, 4)?;
    let after = disk.open(SEGMENT)?.len()?;
    drop(log);
    let whole = content(disk, SEGMENT)?;
    for cut in before..=after {
        replace(disk, SEGMENT, &whole[..cut as usize])?;
        let log = open(disk, 1 << 20)?;
        let kept = if cut == after { 4 } else { 3 };
        expect_records(&log, 0, kept)?;
        // A cut behind the group's mark leaves the mark, which is sound.
        let sound = if cut < before + 24 { before } else { before + 24 };
        let facts: Vec<_> = log.torn().iter().map(|t| (t.position, t.offset, t.bytes)).collect();
        if cut == sound || cut == after {
            assert_eq!(facts, []);
        } else {
            assert_eq!(facts, [(sound, 3, cut - sound)]);
        }
        append_from(&log, kept, 6)?;
        drop(log);
        expect_records(&open(disk, 1 << 20)?, 0, 6)?;
    }
    Ok(())
}

fn zeros_behind_the_end(disk: &Arc<dyn Disk>) -> Outcome {
    append_from(&open(disk, 1 << 20)?, 0, 3)?;
    let mut bytes = content(disk, SEGMENT)?;
    let position = bytes.len() as u64;
    bytes.resize(bytes.len() + 5000, 0);
    replace(disk, SEGMENT, &bytes)?;
    let log = open(disk, 1 << 20)?;
    let segment = "00000000000000000000.seg".to_owned();
    assert_eq!(log.torn(), [Torn { partition: 0, segment, position, offset: 3, bytes: 5000 }]);
    expect_records(&log, 0, 3)
}

fn flipped_byte(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 1 << 20)?;
    append_from(&log, 0, 3)?;
    drop(log);
    let whole = content(disk, SEGMENT)?;
    // The last 24 bytes are the mark of the orderly end: nothing stands behind it.
    for at in 0..whole.len() - 24 {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        replace(disk, SEGMENT, &bytes)?;
        let error = open(disk, 1 << 20).err();
        assert!(
            matches!(&error, Some(LogError::Corrupt { partition: 0, segment, position, .. })
                if segment == "00000000000000000000.seg" && *position <= at as u64),
            "byte {at}: {error:?}"
        );
        assert_eq!(content(disk, SEGMENT)?, bytes, "a damaged segment is left as it is");
    }
    Ok(())
}

fn damage_in_earlier_segment(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 200)?;
    append_from(&log, 0, 20)?;
    drop(log);
    let mut bytes = content(disk, SEGMENT)?;
    // Behind mark, record 0 and the next mark stands record 1.
    let at = 24 + 8 + record(0).len() + 24;
    bytes[at + 8] ^= 1;
    replace(disk, SEGMENT, &bytes)?;
    let all = Settings { verify: Verify::All, ..settings(200) };
    assert_eq!(code(EmbeddedLog::open_on(Arc::clone(disk), &all)), "log.corrupt");

    let log = open(disk, 200)?;
    let mut batch = Batch::new();
    log.read(0, 0, 10_000, &mut batch)?;
    assert_eq!(batch.next_offset(), Some(1), "what is sound before it is given");
    let damage = LogError::Corrupt {
        partition: 0,
        segment: "00000000000000000000.seg".into(),
        position: at as u64,
        offset: 1,
    };
    for _ in 0..2 {
        assert_eq!(log.read(0, 1, 10_000, &mut batch), Err(damage.clone()));
        assert!(batch.is_empty());
    }
    append_from(&log, 20, 21)?;
    log.read(0, 20, 10_000, &mut batch)?;
    assert_eq!(batch.next_offset(), Some(21));
    Ok(())
}

fn missing_segment(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 200)?;
    append_from(&log, 0, 20)?;
    drop(log);
    let mut names = disk.list("0000")?;
    names.sort();
    disk.remove(&format!("0000/{}", names[1]))?;
    let log = open(disk, 200)?;
    assert_eq!(code(read_all(&log, 0, 10_000)), "log.corrupt");
    Ok(())
}

fn full_disk(disk: &Arc<dyn Disk>) -> Outcome {
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1 << 20)?;
    append_from(&log, 0, 3)?;
    let before = content(disk, SEGMENT)?;
    for room in [0, 1, 24, 30, 60] {
        metered.room.store(room, Ordering::Relaxed);
        assert_eq!(code(log.append(0, &[&record(3), &record(4)])), "log.full");
        expect_records(&log, 0, 3)?;
        assert_eq!(content(disk, SEGMENT)?, before, "nothing of it stays in the file");
    }
    metered.room.store(u64::MAX, Ordering::Relaxed);
    append_from(&log, 3, 6)?;
    drop(log);
    let log = open(disk, 1 << 20)?;
    assert_eq!(log.torn(), []);
    expect_records(&log, 0, 6)
}

fn full_disk_at_new_segment(disk: &Arc<dyn Disk>) -> Outcome {
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1)?;
    append_from(&log, 0, 2)?;
    metered.room.store(0, Ordering::Relaxed);
    for _ in 0..2 {
        assert_eq!(code(log.append(0, &[&record(2)])), "log.full");
    }
    expect_records(&log, 0, 2)?;
    metered.room.store(u64::MAX, Ordering::Relaxed);
    append_from(&log, 2, 4)?;
    drop(log);
    expect_records(&open(disk, 1)?, 0, 4)
}

fn failed_sync(disk: &Arc<dyn Disk>) -> Outcome {
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1 << 20)?;
    append_from(&log, 0, 3)?;
    metered.failing_syncs.store(1, Ordering::Relaxed);
    assert_eq!(code(log.append(0, &[&record(3)])), "log.io");
    expect_records(&log, 0, 3)?;
    append_from(&log, 3, 5)?;
    expect_records(&log, 0, 5)
}

fn failed_cut(disk: &Arc<dyn Disk>) -> Outcome {
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1 << 20)?;
    append_from(&log, 0, 3)?;
    for (syncs, cuts, refused) in [(2, 0, false), (3, 0, true), (1, 1, false), (1, 2, true)] {
        let end = log.end(0)?;
        metered.failing_syncs.store(syncs, Ordering::Relaxed);
        metered.failing_cuts.store(cuts, Ordering::Relaxed);
        let long = vec![9; 5000];
        assert_eq!(code(log.append(0, &[&record(end), &long])), "log.unconfirmed");
        if refused {
            assert_eq!(code(log.append(0, &[&record(end)])), "log.io");
        }
        expect_records(&log, 0, end)?;
        append_from(&log, end, end + 1)?;
        assert!(disk.open(SEGMENT)?.len()? < 1000, "the failed write is cut before the next");
    }
    drop(log);
    let log = open(disk, 1 << 20)?;
    assert_eq!(log.torn(), []);
    expect_records(&log, 0, 7)
}

fn misnamed_segment(disk: &Arc<dyn Disk>) -> Outcome {
    append_from(&open(disk, 1 << 20)?, 0, 1)?;
    let bytes = content(disk, SEGMENT)?;
    // Without the mark of the orderly end: one group, as after a kill.
    replace(disk, SEGMENT, &bytes[..bytes.len() - 24])?;
    let other = "0000/00000000000000000007.seg";
    disk.rename(SEGMENT, other)?;
    assert_eq!(code(open(disk, 1 << 20)), "log.corrupt");
    assert_eq!(content(disk, other)?.len(), bytes.len() - 24, "nothing is cut");
    Ok(())
}

fn locked(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 1 << 20)?;
    assert_eq!(code(open(disk, 1 << 20)), "log.locked");
    drop(log);
    open(disk, 1 << 20)?;
    Ok(())
}

fn header_is_compared(disk: &Arc<dyn Disk>) -> Outcome {
    let keyed = Settings { key: Some([7; 16]), ..settings(1 << 20) };
    let try_open = |settings: &Settings| code(EmbeddedLog::open_on(Arc::clone(disk), settings));
    assert_eq!(try_open(&Settings { partitions: Some(0), ..keyed.clone() }), "log.partitions");
    assert_eq!(try_open(&Settings { topic: String::new(), ..keyed.clone() }), "log.topic");
    assert_eq!(try_open(&keyed), "no error");
    assert_eq!(try_open(&Settings { partitions: None, ..keyed.clone() }), "no error");
    assert_eq!(try_open(&Settings { key: None, ..keyed.clone() }), "log.key");
    assert_eq!(try_open(&Settings { key: Some([8; 16]), ..keyed.clone() }), "log.key");
    assert_eq!(try_open(&Settings { topic: "alerts".into(), ..keyed.clone() }), "log.topic");
    assert_eq!(try_open(&Settings { partitions: Some(2), ..keyed.clone() }), "log.partitions");
    let header = content(disk, "header")?;
    let mut newer = header.clone();
    newer[8] = 2;
    replace(disk, "header", &newer)?;
    assert_eq!(try_open(&keyed), "log.version");
    replace(disk, "header", &header[..30])?;
    assert_eq!(try_open(&keyed), "log.corrupt");
    replace(disk, "header", &header)?;
    let log = EmbeddedLog::open_on(Arc::clone(disk), &keyed)?;
    log.append(0, &[b"x"])?;
    drop(log);
    disk.remove("header")?;
    assert_eq!(try_open(&keyed), "log.corrupt", "segments without a header");
    Ok(())
}

fn shared_syncs(disk: &Arc<dyn Disk>) -> Outcome {
    const THREADS: u64 = 8;
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1 << 20)?;
    append_from(&log, 0, 1)?;
    let before = metered.syncs.load(Ordering::Relaxed);
    metered.hold_syncs();
    thread::scope(|scope| {
        let appenders: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| log.append(0, &[b"together"]))).collect();
        // Everyone but the first leader queues up behind the sync that is held.
        metered.release_after_queued(&log, THREADS);
        appenders.into_iter().try_for_each(|a| a.join().map_err(|_| LogError::Empty)?.map(drop))
    })?;
    let syncs = metered.syncs.load(Ordering::Relaxed) - before;
    assert_eq!(syncs, 2, "one for the first leader, one for everyone behind it");
    assert_eq!(log.end(0)?, 1 + THREADS);
    Ok(())
}

fn retention(disk: &Arc<dyn Disk>) -> Outcome {
    let log = open(disk, 200)?;
    append_from(&log, 0, 30)?;
    let files = disk.list("0000")?.len();
    assert!(files > 5);
    for offset in 0..15 {
        assert!(log.truncate_before(0, offset)? <= offset);
    }
    let start = log.truncate_before(0, 15)?;
    assert!((1..=15).contains(&start), "{start}");
    assert_eq!(log.truncate_before(0, 15)?, start);
    assert!(disk.list("0000")?.len() < files);
    let mut batch = Batch::new();
    let refused = log.read(0, start - 1, 10, &mut batch);
    assert_eq!(refused, Err(LogError::Offset { asked: start - 1, start, end: 30 }));
    expect_records(&log, start, 30)?;
    drop(log);
    let log = open(disk, 200)?;
    assert_eq!((log.start(0)?, log.end(0)?), (start, 30));
    let last = log.truncate_before(0, 30)?;
    assert!(last <= 30);
    append_from(&log, 30, 31)?;
    drop(log);
    expect_records(&open(disk, 200)?, last, 31)
}

fn few_calls(disk: &Arc<dyn Disk>) -> Outcome {
    let metered = Metered::new(disk);
    let log = open(&metered.disk(), 1 << 30)?;
    let kib = vec![5; 1024];
    let group = vec![kib.as_slice(); 1024];
    for _ in 0..4 {
        log.append(0, &group)?;
    }
    let before = metered.reads.load(Ordering::Relaxed);
    assert_eq!(read_all(&log, 0, 1 << 20)?.len(), 4096);
    let in_order = metered.reads.load(Ordering::Relaxed) - before;
    assert!(in_order <= 6, "{in_order} reads in order");
    let mut batch = Batch::new();
    let before = metered.read_bytes.load(Ordering::Relaxed);
    for from in [3000, 17, 4095, 1024] {
        log.read(0, from, 1, &mut batch)?;
        assert_eq!(batch.iter().next().map(|(offset, _)| offset), Some(from));
    }
    let bytes = metered.read_bytes.load(Ordering::Relaxed) - before;
    assert!(bytes <= 4 * 4 * (64 << 10), "{bytes} bytes for four places");
    Ok(())
}
