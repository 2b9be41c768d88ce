//! The fields of one event, packed: the same bytes in the journal, in memory and in comparisons.
//!
//! Layout: for each field present, in the order of its type: index `u8`, then a zigzag varint
//! (money, int), one byte (bool), a varint (enum: place of the word) or length and UTF-8 (date,
//! text). Two events with the same content have the same bytes.

use crate::{
    catalogue::{EventType, Field, Kind},
    codes::Code,
    date::Date,
    event::{Noticed, Refusal},
    json::Json,
    person::holds_id_number,
};

/// Longest text field, in bytes.
pub const TEXT: usize = 256;

const INT: u8 = 0;
const WORD: u8 = 0x40;
const TEXTUAL: u8 = 0x80;
const INDEX: u8 = 0x3f;

/// Packed fields.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Fields(Box<[u8]>);

/// One field's value; enum values are the place of the word in the type's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packed<'a> {
    /// Money, int or bool.
    Int(i64),
    /// The place of an enum's word.
    Word(usize),
    /// Date or text.
    Text(&'a str),
}

impl Fields {
    pub(crate) fn parse(
        data: &Json<'_>,
        kind: &EventType,
        noticed: &mut Noticed,
    ) -> Result<Fields, Refusal> {
        let mut out = Vec::with_capacity(48);
        let mut known = 0;
        let mut next = 0;
        for (index, field) in (0u8..).zip(&kind.fields) {
            let value = in_turn(data, &field.name, &mut next);
            known += usize::from(value.is_some());
            match value {
                None | Some(Json::Null) if field.required => {
                    return Err(Refusal::new(
                        Code::SchemaRequired,
                        format!("/data/{}", field.name),
                    ));
                }
                None | Some(Json::Null) => {}
                Some(value) => pack(value, index, field, &mut out)
                    .map_err(|code| Refusal::new(code, format!("/data/{}", field.name)))?,
            }
        }
        let own = ["occurred_on", "void"].iter().filter(|k| data.get(k).is_some()).count();
        let dropped = data.entries().len().saturating_sub(known + own);
        noticed.dropped += u32::try_from(dropped).unwrap_or(u32::MAX);
        Ok(Fields(out.into_boxed_slice()))
    }

    /// The packed bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes bytes that [`Fields::bytes`] gave; nothing if they are not packed fields.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Fields> {
        let mut reader = Reader(bytes);
        while !reader.0.is_empty() {
            reader.next()?;
        }
        Some(Fields(bytes.into()))
    }

    /// A number or bool, 0 when absent.
    #[must_use]
    pub fn int(&self, index: usize) -> i64 {
        match find(&self.0, index) {
            Some(Packed::Int(n)) => n,
            _ => 0,
        }
    }
}

/// The value under a key, looked for first where it stands if keys come in the order of the fields.
fn in_turn<'j, 'a>(data: &'j Json<'a>, key: &str, next: &mut usize) -> Option<&'j Json<'a>> {
    let entries = data.entries();
    let from = entries.get(*next..).unwrap_or_default();
    let found = from.iter().position(|(k, _)| k == key).map(|n| n + *next);
    let found = found.or_else(|| entries.iter().take(*next).position(|(k, _)| k == key))?;
    *next = found + 1;
    Some(&entries[found].1)
}

/// The value of the field at `index` in packed bytes.
#[must_use]
pub fn find(bytes: &[u8], index: usize) -> Option<Packed<'_>> {
    let mut rest = bytes;
    loop {
        let (tag, behind) = rest.split_first()?;
        let at = usize::from(tag & INDEX);
        if at == index {
            return Reader(rest).next().map(|(_, value)| value);
        }
        if at > index {
            return None;
        }
        rest = behind.get(width(*tag, behind)?..)?;
    }
}

/// How many bytes the value at the beginning of some takes.
#[inline]
fn width(tag: u8, bytes: &[u8]) -> Option<usize> {
    if tag & !INDEX == TEXTUAL {
        let mut reader = Reader(bytes);
        let length = usize::try_from(reader.varint()?).ok()?;
        return (bytes.len() - reader.0.len()).checked_add(length);
    }
    // Most values end within eight bytes: their last is the first without the high bit.
    if let Some(word) = bytes.first_chunk::<8>() {
        let ends = !u64::from_le_bytes(*word) & HIGH;
        if ends != 0 {
            return Some(ends.trailing_zeros() as usize / 8 + 1);
        }
    }
    Some(bytes.iter().position(|byte| byte & 0x80 == 0)? + 1)
}

/// All values in packed bytes with the index of their field.
pub fn each(bytes: &[u8]) -> impl Iterator<Item = (usize, Packed<'_>)> {
    Reader(bytes)
}

/// The high bit of each of eight bytes.
const HIGH: u64 = 0x8080_8080_8080_8080;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline]
    fn varint(&mut self) -> Option<u64> {
        if let Some((first @ 0..0x80, rest)) = self.0.split_first() {
            self.0 = rest;
            return Some(u64::from(*first));
        }
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = (usize, Packed<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (tag, rest) = self.0.split_first()?;
        self.0 = rest;
        let raw = self.varint()?;
        let value = match tag & !INDEX {
            INT => {
                Packed::Int(i64::from_ne_bytes((raw >> 1 ^ (raw & 1).wrapping_neg()).to_ne_bytes()))
            }
            WORD => Packed::Word(usize::try_from(raw).ok()?),
            TEXTUAL => {
                let (text, rest) = self.0.split_at_checked(usize::try_from(raw).ok()?)?;
                self.0 = rest;
                Packed::Text(std::str::from_utf8(text).ok()?)
            }
            _ => return None,
        };
        Some((usize::from(tag & INDEX), value))
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn zigzag(n: i64) -> u64 {
    u64::from_ne_bytes((n << 1 ^ n >> 63).to_ne_bytes())
}

fn pack(value: &Json<'_>, index: u8, field: &Field, out: &mut Vec<u8>) -> Result<(), Code> {
    let tag = match field.kind {
        Kind::Money | Kind::Int | Kind::Bool => INT,
        Kind::Enum(_) => WORD,
        Kind::Date | Kind::Text => TEXTUAL,
    };
    out.push(tag | index);
    match (&field.kind, value) {
        (Kind::Money | Kind::Int, Json::Int(n)) => {
            if field.min.is_some_and(|min| *n < min) || field.max.is_some_and(|max| *n > max) {
                return Err(Code::SchemaRange);
            }
            varint(zigzag(*n), out);
        }
        (Kind::Money, Json::Number(n)) => {
            return Err(if n.fract() == 0.0 { Code::AmountRange } else { Code::AmountFloat });
        }
        (Kind::Money, Json::Text(_)) => return Err(Code::AmountText),
        (Kind::Bool, Json::Bool(b)) => varint(zigzag(i64::from(*b)), out),
        (Kind::Enum(words), Json::Text(text)) => {
            let place = words.iter().position(|w| w == text).ok_or(Code::SchemaUnknownEnum)?;
            varint(place as u64, out);
        }
        (Kind::Date, Json::Text(text)) => {
            Date::parse(text).ok_or(Code::TimeInvalid)?;
            pack_text(text, out);
        }
        (Kind::Text, Json::Text(text)) => {
            if text.len() > TEXT {
                return Err(Code::SchemaRange);
            }
            if holds_id_number(text) {
                return Err(Code::IdPersonal);
            }
            pack_text(text, out);
        }
        _ => return Err(Code::SchemaType),
    }
    Ok(())
}

fn pack_text(text: &str, out: &mut Vec<u8>) {
    varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::Catalogue;

    #[test]
    fn the_packed_form_is_frozen() {
        let catalogue = Catalogue::shipped();
        let kind = catalogue.get(catalogue.type_id("disaster.warning").unwrap());
        let json = Json::parse(
            br#"{"hazard":"drought","colour":"red","onset":"2026-05-03","status":"actual"}"#,
        )
        .unwrap();
        let fields = Fields::parse(&json, kind, &mut Noticed::default()).unwrap();
        assert_eq!(fields.bytes(), b"\x40\x02\x41\x03\x82\x0a2026-05-03\x44\x00");
        assert_eq!(find(fields.bytes(), 2), Some(Packed::Text("2026-05-03")));
        assert_eq!(find(fields.bytes(), 3), None);
        assert_eq!(each(fields.bytes()).count(), 4);
    }

    proptest! {
        #[test]
        fn numbers_survive_packing(n: i64, flag: bool) {
            let catalogue = Catalogue::shipped();
            let kind = catalogue.get(catalogue.type_id("accident.injury").unwrap());
            let text = format!(r#"{{"severity":"death","at_work":{flag},"cost_fen":{n}}}"#);
            let json = Json::parse(text.as_bytes()).unwrap();
            let fields = Fields::parse(&json, kind, &mut Noticed::default()).unwrap();
            prop_assert_eq!(fields.int(2), n);
            prop_assert_eq!(fields.int(1), i64::from(flag));
            prop_assert_eq!(Fields::from_bytes(fields.bytes()), Some(fields));
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
            if let Some(fields) = Fields::from_bytes(&bytes) {
                prop_assert!(each(fields.bytes()).count() <= bytes.len());
            }
        }
    }
}
