//! A frame's bytes, written entry by entry as they arrive. It gives what encoding the messages
//! would give, without building them: feeds bring events by the million.

use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint},
};

use super::{VERSION, seal, subject_key, wire};
use crate::{
    catalogue::Catalogue,
    date::Instant,
    event::{Event, Subject},
    frame::Entry,
    ids::HouseholdKey,
};

/// Field numbers of the schema.
const FRAME_ENTRIES: u32 = 4;
const ENTRY_HEADER: u32 = 1;
const ENTRY_PAYLOAD: u32 = 2;

/// The entries of one frame, all of one instant.
#[derive(Debug, Default)]
pub struct FrameWriter {
    entries: Vec<u8>,
    payload: Vec<u8>,
    header: Vec<u8>,
    count: usize,
}

impl FrameWriter {
    /// How many entries were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether no entry was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Adds an entry whose instant is the frame's.
    pub fn add(&mut self, entry: &Entry, catalogue: &Catalogue) {
        match entry {
            Entry::Event(event) => self.add_event(event, catalogue),
            other => {
                // Any instant that is both the entry's and the frame's.
                let sealed = seal(other, Instant(0), Instant(0), catalogue);
                self.count += 1;
                prost::encoding::message::encode(FRAME_ENTRIES, &sealed, &mut self.entries);
            }
        }
    }

    /// As [`FrameWriter::add`], for an event that need not be put into an entry.
    pub fn add_event(&mut self, event: &Event, catalogue: &Catalogue) {
        self.add_keyed(event, subject_key(&event.subject), catalogue);
    }

    /// As [`FrameWriter::add_event`], where [`subject_key`] of the event's subject is known.
    pub fn add_keyed(&mut self, event: &Event, key: Option<HouseholdKey>, catalogue: &Catalogue) {
        self.count += 1;
        self.payload.clear();
        write_event(event, catalogue, &mut self.payload);
        self.header.clear();
        encode_key(1, WireType::Varint, &mut self.header);
        encode_varint(wire::Kind::Event as u64, &mut self.header);
        if let Some(key) = key {
            bytes(2, &key.0, &mut self.header);
        }
        let lengths = |part: &[u8]| 1 + prost::length_delimiter_len(part.len()) + part.len();
        encode_key(FRAME_ENTRIES, WireType::LengthDelimited, &mut self.entries);
        let length = lengths(&self.header) + lengths(&self.payload);
        encode_varint(length as u64, &mut self.entries);
        bytes(ENTRY_HEADER, &self.header, &mut self.entries);
        bytes(ENTRY_PAYLOAD, &self.payload, &mut self.entries);
    }

    /// The frame, stamped; the writer is empty again and keeps its memory.
    #[must_use]
    pub fn finish(&mut self, at: Instant) -> Vec<u8> {
        let head = wire::Frame { version: VERSION, at_us: at.0, ..wire::Frame::default() };
        let mut frame = Vec::with_capacity(head.encoded_len() + self.entries.len());
        // Writing into memory that grows cannot fail.
        let _ = head.encode(&mut frame);
        frame.extend_from_slice(&self.entries);
        self.entries.clear();
        self.count = 0;
        frame
    }
}

fn bytes(tag: u32, value: &[u8], into: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint(value.len() as u64, into);
    into.extend_from_slice(value);
}

fn text(tag: u32, value: &str, into: &mut Vec<u8>) {
    if !value.is_empty() {
        bytes(tag, value.as_bytes(), into);
    }
}

fn fixed(tag: u32, value: i64, into: &mut Vec<u8>) {
    if value != 0 {
        encode_key(tag, WireType::SixtyFourBit, into);
        into.extend_from_slice(&value.to_le_bytes());
    }
}

fn write_event(event: &Event, catalogue: &Catalogue, into: &mut Vec<u8>) {
    text(1, &event.source, into);
    text(2, &event.id, into);
    text(3, &catalogue.get(event.type_id).name, into);
    fixed(4, event.time.0, into);
    match &event.subject {
        Subject::Household(id) => slashed(5, "household/", id, into),
        Subject::Person(token) => slashed(5, "person/", token, into),
        Subject::Area(_) => text(5, &event.subject.to_string(), into),
    }
    text(6, event.supersedes.as_deref().unwrap_or_default(), into);
    if event.occurred_on.0 != 0 {
        encode_key(7, WireType::Varint, into);
        let zigzag = (event.occurred_on.0 << 1) ^ (event.occurred_on.0 >> 31);
        encode_varint(u64::from(zigzag.cast_unsigned()), into);
    }
    if event.void {
        encode_key(8, WireType::Varint, into);
        encode_varint(1, into);
    }
    if !event.fields.bytes().is_empty() {
        bytes(9, event.fields.bytes(), into);
    }
}

fn slashed(tag: u32, kind: &str, name: &str, into: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, into);
    encode_varint((kind.len() + name.len()) as u64, into);
    into.extend_from_slice(kind.as_bytes());
    into.extend_from_slice(name.as_bytes());
}
