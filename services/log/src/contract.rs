//! What every backend must do, as tests that any backend can be run through. It names no backend.

pub mod port;
pub mod storage;

use crate::{Batch, Disk, EmbeddedLog, Log, LogError, Settings};
use std::error::Error;
use std::sync::Arc;

/// A case fails by an assertion or by an error that it did not expect.
pub type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// Where one log lives; opening it again finds what was durable.
pub trait Place {
    /// Opens the log with this many partitions.
    ///
    /// # Errors
    /// The backend's.
    fn open(&self, partitions: u32) -> Result<Arc<dyn Log>, LogError>;
}

/// A disk is a place of the embedded backend.
impl Place for Arc<dyn Disk> {
    fn open(&self, partitions: u32) -> Result<Arc<dyn Log>, LogError> {
        Ok(Arc::new(EmbeddedLog::open_on(
            Self::clone(self),
            &Settings::new("journal", partitions),
        )?))
    }
}

/// Runs every case of the port, each in a new place of `make`.
pub fn run_port(make: &dyn Fn() -> Box<dyn Place>) {
    for (name, case) in port::CASES {
        let outcome = case(&*make());
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

/// Runs every case of a log on a disk, each on a new disk of `make`.
pub fn run_storage(make: &dyn Fn() -> Arc<dyn Disk>) {
    for (name, case) in storage::CASES {
        let outcome = case(&make());
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

/// All records of a partition with their offsets, read `max_bytes` at a time.
///
/// # Errors
/// The log's.
pub fn read_all(
    log: &dyn Log,
    partition: u32,
    max_bytes: usize,
) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
    let mut batch = Batch::new();
    let mut all = Vec::new();
    let mut next = log.start(partition)?;
    while next < log.end(partition)? {
        log.read(partition, next, max_bytes, &mut batch)?;
        all.extend(batch.iter().map(|(offset, record)| (offset, record.to_vec())));
        assert_eq!(batch.iter().next().map(|(offset, _)| offset), Some(next), "a gap");
        next = batch.next_offset().unwrap_or(next);
    }
    Ok(all)
}

/// The code of a call that must fail.
pub(crate) fn code<T>(result: Result<T, LogError>) -> &'static str {
    result.map_or_else(|error| error.code(), |_| "no error")
}

/// The record that test cases write at `offset`: told apart by content, of changing length.
pub(crate) fn record(offset: u64) -> Vec<u8> {
    let length = 8 + (offset * 37 % 61) as usize;
    offset.to_le_bytes().into_iter().cycle().take(length).collect()
}
