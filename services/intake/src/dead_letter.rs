//! Dead letters: records that were refused, kept without personal data until someone looks.
//!
//! One JSON line each. It refuses to keep what is not well-formed JSON: of that only the length.

use proto::{
    codes::Code,
    date::Instant,
    household::personal_column,
    json::Json,
    person::{Persons, holds_id_number},
};
use serde::Serialize;
use serde_json::value::RawValue;

/// What stands in place of a text or number that looks like an ID number.
pub const SCRUBBED: &str = "[id]";
/// Digits from which a number may be an ID number that lost its quotes.
const ID_DIGITS: usize = 15;

/// Where a record of a feed's topic stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Origin {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: u32,
    /// The offset in the partition.
    pub offset: u64,
}

/// One refused record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    /// Why it was refused.
    pub code: Code,
    /// RFC 6901 pointer into the record to the place, where one is known.
    pub pointer: Option<String>,
    /// When the door saw it.
    pub received_at: Instant,
    /// Its place in its call, from 0.
    pub index: u64,
    /// How many bytes it had.
    pub length: u64,
    /// Its canonical JSON after scrubbing; nothing where it was not well-formed JSON.
    pub body: Option<Vec<u8>>,
    /// Whether scrubbing took more than personal columns: then the body is not what was meant.
    pub altered: bool,
    /// Where it stands, for a record that came through a topic.
    pub origin: Option<Origin>,
}

/// Why a line is not a dead letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the line is not a dead letter")]
pub struct DeadLetterError;

#[derive(Serialize)]
struct Line<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    received_at: String,
    index: u64,
    length: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    altered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<&'a Origin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

impl DeadLetter {
    /// Whether the body can be posted again: it is there and says what was meant.
    #[must_use]
    pub fn replayable(&self) -> bool {
        self.body.is_some() && !self.altered
    }

    /// One JSON line without its end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let body = self.body.as_deref().and_then(|body| serde_json::from_slice(body).ok());
        let line = Line {
            code: self.code.name(),
            pointer: self.pointer.as_deref(),
            received_at: self.received_at.to_string(),
            index: self.index,
            length: self.length,
            altered: self.altered,
            origin: self.origin.as_ref(),
            body,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }

    /// Reads what [`DeadLetter::to_json`] wrote.
    ///
    /// # Errors
    /// [`DeadLetterError`] for any other line.
    pub fn from_json(line: &str) -> Result<DeadLetter, DeadLetterError> {
        let json = Json::parse(line.as_bytes()).map_err(|_| DeadLetterError)?;
        let text = |key| json.get(key).and_then(Json::text);
        let count = |key| match json.get(key) {
            Some(Json::Int(n)) => u64::try_from(*n).ok(),
            _ => None,
        };
        let origin = json.get("origin").and_then(|origin| {
            let whole = |key| match origin.get(key) {
                Some(Json::Int(n)) => u64::try_from(*n).ok(),
                _ => None,
            };
            Some(Origin {
                topic: origin.get("topic")?.text()?.to_owned(),
                partition: u32::try_from(whole("partition")?).ok()?,
                offset: whole("offset")?,
            })
        });
        Ok(DeadLetter {
            code: text("code").and_then(Code::parse).ok_or(DeadLetterError)?,
            pointer: text("pointer").map(str::to_owned),
            received_at: text("received_at").and_then(Instant::parse).ok_or(DeadLetterError)?,
            index: count("index").ok_or(DeadLetterError)?,
            length: count("length").ok_or(DeadLetterError)?,
            body: json.get("body").map(Json::canonical),
            altered: json.get("altered") == Some(&Json::Bool(true)),
            origin,
        })
    }
}

/// A record without what must not be kept, and whether more than personal columns was taken.
#[must_use]
pub fn scrub(record: &Json<'_>, persons: Persons<'_>) -> (Vec<u8>, bool) {
    let mut scrubber = Scrubber { persons, altered: false };
    let scrubbed = scrubber.record(record);
    (scrubbed.canonical(), scrubber.altered)
}

struct Scrubber<'k> {
    persons: Persons<'k>,
    altered: bool,
}

impl Scrubber<'_> {
    fn record<'a>(&mut self, record: &'a Json<'a>) -> Json<'a> {
        let Json::Map(entries) = record else { return self.value(record) };
        let columns = entries.iter().filter(|(key, _)| self.kept(key)).map(|(k, v)| (k.clone(), v));
        let columns: Vec<_> = columns.collect();
        let each = columns.into_iter().map(|(key, value)| {
            let value = match (key.as_ref(), value) {
                ("subject", Json::Text(text)) => self.subject(text),
                ("members", Json::List(members)) => {
                    Json::List(members.iter().map(|member| self.member(member)).collect())
                }
                (_, value) => self.value(value),
            };
            (key, value)
        });
        Json::Map(each.collect())
    }

    fn subject<'a>(&mut self, text: &'a str) -> Json<'a> {
        match text.strip_prefix("person/").and_then(|person| self.persons.take(person)) {
            Some(taken) => Json::Text(format!("person/{}", taken.person).into()),
            None => self.text(text),
        }
    }

    fn member<'a>(&mut self, member: &'a Json<'a>) -> Json<'a> {
        let Json::Map(entries) = member else { return self.value(member) };
        let mut kept = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if !self.kept(key) {
                continue;
            }
            let value = match (key.as_ref(), value) {
                ("person", Json::Text(text)) => match self.persons.take(text) {
                    Some(taken) => Json::Text(taken.person.into()),
                    None => self.text(text),
                },
                (_, value) => self.value(value),
            };
            kept.push((key.clone(), value));
        }
        Json::Map(kept)
    }

    fn value<'a>(&mut self, value: &'a Json<'a>) -> Json<'a> {
        match value {
            Json::Text(text) => self.text(text),
            Json::Int(n) if self.hides(&n.unsigned_abs().to_string()) => {
                Json::Text(SCRUBBED.into())
            }
            Json::Number(n) if n.abs() >= 1e14 => {
                self.altered = true;
                Json::Text(SCRUBBED.into())
            }
            Json::List(items) => Json::List(items.iter().map(|item| self.value(item)).collect()),
            Json::Map(entries) => {
                let mut kept = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    if self.kept(key) {
                        kept.push((key.clone(), self.value(value)));
                    }
                }
                Json::Map(kept)
            }
            other => other.clone(),
        }
    }

    fn text<'a>(&mut self, text: &'a str) -> Json<'a> {
        if holds_id_number(text) {
            self.altered = true;
            return Json::Text(SCRUBBED.into());
        }
        Json::Text(text.into())
    }

    /// A number of so many digits is taken for an ID number that lost its quotes.
    fn hides(&mut self, digits: &str) -> bool {
        let hides = digits.len() >= ID_DIGITS && holds_id_number(digits);
        self.altered |= hides;
        hides
    }

    fn kept(&mut self, key: &str) -> bool {
        let id = holds_id_number(key);
        self.altered |= id;
        !id && !personal_column(key)
    }
}

#[cfg(test)]
mod tests {
    use proto::person::TokenKey;

    use super::*;

    fn scrubbed(text: &str) -> (String, bool) {
        let key = TokenKey::new(1, &[7; 32]);
        let (body, altered) = scrub(&Json::parse(text.as_bytes()).unwrap(), Persons::Tokens(&key));
        (String::from_utf8(body).unwrap(), altered)
    }

    fn letter() -> DeadLetter {
        let text = r#"{"type":"no.such","subject":"person/990000199001010017","姓名":"x","data":{"n":1,"phone":"2"}}"#;
        let (body, altered) = scrubbed(text);
        DeadLetter {
            code: Code::SchemaUnknownType,
            pointer: Some("/type".into()),
            received_at: Instant::parse("2026-03-04T10:20:30.5+08:00").unwrap(),
            index: 7,
            length: 112,
            body: Some(body.into_bytes()),
            altered,
            origin: None,
        }
    }

    #[test]
    fn the_written_form_is_frozen() {
        let golden = include_str!("../tests/golden/dead_letters.ndjson");
        let bare = DeadLetter {
            code: Code::JsonSyntax,
            pointer: None,
            received_at: Instant(0),
            index: 0,
            length: 3,
            body: None,
            altered: false,
            origin: None,
        };
        let origin = Origin { topic: "feed_events".into(), partition: 3, offset: 17 };
        let fed = DeadLetter { origin: Some(origin), ..bare.clone() };
        let written = format!("{}\n{}\n{}\n", letter().to_json(), bare.to_json(), fed.to_json());
        assert_eq!(written, golden);
        let back: Vec<_> =
            golden.lines().map(|line| DeadLetter::from_json(line).unwrap()).collect();
        assert_eq!(back, [letter(), bare.clone(), fed]);
        assert!(letter().replayable() && !bare.replayable());
        assert_eq!(DeadLetter::from_json("{}"), Err(DeadLetterError));
        assert_eq!(DeadLetter::from_json("x"), Err(DeadLetterError));
    }

    #[test]
    fn whatever_looks_like_an_id_number_is_gone() {
        let number = "990000199001010017";
        for (from, to, altered) in [
            (r#"{"subject":"person/N"}"#, None, false),
            (r#"{"members":[{"person":"N","name":"x"}]}"#, None, false),
            (r#"{"id":"a-N"}"#, Some(r#"{"id":"[id]"}"#), true),
            (
                r#"{"data":{"a":[N,{"b":"xN"}]}}"#,
                Some(r#"{"data":{"a":["[id]",{"b":"[id]"}]}}"#),
                true,
            ),
            (r#"{"data":{"N":1,"c":2}}"#, Some(r#"{"data":{"c":2}}"#), true),
            (r#"{"data":{"a":4.4E+17}}"#, Some(r#"{"data":{"a":"[id]"}}"#), true),
            (r#""N""#, Some(r#""[id]""#), true),
            (r#"{"subject":"person/N or so"}"#, Some(r#"{"subject":"[id]"}"#), true),
            (r#"{"a":1834500,"b":-7}"#, Some(r#"{"a":1834500,"b":-7}"#), false),
        ] {
            let (body, was) = scrubbed(&from.replace('N', number));
            assert!(!body.contains(number) && !body.contains("name"), "{body}");
            assert_eq!(was, altered, "{from}");
            if let Some(to) = to {
                assert_eq!(body, to);
            }
        }
    }
}
