//! Frames survive their bytes, whole and entry by entry, and their bytes are frozen.

use proptest::prelude::*;

use super::*;

const EVENT: &str = r#"{"specversion":"1.0","id":"99-ybj-000000000001","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"person/t1","supersedes":"99-ybj-000000000000","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":-734500}}"#;
const PROFILE: &str =
    r#"{"household":"H1","region":"990102003004","class":"ordinary","size":3,"net_income_fen":5}"#;

fn entries(catalogue: &Catalogue) -> Vec<Entry> {
    let event = Json::parse(EVENT.as_bytes()).unwrap();
    let profile = Json::parse(PROFILE.as_bytes()).unwrap();
    vec![
        Entry::Event(Box::new(Event::parse(&event, catalogue, Persons::AsGiven).unwrap().0)),
        Entry::Profile(Box::new(Profile::parse(&profile, Instant(7), Persons::AsGiven).unwrap().0)),
        Entry::Removal { household: "H1".into(), updated_at: Instant(9) },
        Entry::Pack { name: "a.yaml".into(), yaml: b"pack: a".as_slice().into(), withdrawn: false },
        Entry::Tick,
        Entry::FoldVersion(3),
    ]
}

fn frame(catalogue: &Catalogue) -> wire::Frame {
    let at = Instant(1_000_000);
    let entries = entries(catalogue).iter().map(|e| seal(e, at, at, catalogue)).collect();
    let refused = vec![wire::Refused { code: "json.syntax".into(), count: 2 }];
    wire::Frame {
        version: VERSION,
        at_us: at.0,
        history: true,
        entries,
        refused,
        ..wire::Frame::default()
    }
}

#[test]
fn a_frame_survives_its_bytes_and_they_are_frozen() {
    let catalogue = Catalogue::shipped();
    let bytes = frame(&catalogue).encode_to_vec();
    let golden = include_str!("../../golden/frame.v1.hex");
    assert_eq!(crate::ids::hex(&bytes), golden.trim_end());
    let back = decode(&bytes).unwrap();
    let frame = FrameReader::new(&bytes).unwrap();
    assert_eq!((frame.at(), frame.history(), frame.left()), (Instant(1_000_000), true, 6));
    let one_by_one = frame.map(|e| e.unwrap().open(Instant(1_000_000), &catalogue).unwrap().1);
    assert_eq!(one_by_one.collect::<Vec<_>>(), entries(&catalogue));
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
    let golden = include_str!("../../golden/outcome.v1.hex");
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
    let schema = protox::compile([root.join("schema/levee.proto")], [root.join("schema")]).unwrap();
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
        if let Ok(frame) = FrameReader::new(&bytes) {
            frame.for_each(|e| drop(e.and_then(|e| e.open(Instant(0), &catalogue))));
        }
    }

    #[test]
    fn a_frame_is_read_entry_by_entry_as_whole(at: Vec<(usize, u8)>) {
        let catalogue = Catalogue::shipped();
        let mut bytes = frame(&catalogue).encode_to_vec();
        let length = bytes.len();
        at.iter().take(2).for_each(|(at, byte)| bytes[at % length] ^= byte);
        let one = |read: Result<(Instant, Entry), FrameError>| read.ok();
        let whole = decode(&bytes).ok().map(|frame| -> Vec<_> {
            let at = Instant(frame.at_us);
            frame.entries.iter().map(|e| one(open(e, at, &catalogue))).collect()
        });
        let read = FrameReader::new(&bytes).ok().map(|frame| -> Vec<_> {
            let at = frame.at();
            frame.map(|e| one(e.and_then(|e| e.open(at, &catalogue)))).collect()
        });
        // What is not utf-8 or out of range beside the entries is refused only as a whole.
        if let Some(whole) = whole {
            prop_assert_eq!(Some(whole), read);
        }
    }
}
