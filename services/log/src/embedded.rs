//! The log as append files in a folder of its own: no broker, one process. It knows no record's
//! meaning and no clock.

mod header;
mod partition;
mod reader;
mod record;
mod scan;
mod tail;

use crate::{Batch, Disk, Log, LogError, MAX_APPEND, MAX_RECORD, RealDisk};
use partition::Partition;
pub(crate) use record::u32_at;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Partitions of a new log when the caller does not say.
pub const DEFAULT_PARTITIONS: u32 = 32;

/// A segment that has reached this many bytes (64 MiB) is followed by a new one.
pub const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;

/// How to open a log.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the topic, 1 to 249 bytes; compared with the header.
    pub topic: String,
    /// Number of partitions; `None` takes the header's, or [`DEFAULT_PARTITIONS`] for a new log.
    pub partitions: Option<u32>,
    /// Fingerprint of the key that seals the records; compared with the header.
    pub key: Option<[u8; 16]>,
    /// Size in bytes at which a segment is full; it is passed by at most one commit group.
    pub segment_bytes: u64,
    /// How much is checked when the log is opened.
    pub verify: Verify,
}

impl Settings {
    /// Settings for a topic with `partitions` partitions and defaults for the rest.
    #[must_use]
    pub fn new(topic: &str, partitions: u32) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions: Some(partitions),
            key: None,
            segment_bytes: DEFAULT_SEGMENT_BYTES,
            verify: Verify::Tail,
        }
    }
}

/// How much is checked when a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// The last segment of each partition; the others when they are read.
    Tail,
    /// Every byte.
    All,
}

/// A file of a log as far as it is sound, for who copies a folder beside its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// Path below the log's folder, with `/`.
    pub name: String,
    /// Bytes from the file's begin; 0 also where there is no such file yet.
    pub bytes: u64,
}

/// A fact, not an error: an unconfirmed write at the end of a partition was cut off at open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// Partition.
    pub partition: u32,
    /// Name of the segment file.
    pub segment: String,
    /// Byte position of the cut, which is the file's new length.
    pub position: u64,
    /// Offset of the first record that was cut off.
    pub offset: u64,
    /// Bytes that were cut off.
    pub bytes: u64,
}

impl Torn {
    /// The stable code of this fact.
    pub const CODE: &'static str = "log.torn";
}

/// A log in a folder.
///
/// Concurrent appenders of a partition share syncs: the first one writes for all who came while
/// the write before was under way. Dropping the log marks each partition's end, so that damage to
/// its last record is told from a torn write later.
pub struct EmbeddedLog {
    partitions: Vec<Partition>,
    torn: Vec<Torn>,
    disk: Arc<dyn Disk>,
    // Behind the partitions: they are closed before the folder is free.
    _lock: Box<dyn Send + Sync>,
}

impl EmbeddedLog {
    /// Opens the log in folder `dir`, or makes one.
    ///
    /// # Errors
    /// `log.locked`, `log.partitions`, `log.topic`, `log.key`, `log.version`, `log.corrupt`,
    /// `log.full`, `log.io`.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Self, LogError> {
        let disk = RealDisk::open(dir)
            .map_err(|error| LogError::system("opening the log's folder", &error))?;
        Self::open_on(Arc::new(disk), settings)
    }

    /// Opens the log on a disk of the caller's.
    ///
    /// # Errors
    /// As for [`EmbeddedLog::open`].
    pub fn open_on(disk: Arc<dyn Disk>, settings: &Settings) -> Result<Self, LogError> {
        let lock = disk.lock("LOCK").map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => LogError::Locked,
            _ => LogError::system("locking the log's folder", &error),
        })?;
        let header = header::open(&*disk, settings)?;
        let mut torn = Vec::new();
        let mut partitions = Vec::new();
        for number in 0..header.partitions {
            let (partition, cut) = Partition::open(&disk, number, settings)?;
            partitions.push(partition);
            torn.extend(cut);
        }
        Ok(Self { partitions, torn, disk, _lock: lock })
    }

    /// What was cut off when the log was opened.
    #[must_use]
    pub fn torn(&self) -> &[Torn] {
        &self.torn
    }

    /// The files that make a log equal to this one as it is now: the header, then each partition's
    /// segments. What is appended later changes no byte of theirs.
    ///
    /// # Errors
    /// `log.io`, also when a segment was removed meanwhile.
    pub fn extents(&self) -> Result<Vec<Extent>, LogError> {
        let mut extents = vec![header::extent(&*self.disk)?];
        for partition in &self.partitions {
            partition.extents(&mut extents)?;
        }
        Ok(extents)
    }

    /// Records that wait for the commit under way.
    #[cfg(any(test, feature = "contract"))]
    pub(crate) fn queued(&self, partition: usize) -> u64 {
        self.partitions[partition].queued()
    }

    fn partition(&self, asked: u32) -> Result<&Partition, LogError> {
        let partitions = self.partitions();
        self.partitions.get(asked as usize).ok_or(LogError::Partition { asked, partitions })
    }
}

impl Log for EmbeddedLog {
    fn partitions(&self) -> u32 {
        // The header holds a u32.
        self.partitions.len() as u32
    }

    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        let partition = self.partition(partition)?;
        check_sizes(records)?;
        partition.append(records)
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        into.clear();
        self.partition(partition)?.read(from, max_bytes, into)
    }

    fn start(&self, partition: u32) -> Result<u64, LogError> {
        Ok(self.partition(partition)?.bounds().start)
    }

    fn end(&self, partition: u32) -> Result<u64, LogError> {
        Ok(self.partition(partition)?.bounds().end)
    }

    fn wait(&self, partition: u32, after: u64, timeout: Duration) -> Result<u64, LogError> {
        Ok(self.partition(partition)?.wait(after, timeout))
    }

    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError> {
        self.partition(partition)?.truncate_before(offset)
    }
}

/// What every backend refuses of an append before it does anything.
///
/// # Errors
/// `log.empty`, `log.too_large`.
pub fn check_sizes(records: &[&[u8]]) -> Result<(), LogError> {
    let mut sum = 0_usize;
    for record in records {
        if record.is_empty() {
            return Err(LogError::Empty);
        }
        if record.len() > MAX_RECORD {
            return Err(LogError::TooLarge { bytes: record.len(), limit: MAX_RECORD });
        }
        sum = sum.saturating_add(record.len());
    }
    if sum > MAX_APPEND {
        return Err(LogError::TooLarge { bytes: sum, limit: MAX_APPEND });
    }
    Ok(())
}

/// Folder of a partition.
fn folder(partition: u32) -> String {
    format!("{partition:04}")
}

/// File name of the segment that begins with record `base`.
fn segment_name(base: u64) -> String {
    format!("{base:020}.seg")
}

/// Path of a segment below the log's folder.
fn segment_path(partition: u32, base: u64) -> String {
    format!("{}/{}", folder(partition), segment_name(base))
}

#[cfg(test)]
mod tests;
