//! Reads a partition in large blocks and checks every byte it hands out. It never writes.

use super::partition::{View, hold};
use super::record::{self, Decoded, HEAD, MARK};
use super::scan::Place;
use super::{segment_name, segment_path};
use crate::batch::Entry;
use crate::{Batch, Disk, DiskFile, LogError};
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};

/// Smallest and largest block of one read in bytes; only a record larger than that needs more.
const SMALLEST: usize = 64 << 10;
const LARGEST: usize = 8 << 20;

/// Reads one partition.
pub(super) struct Reader {
    disk: Arc<dyn Disk>,
    partition: u32,
    /// The segment that was read last.
    open: Mutex<Option<(u64, Arc<dyn DiskFile>)>>,
}

/// What one read needs to know of the partition.
struct Plan {
    base: u64,
    begin: Place,
    /// Readable bytes; nothing means the whole file.
    limit: Option<u64>,
}

impl Reader {
    pub(super) fn new(disk: Arc<dyn Disk>, partition: u32) -> Self {
        Self { disk, partition, open: Mutex::new(None) }
    }

    /// Fills the cleared batch `into` from offset `from` on.
    pub(super) fn read(
        &self,
        view: &Mutex<View>,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        let Some(plan) = plan(&hold(view), from)? else {
            return Ok(());
        };
        let file = match self.file(plan.base) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Retention may have taken the segment after the plan was made.
                plan_again(&hold(view), from)?;
                return Err(self.corrupt(&plan, plan.begin));
            }
            other => other.map_err(|error| LogError::system("opening a segment", &error))?,
        };
        let mut places = Vec::new();
        let outcome = self.fill(&plan, &*file, from, max_bytes, into, &mut places);
        let mut view = hold(view);
        let at = view.segments.partition_point(|segment| segment.base < plan.base);
        if let Some(segment) = view.segments.get_mut(at).filter(|s| s.base == plan.base) {
            places.iter().for_each(|place| segment.index.offer(*place));
            segment.cursor = places.last().copied().unwrap_or(segment.cursor);
        }
        outcome
    }

    fn file(&self, base: u64) -> std::io::Result<Arc<dyn DiskFile>> {
        if let Some((open, file)) = &*hold(&self.open)
            && *open == base
        {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&segment_path(self.partition, base))?;
        *hold(&self.open) = Some((base, Arc::clone(&file)));
        Ok(file)
    }

    /// Reads block after block until there is a record to give. `places` gets the begin of each
    /// block and, last, where the next read begins.
    fn fill(
        &self,
        plan: &Plan,
        file: &dyn DiskFile,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
        places: &mut Vec<Place>,
    ) -> Result<(), LogError> {
        let system = |error| LogError::system("reading a segment", &error);
        let limit = plan.limit.map_or_else(|| file.len(), Ok).map_err(system)?;
        let mut here = plan.begin;
        let mut block = max_bytes.saturating_add(max_bytes / 8).clamp(SMALLEST, LARGEST);
        while into.is_empty() {
            let want = limit.saturating_sub(here.position).min(block as u64) as usize;
            file.read_at(here.position, into.room(want)).map_err(system)?;
            let begin = here;
            let stopped = take(&into.bytes[..want], &mut here, from, max_bytes, &mut into.entries);
            places.push(here);
            match stopped {
                Stopped::Full => {}
                Stopped::Short(needed) if here.position + needed as u64 <= limit => {
                    block = if here == begin { needed } else { block.max(needed) };
                }
                // Before its end a segment has records to give; damage behind them can wait.
                _ if into.is_empty() => return Err(self.corrupt(plan, here)),
                _ => {}
            }
        }
        Ok(())
    }

    fn corrupt(&self, plan: &Plan, at: Place) -> LogError {
        LogError::Corrupt {
            partition: self.partition,
            segment: segment_name(plan.base),
            position: at.position,
            offset: at.offset,
        }
    }
}

fn plan(view: &View, from: u64) -> Result<Option<Plan>, LogError> {
    plan_again(view, from)?;
    if from == view.end {
        return Ok(None);
    }
    let next = view.segments.partition_point(|segment| segment.base <= from);
    let Some(segment) = next.checked_sub(1).and_then(|at| view.segments.get(at)) else {
        return Ok(None);
    };
    let begin = match segment.cursor {
        cursor if cursor.offset == from => cursor,
        _ => segment.index.before(from),
    };
    Ok(Some(Plan {
        base: segment.base,
        begin,
        limit: (next == view.segments.len()).then_some(view.tail_bytes),
    }))
}

/// # Errors
/// `log.offset` when `from` is not within what is kept.
fn plan_again(view: &View, from: u64) -> Result<(), LogError> {
    let (start, end) = (view.start(), view.end);
    if (start..=end).contains(&from) {
        return Ok(());
    }
    Err(LogError::Offset { asked: from, start, end })
}

enum Stopped {
    /// The caller's limit is reached.
    Full,
    /// The block ends inside of something this long.
    Short(usize),
    /// The checksum does not hold, or a mark does not belong here.
    Bad,
}

/// Goes through a block that begins at `here`, notes the records from `from` on, and leaves
/// `here` behind the last one.
fn take(
    block: &[u8],
    here: &mut Place,
    from: u64,
    max_bytes: usize,
    entries: &mut Vec<Entry>,
) -> Stopped {
    let mut at = 0;
    let mut given = 0_usize;
    loop {
        match record::decode(&block[at..]) {
            Decoded::Record(length) => {
                if here.offset >= from {
                    given = given.saturating_add(length);
                    if given > max_bytes && !entries.is_empty() {
                        return Stopped::Full;
                    }
                    let start = at + HEAD;
                    entries.push(Entry { offset: here.offset, start, end: start + length });
                }
                here.offset += 1;
                at += HEAD + length;
                here.position += (HEAD + length) as u64;
            }
            Decoded::Mark { next_offset, position }
                if (Place { offset: next_offset, position }) == *here =>
            {
                at += MARK;
                here.position += MARK as u64;
            }
            Decoded::Short(needed) => return Stopped::Short(needed),
            Decoded::Mark { .. } | Decoded::Bad => return Stopped::Bad,
        }
    }
}
