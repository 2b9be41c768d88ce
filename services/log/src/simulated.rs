//! The log under a seeded adversary: the embedded code over a disk in memory, and answers that
//! lie as a broker's may. It knows no wall clock and no randomness but its seed's.

mod disk;
mod seeded;

pub use disk::{DiskFaults, SimulatedDisk};

use crate::embedded::check_sizes;
use crate::{Batch, EmbeddedLog, Log, LogError, Settings, Torn};
use seeded::Seeded;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many of 1000 appends meet which fate; the rest is answered truly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Refused with `log.io`; the records are nowhere.
    pub refused: u32,
    /// Durable, but answered with `log.unconfirmed`.
    pub ack_lost: u32,
    /// Answered with `log.unconfirmed`; durable a few calls later, unless the log is closed or
    /// crashes before.
    pub late: u32,
}

/// A late append lands after at most this many further calls.
const LATEST: u64 = 8;

/// A log on a [`SimulatedDisk`]. One thread and one seed give the same answers and bytes always.
pub struct SimulatedLog {
    inner: EmbeddedLog,
    faults: Faults,
    fate: Mutex<Fate>,
}

struct Fate {
    seeded: Seeded,
    late: Vec<Late>,
}

struct Late {
    partition: u32,
    calls_left: u64,
    records: Vec<Vec<u8>>,
}

impl SimulatedLog {
    /// Opens the log on `disk` as it is now; after [`SimulatedDisk::crash`] it is of no use any
    /// more and another one can be opened.
    ///
    /// # Errors
    /// As for [`EmbeddedLog::open`].
    pub fn open(
        disk: &SimulatedDisk,
        settings: &Settings,
        faults: Faults,
    ) -> Result<Self, LogError> {
        let inner = EmbeddedLog::open_on(disk.mount(), settings)?;
        let fate = Fate { seeded: disk.fork(), late: Vec::new() };
        Ok(Self { inner, faults, fate: Mutex::new(fate) })
    }

    /// What was cut off when the log was opened.
    #[must_use]
    pub fn torn(&self) -> &[Torn] {
        self.inner.torn()
    }

    fn fate(&self) -> std::sync::MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and lands what is due.
    fn called(&self) {
        let mut due = Vec::new();
        self.fate().late.retain_mut(|late| {
            late.calls_left -= 1;
            if late.calls_left == 0 {
                due.push((late.partition, std::mem::take(&mut late.records)));
            }
            late.calls_left > 0
        });
        for (partition, records) in due {
            let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            // Nobody waits for the answer: the append was reported as unconfirmed.
            let _ = self.inner.append(partition, &records);
        }
    }
}

impl Log for SimulatedLog {
    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        self.called();
        check_sizes(records)?;
        self.inner.end(partition)?;
        let Faults { refused, ack_lost, late } = self.faults;
        let mut fate = self.fate();
        let drawn = fate.seeded.below(1000) as u32;
        let unconfirmed = |what: &str| LogError::Unconfirmed { detail: what.to_owned() };
        if drawn < refused {
            return Err(LogError::Io { action: "appending", detail: "refused".to_owned() });
        }
        if drawn < refused + ack_lost {
            drop(fate);
            return Err(match self.inner.append(partition, records) {
                Ok(_) => unconfirmed("the answer was lost"),
                Err(error) => error,
            });
        }
        if drawn < refused + ack_lost + late {
            let calls_left = 1 + fate.seeded.below(LATEST);
            let records = records.iter().map(|record| record.to_vec()).collect();
            fate.late.push(Late { partition, calls_left, records });
            return Err(unconfirmed("no answer in time"));
        }
        drop(fate);
        self.inner.append(partition, records)
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        self.called();
        self.inner.read(partition, from, max_bytes, into)
    }

    fn start(&self, partition: u32) -> Result<u64, LogError> {
        self.called();
        self.inner.start(partition)
    }

    fn end(&self, partition: u32) -> Result<u64, LogError> {
        self.called();
        self.inner.end(partition)
    }

    fn wait(&self, partition: u32, after: u64, timeout: Duration) -> Result<u64, LogError> {
        self.called();
        self.inner.wait(partition, after, timeout)
    }

    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError> {
        self.called();
        self.inner.truncate_before(partition, offset)
    }
}

#[cfg(test)]
mod tests;
