//! The short way for the lines that feeds send by the million: no escapes, known keys only.
//!
//! It gives exactly what [`Json::parse`] and [`Event::parse`] give, or nothing: whatever is unusual
//! or refused is left to them, so that codes and places are made in one file.

use std::borrow::Cow;

use super::{Event, Noticed, parse_occurred_on, parse_subject, parse_void, source_holds};
use crate::{
    catalogue::Catalogue,
    date::Instant,
    fields::Fields,
    json::{Json, TEXT},
    person::{Persons, holds_id_number},
};

/// Most fields of `data` on the short way; more are rare, and keys are compared with each other.
const FIELDS: usize = 16;

impl Event {
    /// Reads one CloudEvent from a line, if the line is plain and nothing about it is to be noted.
    #[must_use]
    pub fn plain(line: &[u8], catalogue: &Catalogue, persons: Persons<'_>) -> Option<Event> {
        let known = Known::read(line)?;
        let type_id = catalogue.type_id(known.kind?)?;
        let kind = catalogue.get(type_id);
        let mut noticed = Noticed::default();
        let subject = parse_subject(known.subject?, kind, persons, &mut noticed).ok()?;
        let time = Instant::parse(known.time?)?;
        let (id, source, supersedes) = (known.id?, known.source?, known.supersedes);
        let fits = |text: &str, most: usize| (1..=most).contains(&text.len());
        let fit = fits(id, 200) && fits(source, 80) && supersedes.is_none_or(|s| fits(s, 200));
        if !fit || known.specversion? != "1.0" || !source_holds(source) {
            return None;
        }
        let data = known.data.unwrap_or(Json::Map(Vec::new()));
        let occurred_on = parse_occurred_on(&data, time).ok()?;
        let void = parse_void(&data, supersedes).ok()?;
        let fields =
            if void { Fields::default() } else { Fields::parse(&data, kind, &mut noticed).ok()? };
        (noticed == Noticed::default()).then(|| Event {
            source: source.into(),
            id: id.into(),
            type_id,
            time,
            subject,
            supersedes: supersedes.map(Into::into),
            occurred_on,
            void,
            fields,
        })
    }
}

/// The attributes of a plain line.
#[derive(Default)]
struct Known<'a> {
    specversion: Option<&'a str>,
    kind: Option<&'a str>,
    id: Option<&'a str>,
    source: Option<&'a str>,
    time: Option<&'a str>,
    subject: Option<&'a str>,
    supersedes: Option<&'a str>,
    /// Whether `supersedes` came as `null`.
    nothing: bool,
    content: Option<&'a str>,
    data: Option<Json<'a>>,
}

impl<'a> Known<'a> {
    fn read(line: &'a [u8]) -> Option<Known<'a>> {
        // Without escapes and beyond-ASCII characters, a string ends at the next quotation mark and
        // none of its characters is one that is refused.
        let plain = |b: &u8| matches!(b, b' '..=b'~') && *b != b'\\';
        if line.len() > TEXT || !line.iter().fold(true, |all, b| all & plain(b)) {
            return None;
        }
        let text = std::str::from_utf8(line).ok()?;
        let mut reader = Reader { text, bytes: line, at: 0 };
        let mut known = Known::default();
        reader.open(b'{')?;
        loop {
            known.take(&mut reader)?;
            if !reader.more(b'}')? {
                break;
            }
        }
        reader.ends().then_some(known)
    }

    fn take(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        let key = reader.key()?;
        if key == "data" {
            return if self.data.is_none() {
                self.data = Some(reader.data()?);
                Some(())
            } else {
                None
            };
        }
        let place = match key {
            "specversion" => &mut self.specversion,
            "type" => &mut self.kind,
            "id" => &mut self.id,
            "source" => &mut self.source,
            "time" => &mut self.time,
            "subject" => &mut self.subject,
            "supersedes" => &mut self.supersedes,
            "datacontenttype" => &mut self.content,
            _ => return None,
        };
        if place.is_some() || (key == "supersedes" && self.nothing) {
            return None;
        }
        if key == "supersedes" && reader.peek()? == b'n' {
            let again = self.supersedes.is_some() || std::mem::replace(&mut self.nothing, true);
            return if again { None } else { reader.word("null", Json::Null).map(|_| ()) };
        }
        let value = reader.string()?;
        let person = key == "subject" && value.starts_with("person/");
        if !person && holds_id_number(value) {
            return None;
        }
        *place = Some(value);
        Some(())
    }
}

/// A place in a plain line.
struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn open(&mut self, mark: u8) -> Option<()> {
        (self.peek()? == mark).then(|| self.at += 1)
    }

    /// Whether another entry follows, or the closing mark came.
    fn more(&mut self, close: u8) -> Option<bool> {
        let mark = self.peek()?;
        self.at += 1;
        (mark == b',' || mark == close).then_some(mark == b',')
    }

    fn ends(&mut self) -> bool {
        self.peek().is_none()
    }

    fn string(&mut self) -> Option<&'a str> {
        self.open(b'"')?;
        let start = self.at;
        let length = next_mark(self.bytes.get(start..)?)?;
        self.at = start + length + 1;
        self.text.get(start..start + length)
    }

    fn key(&mut self) -> Option<&'a str> {
        let key = self.string()?;
        self.open(b':')?;
        Some(key)
    }

    fn data(&mut self) -> Option<Json<'a>> {
        self.open(b'{')?;
        let mut entries: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(8);
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(Json::Map(entries));
        }
        loop {
            let key = self.key()?;
            let twice = entries.iter().any(|(known, _)| known == key);
            if twice || entries.len() == FIELDS || holds_id_number(key) {
                return None;
            }
            let value = self.value()?;
            entries.push((Cow::Borrowed(key), value));
            if !self.more(b'}')? {
                return Some(Json::Map(entries));
            }
        }
    }

    fn value(&mut self) -> Option<Json<'a>> {
        match self.peek()? {
            b'"' => {
                let text = self.string()?;
                (!holds_id_number(text)).then_some(Json::Text(Cow::Borrowed(text)))
            }
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'n' => self.word("null", Json::Null),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Option<Json<'a>> {
        self.text.get(self.at..)?.starts_with(word).then(|| {
            self.at += word.len();
            value
        })
    }

    /// A whole number of at most 18 digits; `-0` and leading zeros are left to the long way.
    fn number(&mut self) -> Option<Json<'a>> {
        let negative = self.bytes[self.at] == b'-';
        self.at += usize::from(negative);
        let start = self.at;
        let mut value = 0i64;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            if self.at - start == 18 {
                return None;
            }
            value = value * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        let leading = self.bytes.get(start) == Some(&b'0') && (negative || self.at - start > 1);
        let whole = !matches!(self.bytes.get(self.at), Some(b'.' | b'e' | b'E'));
        let taken = self.at > start && !leading && whole;
        taken.then_some(Json::Int(if negative { -value } else { value }))
    }
}

/// The place of the next quotation mark, eight bytes at a time: most strings are short.
fn next_mark(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const MARKS: u64 = u64::from_ne_bytes([b'"'; 8]);
    let mut rest = bytes;
    while let Some((eight, further)) = rest.split_first_chunk() {
        let other = u64::from_le_bytes(*eight) ^ MARKS;
        // The lowest byte that is zero is the lowest whose highest bit is set here.
        let found = other.wrapping_sub(ONES) & !other & (ONES << 7);
        if found != 0 {
            return Some(bytes.len() - rest.len() + found.trailing_zeros() as usize / 8);
        }
        rest = further;
    }
    let found = rest.iter().position(|byte| *byte == b'"')?;
    Some(bytes.len() - rest.len() + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::person::TokenKey;

    const BILL: &str = r#"{"specversion":"1.0","id":"99-ybj-000000000001","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"household/H00000001","data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"fund_paid_fen":-1100000,"self_paid_fen":734500}}"#;

    fn long(line: &[u8], persons: Persons<'_>) -> Option<(Event, Noticed)> {
        Event::parse(&Json::parse(line).ok()?, &Catalogue::shipped(), persons).ok()
    }

    #[test]
    fn what_feeds_send_goes_the_short_way() {
        let catalogue = Catalogue::shipped();
        for line in [
            BILL.to_owned(),
            BILL.replace(",\"", " , \"").replace("\":", "\": "),
            BILL.replace("household/H00000001", "person/p1"),
            BILL.replace(
                r#""data""#,
                r#""supersedes":"x","datacontenttype":"application/json","data""#,
            ),
            BILL.replace("1834500", "0"),
            BILL.replace(r#""data""#, r#""supersedes":null,"data""#),
        ] {
            let event = Event::plain(line.as_bytes(), &catalogue, Persons::AsGiven).unwrap();
            assert_eq!(long(line.as_bytes(), Persons::AsGiven).unwrap().0, event);
        }
    }

    /// Pieces that make lines unusual in one way or another.
    const PIECES: [&str; 31] = [
        "\"",
        "{",
        "}",
        ",",
        ":",
        " ",
        "\t",
        "\\",
        "\\u0041",
        "-0",
        "-",
        "00",
        "1.5",
        "1e3",
        "null",
        "true",
        "false",
        "\u{4e2d}",
        "990000199001010017",
        "99000019900101001X",
        "\"x\":1,",
        "\"data\":{},",
        "\"setting\":\"inpatient\",",
        "9999999999999999999",
        "area/99",
        "person/",
        "void",
        "[1]",
        "\"supersedes\":null,",
        "\"void\":true,",
        "\"supersedes\":\"x\",",
    ];

    proptest! {
        #[test]
        fn the_next_mark_is_found_wherever_it_is(bytes in "[ !\"#\u{a2}a]{0,40}") {
            let wanted = bytes.bytes().position(|byte| byte == b'"');
            prop_assert_eq!(next_mark(bytes.as_bytes()), wanted);
        }

        #[test]
        fn both_ways_agree(
            cuts in prop::collection::vec((0usize..BILL.len(), 0usize..12, 0usize..31), 0..3),
            tokens: bool,
        ) {
            let mut line = BILL.to_owned();
            for (at, length, piece) in cuts {
                let (start, end) = (at.min(line.len()), (at + length).min(line.len()));
                if line.is_char_boundary(start) && line.is_char_boundary(end) {
                    line.replace_range(start..end, PIECES[piece]);
                }
            }
            let key = TokenKey::new(1, &[7; 32]);
            let persons = if tokens { Persons::Tokens(&key) } else { Persons::AsGiven };
            if let Some(event) = Event::plain(line.as_bytes(), &Catalogue::shipped(), persons) {
                let (other, noticed) = long(line.as_bytes(), persons).unwrap();
                prop_assert_eq!(event, other);
                prop_assert_eq!(noticed, Noticed::default());
            }
        }
    }
}
