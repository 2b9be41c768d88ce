//! An alert: one published change of one household's case, as a CloudEvent.
//!
//! It says *signal, not decision*. It carries no ID number, no name and no diagnosis.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

use crate::{
    chain::Step,
    date::{Date, Instant},
    ids,
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
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

/// The names an expression used, with what they were, in the order of the pack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Values(pub Vec<(String, Value)>);

impl Serialize for Values {
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Evidence {
    /// The feed.
    pub source: String,
    /// The feed's id.
    pub id: String,
    /// When it happened.
    #[serde(serialize_with = "written")]
    pub occurred_on: Date,
}

/// One rule that stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Signal {
    /// The rule's id.
    pub rule: String,
    /// The pack it was taken from.
    pub pack: String,
    /// `sha256:` and the pack's digest.
    pub digest: String,
    /// Its level.
    pub level: Severity,
    /// The risk it points to.
    pub risk: String,
    /// What its deciding expression used.
    pub values: Values,
    /// The sentence.
    pub why: Why,
    /// The events inside the windows used, newest first, at most [`EVENTS`].
    pub events: Vec<Evidence>,
    /// How many there are.
    pub events_total: usize,
    /// Codes of the measures that can be offered.
    pub measures: Vec<String>,
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
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Overdue {
    /// The step that was waited for.
    #[serde(serialize_with = "step_word")]
    pub clock: Step,
    /// The level of government that was asked.
    pub from: String,
    /// The level that is asked from now on.
    pub to: String,
}

/// A measure that can be offered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Offer {
    /// Its code.
    pub code: String,
    /// Its title in Chinese; empty where no pack gives one.
    pub zh: String,
    /// Its title in English.
    pub en: String,
}

/// How complete a feed is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Feed {
    /// The feed.
    pub source: String,
    /// The date of the largest `time` accepted from it.
    #[serde(serialize_with = "written")]
    pub seen_to: Date,
}

/// What an alert says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Data {
    /// The case's id.
    pub case: String,
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
    pub household: String,
    /// The registered region.
    pub region: String,
    /// The resettlement site.
    pub site: Option<String>,
    /// The date of the decision.
    #[serde(serialize_with = "written")]
    pub as_of: Date,
    /// The risks of the signals, each once, in the order of the signals.
    pub risks: Vec<String>,
    /// The rules that stand.
    pub signals: Vec<Signal>,
    /// The measures of all signals, each once, with titles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<Offer>,
    /// What in the profile contradicts a risk, by the ids of the packs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<String>,
    /// Larger first in queues.
    pub priority: i64,
    /// Which levels of government it goes to.
    pub route: Vec<String>,
    /// Until when answers are due.
    pub clocks: Clocks,
    /// The clock that ran out, where the change is `overdue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue>,
    /// The `updated_at` of the profile it was decided with.
    #[serde(serialize_with = "written")]
    pub profile_at: Instant,
    /// How complete the feeds were.
    pub feeds: Vec<Feed>,
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

/// One alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// The instant of the decision on the partition's clock.
    pub time: Instant,
    /// What it says.
    pub data: Data,
}

impl Alert {
    /// The alert's id, a function of the household, the episode and the revision.
    #[must_use]
    pub fn id(&self) -> String {
        ids::alert_id(&self.data.case, self.data.revision)
    }

    /// The CloudEvent as one JSON line without a line end.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        write::written(self)
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Alert {
        let case = ids::case_id("H00000001", 1);
        let signal = Signal {
            rule: "medical-burden".into(),
            pack: "cn-medical-2026".into(),
            digest: "sha256:00".into(),
            level: Severity::Red,
            risk: "illness".into(),
            values: Values(vec![
                ("oop".into(), Value::Int(2_712_000)),
                ("poor".into(), Value::Bool(true)),
            ]),
            why: Why { zh: "自付".into(), en: "self-paid".into() },
            events: vec![Evidence {
                source: "99/ybj".into(),
                id: "1".into(),
                occurred_on: Date(20_515),
            }],
            events_total: 1,
            measures: vec!["medical_aid".into()],
        };
        let data = Data {
            case,
            episode: 1,
            revision: 1,
            change: Change::Opened,
            level: Severity::Red,
            previous_level: Severity::None,
            household: "H00000001".into(),
            region: "990102003004".into(),
            site: None,
            as_of: Date(20_516),
            risks: vec!["illness".into()],
            signals: vec![signal],
            measures: Vec::new(),
            contradictions: Vec::new(),
            priority: 0,
            route: vec!["village".into()],
            clocks: Clocks { acknowledge_by: Some(Instant(0)), ..Clocks::default() },
            overdue: None,
            profile_at: Instant::EPOCH_SHANGHAI,
            feeds: vec![Feed { source: "99/ybj".into(), seen_to: Date(20_516) }],
            reason: None,
            history: false,
            notice: "signal_not_decision",
        };
        Alert { time: Date(20_516).midnight(), data }
    }

    fn overdue() -> Alert {
        let mut alert = example();
        let by = Instant(86_400_000_000);
        alert.data.change = Change::Overdue;
        alert.data.revision = 2;
        alert.data.previous_level = Severity::Red;
        let (clock, from, to) = (Step::Acknowledge, "village".into(), "township".into());
        alert.data.overdue = Some(Overdue { clock, from, to });
        alert.data.clocks.steps = vec![Due { step: Step::Comparison, by }];
        let (code, zh, en) = ("medical_aid".into(), "医疗救助".into(), "medical aid".into());
        alert.data.measures = vec![Offer { code, zh, en }];
        alert.data.contradictions = vec!["no_disabled_member".into()];
        alert
    }

    #[test]
    fn the_written_form_is_frozen() {
        for (alert, golden) in [
            (example(), include_str!("../golden/alert.v1.json")),
            (overdue(), include_str!("../golden/overdue.v1.json")),
        ] {
            assert_eq!(String::from_utf8(alert.to_json()).unwrap(), golden.trim_end());
        }
    }

    /// What `serde_json` writes.
    fn slow(alert: &Alert) -> Vec<u8> {
        #[derive(Serialize)]
        struct Envelope<'a> {
            specversion: &'static str,
            id: String,
            source: String,
            #[serde(rename = "type")]
            kind: &'static str,
            time: String,
            subject: String,
            data: &'a Data,
        }
        let province = alert.data.region.get(..2).unwrap_or_default();
        let envelope = Envelope {
            specversion: "1.0",
            id: alert.id(),
            source: format!("levee/{province}"),
            kind: TYPE,
            time: alert.time.to_string(),
            subject: format!("household/{}", alert.data.household),
            data: &alert.data,
        };
        serde_json::to_vec(&envelope).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_serde_json_writes(
            texts in prop::collection::vec("[\\x00-\\x22\\x5b-\\x5e\\x7f汉é😀]{0,24}", 8),
            ints in prop::collection::vec(any::<i64>(), 4),
            dates in prop::collection::vec(-800_000..3_700_000i32, 4),
            shape in 0u32..512,
        ) {
            let on = |bit: u32| shape >> bit & 1 == 1;
            let mut alert = if on(0) { overdue() } else { example() };
            let (by, data) = (Instant(ints[3] / 4), &mut alert.data);
            data.household.clone_from(&texts[0]);
            data.site = on(1).then(|| texts[1].clone());
            data.priority = ints[0];
            data.as_of = Date(dates[0]);
            data.profile_at = by;
            data.history = on(2);
            data.reason = on(3).then_some("household_removed");
            data.change = [Change::Closed, Change::Raised, Change::Lowered, Change::Changed]
                [usize::from(on(4)) * 2 + usize::from(on(5))];
            data.level = if on(6) { Severity::Yellow } else { Severity::Green };
            data.clocks.visit_by = on(7).then_some(by);
            data.clocks.decide_by = on(8).then_some(by);
            data.feeds[0].seen_to = Date(dates[1]);
            data.route.push(texts[2].clone());
            let signal = &mut data.signals[0];
            signal.values.0.push((texts[3].clone(), Value::Text(texts[4].clone())));
            signal.values.0.push(("n".into(), Value::Int(ints[1])));
            signal.why.zh.clone_from(&texts[5]);
            signal.events_total = usize::try_from(shape).unwrap();
            let (id, occurred_on) = (texts[6].clone(), Date(dates[2]));
            signal.events.push(Evidence { source: texts[7].clone(), id, occurred_on });
            data.signals.push(data.signals[0].clone());
            let (fast, slow) = (alert.to_json(), slow(&alert));
            prop_assert_eq!(String::from_utf8(fast).unwrap(), String::from_utf8(slow).unwrap());
        }
    }
}
