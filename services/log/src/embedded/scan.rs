//! Walks a segment from a known place, checking every byte. It decides torn or damaged; it
//! changes nothing.

use super::record::{self, Decoded, HEAD, MARK};
use crate::{DiskFile, LogError};
use std::io;

/// Distance in bytes between two places of the sparse index.
pub(crate) const INDEX_EVERY: u64 = 64 << 10;
const BLOCK: usize = 1 << 20;

/// A place in a segment: the record `offset` begins at byte `position` or behind a mark there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) position: u64,
}

/// Places about every 64 KiB, in order; the first one is the segment's begin.
#[derive(Debug)]
pub(crate) struct Index(Vec<Place>);

impl Index {
    pub(crate) fn new(base: u64) -> Self {
        Self(vec![Place { offset: base, position: 0 }])
    }

    /// Adds a place if it lies far enough behind the last one.
    pub(crate) fn offer(&mut self, place: Place) {
        if place.position >= self.last().position + INDEX_EVERY {
            self.0.push(place);
        }
    }

    /// The last place at or before `offset`.
    pub(crate) fn before(&self, offset: u64) -> Place {
        self.0[self.0.partition_point(|p| p.offset <= offset).max(1) - 1]
    }

    pub(crate) fn last(&self) -> Place {
        self.0[self.0.len() - 1]
    }
}

/// What a walk found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Where the sound part ends.
    pub(crate) end: Place,
    /// Whether the last thing in it is a mark.
    pub(crate) sealed: bool,
    /// What follows the sound part.
    pub(crate) rest: Rest,
}

/// What stands between the sound part and the limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing.
    Nothing,
    /// A write that was never confirmed.
    Torn,
    /// Something that was durable.
    Damaged,
}

/// Walks `file` from `from` to byte `limit` and offers the places to `index`.
pub(crate) fn walk(
    file: &dyn DiskFile,
    from: Place,
    limit: u64,
    index: &mut Index,
) -> Result<Walk, LogError> {
    let system = |error: io::Error| LogError::system("reading a segment", &error);
    let mut end = from;
    let mut sealed = false;
    let mut buffer = Vec::new();
    let mut want = BLOCK;
    while end.position < limit {
        let left = limit - end.position;
        buffer.resize(left.min(want as u64) as usize, 0);
        file.read_at(end.position, &mut buffer).map_err(system)?;
        let mut at = 0;
        let stopped = loop {
            let step = match record::decode(&buffer[at..]) {
                Decoded::Record(length) => HEAD + length,
                Decoded::Mark { next_offset, position }
                    if (Place { offset: next_offset, position }) == end =>
                {
                    MARK
                }
                other => break other,
            };
            sealed = record::u32_at(&buffer, at) == Some(0);
            index.offer(end);
            end.offset += u64::from(!sealed);
            end.position += step as u64;
            at += step;
        };
        match stopped {
            Decoded::Short(needed) if needed as u64 <= limit - end.position => {
                want = needed.max(BLOCK);
            }
            // The block ended exactly where the segment does.
            _ if end.position == limit => {}
            _ => {
                let rest = if mark_behind(file, end.position, limit).map_err(system)? {
                    Rest::Damaged
                } else {
                    Rest::Torn
                };
                return Ok(Walk { end, sealed, rest });
            }
        }
    }
    Ok(Walk { end, sealed, rest: Rest::Nothing })
}

/// Whether a group mark stands at byte `from`, where it can only be a wrong one, or behind.
fn mark_behind(file: &dyn DiskFile, from: u64, limit: u64) -> io::Result<bool> {
    let mut position = from;
    let mut buffer = Vec::new();
    while position + MARK as u64 <= limit {
        buffer.resize((limit - position).min(BLOCK as u64) as usize, 0);
        file.read_at(position, &mut buffer)?;
        if record::holds_mark(&buffer, position) {
            return Ok(true);
        }
        position += (buffer.len() - (MARK - 1)) as u64;
    }
    Ok(false)
}
