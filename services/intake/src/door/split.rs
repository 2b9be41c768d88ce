//! Takes a call apart into records without looking into them.
//!
//! It refuses to build more than a list of places: a hostile body costs no more than its own size.

use std::fmt;

use proto::codes::Code;
use serde::{
    Deserializer as _,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// How records stand in a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// The body is one record.
    One,
    /// The body is a JSON array of records.
    Array,
    /// One record a line; empty lines are passed over but counted.
    Lines,
}

/// Why nothing of a call is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}", code.name())]
pub struct Whole {
    /// `json.syntax`, `text.utf8` or `limit.records`.
    pub code: Code,
    /// The byte of the body where it was noticed.
    pub offset: Option<usize>,
}

/// The records of a body with their places.
pub(super) fn records(body: &[u8], shape: Shape, most: usize) -> Result<Vec<(u64, &[u8])>, Whole> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match shape {
        Shape::One => Ok(vec![(0, body)]),
        Shape::Lines => lines(body, most),
        Shape::Array => elements(body, most),
    }
}

fn lines(body: &[u8], most: usize) -> Result<Vec<(u64, &[u8])>, Whole> {
    let mut records = Vec::new();
    for (index, line) in (0..).zip(body.split(|b| *b == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if records.len() == most {
            return Err(Whole { code: Code::LimitRecords, offset: None });
        }
        records.push((index, line));
    }
    Ok(records)
}

fn elements(body: &[u8], most: usize) -> Result<Vec<(u64, &[u8])>, Whole> {
    let text = std::str::from_utf8(body)
        .map_err(|e| Whole { code: Code::TextUtf8, offset: Some(e.valid_up_to()) })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader
        .deserialize_seq(Elements { most })
        .and_then(|elements| reader.end().map(|()| elements));
    match read {
        Ok(elements) => Ok((0..).zip(elements.into_iter().map(|e| e.get().as_bytes())).collect()),
        Err(e) if e.to_string().starts_with(TOO_MANY) => {
            Err(Whole { code: Code::LimitRecords, offset: None })
        }
        Err(e) => Err(Whole { code: Code::JsonSyntax, offset: Some(offset(text, &e)) }),
    }
}

const TOO_MANY: &str = "levee: too many elements";

fn offset(text: &str, error: &serde_json::Error) -> usize {
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    (before + error.column()).min(text.len())
}

struct Elements {
    most: usize,
}

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if elements.len() == self.most {
                return Err(serde::de::Error::custom(TOO_MANY));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(body: &[u8], shape: Shape) -> Vec<(u64, String)> {
        let records = records(body, shape, 3).unwrap();
        records.into_iter().map(|(n, r)| (n, String::from_utf8_lossy(r).into_owned())).collect()
    }

    fn refused(body: &[u8], shape: Shape) -> Code {
        records(body, shape, 3).unwrap_err().code
    }

    #[test]
    fn lines_keep_their_numbers_and_an_array_its_order() {
        let lines = texts(b"\xef\xbb\xbfa\r\n\n b \n", Shape::Lines);
        assert_eq!(lines, [(0, "a".to_owned()), (2, "b".to_owned())]);
        let items = texts(br#" [1, {"a":[2]} ,"x"] "#, Shape::Array);
        assert_eq!(items[1], (1, r#"{"a":[2]}"#.to_owned()));
        assert_eq!(texts(b"[]", Shape::Array), []);
        assert_eq!(texts(b"", Shape::Lines), []);
    }

    #[test]
    fn what_cannot_be_taken_apart_is_refused_whole() {
        for broken in ["", "[1", "[1,]", "[1] x", "{}", "7", "[nul]"] {
            assert_eq!(refused(broken.as_bytes(), Shape::Array), Code::JsonSyntax, "{broken}");
        }
        assert_eq!(refused(b"[\"\xff\"]", Shape::Array), Code::TextUtf8);
        assert_eq!(refused(b"[1,2,3,4]", Shape::Array), Code::LimitRecords);
        assert_eq!(refused(b"1\n2\n3\n4\n", Shape::Lines), Code::LimitRecords);
        assert_eq!(refused("[".repeat(100_000).as_bytes(), Shape::Array), Code::JsonSyntax);
    }
}
