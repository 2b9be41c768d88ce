//! An alert as a page reads it: whatever is absent is left out, nothing unknown is an error.

use std::fmt;

use proto::alert::{Severity, Value};
use proto::date::Instant;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::words::{self, Lang};

/// An alert of a household.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) time: String,
    pub(crate) data: Data,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Data {
    pub(crate) case: String,
    pub(crate) episode: u32,
    pub(crate) revision: u32,
    pub(crate) change: String,
    pub(crate) level: Severity,
    pub(crate) previous_level: Severity,
    pub(crate) household: String,
    pub(crate) region: String,
    pub(crate) site: Option<String>,
    pub(crate) risks: Vec<String>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) measures: Vec<Offer>,
    pub(crate) contradictions: Vec<String>,
    pub(crate) overdue: Option<Overdue>,
    pub(crate) route: Vec<String>,
    pub(crate) clocks: Clocks,
    pub(crate) profile_at: Option<String>,
    pub(crate) feeds: Vec<Feed>,
    pub(crate) reason: Option<String>,
    pub(crate) history: bool,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Signal {
    pub(crate) rule: String,
    pub(crate) pack: String,
    pub(crate) level: Severity,
    pub(crate) risk: String,
    pub(crate) values: Values,
    pub(crate) why: Option<Why>,
    pub(crate) events: Vec<Evidence>,
    pub(crate) events_total: usize,
    pub(crate) measures: Vec<String>,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Why {
    pub(crate) zh: String,
    pub(crate) en: String,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Evidence {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) occurred_on: String,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Clocks {
    pub(crate) acknowledge_by: Option<String>,
    pub(crate) visit_by: Option<String>,
    pub(crate) decide_by: Option<String>,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Feed {
    pub(crate) source: String,
    pub(crate) seen_to: String,
}

/// A measure with its titles.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Offer {
    pub(crate) code: String,
    pub(crate) zh: String,
    pub(crate) en: String,
}

/// The step that ran out, who was asked and who is asked now.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Overdue {
    pub(crate) clock: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Names and values in the order of the alert.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(pub(crate) Vec<(String, Value<'static>)>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    values.push(entry);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

impl Shown {
    /// Reads a line of the alerts log; nothing for one that is not a household's.
    pub(crate) fn parse(line: &[u8]) -> Option<Shown> {
        let shown: Shown = serde_json::from_slice(line).ok()?;
        (!shown.data.case.is_empty()).then_some(shown)
    }

    pub(crate) fn at(&self) -> Option<Instant> {
        Instant::parse(&self.time)
    }

    pub(crate) fn minute(&self) -> String {
        words::minute(&self.time)
    }

    /// The title of a measure, or its code as the pages know it.
    pub(crate) fn measure<'a>(&'a self, lang: Lang, code: &'a str) -> &'a str {
        let offer = self.data.measures.iter().find(|offer| offer.code == code);
        let title = offer.map_or("", |offer| lang.t(&offer.zh, &offer.en));
        if title.is_empty() { lang.word(code) } else { title }
    }

    /// Until when each answer is due: what, and the minute.
    pub(crate) fn deadlines(&self, lang: Lang) -> Vec<(&'static str, String)> {
        let clocks = &self.data.clocks;
        let all = [
            (lang.t("确认", "acknowledge by"), &clocks.acknowledge_by),
            (lang.t("入户", "visit by"), &clocks.visit_by),
            (lang.t("认定", "decide by"), &clocks.decide_by),
        ];
        all.into_iter()
            .filter_map(|(what, by)| Some((what, words::minute(by.as_deref()?))))
            .collect()
    }
}

impl Signal {
    /// The sentence, or the rule's name where a pack has none.
    pub(crate) fn sentence(&self, lang: Lang) -> &str {
        let text = self.why.as_ref().map_or("", |why| lang.t(&why.zh, &why.en));
        if text.is_empty() { &self.rule } else { text }
    }
}
