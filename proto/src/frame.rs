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
    outcome::{CaseId, CaseOutcome, Kind},
    person::Persons,
    region::Area,
};

mod writer;

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

/// Under which key an entry is routed, as its header says; nothing where it is everybody's.
#[must_use]
pub fn key(entry: &wire::Entry) -> Option<HouseholdKey> {
    let key = entry.header.as_ref()?.subject_key.as_slice();
    key.try_into().ok().map(HouseholdKey)
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
    let header = entry.header.as_ref().ok_or(FrameError::Malformed)?;
    if header.key_id != 0 {
        return Err(FrameError::Sealed(header.key_id));
    }
    let at = if header.at_us == 0 { frame_at } else { Instant(header.at_us) };
    let payload = entry.payload.as_slice();
    let malformed = |_| FrameError::Malformed;
    let opened = match header.kind() {
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
        wire::Kind::Event => {
            let message = wire::Event::decode(payload).map_err(malformed)?;
            Entry::Event(Box::new(open_event(message, catalogue)?))
        }
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
    };
    Ok((at, opened))
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0","id":"99-ybj-000000000001","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"person/t1","supersedes":"99-ybj-000000000000","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":-734500}}"#;
    const PROFILE: &str = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":3,"net_income_fen":5}"#;

    fn entries(catalogue: &Catalogue) -> Vec<Entry> {
        let event = Json::parse(EVENT.as_bytes()).unwrap();
        let profile = Json::parse(PROFILE.as_bytes()).unwrap();
        vec![
            Entry::Event(Box::new(Event::parse(&event, catalogue, Persons::AsGiven).unwrap().0)),
            Entry::Profile(Box::new(
                Profile::parse(&profile, Instant(7), Persons::AsGiven).unwrap().0,
            )),
            Entry::Removal { household: "H1".into(), updated_at: Instant(9) },
            Entry::Pack {
                name: "a.yaml".into(),
                yaml: b"pack: a".as_slice().into(),
                withdrawn: false,
            },
            Entry::Tick,
            Entry::FoldVersion(3),
        ]
    }

    fn frame(catalogue: &Catalogue) -> wire::Frame {
        let at = Instant(1_000_000);
        let entries = entries(catalogue).iter().map(|e| seal(e, at, at, catalogue)).collect();
        let refused = vec![wire::Refused { code: "json.syntax".into(), count: 2 }];
        wire::Frame { version: VERSION, at_us: at.0, history: true, entries, refused }
    }

    #[test]
    fn a_frame_survives_its_bytes_and_they_are_frozen() {
        let catalogue = Catalogue::shipped();
        let bytes = frame(&catalogue).encode_to_vec();
        let golden = include_str!("../golden/frame.v1.hex");
        assert_eq!(crate::ids::hex(&bytes), golden.trim_end());
        let back = decode(&bytes).unwrap();
        let opened: Vec<Entry> = back
            .entries
            .iter()
            .map(|e| open(e, Instant(back.at_us), &catalogue).unwrap())
            .inspect(|(at, _)| assert_eq!(*at, Instant(1_000_000)))
            .map(|(_, entry)| entry)
            .collect();
        assert_eq!(opened, entries(&catalogue));
    }

    #[test]
    fn a_frame_written_entry_by_entry_has_the_same_bytes() {
        let catalogue = Catalogue::shipped();
        let mut all = entries(&catalogue);
        let Entry::Event(event) = all[0].clone() else { panic!("the first one is an event") };
        for change in 0..6 {
            let mut event = event.clone();
            match change {
                0 => event.subject = Subject::Household("H1".into()),
                1 => event.subject = Subject::Area(Area::parse("9901").unwrap()),
                2 => event.supersedes = None,
                3 => event.occurred_on = Date(-70_000),
                4 => (event.occurred_on, event.time) = (Date(0), Instant(0)),
                _ => (event.void, event.fields) = (true, Fields::default()),
            }
            all.push(Entry::Event(event));
        }
        let at = Instant(1_772_590_830_000_000);
        let mut writer = FrameWriter::default();
        for _ in 0..2 {
            all.iter().for_each(|entry| writer.add(entry, &catalogue));
            assert_eq!(writer.len(), all.len());
            let sealed = all.iter().map(|entry| seal(entry, at, at, &catalogue)).collect();
            let frame = wire::Frame {
                version: VERSION,
                at_us: at.0,
                entries: sealed,
                ..wire::Frame::default()
            };
            assert_eq!(writer.finish(at), frame.encode_to_vec());
            assert!(writer.is_empty());
        }
    }

    #[test]
    fn an_outcome_survives_its_bytes_and_they_are_frozen() {
        let catalogue = Catalogue::shipped();
        let case = CaseId::of("H1", 1);
        let text = r#"{"id":"o1","household":"H1","kind":"identified","at":"2026-03-05T10:00:00+08:00","by":"worker-1","category":"marginal","measures":["medical_aid"]}"#;
        let json = Json::parse(text.as_bytes()).unwrap();
        let outcome = CaseOutcome::parse(&json, case).unwrap().0;
        let revoked = CaseOutcome {
            id: "o2".into(),
            kind: Kind::Revoked,
            category: None,
            measures: Box::default(),
            revokes: Some("o1".into()),
            ..outcome.clone()
        };
        let golden = include_str!("../golden/outcome.v1.hex");
        let mut told = String::new();
        for outcome in [outcome, revoked] {
            let entry = Entry::Outcome(Box::new(outcome));
            let sealed = seal(&entry, Instant(5), Instant(7), &catalogue);
            assert_eq!(open(&sealed, Instant(7), &catalogue).unwrap(), (Instant(5), entry));
            told.push_str(&crate::ids::hex(&sealed.encode_to_vec()));
            told.push('\n');
        }
        assert_eq!(told, golden);
    }

    #[test]
    fn what_cannot_be_applied_is_named() {
        let catalogue = Catalogue::shipped();
        let mut newer = frame(&catalogue);
        newer.version = 2;
        assert_eq!(decode(&newer.encode_to_vec()).unwrap_err(), FrameError::Version(2));
        let mut sealed = frame(&catalogue).entries.remove(0);
        sealed.header.as_mut().unwrap().key_id = 5;
        assert_eq!(open(&sealed, Instant(0), &catalogue).unwrap_err(), FrameError::Sealed(5));
    }

    #[test]
    fn the_generated_code_is_that_of_the_schema() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let schema =
            protox::compile([root.join("schema/levee.proto")], [root.join("schema")]).unwrap();
        let out = tempfile::tempdir().unwrap();
        prost_build::Config::new().out_dir(out.path()).compile_fds(schema).unwrap();
        let fresh = std::fs::read_to_string(out.path().join("levee.v1.rs")).unwrap();
        if std::env::var_os("LEVEE_REGENERATE").is_some() {
            std::fs::write(root.join("src/generated/levee.v1.rs"), &fresh).unwrap();
        }
        let kept = std::fs::read_to_string(root.join("src/generated/levee.v1.rs")).unwrap();
        assert_eq!(kept, fresh, "run LEVEE_REGENERATE=1 cargo test -p proto and commit");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_refused(bytes: Vec<u8>) {
            let catalogue = Catalogue::shipped();
            if let Ok(frame) = decode(&bytes) {
                for entry in &frame.entries {
                    let _ = open(entry, Instant(0), &catalogue);
                }
            }
        }
    }
}
