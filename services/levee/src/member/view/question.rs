//! What is asked and what is answered: JSON, `POST /view`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Where it is asked.
pub(super) const PATH: &str = "/view";

/// A question about households.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Question {
    /// The state of one household by its id; the answer is an object or null.
    Household(String),
    /// What people did about a household's cases by its id; the answer is an object or null.
    Dossier(String),
    /// What answers the wish for a visit in the cases of households; the answer is [`Visits`].
    Visits(Vec<String>),
    /// What became of a call by its id, of partitions of both topics; the answer is a
    /// [`watcher::Part`] or null.
    Batch(u64),
    /// Verdicts in an area by its prefix, in all areas where it is empty; the answer is an [`engine::Quality`].
    Quality(String),
}

/// Cases, each with the instant of its visit in microseconds; null where another outcome answers
/// the wish.
pub(super) type Visits = Vec<(String, Option<i64>)>;

/// Answers by partition of the journal; partitions that are not carried or not restored are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answers<T> {
    pub(super) partitions: BTreeMap<u32, Part<T>>,
    /// The same of partitions of the person log, where they are asked too.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) persons: BTreeMap<u32, Part<T>>,
}

/// The answer of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part<T> {
    /// The first record that was not folded then.
    pub(super) next: u64,
    pub(super) answer: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_and_answers_stand_as_services_of_another_version_read_them() {
        let json = |question: Question| serde_json::to_string(&question).unwrap();
        assert_eq!(json(Question::Household("H1".into())), r#"{"household":"H1"}"#);
        assert_eq!(json(Question::Dossier("H1".into())), r#"{"dossier":"H1"}"#);
        assert_eq!(json(Question::Visits(vec!["H1".into()])), r#"{"visits":["H1"]}"#);
        assert_eq!(json(Question::Quality("99".into())), r#"{"quality":"99"}"#);
        assert_eq!(json(Question::Batch(7)), r#"{"batch":7}"#);
        let mut quality = engine::Quality::default();
        quality.all.helped = 1;
        quality.feeds.insert(("99/ybj".into(), "r".into()), quality.all);
        let partitions = BTreeMap::from([(3, Part { next: 7, answer: quality })]);
        let answers = Answers { partitions, persons: BTreeMap::new() };
        let text = serde_json::to_string(&answers).unwrap();
        assert_eq!(
            text,
            r#"{"partitions":{"3":{"next":7,"answer":{"all":{"helped":1,"no_risk":0,"already_covered":0,"wrong_data":0},"rules":{},"feeds":[[["99/ybj","r"],{"helped":1,"no_risk":0,"already_covered":0,"wrong_data":0}]],"sources":{},"regions":{}}}}}"#
        );
        assert_eq!(serde_json::from_str::<Answers<engine::Quality>>(&text).unwrap(), answers);
        let part = watcher::Part { rows: Some(3), ..watcher::Part::default() };
        let persons = BTreeMap::from([(1, Part { next: 2, answer: Some(part) })]);
        let answers = Answers { partitions: BTreeMap::new(), persons };
        let text = serde_json::to_string(&answers).unwrap();
        assert_eq!(
            text,
            r#"{"partitions":{},"persons":{"1":{"next":2,"answer":{"report":{"accepted":0,"duplicate":0,"parked":0,"matched":0,"decided":0,"dead_lettered":{}},"rows":3}}}}"#
        );
        assert_eq!(serde_json::from_str::<Answers<Option<watcher::Part>>>(&text).unwrap(), answers);
    }
}
