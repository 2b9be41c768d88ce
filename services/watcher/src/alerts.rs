//! The alerts topic for those who show it: numbered lines, and word of each new end.

use std::sync::Arc;

use log::{Batch, Log, LogError};
use tokio::sync::watch;

/// Bytes of one read.
const READ: usize = 4 << 20;

/// A reader of the alerts topic.
#[derive(Clone)]
pub struct AlertsLog {
    log: Arc<dyn Log>,
    end: watch::Receiver<u64>,
}

impl AlertsLog {
    pub(crate) fn new(log: Arc<dyn Log>, end: watch::Receiver<u64>) -> AlertsLog {
        AlertsLog { log, end }
    }

    /// The number of the first alert that is kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.log.start(0).unwrap_or(0)
    }

    /// The number that the next alert gets.
    #[must_use]
    pub fn end(&self) -> u64 {
        *self.end.borrow()
    }

    /// Up to `max` alerts from number `from` on, with their numbers.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        self.page(from, max, READ)
    }

    /// As [`AlertsLog::read`], of at most `bytes` together but for the first.
    ///
    /// # Errors
    /// As [`Log::read`].
    pub fn page(
        &self,
        from: u64,
        max: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, LogError> {
        let mut batch = Batch::new();
        self.log.read(0, from, bytes, &mut batch)?;
        Ok(batch.iter().take(max).map(|(number, line)| (number, line.to_vec())).collect())
    }

    /// Tells the end whenever it moves.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }
}
