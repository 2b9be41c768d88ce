//! Journal frames: what entered, in the order in which it was decided upon.
//!
//! The messages are generated from `schema/levee.proto`; this file turns them into checked values
//! and back. It refuses to know where a frame is stored.

use prost::Message;

use crate::{
    belonging::{self, Adopt, Claim, Release},
    catalogue::Catalogue,
    date::{Date, Instant},
    event::{Event, Subject},
    fields::Fields,
    household::Profile,
    ids::HouseholdKey,
    json::Json,
    mark::Mark,
    outcome::{CaseId, CaseOutcome, Kind},
    person::Persons,
    region::Area,
};

mod batch;
mod reader;
mod writer;

pub use batch::{BatchPart, empty, mark_batch};
pub use reader::{FrameReader, Sealed};
pub use writer::FrameWriter;

/// The generated messages.
#[expect(missing_docs, clippy::doc_markdown, reason = "generated from schema/levee.proto, which has the docs")]
#[rustfmt::skip]
pub mod wire {
    include!("generated/levee.v1.rs");
}

/// The version of the frames this code writes, and the largest it reads.
pub const VERSION: u32 = 1;

/// Why bytes are not a frame, or an entry not one that this binary can apply.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// Not protobuf of the schema, or a field outside its range.
    #[error("frame.malformed: the record is not a journal frame")]
    Malformed,
    /// Written by a newer version.
    #[error(
        "frame.version: the record was written by version {0}; this binary reads up to {VERSION}"
    )]
    Version(u32),
    /// An event type that no catalogue in force defines.
    #[error("frame.unknown_type: an entry names an event type that is not defined here")]
    UnknownType,
    /// The payload is sealed with a key that is not at hand.
    #[error("frame.sealed: the payload is sealed with key {0}, which is not at hand")]
    Sealed(u32),
}

/// One thing that can change a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A profile arrived.
    Profile(Box<Profile>),
    /// A profile is removed unless a later one is known.
    Removal {
        /// Whose.
        household: Box<str>,
        /// Obeys the same later-wins rule as profiles.
        updated_at: Instant,
    },
    /// An event arrived.
    Event(Box<Event>),
    /// A rule pack comes into force or leaves.
    Pack {
        /// The name of its file in messages.
        name: Box<str>,
        /// Its bytes.
        yaml: Box<[u8]>,
        /// Whether it leaves.
        withdrawn: bool,
    },
    /// People did something about a case.
    Outcome(Box<CaseOutcome>),
    /// Only the clock moves.
    Tick,
    /// The fold of another version takes over.
    FoldVersion(u32),
    /// A profile names a person or does so no longer.
    Claim(Box<Claim>),
    /// A person's events count in a household.
    Adopt(Box<Adopt>),
    /// A person's events count in a household no longer.
    Release(Box<Release>),
    /// How far feeds were seen, over all partitions.
    Marks(Box<[Mark]>),
}

/// Whether the entry's own instant is written, or the frame's holds for it.
fn stamp(at: Instant, frame: Instant) -> i64 {
    if at == frame { 0 } else { at.0 }
}

/// Under which key an event is routed: its household's, or its person's in the person log; nothing
/// for an area, which is everywhere.
#[must_use]
pub fn subject_key(subject: &Subject) -> Option<HouseholdKey> {
    match subject {
        Subject::Household(id) => Some(HouseholdKey::of(id)),
        Subject::Person(person) => Some(belonging::person_key(person)),
        Subject::Area(_) => None,
    }
}

/// Turns an entry into its message.
#[must_use]
pub fn seal(entry: &Entry, at: Instant, frame_at: Instant, catalogue: &Catalogue) -> wire::Entry {
    let key = |text: &str| HouseholdKey::of(text).0.to_vec();
    let (kind, subject_key, payload) = match entry {
        Entry::Profile(p) => (wire::Kind::Profile, key(&p.household), profile_bytes(p)),
        Entry::Removal { household, updated_at } => {
            let message =
                wire::Removal { household: household.to_string(), updated_us: updated_at.0 };
            (wire::Kind::Removal, key(household), message.encode_to_vec())
        }
        Entry::Event(event) => {
            let subject = subject_key(&event.subject).map(|key| key.0.to_vec());
            (wire::Kind::Event, subject.unwrap_or_default(), event_bytes(event, catalogue))
        }
        Entry::Pack { name, yaml, withdrawn } => {
            let message =
                wire::Pack { name: name.to_string(), yaml: yaml.to_vec(), withdrawn: *withdrawn };
            (wire::Kind::Pack, Vec::new(), message.encode_to_vec())
        }
        Entry::Outcome(outcome) => {
            (wire::Kind::Outcome, key(&outcome.household), outcome_bytes(outcome))
        }
        Entry::Tick => (wire::Kind::Tick, Vec::new(), Vec::new()),
        Entry::FoldVersion(version) => {
            let message = wire::FoldVersion { version: *version };
            (wire::Kind::FoldVersion, Vec::new(), message.encode_to_vec())
        }
        Entry::Claim(claim) => {
            let subject = belonging::person_key(&claim.person).0.to_vec();
            (wire::Kind::Claim, subject, claim.message().encode_to_vec())
        }
        Entry::Adopt(adopt) => {
            let message = adopt.message(catalogue);
            (wire::Kind::Adopt, key(&adopt.household), message.encode_to_vec())
        }
        Entry::Release(release) => {
            (wire::Kind::Release, key(&release.household), release.message().encode_to_vec())
        }
        Entry::Marks(marks) => {
            let marks = marks.iter().map(|mark| mark.message(catalogue)).collect();
            (wire::Kind::Marks, Vec::new(), wire::Marks { marks }.encode_to_vec())
        }
    };
    let header =
        wire::Header { kind: kind.into(), subject_key, key_id: 0, at_us: stamp(at, frame_at) };
    wire::Entry { header: Some(header), payload }
}

fn profile_bytes(profile: &Profile) -> Vec<u8> {
    let message = wire::Household {
        canonical: profile.canonical.to_vec(),
        received_us: profile.updated_at.0,
    };
    message.encode_to_vec()
}

fn event_bytes(event: &Event, catalogue: &Catalogue) -> Vec<u8> {
    event_message(event, catalogue).encode_to_vec()
}

pub(crate) fn event_message(event: &Event, catalogue: &Catalogue) -> wire::Event {
    wire::Event {
        source: event.source.to_string(),
        id: event.id.to_string(),
        r#type: catalogue.get(event.type_id).name.clone(),
        time_us: event.time.0,
        subject: event.subject.to_string(),
        supersedes: event.supersedes.as_deref().unwrap_or_default().to_owned(),
        occurred_on: event.occurred_on.0,
        void: event.void,
        fields: event.fields.bytes().to_vec(),
    }
}

/// A frame of these entries with their instants, as a record.
#[must_use]
pub fn encode<'e>(
    at: Instant,
    entries: impl Iterator<Item = (Instant, &'e Entry)>,
    catalogue: &Catalogue,
) -> Vec<u8> {
    let entries = entries.map(|(own, entry)| seal(entry, own, at, catalogue)).collect();
    wire::Frame { version: VERSION, at_us: at.0, entries, ..wire::Frame::default() }.encode_to_vec()
}

fn outcome_bytes(outcome: &CaseOutcome) -> Vec<u8> {
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or_default().to_owned();
    let message = wire::Outcome {
        case: outcome.case.0.to_vec(),
        household: outcome.household.to_string(),
        id: outcome.id.to_string(),
        kind: outcome.kind.word().to_owned(),
        at_us: outcome.at.0,
        by: outcome.by.to_string(),
        category: text(&outcome.category),
        measures: outcome.measures.iter().map(ToString::to_string).collect(),
        revokes: text(&outcome.revokes),
    };
    message.encode_to_vec()
}

/// Reads a frame's bytes and checks its version.
///
/// # Errors
/// [`FrameError::Malformed`], [`FrameError::Version`].
pub fn decode(bytes: &[u8]) -> Result<wire::Frame, FrameError> {
    let frame = wire::Frame::decode(bytes).map_err(|_| FrameError::Malformed)?;
    if frame.version > VERSION {
        return Err(FrameError::Version(frame.version));
    }
    Ok(frame)
}

/// Turns an entry's message into the entry and its instant.
///
/// # Errors
/// [`FrameError`] for what this binary cannot apply.
pub fn open(
    entry: &wire::Entry,
    frame_at: Instant,
    catalogue: &Catalogue,
) -> Result<(Instant, Entry), FrameError> {
    Sealed::of(entry)?.open(frame_at, catalogue)
}

/// What a payload of this kind holds.
fn open_kind(kind: wire::Kind, payload: &[u8], catalogue: &Catalogue) -> Result<Entry, FrameError> {
    let malformed = |_| FrameError::Malformed;
    let opened = match kind {
        wire::Kind::Unspecified => return Err(FrameError::Malformed),
        wire::Kind::Profile => {
            let message = wire::Household::decode(payload).map_err(malformed)?;
            Entry::Profile(Box::new(open_profile(&message)?))
        }
        wire::Kind::Removal => {
            let message = wire::Removal::decode(payload).map_err(malformed)?;
            Entry::Removal {
                household: message.household.into(),
                updated_at: Instant(message.updated_us),
            }
        }
        wire::Kind::Event => Entry::Event(Box::new(reader::event(payload, catalogue)?)),
        wire::Kind::Pack => {
            let message = wire::Pack::decode(payload).map_err(malformed)?;
            Entry::Pack {
                name: message.name.into(),
                yaml: message.yaml.into(),
                withdrawn: message.withdrawn,
            }
        }
        wire::Kind::Outcome => {
            let message = wire::Outcome::decode(payload).map_err(malformed)?;
            Entry::Outcome(Box::new(open_outcome(message)?))
        }
        wire::Kind::Tick => Entry::Tick,
        wire::Kind::FoldVersion => {
            let message = wire::FoldVersion::decode(payload).map_err(malformed)?;
            Entry::FoldVersion(message.version)
        }
        wire::Kind::Claim => {
            Entry::Claim(Box::new(wire::Claim::decode(payload).map_err(malformed)?.into()))
        }
        wire::Kind::Adopt => {
            let message = wire::Adopt::decode(payload).map_err(malformed)?;
            Entry::Adopt(Box::new(Adopt::open(message, catalogue)?))
        }
        wire::Kind::Release => {
            Entry::Release(Box::new(wire::Release::decode(payload).map_err(malformed)?.into()))
        }
        wire::Kind::Marks => {
            let message = wire::Marks::decode(payload).map_err(malformed)?;
            let marks = message.marks.into_iter().map(|mark| Mark::open(mark, catalogue));
            Entry::Marks(marks.collect::<Result<_, _>>()?)
        }
    };
    Ok(opened)
}

fn open_profile(message: &wire::Household) -> Result<Profile, FrameError> {
    let json = Json::parse(&message.canonical).map_err(|_| FrameError::Malformed)?;
    let received = Instant(message.received_us);
    let (profile, _) =
        Profile::parse(&json, received, Persons::AsGiven).map_err(|_| FrameError::Malformed)?;
    Ok(profile)
}

pub(crate) fn open_event(message: wire::Event, catalogue: &Catalogue) -> Result<Event, FrameError> {
    let type_id = catalogue.type_id(&message.r#type).ok_or(FrameError::UnknownType)?;
    let subject = match message.subject.split_once('/') {
        Some(("household", id)) => Subject::Household(id.into()),
        Some(("person", person)) => Subject::Person(person.into()),
        Some(("area", area)) => Subject::Area(Area::parse(area).ok_or(FrameError::Malformed)?),
        _ => return Err(FrameError::Malformed),
    };
    Ok(Event {
        source: message.source.into(),
        id: message.id.into(),
        type_id,
        time: Instant(message.time_us),
        subject,
        supersedes: (!message.supersedes.is_empty()).then(|| message.supersedes.into()),
        occurred_on: Date(message.occurred_on),
        void: message.void,
        fields: Fields::from_bytes(&message.fields).ok_or(FrameError::Malformed)?,
    })
}

fn open_outcome(message: wire::Outcome) -> Result<CaseOutcome, FrameError> {
    let text = |text: String| (!text.is_empty()).then(|| text.into());
    let case: [u8; 16] = message.case.try_into().map_err(|_| FrameError::Malformed)?;
    Ok(CaseOutcome {
        case: CaseId(case),
        household: message.household.into(),
        id: message.id.into(),
        kind: Kind::parse(&message.kind).ok_or(FrameError::Malformed)?,
        at: Instant(message.at_us),
        by: message.by.into(),
        category: text(message.category),
        measures: message.measures.into_iter().map(Into::into).collect(),
        revokes: text(message.revokes),
    })
}

#[cfg(test)]
mod tests;
