//! Records that others write: a port to read them and to say how far they are done with. It knows
//! no broker and nothing of what a record says.

use crate::LogError;
use std::time::Duration;

/// One record of a topic that others write, borrowed from where it was received.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// Its partition.
    pub partition: u32,
    /// Its offset in the partition.
    pub offset: u64,
    /// When it was written by the writer's or the broker's clock: microseconds since 1970 UTC.
    pub written_us: Option<i64>,
    /// What it is about; on a compacted topic a later record with the same key replaces it.
    pub key: Option<&'a [u8]>,
    /// What it says; nothing for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Names and values that go along, in their order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

/// A place in a partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The topic's name.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// Offset of the next record.
    pub next: u64,
}

/// Topics that others write, read in the name of a group that shares their partitions.
///
/// Every record is given at least once: after a crash from the last commit on.
pub trait Source: Send {
    /// Waits up to `wait` for a record, then gives what is there to `seen`: at most `most` records,
    /// and none after `seen` has said no. Returns how many it gave; it never waits for more.
    ///
    /// # Errors
    /// `log.offset` where records were lost before they were read; what the backend says.
    fn read(
        &mut self,
        most: usize,
        wait: Duration,
        seen: &mut dyn FnMut(Record<'_>) -> bool,
    ) -> Result<usize, LogError>;

    /// Where this reader stands: what [`Source::commit`] takes once everything read up to now is
    /// done with.
    fn position(&self) -> Vec<Position>;

    /// Gives no more records of a partition of a topic until [`Source::resume`]; it then goes on
    /// with the record after the last one that was given. Another reader that gets the partition
    /// meanwhile is not held.
    ///
    /// # Errors
    /// What the backend says.
    fn pause(&mut self, topic: &str, partition: u32) -> Result<(), LogError>;

    /// Gives records of a paused partition again.
    ///
    /// # Errors
    /// What the backend says.
    fn resume(&mut self, topic: &str, partition: u32) -> Result<(), LogError>;

    /// Records before these positions are done with and never given again.
    ///
    /// # Errors
    /// What the backend says; the records may then be given again.
    fn commit(&mut self, done: &[Position]) -> Result<(), LogError>;
}
