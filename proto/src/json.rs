//! A strict, borrowed JSON tree: the form in which the door looks at what it is given.
//!
//! It refuses duplicate keys, hidden control characters, too deep or too large values, and says
//! where; it never repeats the content that it refused.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Serialize,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::codes::Code;

/// Deepest nesting accepted.
pub const DEPTH: usize = 32;
/// Longest string accepted, in bytes.
pub const TEXT: usize = 64 * 1024;
/// Most values accepted in one record.
pub const VALUES: usize = 20_000;

/// One JSON value; objects keep the order in which their keys came.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number written without fraction or exponent that fits 64 bits.
    Int(i64),
    /// Any other number.
    Number(f64),
    /// A string.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Json<'a>>),
    /// An object.
    Map(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why a text is not taken: a stable code and the byte where it was noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} at byte {offset}", code.name())]
pub struct JsonError {
    /// `json.*`, `text.*`, `limit.*` or `amount.range`.
    pub code: Code,
    /// Byte offset in the text.
    pub offset: usize,
}

impl<'a> Json<'a> {
    /// Reads one JSON text.
    ///
    /// # Errors
    /// [`JsonError`] for anything that is not exactly one well-formed value within the limits.
    pub fn parse(bytes: &'a [u8]) -> Result<Json<'a>, JsonError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|e| JsonError { code: Code::TextUtf8, offset: e.valid_up_to() })?;
        let mut values = 0;
        let mut reader = serde_json::Deserializer::from_str(text);
        Seed { depth: 0, values: &mut values }
            .deserialize(&mut reader)
            .and_then(|json| reader.end().map(|()| json))
            .map_err(|e| JsonError { code: code_of(&e), offset: offset(text, &e) })
    }

    /// The value under a key of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        self.entries().iter().find(|(k, _)| k == key).map(|(_, v)| v)
    }

    /// The entries of an object; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Cow<'a, str>, Json<'a>)] {
        if let Json::Map(entries) = self { entries } else { &[] }
    }

    /// The text of a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    /// Calls `seen` with every string in the value, keys included.
    pub fn each_text(&self, seen: &mut impl FnMut(&str)) {
        match self {
            Json::Text(text) => seen(text),
            Json::List(items) => items.iter().for_each(|item| item.each_text(seen)),
            Json::Map(entries) => entries.iter().for_each(|(key, value)| {
                seen(key);
                value.each_text(seen);
            }),
            Json::Null | Json::Bool(_) | Json::Int(_) | Json::Number(_) => {}
        }
    }

    /// The RFC 8785 form: sorted keys, shortest numbers, no spaces.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).unwrap_or_default()
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => s.serialize_unit(),
            Json::Bool(b) => s.serialize_bool(*b),
            Json::Int(n) => s.serialize_i64(*n),
            Json::Number(n) => s.serialize_f64(*n),
            Json::Text(t) => s.serialize_str(t),
            Json::List(items) => s.collect_seq(items),
            Json::Map(entries) => s.collect_map(entries.iter().map(|(k, v)| (k, v))),
        }
    }
}

/// Marks an error of ours inside serde_json's error, whose kind cannot be extended.
const MARK: &str = "levee:";

fn refusal<E: serde::de::Error>(code: Code) -> E {
    E::custom(format_args!("{MARK}{}", code.name()))
}

fn code_of(error: &serde_json::Error) -> Code {
    let text = error.to_string();
    if let Some(name) = text.strip_prefix(MARK) {
        let name = name.split(' ').next().unwrap_or_default();
        return Code::parse(name).unwrap_or(Code::JsonSyntax);
    }
    if text.contains("surrogate") || text.contains("end of hex escape") {
        return Code::TextSurrogate;
    }
    if text.contains("number out of range") {
        return Code::AmountRange;
    }
    if text.contains("recursion limit") { Code::LimitDepth } else { Code::JsonSyntax }
}

fn offset(text: &str, error: &serde_json::Error) -> usize {
    let before: usize =
        text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    (before + error.column()).min(text.len())
}

struct Seed<'v> {
    depth: usize,
    values: &'v mut usize,
}

impl Seed<'_> {
    fn deeper(&mut self) -> Seed<'_> {
        Seed { depth: self.depth + 1, values: self.values }
    }

    fn checked<E: serde::de::Error>(text: &str) -> Result<(), E> {
        if text.len() > TEXT {
            return Err(refusal(Code::LimitString));
        }
        // Every forbidden character but NUL lies in U+2000..U+206F, whose UTF-8 begins with E2 80 or E2 81.
        let plain = text.bytes().all(|b| b != 0 && b != 0xE2);
        if !plain && text.chars().any(hidden) {
            return Err(refusal(Code::TextControl));
        }
        Ok(())
    }
}

fn hidden(c: char) -> bool {
    matches!(c, '\0' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, d: D) -> Result<Json<'de>, D::Error> {
        *self.values += 1;
        if self.depth > DEPTH {
            return Err(refusal(Code::LimitDepth));
        }
        if *self.values > VALUES {
            return Err(refusal(Code::LimitValues));
        }
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a json value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, b: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(n))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a number past 64 bits only needs to be unlike an amount"
    )]
    fn visit_u64<E>(self, n: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(n).map_or(Json::Number(n as f64), Json::Int))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(n))
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Seed::checked(text)?;
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json<'de>, E> {
        Seed::checked(text)?;
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.deeper())? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut entries: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(8);
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            Seed::checked(&key)?;
            if holds(&entries, &key) {
                return Err(A::Error::custom(format_args!(
                    "{MARK}{}",
                    Code::JsonDuplicateKey.name()
                )));
            }
            let value = map.next_value_seed(self.deeper())?;
            entries.push((key, value));
        }
        Ok(Json::Map(entries))
    }
}

fn holds(entries: &[(Cow<'_, str>, Json<'_>)], key: &str) -> bool {
    entries.iter().any(|(k, _)| k == key)
}

struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &[u8]) -> Code {
        Json::parse(text).unwrap_err().code
    }

    #[test]
    fn a_value_is_read_without_copying_and_written_in_canonical_form() {
        let json = Json::parse(r#"{"b":[1,-2,1.5,true,null],"a":"é\n"}"#.as_bytes()).unwrap();
        assert_eq!(json.get("a").and_then(Json::text), Some("é\n"));
        assert_eq!(
            String::from_utf8(json.canonical()).unwrap(),
            r#"{"a":"é\n","b":[1,-2,1.5,true,null]}"#
        );
    }

    #[test]
    fn what_is_not_taken_has_a_code_and_a_place() {
        assert_eq!(Json::parse(b"{\"a\":1"), Err(JsonError { code: Code::JsonSyntax, offset: 6 }));
        assert_eq!(code(b"{} {}"), Code::JsonSyntax);
        assert_eq!(code(b"NaN"), Code::JsonSyntax);
        assert_eq!(code(b"{\"a\":1,\"a\":2}"), Code::JsonDuplicateKey);
        assert_eq!(code(b"{\"a\":1e400}"), Code::AmountRange);
        assert_eq!(code(b"\"\\ud800\""), Code::TextSurrogate);
        assert_eq!(code(b"\"\xff\""), Code::TextUtf8);
        assert_eq!(code(b"\"a\\u0000\""), Code::TextControl);
        assert_eq!(code("\"a\u{202e}b\"".as_bytes()), Code::TextControl);
        assert!(Json::parse("\"“quoted”\"".as_bytes()).is_ok());
    }

    #[test]
    fn limits_are_reached_in_bounded_memory() {
        let nested = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
        assert!(Json::parse(nested(32).as_bytes()).is_ok());
        assert_eq!(code(nested(33).as_bytes()), Code::LimitDepth);
        assert_eq!(code("[".repeat(100_000).as_bytes()), Code::LimitDepth);
        assert_eq!(code(format!("\"{}\"", "x".repeat(TEXT + 1)).as_bytes()), Code::LimitString);
        assert_eq!(code(format!("[{}1]", "1,".repeat(VALUES)).as_bytes()), Code::LimitValues);
    }
}
