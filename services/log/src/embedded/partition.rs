//! One partition: who appends together, what readers may see, who is woken. It leaves bytes on
//! disk to `tail` and `reader`.

use super::reader::Reader;
use super::record::{self, MARK};
use super::scan::{self, Index, Place, Rest};
use super::tail::Tail;
use super::{Extent, Settings, Torn, Verify, folder, segment_name, segment_path};
use crate::{Batch, Disk, LogError, MAX_APPEND};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// A group buffer that grew beyond this is given back after the commit.
const KEEP_BUFFER: usize = 8 << 20;

/// A panic elsewhere ends the process, so what it left behind a lock is never seen.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What readers may see; everything in it is durable.
pub(super) struct View {
    pub(super) segments: VecDeque<Segment>,
    /// Offset of the next record.
    pub(super) end: u64,
    /// Length of the last segment in bytes.
    pub(super) tail_bytes: u64,
}

impl View {
    pub(super) fn start(&self) -> u64 {
        self.segments.front().map_or(self.end, |segment| segment.base)
    }
}

/// A segment as readers know it.
pub(super) struct Segment {
    pub(super) base: u64,
    pub(super) index: Index,
    /// Where the last read stopped.
    pub(super) cursor: Place,
}

impl Segment {
    pub(super) fn new(base: u64, index: Index) -> Self {
        Self { base, index, cursor: Place { offset: base, position: 0 } }
    }
}

/// Appends that wait for one commit.
struct Queue {
    /// A mark's room, then the records.
    buffer: Vec<u8>,
    records: u64,
    group: Arc<Group>,
    committing: bool,
}

/// The outcome of a commit: the offset of the group's first record.
#[derive(Default)]
struct Group(OnceLock<Result<u64, LogError>>);

/// One partition of an open log.
pub(super) struct Partition {
    number: u32,
    disk: Arc<dyn Disk>,
    queue: Mutex<Queue>,
    committed: Condvar,
    /// Held by the one who commits.
    tail: Mutex<Tail>,
    view: Mutex<View>,
    grown: Condvar,
    reader: Reader,
}

impl Partition {
    /// Opens a partition: finds its segments, cuts a torn tail, makes the rest durable.
    pub(super) fn open(
        disk: &Arc<dyn Disk>,
        number: u32,
        settings: &Settings,
    ) -> Result<(Self, Option<Torn>), LogError> {
        let bases = find_segments(&**disk, number)?;
        let mut segments = VecDeque::new();
        let (last, earlier) = match bases.split_last() {
            Some((last, earlier)) => (*last, earlier),
            None => (0, [].as_slice()),
        };
        for (at, base) in earlier.iter().enumerate() {
            let mut index = Index::new(*base);
            if settings.verify == Verify::All {
                verify(&**disk, number, &mut index, bases[at + 1])?;
            }
            segments.push_back(Segment::new(*base, index));
        }
        let mut index = Index::new(last);
        let found = !bases.is_empty();
        let (tail, end, torn) = Tail::open(disk, number, settings, &mut index, found)?;
        segments.push_back(Segment::new(last, index));
        let view = View { segments, end, tail_bytes: tail.bytes() };
        let queue =
            Queue { buffer: vec![0; MARK], records: 0, group: Arc::default(), committing: false };
        let partition = Self {
            number,
            disk: Arc::clone(disk),
            queue: Mutex::new(queue),
            committed: Condvar::new(),
            tail: Mutex::new(tail),
            view: Mutex::new(view),
            grown: Condvar::new(),
            reader: Reader::new(Arc::clone(disk), number),
        };
        Ok((partition, torn))
    }

    /// Appends checked records together with those of other callers.
    pub(super) fn append(&self, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        if records.is_empty() {
            let end = self.bounds().end;
            return Ok(end..end);
        }
        let bytes: usize = records.iter().map(|r| r.len()).sum();
        let mut queue = hold(&self.queue);
        while queue.records > 0 && queue.buffer.len() + bytes > MAX_APPEND {
            queue = self.committed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let first = queue.records;
        for record in records {
            record::encode(record, &mut queue.buffer);
        }
        queue.records += records.len() as u64;
        let group = Arc::clone(&queue.group);
        loop {
            if let Some(outcome) = group.0.get() {
                let base = outcome.clone()?;
                return Ok(base + first..base + first + records.len() as u64);
            }
            queue = if queue.committing {
                self.committed.wait(queue).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.lead(queue)
            };
        }
    }

    /// Commits what is queued, for everyone who queued it.
    fn lead<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        let mut tail = hold(&self.tail);
        let spare = std::mem::take(&mut tail.spare);
        let mut buffer = std::mem::replace(&mut queue.buffer, spare);
        queue.buffer.resize(MARK, 0);
        let records = std::mem::take(&mut queue.records);
        let group = std::mem::take(&mut queue.group);
        queue.committing = true;
        drop(queue);

        let outcome = self.commit(&mut tail, &mut buffer, records);
        buffer.clear();
        buffer.shrink_to(KEEP_BUFFER);
        tail.spare = buffer;
        drop(tail);

        let mut queue = hold(&self.queue);
        queue.committing = false;
        // Only the leader sets the outcome, and it leads each group once.
        let _ = group.0.set(outcome);
        self.committed.notify_all();
        queue
    }

    fn commit(&self, tail: &mut Tail, buffer: &mut [u8], records: u64) -> Result<u64, LogError> {
        let first = hold(&self.view).end;
        if tail.make_ready(first)? {
            let mut view = hold(&self.view);
            view.segments.push_back(Segment::new(first, Index::new(first)));
            view.tail_bytes = 0;
        }
        let position = tail.bytes();
        tail.write(first, buffer)?;
        let mut view = hold(&self.view);
        view.end = first + records;
        view.tail_bytes = tail.bytes();
        if let Some(segment) = view.segments.back_mut() {
            offer_group(&mut segment.index, buffer, Place { offset: first, position });
            tail.checked = segment.index.last();
        }
        self.grown.notify_all();
        Ok(first)
    }

    /// Adds the segments' files, the last one as far as it is durable.
    pub(super) fn extents(&self, into: &mut Vec<Extent>) -> Result<(), LogError> {
        let system = |error| LogError::system("opening a segment", &error);
        let view = hold(&self.view);
        let (bases, tail): (Vec<u64>, u64) =
            (view.segments.iter().map(|segment| segment.base).collect(), view.tail_bytes);
        drop(view);
        let last = bases.last().copied();
        for base in bases {
            let name = segment_path(self.number, base);
            let bytes = match last {
                Some(last) if last == base => tail,
                _ => self.disk.open(&name).and_then(|file| file.len()).map_err(system)?,
            };
            into.push(Extent { name, bytes });
        }
        Ok(())
    }

    /// Records that wait for the commit under way.
    #[cfg(any(test, feature = "contract"))]
    pub(super) fn queued(&self) -> u64 {
        hold(&self.queue).records
    }

    /// First kept offset and the end.
    pub(super) fn bounds(&self) -> Range<u64> {
        let view = hold(&self.view);
        view.start()..view.end
    }

    pub(super) fn wait(&self, after: u64, timeout: Duration) -> u64 {
        let view = hold(&self.view);
        let view = self
            .grown
            .wait_timeout_while(view, timeout, |view| view.end <= after)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        view.end
    }

    pub(super) fn read(
        &self,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        self.reader.read(&self.view, from, max_bytes, into)
    }

    /// Removes whole segments, the oldest first.
    pub(super) fn truncate_before(&self, offset: u64) -> Result<u64, LogError> {
        let system = |error| LogError::system("removing a segment", &error);
        // Holding the tail keeps two callers from removing at once.
        let _tail = hold(&self.tail);
        loop {
            let mut view = hold(&self.view);
            let (start, end) = (view.start(), view.end);
            if offset > end {
                return Err(LogError::Offset { asked: offset, start, end });
            }
            if view.segments.get(1).is_none_or(|second| second.base > offset) {
                return Ok(start);
            }
            view.segments.pop_front();
            drop(view);
            self.disk.remove(&segment_path(self.number, start)).map_err(system)?;
            // One by one: a crash must not bring an older segment back without its successor.
            self.disk.sync_dir(&folder(self.number)).map_err(system)?;
        }
    }
}

impl Drop for Partition {
    fn drop(&mut self) {
        let end = self.bounds().end;
        hold(&self.tail).seal(end);
    }
}

/// Offers the places inside a group that was just written.
fn offer_group(index: &mut Index, group: &[u8], begin: Place) {
    let mut at = 0;
    let mut offset = begin.offset;
    while let Some(length) = record::u32_at(group, at) {
        index.offer(Place { offset, position: begin.position + at as u64 });
        at += if length == 0 { MARK } else { record::HEAD + length as usize };
        offset += u64::from(length != 0);
    }
}

/// Offsets that name the segments, in order.
fn find_segments(disk: &dyn Disk, partition: u32) -> Result<Vec<u64>, LogError> {
    let names = disk
        .list(&folder(partition))
        .map_err(|error| LogError::system("listing the segments", &error))?;
    let mut bases: Vec<u64> = names
        .iter()
        .filter_map(|name| {
            let base = name.strip_suffix(".seg")?.parse().ok()?;
            (segment_name(base) == *name).then_some(base)
        })
        .collect();
    bases.sort_unstable();
    Ok(bases)
}

/// Checks every byte of a segment that is not the last one.
fn verify(
    disk: &dyn Disk,
    partition: u32,
    index: &mut Index,
    next_base: u64,
) -> Result<(), LogError> {
    let system = |error| LogError::system("reading a segment", &error);
    let begin = index.last();
    let file = disk.open(&segment_path(partition, begin.offset)).map_err(system)?;
    let walk = scan::walk(&*file, begin, file.len().map_err(system)?, index)?;
    if walk.rest == Rest::Nothing && walk.end.offset == next_base {
        return Ok(());
    }
    Err(LogError::Corrupt {
        partition,
        segment: segment_name(begin.offset),
        position: walk.end.position,
        offset: walk.end.offset,
    })
}
