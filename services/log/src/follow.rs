//! A reader's position in one partition, asleep while there is nothing new. Knows no backend.

use crate::{Batch, Log, LogError};
use std::sync::Arc;
use std::time::Duration;

/// Reads a partition to its end and sleeps until more is durable.
pub struct Follow {
    log: Arc<dyn Log>,
    partition: u32,
    next: u64,
    max_bytes: usize,
    batch: Batch,
}

impl Follow {
    /// Follows `partition` from offset `from`, at most `max_bytes` of payload at a time.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, partition: u32, from: u64, max_bytes: usize) -> Self {
        Self { log, partition, next: from, max_bytes, batch: Batch::new() }
    }

    /// The offset that is read next.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next records; empty when none became durable within `timeout`.
    ///
    /// # Errors
    /// As for [`Log::read`]; the position stays where it was.
    pub fn next(&mut self, timeout: Duration) -> Result<&Batch, LogError> {
        self.batch.clear();
        if self.log.wait(self.partition, self.next, timeout)? != self.next {
            self.log.read(self.partition, self.next, self.max_bytes, &mut self.batch)?;
            self.next = self.batch.next_offset().unwrap_or(self.next);
        }
        Ok(&self.batch)
    }
}
