//! The part of an alert line that the read model needs, borrowed from the line.

use std::borrow::Cow;

use proto::alert::Severity;
use proto::date::Instant;
use proto::region::{Area, Region};
use serde::Deserialize;

/// Why a line does not enter the read model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is not JSON of the shape of a CloudEvent with an id of 32 hex digits.
    #[error("the line is not an alert")]
    Shape,
    /// It is a household's alert without a readable case, region or time.
    #[error("the alert lacks a case, a region or a time")]
    Incomplete,
}

/// Sixteen bytes written as 32 hex digits: the id of an alert or a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Key(pub [u8; 16]);

impl Key {
    /// Reads 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Key> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut key = [0; 16];
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Key(key))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&proto::ids::hex(&self.0))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// One line of the alerts log, as far as it is read here.
#[derive(Debug)]
pub struct Line<'a> {
    /// The alert's id.
    pub id: Key,
    /// The instant of the decision.
    pub time: Instant,
    /// What it is about.
    pub about: About<'a>,
}

/// Whom an alert concerns.
#[derive(Debug)]
pub enum About<'a> {
    /// A household's case.
    Case(CaseLine<'a>),
    /// An area, a feed, or a type of alert made after this was written.
    Other {
        /// The area of the subject, if it is one.
        area: Option<Area>,
    },
}

/// A revision of a household's case.
#[derive(Debug)]
pub struct CaseLine<'a> {
    /// The case's id.
    pub case: Key,
    /// 1, 2, … of the household.
    pub episode: u32,
    /// 1, 2, … of the case.
    pub revision: u32,
    /// Whether the revision ends the case.
    pub closed: bool,
    /// The level now.
    pub level: Severity,
    /// Whom it concerns.
    pub household: Cow<'a, str>,
    /// The registered region.
    pub region: Region,
    /// The resettlement site.
    pub site: Option<Cow<'a, str>>,
    /// The risks, in the order of the signals.
    pub risks: Vec<Cow<'a, str>>,
    /// The rules that stand, in the order of the signals.
    pub rules: Vec<Cow<'a, str>>,
    /// Larger first in queues.
    pub priority: i64,
    /// Until when a visit is due.
    pub visit_by: Option<Instant>,
    /// Made while a past was folded in.
    pub history: bool,
}

/// A text that is copied only where the JSON escapes it, also inside options and lists.
#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    time: Text<'a>,
    #[serde(borrow, default)]
    subject: Text<'a>,
    #[serde(borrow, default)]
    data: Data<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    case: Text<'a>,
    episode: u32,
    revision: u32,
    #[serde(borrow)]
    change: Text<'a>,
    level: Option<Severity>,
    #[serde(borrow)]
    household: Text<'a>,
    #[serde(borrow)]
    region: Text<'a>,
    #[serde(borrow)]
    site: Option<Text<'a>>,
    #[serde(borrow)]
    risks: Vec<Text<'a>>,
    #[serde(borrow)]
    signals: Vec<Signal<'a>>,
    priority: i64,
    #[serde(borrow)]
    clocks: Clocks<'a>,
    history: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Clocks<'a> {
    #[serde(borrow)]
    visit_by: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Signal<'a> {
    #[serde(borrow)]
    rule: Text<'a>,
}

impl<'a> Line<'a> {
    /// Reads a line of the alerts log.
    ///
    /// # Errors
    /// [`LineError`]; the text of the error holds nothing of the line.
    pub fn parse(line: &'a [u8]) -> Result<Line<'a>, LineError> {
        let envelope: Envelope<'a> = serde_json::from_slice(line).map_err(|_| LineError::Shape)?;
        let id = Key::parse(&envelope.id.0).ok_or(LineError::Shape)?;
        let time = Instant::parse(&envelope.time.0).ok_or(LineError::Incomplete)?;
        if envelope.kind.0 != proto::alert::TYPE {
            let area = envelope.subject.0.strip_prefix("area/").and_then(Area::parse);
            return Ok(Line { id, time, about: About::Other { area } });
        }
        let case = CaseLine::of(envelope.data).ok_or(LineError::Incomplete)?;
        Ok(Line { id, time, about: About::Case(case) })
    }
}

impl<'a> CaseLine<'a> {
    fn of(data: Data<'a>) -> Option<CaseLine<'a>> {
        Some(CaseLine {
            case: Key::parse(&data.case.0)?,
            episode: data.episode,
            revision: data.revision,
            closed: data.change.0 == "closed",
            level: data.level?,
            household: data.household.0,
            region: Region::parse(&data.region.0)?,
            site: data.site.map(|s| s.0),
            risks: data.risks.into_iter().map(|r| r.0).collect(),
            rules: data.signals.into_iter().map(|s| s.rule.0).collect(),
            priority: data.priority,
            visit_by: data.clocks.visit_by.and_then(|by| Instant::parse(&by.0)),
            history: data.history,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../../proto/golden/alert.v1.json");

    #[test]
    fn the_golden_alert_is_read() {
        let line = Line::parse(GOLDEN).unwrap();
        assert_eq!(line.id.to_string(), "828dafec0505f049dd0b33d159e3d42a");
        let About::Case(case) = line.about else { panic!("a household's alert is of a case") };
        assert_eq!((case.episode, case.revision, case.closed), (1, 1, false));
        assert_eq!((case.level, &*case.household), (Severity::Red, "H00000001"));
        assert_eq!(case.rules, ["medical-burden"]);
        assert!(matches!(case.household, Cow::Borrowed(_)), "nothing is copied");
    }

    #[test]
    fn an_area_alert_has_an_area_and_no_case() {
        let text = br#"{"id":"00000000000000000000000000000001","type":"levee.area.v1",
            "time":"2026-03-04T00:00:00+08:00","subject":"area/9901","data":{"new":"field"}}"#;
        let line = Line::parse(text).unwrap();
        let About::Other { area } = line.about else { panic!("an area has no case") };
        assert_eq!(area, Area::parse("9901"));
    }

    #[test]
    fn what_is_not_an_alert_is_refused() {
        assert_eq!(Line::parse(b"{").err(), Some(LineError::Shape));
        let short = String::from_utf8(GOLDEN.to_vec()).unwrap().replace("828dafec", "");
        assert_eq!(Line::parse(short.as_bytes()).err(), Some(LineError::Shape));
        let nowhere = String::from_utf8(GOLDEN.to_vec()).unwrap().replace("990102003004", "99");
        assert_eq!(Line::parse(nowhere.as_bytes()).err(), Some(LineError::Incomplete));
    }
}
