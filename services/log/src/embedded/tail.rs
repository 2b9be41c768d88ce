//! The end of a partition's last segment: the only place that writes. It knows no queue and no
//! reader.

use super::record::{self, MARK};
use super::scan::{self, Index, Place, Rest};
use super::{Settings, Torn, folder, segment_name, segment_path};
use crate::{Disk, DiskFile, LogError};
use std::io;
use std::sync::Arc;

/// The segment that is written.
pub(super) struct Tail {
    disk: Arc<dyn Disk>,
    partition: u32,
    segment_bytes: u64,
    base: u64,
    file: Option<Arc<dyn DiskFile>>,
    /// Durable bytes.
    bytes: u64,
    /// Whether something other than the durable bytes may be in the file.
    suspect: bool,
    /// Whether the last durable thing is a mark.
    sealed: bool,
    /// A place of the index, from where the tail is checked again after a failure.
    pub(super) checked: Place,
    /// A buffer that waits to be used again.
    pub(super) spare: Vec<u8>,
}

impl Tail {
    /// Opens the last segment: checks it, cuts what is torn, and makes durable what is left. A
    /// partition without segments (`found` is false) gets its first one when it is written.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        partition: u32,
        settings: &Settings,
        index: &mut Index,
        found: bool,
    ) -> Result<(Self, u64, Option<Torn>), LogError> {
        let begin = index.last();
        let mut tail = Self {
            disk: Arc::clone(disk),
            partition,
            segment_bytes: settings.segment_bytes,
            base: begin.offset,
            file: None,
            bytes: 0,
            suspect: false,
            sealed: true,
            checked: begin,
            spare: Vec::new(),
        };
        if !found {
            return Ok((tail, begin.offset, None));
        }
        let system = |error| LogError::system("opening a segment", &error);
        let file = disk.open(&segment_path(partition, begin.offset)).map_err(system)?;
        let len = file.len().map_err(system)?;
        let walk = scan::walk(&*file, begin, len, index)?;
        let torn = match walk.rest {
            Rest::Nothing => None,
            Rest::Damaged => return Err(tail.damaged(walk.end)),
            Rest::Torn => Some(Torn {
                partition,
                segment: segment_name(begin.offset),
                position: walk.end.position,
                offset: walk.end.offset,
                bytes: len - walk.end.position,
            }),
        };
        if torn.is_some() {
            file.truncate(walk.end.position).map_err(system)?;
        }
        // What a killed process wrote may be in the file without being on the disk.
        file.sync().map_err(system)?;
        disk.sync_dir(&folder(partition)).map_err(system)?;
        tail.file = Some(file);
        tail.bytes = walk.end.position;
        tail.sealed = walk.sealed || walk.end.position == 0;
        tail.checked = index.last();
        Ok((tail, walk.end.offset, torn))
    }

    /// Durable bytes of the segment.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gets the tail into a state in which a group can be written whose first record is `first`.
    /// Says whether that needed a new segment beside the ones there were.
    pub(super) fn make_ready(&mut self, first: u64) -> Result<bool, LogError> {
        if self.suspect {
            self.repair(first)?;
        }
        if self.file.is_some() && (self.bytes == 0 || self.bytes < self.segment_bytes) {
            return Ok(false);
        }
        let system = |error| LogError::system("making a segment", &error);
        let file = self.disk.create(&segment_path(self.partition, first)).map_err(system)?;
        self.disk.sync_dir(&folder(self.partition)).map_err(system)?;
        let further = self.file.is_some();
        self.file = Some(file);
        self.base = first;
        self.bytes = 0;
        self.sealed = true;
        self.checked = Place { offset: first, position: 0 };
        Ok(further)
    }

    /// Writes a group, whose first bytes are room for the mark, and makes it durable.
    pub(super) fn write(&mut self, first: u64, group: &mut [u8]) -> Result<(), LogError> {
        let Some(file) = &self.file else {
            return Err(LogError::Io { action: "writing", detail: "no segment is open".into() });
        };
        group[..MARK].copy_from_slice(&record::mark(first, self.bytes));
        let written = file.write_at(self.bytes, group).and_then(|()| file.sync());
        if let Err(error) = written {
            self.suspect = true;
            let failure = LogError::system("writing a segment", &error);
            return Err(match self.repair(first) {
                Ok(()) => failure,
                Err(_) => LogError::Unconfirmed { detail: failure.to_string() },
            });
        }
        self.bytes += group.len() as u64;
        self.sealed = group.len() == MARK;
        Ok(())
    }

    /// Opens the segment again, cuts it to what is durable and checks that this is still there.
    /// `end` is the offset of the next record.
    fn repair(&mut self, end: u64) -> Result<(), LogError> {
        let system = |error: io::Error| LogError::system("cutting a failed write", &error);
        let file = self.disk.open(&segment_path(self.partition, self.base)).map_err(system)?;
        file.truncate(self.bytes).map_err(system)?;
        file.sync().map_err(system)?;
        let mut index = Index::new(self.base);
        let walk = scan::walk(&*file, self.checked, self.bytes, &mut index)?;
        if walk.end != (Place { offset: end, position: self.bytes }) {
            return Err(self.damaged(walk.end));
        }
        self.file = Some(file);
        self.suspect = false;
        Ok(())
    }

    /// Ends the segment with a mark, so that its last group is known to be durable. A failure
    /// loses only that knowledge.
    pub(super) fn seal(&mut self, end: u64) {
        if !self.sealed && !self.suspect {
            let _ = self.write(end, &mut [0; MARK]);
        }
    }

    fn damaged(&self, at: Place) -> LogError {
        LogError::Corrupt {
            partition: self.partition,
            segment: segment_name(self.base),
            position: at.position,
            offset: at.offset,
        }
    }
}
