//! A disk that counts calls, runs full and holds or fails syncs on demand, over any other disk.

use crate::{Disk, DiskFile, EmbeddedLog};
use std::io::{Error, ErrorKind, Result};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Counters and switches, shared with the disk that it gives.
pub(super) struct Metered(Arc<Meter>);

pub(super) struct Meter {
    inner: Arc<dyn Disk>,
    pub(super) syncs: AtomicU64,
    pub(super) reads: AtomicU64,
    pub(super) read_bytes: AtomicU64,
    /// Bytes that each write may have before the disk is full.
    pub(super) room: AtomicU64,
    /// How many of the next file syncs fail.
    pub(super) failing_syncs: AtomicU64,
    /// How many of the next cuts fail.
    pub(super) failing_cuts: AtomicU64,
    held: AtomicBool,
}

struct Metering(Arc<Meter>);

impl Metered {
    pub(super) fn new(inner: &Arc<dyn Disk>) -> Self {
        Self(Arc::new(Meter {
            inner: Arc::clone(inner),
            syncs: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            room: AtomicU64::new(u64::MAX),
            failing_syncs: AtomicU64::new(0),
            failing_cuts: AtomicU64::new(0),
            held: AtomicBool::new(false),
        }))
    }

    pub(super) fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(Metering(Arc::clone(&self.0)))
    }

    /// Lets every sync wait from now on.
    pub(super) fn hold_syncs(&self) {
        self.0.held.store(true, Ordering::Release);
    }

    /// Lets the syncs go once all `appends` of one record but the first are queued behind it.
    pub(super) fn release_after_queued(&self, log: &EmbeddedLog, appends: u64) {
        while log.queued(0) != appends - 1 {
            thread::yield_now();
        }
        self.0.held.store(false, Ordering::Release);
    }
}

impl Deref for Metered {
    type Target = Meter;

    fn deref(&self) -> &Meter {
        &self.0
    }
}

impl Disk for Metering {
    fn lock(&self, name: &str) -> Result<Box<dyn Send + Sync>> {
        self.0.inner.lock(name)
    }

    fn create_dir(&self, name: &str) -> Result<()> {
        self.0.inner.create_dir(name)
    }

    fn list(&self, name: &str) -> Result<Vec<String>> {
        self.0.inner.list(name)
    }

    fn create(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        if self.0.room.load(Ordering::Relaxed) == 0 {
            return Err(ErrorKind::StorageFull.into());
        }
        Ok(Arc::new(MeteredFile(self.0.inner.create(name)?, Arc::clone(&self.0))))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(MeteredFile(self.0.inner.open(name)?, Arc::clone(&self.0))))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.inner.rename(from, to)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.inner.remove(name)
    }

    fn sync_dir(&self, name: &str) -> Result<()> {
        self.0.inner.sync_dir(name)
    }
}

struct MeteredFile(Arc<dyn DiskFile>, Arc<Meter>);

impl DiskFile for MeteredFile {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> Result<()> {
        self.1.reads.fetch_add(1, Ordering::Relaxed);
        self.1.read_bytes.fetch_add(into.len() as u64, Ordering::Relaxed);
        self.0.read_at(at, into)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> Result<()> {
        let room = self.1.room.load(Ordering::Relaxed);
        if bytes.len() as u64 > room {
            self.0.write_at(at, &bytes[..room as usize])?;
            return Err(ErrorKind::StorageFull.into());
        }
        self.0.write_at(at, bytes)
    }

    fn sync(&self) -> Result<()> {
        self.1.syncs.fetch_add(1, Ordering::AcqRel);
        while self.1.held.load(Ordering::Acquire) {
            thread::yield_now();
        }
        if counts_down(&self.1.failing_syncs) {
            return Err(Error::other("a sync failed"));
        }
        self.0.sync()
    }

    fn truncate(&self, len: u64) -> Result<()> {
        if counts_down(&self.1.failing_cuts) {
            return Err(Error::other("a cut failed"));
        }
        self.0.truncate(len)
    }
}

/// Takes one from a counter; says whether there was one.
fn counts_down(counter: &AtomicU64) -> bool {
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
}
