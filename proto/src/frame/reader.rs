//! A frame's bytes, opened entry by entry as they are needed. It gives what decoding the messages
//! would give, without building them: what is folded by the million stays in the processor's caches.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::{BatchPart, FrameError, VERSION, batch, open_kind, wire};
use crate::{
    catalogue::Catalogue,
    date::{Date, Instant},
    event::{Event, Subject},
    fields::Fields,
    frame::Entry,
    ids::HouseholdKey,
    region::Area,
};

/// A field's value as it stands in the bytes.
enum Part<'r> {
    Number(u64),
    Fixed(u64),
    Bytes(&'r [u8]),
    /// Of a form that no field of the schema has.
    Other,
}

/// Takes the next field off.
fn part<'r>(bytes: &mut &'r [u8]) -> Result<(u32, Part<'r>), FrameError> {
    let malformed = |_| FrameError::Malformed;
    let (tag, form) = decode_key(bytes).map_err(malformed)?;
    let part = match form {
        WireType::Varint => Part::Number(decode_varint(bytes).map_err(malformed)?),
        WireType::SixtyFourBit => {
            let (fixed, rest) = bytes.split_first_chunk().ok_or(FrameError::Malformed)?;
            *bytes = rest;
            Part::Fixed(u64::from_le_bytes(*fixed))
        }
        WireType::LengthDelimited => {
            let length = decode_varint(bytes).map_err(malformed)?;
            let length = usize::try_from(length).map_err(|_| FrameError::Malformed)?;
            let (value, rest) = bytes.split_at_checked(length).ok_or(FrameError::Malformed)?;
            *bytes = rest;
            Part::Bytes(value)
        }
        WireType::ThirtyTwoBit => {
            let (_, rest) = bytes.split_first_chunk::<4>().ok_or(FrameError::Malformed)?;
            *bytes = rest;
            Part::Other
        }
        WireType::StartGroup | WireType::EndGroup => return Err(FrameError::Malformed),
    };
    Ok((tag, part))
}

/// A frame whose entries are still to be opened.
#[derive(Clone, Copy, Debug)]
pub struct FrameReader<'r> {
    at: Instant,
    history: bool,
    rest: &'r [u8],
    left: usize,
    pub(super) batch: Option<BatchPart>,
}

impl<'r> FrameReader<'r> {
    /// Looks through a record: its version, its instant, where its entries are.
    ///
    /// # Errors
    /// [`FrameError::Malformed`], [`FrameError::Version`].
    pub fn new(record: &'r [u8]) -> Result<FrameReader<'r>, FrameError> {
        let (at, history) = (Instant(0), false);
        let mut frame = FrameReader { at, history, rest: record, left: 0, batch: None };
        let mut bytes = record;
        while !bytes.is_empty() {
            match part(&mut bytes)? {
                (1, Part::Number(version)) => {
                    let version = u32::try_from(version).map_err(|_| FrameError::Malformed)?;
                    if version > VERSION {
                        return Err(FrameError::Version(version));
                    }
                }
                (2, Part::Fixed(at)) => frame.at = Instant(at.cast_signed()),
                (3, Part::Number(history)) => frame.history = history != 0,
                (4, Part::Bytes(_)) => frame.left += 1,
                (6, Part::Bytes(part)) => {
                    frame.batch = Some(batch::read(part).ok_or(FrameError::Malformed)?);
                }
                (1..=4 | 6, _) => return Err(FrameError::Malformed),
                _ => {}
            }
        }
        Ok(frame)
    }

    /// The frame's instant.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether what follows from it is history.
    #[must_use]
    pub fn history(&self) -> bool {
        self.history
    }

    /// What the door refused of the call, by the name of the code; asked before any entry is taken.
    #[must_use]
    pub fn refused(&self) -> Vec<(String, u64)> {
        let mut bytes = self.rest;
        let mut found = Vec::new();
        while let Ok((tag, value)) = part(&mut bytes) {
            if let (5, Part::Bytes(value)) = (tag, value) {
                found.extend(batch::refused(value));
            }
        }
        found
    }

    /// How many entries are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left
    }
}

impl<'r> Iterator for FrameReader<'r> {
    type Item = Result<Sealed<'r>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            match part(&mut self.rest) {
                Ok((4, Part::Bytes(entry))) => {
                    self.left -= 1;
                    return Some(Sealed::read(entry));
                }
                Ok(_) => {}
                Err(error) => {
                    self.left = 0;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// An entry of a frame that is still closed.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'r> {
    kind: wire::Kind,
    key: Option<HouseholdKey>,
    key_id: u32,
    at_us: i64,
    payload: &'r [u8],
}

impl<'r> Sealed<'r> {
    fn read(mut entry: &'r [u8]) -> Result<Sealed<'r>, FrameError> {
        let (mut header, mut payload) = (None, [].as_slice());
        while !entry.is_empty() {
            match part(&mut entry)? {
                (1, Part::Bytes(bytes)) => header = Some(bytes),
                (2, Part::Bytes(bytes)) => payload = bytes,
                (1 | 2, _) => return Err(FrameError::Malformed),
                _ => {}
            }
        }
        let mut header = header.ok_or(FrameError::Malformed)?;
        let kind = wire::Kind::Unspecified;
        let mut sealed = Sealed { kind, key: None, key_id: 0, at_us: 0, payload };
        while !header.is_empty() {
            match part(&mut header)? {
                (1, Part::Number(kind)) => {
                    let kind = i32::try_from(kind).map_err(|_| FrameError::Malformed)?;
                    sealed.kind = wire::Kind::try_from(kind).unwrap_or_default();
                }
                (2, Part::Bytes(key)) => sealed.key = key.try_into().ok().map(HouseholdKey),
                (3, Part::Number(id)) => {
                    sealed.key_id = u32::try_from(id).map_err(|_| FrameError::Malformed)?;
                }
                (4, Part::Fixed(at)) => sealed.at_us = at.cast_signed(),
                (1..=4, _) => return Err(FrameError::Malformed),
                _ => {}
            }
        }
        Ok(sealed)
    }

    /// The same of a message.
    pub(super) fn of(entry: &'r wire::Entry) -> Result<Sealed<'r>, FrameError> {
        let header = entry.header.as_ref().ok_or(FrameError::Malformed)?;
        Ok(Sealed {
            kind: header.kind(),
            key: header.subject_key.as_slice().try_into().ok().map(HouseholdKey),
            key_id: header.key_id,
            at_us: header.at_us,
            payload: &entry.payload,
        })
    }

    /// Under which key the entry is routed, as its header says; nothing where it is everybody's.
    #[must_use]
    pub fn key(&self) -> Option<HouseholdKey> {
        self.key
    }

    /// Turns it into the entry and its instant.
    ///
    /// # Errors
    /// [`FrameError`] for what this binary cannot apply.
    pub fn open(
        &self,
        frame_at: Instant,
        catalogue: &Catalogue,
    ) -> Result<(Instant, Entry), FrameError> {
        if self.key_id != 0 {
            return Err(FrameError::Sealed(self.key_id));
        }
        let at = if self.at_us == 0 { frame_at } else { Instant(self.at_us) };
        let entry = match self.kind {
            wire::Kind::Event => Entry::Event(Box::new(event(self.payload, catalogue)?)),
            kind => open_kind(kind, self.payload, catalogue)?,
        };
        Ok((at, entry))
    }
}

/// An event from its bytes.
pub(super) fn event(mut payload: &[u8], catalogue: &Catalogue) -> Result<Event, FrameError> {
    let [mut source, mut id, mut kind, mut subject, mut supersedes] = [""; 5];
    let (mut time, mut occurred_on, mut void, mut fields) = (0, 0, false, [].as_slice());
    while !payload.is_empty() {
        match part(&mut payload)? {
            (1, Part::Bytes(bytes)) => source = text(bytes)?,
            (2, Part::Bytes(bytes)) => id = text(bytes)?,
            (3, Part::Bytes(bytes)) => kind = text(bytes)?,
            (4, Part::Fixed(at)) => time = at.cast_signed(),
            (5, Part::Bytes(bytes)) => subject = text(bytes)?,
            (6, Part::Bytes(bytes)) => supersedes = text(bytes)?,
            (7, Part::Number(day)) => {
                let day = u32::try_from(day).map_err(|_| FrameError::Malformed)?;
                occurred_on = (day >> 1).cast_signed() ^ -(day & 1).cast_signed();
            }
            (8, Part::Number(is)) => void = is != 0,
            (9, Part::Bytes(bytes)) => fields = bytes,
            (1..=9, _) => return Err(FrameError::Malformed),
            _ => {}
        }
    }
    let subject = match subject.split_once('/') {
        Some(("household", id)) => Subject::Household(id.into()),
        Some(("person", person)) => Subject::Person(person.into()),
        Some(("area", area)) => Subject::Area(Area::parse(area).ok_or(FrameError::Malformed)?),
        _ => return Err(FrameError::Malformed),
    };
    Ok(Event {
        source: source.into(),
        id: id.into(),
        type_id: catalogue.type_id(kind).ok_or(FrameError::UnknownType)?,
        time: Instant(time),
        subject,
        supersedes: (!supersedes.is_empty()).then(|| supersedes.into()),
        occurred_on: Date(occurred_on),
        void,
        fields: Fields::from_bytes(fields).ok_or(FrameError::Malformed)?,
    })
}

fn text(bytes: &[u8]) -> Result<&str, FrameError> {
    std::str::from_utf8(bytes).map_err(|_| FrameError::Malformed)
}
