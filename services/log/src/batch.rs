//! Records as read: one buffer that is used again and again. It does not know where they came from.

/// Owns the bytes of the records of one read.
///
/// A batch is meant to be reused: a read replaces its content and keeps its memory.
#[derive(Debug, Default)]
pub struct Batch {
    /// Storage; may be longer than what is valid, so that reuse does not clear it again.
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

/// Where one record's payload stands in the buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) offset: u64,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Batch {
    /// An empty batch without memory.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The records in order, each with its offset.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u64, &[u8])> {
        self.entries.iter().map(|e| (e.offset, &self.bytes[e.start..e.end]))
    }

    /// The offset to read from next, or nothing when the batch is empty.
    #[must_use]
    pub fn next_offset(&self) -> Option<u64> {
        self.entries.last().map(|e| e.offset + 1)
    }

    /// Sum of the records' bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.entries.iter().map(|e| e.end - e.start).sum()
    }

    /// Keeps the first `records` records.
    pub fn truncate(&mut self, records: usize) {
        self.entries.truncate(records);
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Adds a copy of a record; for backends that are handed borrowed bytes.
    pub fn push(&mut self, offset: u64, record: &[u8]) {
        let start = self.entries.last().map_or(0, |e| e.end);
        let end = start + record.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[start..end].copy_from_slice(record);
        self.entries.push(Entry { offset, start, end });
    }

    /// At least `len` bytes of storage, with what the first bytes held left in place.
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        &mut self.bytes[..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_batch_shows_only_the_new_records() {
        let mut batch = Batch::new();
        assert_eq!(batch.next_offset(), None);
        batch.push(7, b"first");
        batch.push(9, b"second");
        batch.clear();
        batch.push(12, b"third");
        assert_eq!(batch.iter().collect::<Vec<_>>(), [(12, b"third".as_slice())]);
        assert_eq!(batch.next_offset(), Some(13));
        batch.push(13, b"fourth");
        assert_eq!(batch.bytes(), 11);
        batch.truncate(1);
        assert_eq!((batch.next_offset(), batch.bytes()), (Some(13), 5));
    }
}
