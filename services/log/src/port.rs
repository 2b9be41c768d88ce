//! The port itself: what every backend promises. It names no file, broker or fault.

use crate::{Batch, LogError};
use std::ops::Range;
use std::time::Duration;

/// Largest record in bytes (32 MiB); the smallest has one byte.
pub const MAX_RECORD: usize = 32 << 20;

/// Largest sum of record bytes in one `append` (64 MiB): bounds the memory of a commit group.
pub const MAX_APPEND: usize = 64 << 20;

/// Largest number of partitions of a topic.
pub const MAX_PARTITIONS: u32 = 4096;

/// What becomes of records that were handed over, in the order of their groups; calling it waits.
pub type Answers = Box<dyn FnOnce() -> Vec<Result<Range<u64>, LogError>> + Send>;

/// One topic with a fixed number of partitions.
///
/// Calls block the calling OS thread. Offsets count the records of a partition from 0 and grow;
/// every backend here keeps them dense, but a reader goes on from [`Batch::next_offset`] and
/// never assumes that the next record is one further.
pub trait Log: Send + Sync {
    /// Number of partitions, fixed when the topic was made.
    fn partitions(&self) -> u32;

    /// Appends `records` in order and returns once all of them are durable.
    ///
    /// The range runs from the first record's offset to one past the last one's. Records of
    /// other appenders may stand between them only on a backend that several processes write.
    /// One record is whole or absent after a crash; of several, a leading part may survive.
    /// No records at all gives the empty range at `end`.
    ///
    /// # Errors
    /// [`LogError::Unconfirmed`] means the records may or may not become durable: read back before
    /// appending them again. After any other error none of them is or will be in the log.
    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError>;

    /// Appends to several partitions at once and answers in the order of `groups`, each as
    /// [`Log::append`] would. A backend that waits for another machine waits once for all.
    fn append_each(&self, groups: &[(u32, &[&[u8]])]) -> Vec<Result<Range<u64>, LogError>> {
        self.hand_over(groups)()
    }

    /// As [`Log::append_each`], but may return before the records are durable: calling the answer
    /// waits for that. What one caller hands over to a partition later stands behind it, unless an
    /// answer is an error. Whoever drops the answer does not learn what became of the records.
    fn hand_over(&self, groups: &[(u32, &[&[u8]])]) -> Answers {
        let append = |(partition, records): &(u32, &[&[u8]])| self.append(*partition, records);
        let answers: Vec<_> = groups.iter().map(append).collect();
        Box::new(move || answers)
    }

    /// Replaces the content of `into` by durable records from offset `from` on.
    ///
    /// The sum of the payloads stays within `max_bytes`, except that one record is always given.
    /// The answer is empty only when `from` is the end; it may stop earlier than it must. After an
    /// error `into` is empty.
    ///
    /// # Errors
    /// [`LogError::Offset`] outside `start..=end`; [`LogError::Corrupt`] at a damaged record, once
    /// every sound record before it was given.
    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError>;

    /// Offset of the first kept record.
    ///
    /// # Errors
    /// [`LogError::Partition`], or the backend's own failure.
    fn start(&self, partition: u32) -> Result<u64, LogError>;

    /// Offset that the next record gets: one past the last durable one.
    ///
    /// # Errors
    /// As for [`Log::start`].
    fn end(&self, partition: u32) -> Result<u64, LogError>;

    /// Sleeps until `end` is larger than `after`, at most `timeout`, and returns the end.
    ///
    /// # Errors
    /// As for [`Log::start`].
    fn wait(&self, partition: u32, after: u64, timeout: Duration) -> Result<u64, LogError>;

    /// Lets go of records before `offset` where that frees whole units of storage, and returns
    /// the new start, which is at most `offset`.
    ///
    /// # Errors
    /// [`LogError::Offset`] when `offset` is above the end.
    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError>;
}
