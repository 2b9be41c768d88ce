//! Dead letters of the fold: entries that were durable and had no effect, under their identity.
//!
//! It says what a letter holds and refuses to know how the door writes one down.

use std::collections::HashMap;

use proto::{
    catalogue::{Catalogue, Kind},
    codes::Code,
    date::Instant,
    event::Event,
    fields::{self, Packed},
    frame::Entry,
    json::Json,
};

/// An entry that the fold refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letter {
    /// Why.
    pub code: Code,
    /// The entry's instant in the journal.
    pub at: Instant,
    /// Its place in its frame, from 0.
    pub index: u64,
    /// Its canonical JSON with persons as tokens; nothing for what is no record of a feed.
    pub body: Option<Vec<u8>>,
}

impl Letter {
    /// The letter of an entry that was the `index`-th of its frame.
    #[must_use]
    pub fn of(code: Code, at: Instant, index: u32, entry: &Entry, known: &Catalogue) -> Letter {
        let body = match entry {
            Entry::Event(event) => Some(event_json(event, known).canonical()),
            Entry::Profile(profile) => Some(profile.canonical.to_vec()),
            Entry::Outcome(outcome) => Some(outcome.to_json().canonical()),
            Entry::Removal { .. }
            | Entry::Pack { .. }
            | Entry::Tick
            | Entry::FoldVersion(_)
            | Entry::Claim(_)
            | Entry::Adopt(_)
            | Entry::Release(_)
            | Entry::Marks(_) => None,
        };
        Letter { code, at, index: u64::from(index), body }
    }
}

/// The event as it could be sent again.
fn event_json<'e>(event: &'e Event, known: &'e Catalogue) -> Json<'e> {
    let text = |text: &'e str| Json::Text(text.into());
    let kind = known.get(event.type_id);
    let mut data = vec![("occurred_on".into(), Json::Text(event.occurred_on.to_string().into()))];
    if event.void {
        data.push(("void".into(), Json::Bool(true)));
    }
    for (index, value) in fields::each(event.fields.bytes()) {
        let Some(field) = kind.fields.get(index) else { continue };
        let value = match (value, &field.kind) {
            (Packed::Int(n), Kind::Bool) => Json::Bool(n != 0),
            (Packed::Int(n), _) => Json::Int(n),
            (Packed::Word(at), Kind::Enum(words)) => text(words.get(at).map_or("", String::as_str)),
            (Packed::Word(_), _) => Json::Null,
            (Packed::Text(value), _) => Json::Text(value.into()),
        };
        data.push((field.name.as_str().into(), value));
    }
    let mut all = vec![
        ("specversion".into(), text("1.0")),
        ("id".into(), text(&event.id)),
        ("source".into(), text(&event.source)),
        ("type".into(), text(&kind.name)),
        ("time".into(), Json::Text(event.time.to_string().into())),
        ("subject".into(), Json::Text(event.subject.to_string().into())),
        ("data".into(), Json::Map(data)),
    ];
    if let Some(supersedes) = &event.supersedes {
        all.push(("supersedes".into(), text(supersedes)));
    }
    Json::Map(all)
}

/// Records that a replay makes again and that are already in their topic.
#[derive(Debug, Default)]
pub(crate) struct Known(HashMap<Vec<u8>, u32>);

impl Known {
    pub(crate) fn note(&mut self, record: &[u8]) {
        *self.0.entry(record.to_vec()).or_default() += 1;
    }

    /// Whether this one is there already; each is taken once.
    pub(crate) fn take(&mut self, record: &[u8]) -> bool {
        match self.0.get_mut(record) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proto::person::Persons;

    use super::*;

    #[test]
    fn an_event_can_be_read_again_from_its_letter() {
        let known = Catalogue::shipped();
        for text in [
            r#"{"specversion":"1.0","id":"a","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"person/t1","supersedes":"b","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"self_paid_fen":-5}}"#,
            r#"{"specversion":"1.0","id":"c","source":"99/rsj","type":"employment.loss","time":"2026-03-04T10:20:30+08:00","subject":"household/H1","data":{"reason":"layoff","employer":"tok"}}"#,
            r#"{"specversion":"1.0","id":"d","source":"99/rsj","type":"employment.loss","time":"2026-03-04T10:20:30+08:00","subject":"household/H1","supersedes":"c","data":{"void":true}}"#,
        ] {
            let json = Json::parse(text.as_bytes()).unwrap();
            let event = Event::parse(&json, &known, Persons::AsGiven).unwrap().0;
            let entry = Entry::Event(Box::new(event.clone()));
            let letter = Letter::of(Code::IdConflict, event.time, 3, &entry, &known);
            let body = letter.body.unwrap();
            let again = Json::parse(&body).unwrap();
            assert_eq!(Event::parse(&again, &known, Persons::AsGiven).unwrap().0, event);
        }
    }

    #[test]
    fn a_known_record_is_taken_as_often_as_it_was_seen() {
        let mut known = Known::default();
        known.note(b"a");
        known.note(b"a");
        assert_eq!([1, 2, 3].map(|_| known.take(b"a")), [true, true, false]);
        assert!(!known.take(b"b"));
    }
}
