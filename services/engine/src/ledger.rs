//! The events of one household, area or person, packed into one run of bytes.
//!
//! A record is a fixed head of 22 bytes (little endian: length u16, type u16, source u16, slot u8,
//! flags u8, occurred_on i32, time i64, lengths of id and supersedes u8) followed by the id, the id
//! it supersedes and the packed fields. A year of a household's events is one or two cache pages,
//! read from front to back. It refuses to know what an event means.

use proto::{
    catalogue::TypeId,
    date::{Date, Instant},
    event::{Event, Subject},
    fields::Fields,
};
use serde::{Deserialize, Serialize};

use crate::correction::{Node, standings};

const HEAD: usize = 22;
/// By how many bytes a ledger grows at least: three events.
const GROWTH: usize = 192;
const LIVE: u8 = 1;
const VOID: u8 = 2;

/// Who within the ledger's owner an event is about: 0 is the owner itself, others are persons.
pub(crate) type Slot = u8;

/// A feed by its place in the engine's table of feeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Source(pub u16);

/// Packed events in the order in which they were taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub(crate) struct Ledger {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// The [`traces`] of all records: an identity whose traces are not all here is new.
    #[serde(skip)]
    traces: u64,
    /// No record was observed on a date before this one.
    #[serde(skip)]
    oldest: Date,
    count: u16,
    corrections: bool,
}

/// What is written of a ledger.
#[derive(Deserialize)]
struct Stored {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    count: u16,
    corrections: bool,
}

impl From<Stored> for Ledger {
    fn from(Stored { bytes, count, corrections }: Stored) -> Ledger {
        let mut ledger = Ledger { bytes, count, corrections, ..Ledger::default() };
        let (mut traces, mut oldest) = (ledger.traces, ledger.oldest);
        for record in ledger.records() {
            traces |= self::traces(record.source(), record.slot(), record.id_bytes());
            oldest = oldest.min(record.time().date());
        }
        (ledger.traces, ledger.oldest) = (traces, oldest);
        ledger
    }
}

impl Default for Ledger {
    fn default() -> Ledger {
        let (bytes, oldest) = (Vec::new(), Date::MAX);
        Ledger { bytes, traces: 0, oldest, count: 0, corrections: false }
    }
}

/// Two bits of 64 that an identity leaves; others may leave the same.
fn traces(source: Source, slot: Slot, id: &[u8]) -> u64 {
    let mix = |hash: u64, word: u64| {
        let mixed = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    };
    let start = mix(u64::from(source.0), u64::from(slot));
    let hash = id.chunks(8).fold(start, |hash, part| {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        mix(hash, u64::from_le_bytes(word))
    });
    1 << (hash % 64) | 1 << (hash / 64 % 64)
}

/// What came of an event that was offered to a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offered {
    /// It is new; whether the set of live events changed.
    Taken {
        /// A live event came or went.
        changed: bool,
        /// It names an event of another type.
        unmatched: bool,
        /// What became live or ceased to be.
        turn: Turn,
    },
    /// The same identity with the same content is here.
    Duplicate,
    /// The same identity with other content is here.
    Conflict,
    /// The ledger holds as much as it can.
    Full,
}

/// What an event that was taken did to the live events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It came, and nothing else changed.
    Alone,
    /// It came, or withdraws, and the event at this place went.
    Replaces(u32),
    /// Nothing, or more than this.
    Other,
}

/// One record, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    fn u16(self, at: usize) -> u16 {
        u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]])
    }

    /// The type.
    #[must_use]
    pub(crate) fn type_id(self) -> TypeId {
        TypeId(self.u16(2))
    }

    /// The feed.
    #[must_use]
    pub(crate) fn source(self) -> Source {
        Source(self.u16(4))
    }

    /// Whom it is about.
    #[must_use]
    pub(crate) fn slot(self) -> Slot {
        self.bytes[6]
    }

    /// Whether it counts.
    #[must_use]
    pub(crate) fn live(self) -> bool {
        self.bytes[7] & LIVE != 0
    }

    /// Whether it only withdraws.
    #[must_use]
    pub(crate) fn void(self) -> bool {
        self.bytes[7] & VOID != 0
    }

    /// When it happened.
    #[must_use]
    pub(crate) fn occurred_on(self) -> Date {
        let mut raw = [0; 4];
        raw.copy_from_slice(&self.bytes[8..12]);
        Date(i32::from_le_bytes(raw))
    }

    /// When it was observed.
    #[must_use]
    pub(crate) fn time(self) -> Instant {
        let mut raw = [0; 8];
        raw.copy_from_slice(&self.bytes[12..20]);
        Instant(i64::from_le_bytes(raw))
    }

    fn split(self) -> (&'a [u8], &'a [u8], &'a [u8]) {
        let id_end = HEAD + usize::from(self.bytes[20]);
        let end = id_end + usize::from(self.bytes[21]);
        (&self.bytes[HEAD..id_end], &self.bytes[id_end..end], &self.bytes[end..])
    }

    /// The feed's id.
    #[must_use]
    pub(crate) fn id(self) -> &'a str {
        std::str::from_utf8(self.id_bytes()).unwrap_or_default()
    }

    /// The UTF-8 of the feed's id.
    #[must_use]
    pub(crate) fn id_bytes(self) -> &'a [u8] {
        self.split().0
    }

    /// The id it supersedes.
    #[must_use]
    pub(crate) fn supersedes(self) -> Option<&'a str> {
        let raw = self.split().1;
        (!raw.is_empty()).then(|| std::str::from_utf8(raw).unwrap_or_default())
    }

    /// The packed fields.
    #[must_use]
    pub(crate) fn fields(self) -> &'a [u8] {
        self.split().2
    }

    /// The event as it entered; nothing if the bytes are not a record's.
    pub(crate) fn event(self, source: &str, subject: Subject) -> Option<Event> {
        Some(Event {
            source: source.into(),
            id: self.id().into(),
            type_id: self.type_id(),
            time: self.time(),
            subject,
            supersedes: self.supersedes().map(Into::into),
            occurred_on: self.occurred_on(),
            void: self.void(),
            fields: Fields::from_bytes(self.fields())?,
        })
    }

    fn same_content(self, event: &Event) -> bool {
        self.type_id() == event.type_id
            && self.time() == event.time
            && self.occurred_on() == event.occurred_on
            && self.void() == event.void
            && self.supersedes() == event.supersedes.as_deref()
            && self.fields() == event.fields.bytes()
    }

    fn node(self) -> Node<'a> {
        Node {
            id: self.id(),
            supersedes: self.supersedes(),
            type_id: self.type_id(),
            time: self.time(),
            void: self.void(),
        }
    }
}

impl Ledger {
    /// Most events in one ledger: a household of 30 with a bill a week for two years has 3,000.
    pub(crate) const EVENTS: u16 = 20_000;

    /// How many events it holds.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// The bytes that it has room for.
    #[must_use]
    pub(crate) fn room(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// Whether it holds none.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads a byte of each cache line, so that they are near when the records are read.
    #[must_use]
    pub(crate) fn touch(&self) -> usize {
        self.bytes.iter().step_by(64).map(|b| usize::from(*b)).sum()
    }

    /// Reads the byte behind which the next record comes.
    #[must_use]
    pub(crate) fn near(&self) -> usize {
        self.bytes.last().map_or(0, |byte| usize::from(*byte))
    }

    /// All records in the order in which they were taken.
    #[must_use]
    pub(crate) fn records(&self) -> Records<'_> {
        Records { bytes: &self.bytes, at: 0 }
    }

    /// Offers an event about `slot`.
    pub(crate) fn offer(&mut self, event: &Event, source: Source, slot: Slot) -> Offered {
        let id = event.id.as_bytes();
        let mut corrected = false;
        let traces = traces(source, slot, id);
        let known = self.corrections || self.traces & traces == traces;
        let looked_at = if known { self.records() } else { Records::default() };
        for record in looked_at {
            if record.slot() != slot || record.source() != source {
                continue;
            }
            let (own, superseded, _) = record.split();
            if own == id {
                let same = record.same_content(event);
                return if same { Offered::Duplicate } else { Offered::Conflict };
            }
            corrected |= superseded == id;
        }
        if self.push(event, source, slot).is_none() {
            return Offered::Full;
        }
        if corrected || event.supersedes.is_some() {
            self.corrections = true;
            return self.restate(source, slot);
        }
        let turn = if event.void { Turn::Other } else { Turn::Alone };
        Offered::Taken { changed: !event.void, unmatched: false, turn }
    }

    /// Appends the record; live unless it withdraws. Gives its place.
    fn push(&mut self, event: &Event, source: Source, slot: Slot) -> Option<u32> {
        let supersedes = event.supersedes.as_deref().unwrap_or_default();
        let fields = event.fields.bytes();
        let len = HEAD + event.id.len() + supersedes.len() + fields.len();
        let len16 = u16::try_from(len).ok()?;
        let lengths = [u8::try_from(event.id.len()).ok()?, u8::try_from(supersedes.len()).ok()?];
        if self.count >= Self::EVENTS {
            return None;
        }
        let place = u32::try_from(self.bytes.len()).ok()?;
        if self.bytes.capacity() < self.bytes.len() + len {
            // A few events at once, later half again: most households never grow past a few hundred
            // bytes, and growing costs more than all else that an event does here.
            self.bytes.reserve_exact(len.max(GROWTH).max(self.bytes.len() / 2));
        }
        let out = &mut self.bytes;
        out.extend_from_slice(&len16.to_le_bytes());
        out.extend_from_slice(&event.type_id.0.to_le_bytes());
        out.extend_from_slice(&source.0.to_le_bytes());
        out.push(slot);
        out.push(if event.void { VOID } else { LIVE });
        out.extend_from_slice(&event.occurred_on.0.to_le_bytes());
        out.extend_from_slice(&event.time.0.to_le_bytes());
        out.extend_from_slice(&lengths);
        out.extend_from_slice(event.id.as_bytes());
        out.extend_from_slice(supersedes.as_bytes());
        out.extend_from_slice(fields);
        self.traces |= traces(source, slot, event.id.as_bytes());
        self.oldest = self.oldest.min(event.time.date());
        self.count += 1;
        Some(place)
    }

    /// Decides anew which events of one feed about one slot are live, after the newest was pushed.
    fn restate(&mut self, source: Source, slot: Slot) -> Offered {
        let mut places = Vec::new();
        let mut nodes = Vec::new();
        let mut records = self.records();
        while let Some((place, record)) = records.next_placed() {
            if record.slot() == slot && record.source() == source {
                places.push(place);
                nodes.push(record.node());
            }
        }
        let standings = standings(&nodes);
        let last = places.last().copied();
        let (mut came, mut went) = (Vec::new(), Vec::new());
        let mut unmatched = false;
        for (place, standing) in places.into_iter().zip(standings) {
            unmatched |= standing.unmatched && Some(place) == last;
            let flags = &mut self.bytes[place as usize + 7];
            // The newest record was pushed as live but was not known before.
            let was = *flags & LIVE != 0 && Some(place) != last;
            *flags = (*flags & !LIVE) | if standing.live { LIVE } else { 0 };
            match (was, standing.live) {
                (false, true) => came.push(place),
                (true, false) => went.push(place),
                _ => {}
            }
        }
        let alone = came.iter().all(|place| Some(*place) == last);
        let turn = match (&*came, &*went) {
            ([_], []) if alone => Turn::Alone,
            (_, [place]) if alone => Turn::Replaces(*place),
            _ => Turn::Other,
        };
        Offered::Taken { changed: !came.is_empty() || !went.is_empty(), unmatched, turn }
    }

    /// The record that begins at a place.
    pub(crate) fn at(&self, place: u32) -> Option<Record<'_>> {
        Records { at: place as usize, ..self.records() }.next()
    }

    /// Takes out all records of a slot; what they are about is then the owner of what is given. Says
    /// whether a live one was among them.
    pub(crate) fn release(&mut self, slot: Slot) -> (Ledger, bool) {
        let (mut kept, mut gone) = (Ledger::default(), Ledger::default());
        let mut live = false;
        for record in self.records() {
            if record.slot() == slot {
                live |= record.live();
                gone.append(record, 0);
            } else {
                kept.append(record, record.slot());
            }
        }
        kept.bytes.shrink_to_fit();
        *self = kept;
        (gone, live)
    }

    /// Takes in what [`Ledger::release`] gave, about `slot`. Says whether a live event came.
    pub(crate) fn adopt(&mut self, piece: &Ledger, slot: Slot) -> bool {
        let mut live = false;
        self.bytes.reserve_exact(piece.bytes.len());
        for record in piece.records() {
            live |= record.live();
            self.append(record, slot);
        }
        live
    }

    fn append(&mut self, record: Record<'_>, slot: Slot) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(record.bytes);
        self.bytes[start + 6] = slot;
        self.traces |= traces(record.source(), slot, record.id_bytes());
        self.oldest = self.oldest.min(record.time().date());
        self.count = self.count.saturating_add(1);
        self.corrections |= record.supersedes().is_some();
    }

    /// Takes out the records at these places in the order, counted from 0.
    pub(crate) fn part(&mut self, goes: impl Fn(usize) -> bool) -> Ledger {
        let mut gone = Ledger::default();
        for (_, record) in self.records().enumerate().filter(|(n, _)| goes(*n)) {
            gone.append(record, record.slot());
        }
        self.retain(|n, _| !goes(n));
        gone
    }

    /// Keeps only the records for which `keep` holds.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, Record<'_>) -> bool) {
        let mut kept = Ledger::default();
        for (n, record) in self.records().enumerate() {
            if keep(n, record) {
                kept.append(record, record.slot());
            }
        }
        kept.bytes.shrink_to_fit();
        *self = kept;
    }

    /// Forgets events observed before `oldest`, unless one that corrects or is corrected by a newer
    /// one is among them: then all stay, so that nothing that was ignored comes back.
    pub(crate) fn forget(&mut self, oldest: Instant) {
        if oldest.date() < self.oldest || !self.records().any(|r| r.time() < oldest) {
            return;
        }
        let related = |r: Record<'_>| {
            self.corrections
                && (r.supersedes().is_some()
                    || self
                        .records()
                        .any(|o| o.source() == r.source() && o.supersedes() == Some(r.id())))
        };
        let blocked = self.records().any(|r| r.time() >= oldest && related(r));
        let keep: Vec<bool> =
            self.records().map(|r| r.time() >= oldest || (blocked && related(r))).collect();
        self.retain(|n, _| keep[n]);
    }
}

/// An iterator over records.
#[derive(Clone, Default, Debug)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    /// The next record with the place where it begins.
    pub(crate) fn next_placed(&mut self) -> Option<(u32, Record<'a>)> {
        let head = self.bytes.get(self.at..self.at + 2)?;
        let len = usize::from(u16::from_le_bytes([head[0], head[1]]));
        let bytes = self.bytes.get(self.at..self.at + len)?;
        let place = u32::try_from(self.at).ok()?;
        self.at += len;
        Some((place, Record { bytes }))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        self.next_placed().map(|(_, record)| record)
    }
}

#[cfg(test)]
mod tests;
