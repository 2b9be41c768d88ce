//! An alert: one published change of one household's case, as a CloudEvent.
//!
//! It says *signal, not decision*. It carries no ID number, no name and no diagnosis.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{
    chain::Step,
    date::{Date, Instant},
    ids,
    region::Region,
};

mod write;

/// Most evidence events listed in one signal; `events_total` has the whole number.
pub const EVENTS: usize = 20;
/// The CloudEvents type of a household's alert.
pub const TYPE: &str = "levee.alert.v1";

/// How serious a signal is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing stands.
    #[default]
    None,
    /// Watch.
    Green,
    /// Check.
    Yellow,
    /// Act now.
    Red,
}

impl Severity {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Green => "green",
            Severity::Yellow => "yellow",
            Severity::Red => "red",
        }
    }

    /// The level of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Severity> {
        [Severity::None, Severity::Green, Severity::Yellow, Severity::Red]
            .into_iter()
            .find(|s| s.word() == word)
    }
}

/// What a revision of a case says; in the order of precedence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The case begins.
    Opened,
    /// The case ends.
    Closed,
    /// The level rose.
    Raised,
    /// The level fell.
    Lowered,
    /// The rules, their levels or a material value changed.
    Changed,
    /// A clock ran out: the next level of the route is asked.
    Overdue,
}

impl Change {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Change::Opened => "opened",
            Change::Closed => "closed",
            Change::Raised => "raised",
            Change::Lowered => "lowered",
            Change::Changed => "changed",
            Change::Overdue => "overdue",
        }
    }
}

/// The value of a fact or `let` in an alert.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Cow<'a, str>),
}

impl Value<'_> {
    /// The same with a text of its own.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        }
    }
}

/// The names an expression used, with what they were, in the order of the pack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Values<'a>(pub Vec<(&'a str, Value<'a>)>);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A sentence in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Why {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// One event behind a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Evidence<'a> {
    /// The feed.
    pub source: &'a str,
    /// The feed's id.
    pub id: &'a str,
    /// When it happened.
    #[serde(serialize_with = "written")]
    pub occurred_on: Date,
}

/// One rule that stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Signal<'a> {
    /// The rule's id.
    #[serde(serialize_with = "written")]
    pub rule: &'a Arc<str>,
    /// The pack it was taken from.
    pub pack: &'a str,
    /// `sha256:` and the pack's digest.
    pub digest: &'a str,
    /// Its level.
    pub level: Severity,
    /// The risk it points to.
    pub risk: &'a str,
    /// What its deciding expression used.
    pub values: Values<'a>,
    /// The sentence.
    pub why: Why,
    /// The events inside the windows used, newest first, at most [`EVENTS`].
    pub events: Vec<Evidence<'a>>,
    /// How many there are.
    pub events_total: usize,
    /// Codes of the measures that can be offered.
    pub measures: Vec<&'a str>,
}

/// Until when each answer is due; absent where no pack sets a clock.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Clocks {
    /// Someone has seen it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written_if")]
    pub acknowledge_by: Option<Instant>,
    /// Someone was there.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written_if")]
    pub visit_by: Option<Instant>,
    /// It is decided.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written_if")]
    pub decide_by: Option<Instant>,
    /// Later steps of the chain that are due.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Due>,
}

/// A step of the chain that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Due {
    /// The step.
    #[serde(serialize_with = "step_word")]
    pub step: Step,
    /// Until when.
    #[serde(serialize_with = "written")]
    pub by: Instant,
}

/// A clock that ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Overdue<'a> {
    /// The step that was waited for.
    #[serde(serialize_with = "step_word")]
    pub clock: Step,
    /// The level of government that was asked.
    pub from: &'a str,
    /// The level that is asked from now on.
    pub to: &'a str,
}

/// A measure that can be offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Offer<'a> {
    /// Its code.
    pub code: &'a str,
    /// Its title in Chinese; empty where no pack gives one.
    pub zh: &'a str,
    /// Its title in English.
    pub en: &'a str,
}

/// How complete a feed is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Feed<'a> {
    /// The feed.
    pub source: &'a str,
    /// The date of the largest `time` accepted from it.
    #[serde(serialize_with = "written")]
    pub seen_to: Date,
}

/// What an alert says; whoever writes it keeps the texts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Data<'a> {
    /// The case's id.
    pub case: &'a str,
    /// 1, 2, … of the household.
    pub episode: u32,
    /// 1, 2, … of the case.
    pub revision: u32,
    /// What changed.
    pub change: Change,
    /// The household's level now.
    pub level: Severity,
    /// The level in the revision before.
    pub previous_level: Severity,
    /// Whom it concerns.
    pub household: &'a str,
    /// The registered region.
    #[serde(serialize_with = "written")]
    pub region: Region,
    /// The resettlement site.
    pub site: Option<&'a str>,
    /// The date of the decision.
    #[serde(serialize_with = "written")]
    pub as_of: Date,
    /// The risks of the signals, each once, in the order of the signals.
    pub risks: Vec<&'a str>,
    /// The rules that stand.
    pub signals: Vec<Signal<'a>>,
    /// The measures of all signals, each once, with titles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Offer<'a>>,
    /// What in the profile contradicts a risk, by the ids of the packs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<&'a str>,
    /// Larger first in queues.
    pub priority: i64,
    /// Which levels of government it goes to.
    pub route: Vec<&'a str>,
    /// Until when answers are due.
    pub clocks: Clocks,
    /// The clock that ran out, where the change is `overdue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue<'a>>,
    /// The `updated_at` of the profile it was decided with.
    #[serde(serialize_with = "written")]
    pub profile_at: Instant,
    /// How complete the feeds were.
    pub feeds: Vec<Feed<'a>>,
    /// `household_removed` where the profile's removal closed the case, the outcome's kind where
    /// people did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Set on alerts made while a past was folded in; they are delivered to nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub history: bool,
    /// Always `signal_not_decision`.
    pub notice: &'static str,
}

/// One alert: its bytes, and what programs ask of it before it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// The instant of the decision on the partition's clock.
    pub time: Instant,
    /// Whom it concerns.
    pub household: Box<str>,
    /// The registered region.
    pub region: Region,
    /// 1, 2, … of the household.
    pub episode: u32,
    /// 1, 2, … of the case.
    pub revision: u32,
    /// What changed.
    pub change: Change,
    /// The household's level now.
    pub level: Severity,
    /// The level in the revision before.
    pub previous_level: Severity,
    /// The date of the decision.
    pub as_of: Date,
    /// The rules that stand, highest level first.
    pub rules: Box<[(Arc<str>, Severity)]>,
    json: Box<[u8]>,
}

impl Alert {
    /// Writes an alert; `page` is room that is used again.
    #[must_use]
    pub fn write(time: Instant, data: &Data<'_>, page: &mut Vec<u8>) -> Alert {
        page.clear();
        write::write(time, data, page);
        Alert {
            time,
            household: data.household.into(),
            region: data.region,
            episode: data.episode,
            revision: data.revision,
            change: data.change,
            level: data.level,
            previous_level: data.previous_level,
            as_of: data.as_of,
            rules: data.signals.iter().map(|s| (Arc::clone(s.rule), s.level)).collect(),
            json: page.as_slice().into(),
        }
    }

    /// The alert's id, a function of the household, the episode and the revision.
    #[must_use]
    pub fn id(&self) -> String {
        ids::alert_id(&ids::case_id(&self.household, self.episode), self.revision)
    }

    /// The CloudEvent as one JSON line without a line end.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The same, for who keeps nothing else of it.
    #[must_use]
    pub fn into_json(self) -> Vec<u8> {
        self.json.into_vec()
    }
}

fn written<S: Serializer>(value: &impl std::fmt::Display, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(value)
}

fn step_word<S: Serializer>(step: &Step, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(step.word())
}

fn written_if<S: Serializer>(value: &Option<Instant>, s: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => s.collect_str(value),
        None => s.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
