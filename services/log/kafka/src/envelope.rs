//! What goes around a record on Kafka, derived from its bytes alone: the same bytes always travel
//! in the same envelope, so that a comparison of bytes is one of records.

use std::borrow::Cow;

use serde::Deserialize;

/// Key and headers of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// What the record is about.
    pub key: Option<Vec<u8>>,
    /// Names and values, in order.
    pub headers: Vec<(&'static str, Vec<u8>)>,
}

/// How the envelope of a topic's records is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dress {
    /// No key and no headers.
    #[default]
    Bare,
    /// The record is one CloudEvent in JSON: structured mode of the Kafka protocol binding, its
    /// attributes once more as `ce_` headers, the key what the subject names.
    CloudEvent,
    /// The record is a dead letter in JSON: where it came from and why it was refused stand in the
    /// headers that Kafka Connect uses.
    DeadLetter,
}

/// The content type of structured mode.
pub const STRUCTURED: &str = "application/cloudevents+json";

#[derive(Deserialize)]
struct Attributes<'a> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Letter<'a> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    origin: Option<Origin<'a>>,
}

#[derive(Deserialize)]
struct Origin<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    partition: u32,
    offset: u64,
}

impl Dress {
    /// The envelope of a record. A record of another form travels bare.
    #[must_use]
    pub fn envelope(self, record: &[u8]) -> Envelope {
        match self {
            Dress::Bare => Envelope::default(),
            Dress::CloudEvent => {
                serde_json::from_slice(record).map(cloud_event).unwrap_or_default()
            }
            Dress::DeadLetter => serde_json::from_slice(record).map(letter).unwrap_or_default(),
        }
    }
}

fn cloud_event(of: Attributes<'_>) -> Envelope {
    let text = |text: Cow<'_, str>| text.into_owned().into_bytes();
    let key = of.subject.as_ref().map(|subject| {
        let named = subject.rsplit_once('/').map_or(subject.as_ref(), |(_, named)| named);
        named.as_bytes().to_vec()
    });
    let mut headers = vec![
        ("content-type", STRUCTURED.into()),
        ("ce_specversion", text(of.specversion)),
        ("ce_id", text(of.id)),
        ("ce_source", text(of.source)),
        ("ce_type", text(of.kind)),
    ];
    headers.extend(of.time.map(|time| ("ce_time", text(time))));
    headers.extend(of.subject.map(|subject| ("ce_subject", text(subject))));
    Envelope { key, headers }
}

fn letter(of: Letter<'_>) -> Envelope {
    let Some(origin) = of.origin else { return Envelope::default() };
    let code = of.code.into_owned().into_bytes();
    let headers = vec![
        ("__connect.errors.topic", origin.topic.into_owned().into_bytes()),
        ("__connect.errors.partition", origin.partition.to_string().into()),
        ("__connect.errors.offset", origin.offset.to_string().into()),
        ("__connect.errors.connector.name", b"levee-intake".into()),
        ("__connect.errors.task.id", b"0".into()),
        ("__connect.errors.stage", b"VALUE_CONVERTER".into()),
        ("__connect.errors.class.name", b"levee.intake.door".into()),
        ("__connect.errors.exception.class.name", code.clone()),
        ("__connect.errors.exception.message", code),
    ];
    Envelope { key: None, headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(envelope: &Envelope) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let key = envelope.key.as_deref().map(text).unwrap_or_default();
        let lines =
            envelope.headers.iter().map(|(name, value)| format!("\n{name}: {}", text(value)));
        lines.fold(format!("key: {key}"), |all, line| all + &line)
    }

    #[test]
    fn a_cloud_event_is_keyed_by_what_its_subject_names() {
        let event = br#"{"specversion":"1.0","id":"a1","source":"levee/99","type":"levee.alert.v1","time":"2026-03-04T10:20:30+08:00","subject":"household/H1","data":{"level":"red"}}"#;
        assert_eq!(
            shown(&Dress::CloudEvent.envelope(event)),
            "key: H1\ncontent-type: application/cloudevents+json\nce_specversion: 1.0\nce_id: a1\n\
             ce_source: levee/99\nce_type: levee.alert.v1\nce_time: 2026-03-04T10:20:30+08:00\n\
             ce_subject: household/H1"
        );
        assert_eq!(Dress::CloudEvent.envelope(b"{}"), Envelope::default());
        assert_eq!(Dress::Bare.envelope(event), Envelope::default());
    }

    #[test]
    fn a_dead_letter_says_where_it_came_from() {
        let line = br#"{"code":"json.syntax","origin":{"topic":"feeds","partition":3,"offset":17},"length":4}"#;
        assert_eq!(
            shown(&Dress::DeadLetter.envelope(line)),
            "key: \n__connect.errors.topic: feeds\n__connect.errors.partition: 3\n\
             __connect.errors.offset: 17\n__connect.errors.connector.name: levee-intake\n\
             __connect.errors.task.id: 0\n__connect.errors.stage: VALUE_CONVERTER\n\
             __connect.errors.class.name: levee.intake.door\n\
             __connect.errors.exception.class.name: json.syntax\n\
             __connect.errors.exception.message: json.syntax"
        );
        assert_eq!(Dress::DeadLetter.envelope(br#"{"code":"json.syntax"}"#), Envelope::default());
    }
}
