//! An alert as its receivers read it: the CloudEvent of the alerts topic, taken apart.
//!
//! Readers of this shape outlive its writers: unknown fields are passed over, and what an older
//! alert lacks has a default. It is never written again: what is sent are the bytes that were read.

use proto::{alert::Severity, date::Instant};
use serde::{Deserialize, Deserializer};

/// One alert: a household's, or one about an area or a feed.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Notice {
    /// The alert's id: 32 lower-case hex digits for a household's.
    pub id: Box<str>,
    /// The CloudEvents type, such as [`proto::alert::TYPE`].
    #[serde(rename = "type")]
    pub kind: Box<str>,
    /// The instant of the decision.
    #[serde(deserialize_with = "instant")]
    pub time: Instant,
    /// `household/<id>`, `area/<prefix or site>` or `feed/<source>`.
    #[serde(default)]
    pub subject: Box<str>,
    /// What it says.
    #[serde(default)]
    pub data: Data,
}

/// What a household's alert says. For other types only what they share is filled.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Data {
    /// The case's id.
    pub case: Box<str>,
    /// 1, 2, … of the household.
    pub episode: u32,
    /// 1, 2, … of the case.
    pub revision: u32,
    /// `opened`, `closed`, `raised`, `lowered`, `changed`, `overdue`, or a later word.
    pub change: Box<str>,
    /// The level now.
    pub level: Severity,
    /// The level in the revision before.
    pub previous_level: Severity,
    /// Whom it concerns.
    pub household: Box<str>,
    /// The registered region, 12 digits.
    pub region: Box<str>,
    /// The resettlement site.
    pub site: Option<Box<str>>,
    /// The date of the decision, `YYYY-MM-DD`.
    pub as_of: Box<str>,
    /// The risks of the signals, each once.
    pub risks: Vec<Box<str>>,
    /// The rules that stand.
    pub signals: Vec<Signal>,
    /// The measures of all signals, each once, with titles.
    pub measures: Vec<Offer>,
    /// Larger first in queues.
    pub priority: i64,
    /// Which levels of government it goes to.
    pub route: Vec<Box<str>>,
    /// Until when answers are due.
    pub clocks: Clocks,
    /// The clock that ran out, where the change is `overdue`.
    pub overdue: Option<Overdue>,
    /// Made while a past was folded in.
    pub history: bool,
}

/// One rule that stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Signal {
    /// The rule's id.
    pub rule: Box<str>,
    /// Its level.
    pub level: Severity,
    /// The risk it points to.
    pub risk: Box<str>,
    /// The sentence.
    pub why: Why,
    /// Codes of the measures that can be offered.
    pub measures: Vec<Box<str>>,
}

/// A measure that can be offered; its titles are empty where no pack gives one.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Offer {
    /// Its code.
    pub code: Box<str>,
    /// Its title in Chinese.
    pub zh: Box<str>,
    /// Its title in English.
    pub en: Box<str>,
}

/// A sentence in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Why {
    /// Chinese.
    pub zh: Box<str>,
    /// English.
    pub en: Box<str>,
}

/// Until when each answer is due, RFC 3339; absent where no pack sets a clock.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Clocks {
    /// Someone has seen it.
    pub acknowledge_by: Option<Box<str>>,
    /// Someone was there.
    pub visit_by: Option<Box<str>>,
    /// It is decided.
    pub decide_by: Option<Box<str>>,
}

/// A clock that ran out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Overdue {
    /// The step that was waited for.
    pub clock: Box<str>,
    /// The level of government that was asked.
    pub from: Box<str>,
    /// The level that is asked from now on.
    pub to: Box<str>,
}

/// The line is not a CloudEvent with an id, a type and a time; nothing of it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAnAlert;

impl Notice {
    /// Reads a line of the alerts topic.
    ///
    /// # Errors
    /// [`NotAnAlert`].
    pub fn parse(line: &[u8]) -> Result<Notice, NotAnAlert> {
        serde_json::from_slice(line).map_err(|_| NotAnAlert)
    }
}

fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Instant, D::Error> {
    let text = <&str>::deserialize(from)?;
    Instant::parse(text).ok_or_else(|| serde::de::Error::custom("not an instant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &[u8] = include_bytes!("../../../proto/golden/alert.v1.json");

    #[test]
    fn the_golden_alert_is_read() {
        let notice = Notice::parse(GOLDEN).unwrap();
        assert_eq!(&*notice.id, "828dafec0505f049dd0b33d159e3d42a");
        assert_eq!(notice.time.to_string(), "2026-03-04T00:00:00+08:00");
        assert_eq!((notice.data.level, &*notice.data.change), (Severity::Red, "opened"));
        assert_eq!(&*notice.data.signals[0].why.en, "self-paid");
        let due = notice.data.clocks.acknowledge_by.as_deref();
        assert_eq!(due, Some("1970-01-01T08:00:00+08:00"));
    }

    #[test]
    fn later_fields_and_other_types_are_read_and_nonsense_is_not() {
        let area = br#"{"specversion":"1.0","id":"a1","type":"levee.area.v1","new":1,
            "time":"2026-03-04T00:00:00+08:00","subject":"area/9901","data":{"days":7}}"#;
        assert_eq!(&*Notice::parse(area).unwrap().subject, "area/9901");
        assert_eq!(Notice::parse(b"{}"), Err(NotAnAlert));
        assert_eq!(Notice::parse(b"{"), Err(NotAnAlert));
    }
}
