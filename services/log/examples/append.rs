//! Measures the embedded log in a folder: durable appends by 1 and 8 appenders, and reading back.
//! It asserts nothing about time.
#![expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]

use log::{Batch, EmbeddedLog, Log, LogError, Settings};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

const RECORD: [u8; 1024] = [0x5A; 1024];
const SPAN: Duration = Duration::from_secs(3);
const READ_BYTES: usize = 1 << 20;
const FILL: u64 = 1 << 20;

fn main() -> Result<(), LogError> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = folder.join(format!("levee-log-{}", std::process::id()));
    let outcome = measure(&EmbeddedLog::open(&folder, &Settings::new("measured", 3))?);
    // Nothing depends on the folder any more, whatever came of the measurement.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn measure(log: &EmbeddedLog) -> Result<(), LogError> {
    for (partition, appenders) in [(0, 1), (1, 8)] {
        let begun = Instant::now();
        thread::scope(|scope| {
            let running: Vec<_> = (0..appenders)
                .map(|_| {
                    scope.spawn(|| {
                        while begun.elapsed() < SPAN {
                            log.append(partition, &[&RECORD])?;
                        }
                        Ok(())
                    })
                })
                .collect();
            running.into_iter().try_for_each(|one| one.join().unwrap_or(Err(LogError::Empty)))
        })?;
        let per_second = log.end(partition)? as f64 / begun.elapsed().as_secs_f64();
        println!("append 1 KiB, {appenders} appenders: {per_second:.0} records/s");
    }
    let group = vec![RECORD.as_slice(); 1024];
    let begun = Instant::now();
    while log.end(2)? < FILL {
        log.append(2, &group)?;
    }
    report("append 1 KiB, 1024 at once", begun.elapsed());
    let mut batch = Batch::new();
    let mut next = 0;
    let begun = Instant::now();
    while next < FILL {
        log.read(2, next, READ_BYTES, &mut batch)?;
        next = batch.next_offset().unwrap_or(next);
    }
    report("read in order", begun.elapsed());
    Ok(())
}

fn report(what: &str, took: Duration) {
    let seconds = took.as_secs_f64();
    let mega = FILL as f64 * RECORD.len() as f64 / 1e6;
    println!("{what}: {:.0} MB/s, {:.0} records/s", mega / seconds, FILL as f64 / seconds);
}
