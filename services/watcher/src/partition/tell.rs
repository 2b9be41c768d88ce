//! What one partition tells others, until they are known to have it.
//!
//! Frames leave in order, a partition's next one only when the one before is acknowledged. After an
//! append without answer the same frame is appended again: what is told is told at least once, and
//! whoever reads it passes over what it knows.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use engine::Stamped;
use log::{Log, LogError};
use prost::Message;
use proto::{
    catalogue::Catalogue,
    date::Instant,
    frame::{Entry, VERSION, seal, wire},
};

/// Bytes after which a frame is closed; one entry may be larger.
const FRAME: usize = 256 << 10;
/// Bytes of one append.
const APPEND: usize = 4 << 20;

/// What waits for the partitions of one topic.
pub(super) struct Tell {
    log: Arc<dyn Log>,
    pending: BTreeMap<u32, VecDeque<Vec<u8>>>,
}

impl Tell {
    pub(super) fn new(log: Arc<dyn Log>) -> Tell {
        Tell { log, pending: BTreeMap::new() }
    }

    /// Frames that wait.
    pub(super) fn waiting(&self) -> usize {
        self.pending.values().map(VecDeque::len).sum()
    }

    /// Puts entries in line for the partitions that their keys name.
    pub(super) fn put(&mut self, told: Vec<Stamped>, catalogue: &Catalogue) {
        let partitions = self.log.partitions();
        let mut open: BTreeMap<u32, (Vec<wire::Entry>, usize)> = BTreeMap::new();
        for Stamped { at, key, entry } in told {
            let partition = key.partition(partitions);
            let (entries, bytes) = open.entry(partition).or_default();
            // Each entry has its own instant: the frame's says nothing more.
            entries.push(seal(&entry, at, Instant(0), catalogue));
            *bytes += weight(&entry);
            if *bytes >= FRAME {
                let entries = std::mem::take(entries);
                *bytes = 0;
                self.close(partition, entries);
            }
        }
        for (partition, (entries, _)) in open {
            if !entries.is_empty() {
                self.close(partition, entries);
            }
        }
    }

    fn close(&mut self, partition: u32, entries: Vec<wire::Entry>) {
        let frame = wire::Frame { version: VERSION, entries, ..wire::Frame::default() };
        self.pending.entry(partition).or_default().push_back(frame.encode_to_vec());
    }

    /// Appends what waits; what is acknowledged waits no longer.
    ///
    /// # Errors
    /// The first that an append gave; trying again is safe.
    pub(super) fn flush(&mut self) -> Result<(), LogError> {
        let mut failed = None;
        for (partition, pending) in &mut self.pending {
            let mut bytes = 0;
            let fits = |record: &&[u8]| {
                bytes += record.len();
                bytes <= APPEND || bytes == record.len()
            };
            let records: Vec<&[u8]> = pending.iter().map(Vec::as_slice).take_while(fits).collect();
            match self.log.append(*partition, &records) {
                Ok(_) => {
                    let count = records.len();
                    pending.drain(..count);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.pending.retain(|_, pending| !pending.is_empty());
        failed.map_or(Ok(()), Err)
    }
}

fn weight(entry: &Entry) -> usize {
    match entry {
        Entry::Adopt(adopt) => {
            let event = |event: &proto::event::Event| 200 + event.fields.bytes().len();
            200 + adopt.events.iter().map(event).sum::<usize>()
        }
        _ => 200,
    }
}
