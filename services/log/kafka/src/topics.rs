//! The plan of topics: what each is to be, how it is made, and how the brokers' differ from it. It
//! never changes a number of partitions and never keeps less than is kept now.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::thread;

use futures_executor::block_on;
use log::{LogError, MAX_PARTITIONS};
use rdkafka::admin::{
    AlterConfig, ConfigResource, ConfigSource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::types::RDKafkaErrorCode;
use serde::Deserialize;

use crate::cluster::{LOOK, options};
use crate::connection::{MAX_BATCH, PATIENCE};
use crate::{Cluster, fault};

/// Largest batch of a topic that the plan does not say it of: Kafka's own default.
const BATCH: usize = 1_048_588;

/// What the topics are to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Copies of each partition.
    pub replication: u16,
    /// Copies that must have a record before it is acknowledged.
    pub min_insync: u16,
    /// The topics by name.
    pub topics: BTreeMap<String, Topic>,
}

/// What one topic is to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Number of partitions, fixed for ever.
    pub partitions: u32,
    /// How long records are kept: `800d`, `36h` or `forever`.
    pub keep: Keep,
    /// Whether only the latest record of each key is kept.
    #[serde(default)]
    pub compacted: bool,
    /// Whether its records may be as large as the log port allows (32 MiB).
    #[serde(default)]
    pub large_records: bool,
}

/// How long records are kept; `None`: for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Keep(Option<u64>);

impl TryFrom<String> for Keep {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Keep, &'static str> {
        const FORMS: &str = "expected a span such as 800d or 36h, or forever";
        if text == "forever" {
            return Ok(Keep(None));
        }
        let span = text.split_at_checked(text.len().saturating_sub(1)).ok_or(FORMS)?;
        let hours = match span.1 {
            "d" => 24,
            "h" => 1,
            _ => return Err(FORMS),
        };
        let count: u64 = span.0.parse().map_err(|_| FORMS)?;
        let most = i64::MAX.cast_unsigned() / 3_600_000 / hours;
        if count == 0 || count > most {
            return Err(FORMS);
        }
        Ok(Keep(Some(count * hours * 3_600_000)))
    }
}

/// Why a file is not a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// It is not YAML of this form.
    #[error("line {line}: {problem}")]
    Form {
        /// Counted from 1.
        line: u64,
        /// What was expected.
        problem: String,
    },
    /// A number is outside what Kafka or the log port takes.
    #[error("{0} is out of range")]
    Range(String),
}

/// How a broker's topic differs from the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// It is not there.
    Missing(String),
    /// It has another number of partitions.
    Partitions {
        /// The topic.
        topic: String,
        /// The plan's number.
        planned: u32,
        /// The topic's number.
        found: u32,
    },
    /// A setting has another value.
    Setting {
        /// The topic.
        topic: String,
        /// Kafka's name of the setting.
        setting: &'static str,
        /// The plan's value.
        planned: String,
        /// The topic's value.
        found: String,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing(topic) => write!(f, "{topic}: missing"),
            Difference::Partitions { topic, planned, found } => {
                write!(f, "{topic}: {found} partitions, planned are {planned}")
            }
            Difference::Setting { topic, setting, planned, found } => {
                write!(f, "{topic}: {setting} is {found}, planned is {planned}")
            }
        }
    }
}

impl From<Difference> for LogError {
    fn from(difference: Difference) -> LogError {
        match difference {
            Difference::Missing(topic) => LogError::Missing { topic },
            Difference::Partitions { planned, found, .. } => {
                LogError::Partitions { asked: planned, found }
            }
            Difference::Setting { topic, setting, planned, found } => {
                LogError::Setting { topic, setting: setting.to_owned(), planned, found }
            }
        }
    }
}

impl Difference {
    /// Whether bringing the topic to the plan would lose something or move records.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        match self {
            Difference::Missing(_) => false,
            Difference::Partitions { .. } => true,
            Difference::Setting { setting, planned, found, .. } => match *setting {
                "retention.ms" | "retention.bytes" | "max.message.bytes" => {
                    span(planned) < span(found)
                }
                "cleanup.policy" => true,
                _ => false,
            },
        }
    }
}

/// A span or size; a negative one is without end.
fn span(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

impl Plan {
    /// Reads a plan in YAML.
    ///
    /// # Errors
    /// [`PlanError`] with the place.
    pub fn read(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = serde_saphyr::from_str(text).map_err(|error| PlanError::Form {
            line: error.location().map_or(0, |at| at.line()),
            problem: error.to_string().lines().next().unwrap_or_default().to_owned(),
        })?;
        let range = |what: &str| Err(PlanError::Range(what.to_owned()));
        if plan.replication == 0 || i16::try_from(plan.replication).is_err() {
            return range("replication");
        }
        if !(1..=plan.replication).contains(&plan.min_insync) {
            return range("min_insync");
        }
        for (name, topic) in &plan.topics {
            let sized = (1..=249).contains(&name.len());
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
            if !sized || !name.bytes().all(plain) {
                return range("a topic's name");
            }
            if !(1..=MAX_PARTITIONS).contains(&topic.partitions) {
                return range(&format!("{name}.partitions"));
            }
        }
        Ok(plan)
    }

    /// Kafka's settings of a topic.
    fn settings(&self, topic: &Topic) -> Vec<(&'static str, String)> {
        let keep = topic.keep.0.map_or_else(|| "-1".to_owned(), |ms| ms.to_string());
        let cleanup = if topic.compacted { "compact" } else { "delete" };
        let largest = if topic.large_records { MAX_BATCH } else { BATCH };
        vec![
            ("cleanup.policy", cleanup.to_owned()),
            ("retention.ms", keep),
            ("retention.bytes", "-1".to_owned()),
            ("max.message.bytes", largest.to_string()),
            ("min.insync.replicas", self.min_insync.to_string()),
            // A replica that lags must never become the leader: it would forget what was acknowledged.
            ("unclean.leader.election.enable", "false".to_owned()),
        ]
    }

    /// How the brokers' topics differ from the plan.
    ///
    /// # Errors
    /// `log.io` where no broker answers.
    pub fn differences(&self, cluster: &Arc<Cluster>) -> Result<Vec<Difference>, LogError> {
        self.topics.keys().try_fold(Vec::new(), |mut all, name| {
            all.extend(self.differences_of(cluster, name)?);
            Ok(all)
        })
    }

    fn differences_of(
        &self,
        cluster: &Arc<Cluster>,
        name: &str,
    ) -> Result<Vec<Difference>, LogError> {
        let Some(topic) = self.topics.get(name) else {
            return Ok(vec![Difference::Missing(name.to_owned())]);
        };
        let found = match cluster.partitions_of(name) {
            Err(LogError::Topic) => return Ok(vec![Difference::Missing(name.to_owned())]),
            found => found?,
        };
        let mut all = Vec::new();
        let planned = topic.partitions;
        if found != planned {
            all.push(Difference::Partitions { topic: name.to_owned(), planned, found });
        }
        let described = describe(cluster, name)?;
        for (setting, planned) in self.settings(topic) {
            let entry = described.get(setting).and_then(|entry| entry.value.clone());
            let found = entry.unwrap_or_default();
            if found != planned {
                let topic = name.to_owned();
                all.push(Difference::Setting { topic, setting, planned, found });
            }
        }
        Ok(all)
    }

    /// Refuses topics that differ from the plan; for services, before they begin.
    ///
    /// # Errors
    /// The first difference: `log.topic`, `log.partitions` or `log.setting`; `log.io`.
    pub fn require(&self, cluster: &Arc<Cluster>, topics: &[&str]) -> Result<(), LogError> {
        for name in topics {
            if let Some(difference) = self.differences_of(cluster, name)?.into_iter().next() {
                return Err(difference.into());
            }
        }
        Ok(())
    }

    /// Makes what is missing and widens what keeps too little; says what it did. Where anything
    /// would have to shrink or move, nothing is done at all.
    ///
    /// # Errors
    /// The first difference that is refused; `log.io`.
    pub fn create(&self, cluster: &Arc<Cluster>) -> Result<Vec<Difference>, LogError> {
        let differences = self.differences(cluster)?;
        if let Some(refused) = differences.iter().find(|difference| difference.is_refused()) {
            return Err(refused.clone().into());
        }
        for (name, topic) in &self.topics {
            let missing = Difference::Missing(name.clone());
            let of_this = |difference: &Difference| matches!(difference, Difference::Setting { topic, .. } if topic == name);
            if differences.contains(&missing) {
                self.make(cluster, name, topic)?;
            } else if differences.iter().any(of_this) {
                self.alter(cluster, name, topic)?;
            }
        }
        Ok(differences)
    }

    fn make(&self, cluster: &Arc<Cluster>, name: &str, topic: &Topic) -> Result<(), LogError> {
        const ACTION: &str = "making a topic";
        let partitions = topic.partitions.cast_signed();
        let copies = TopicReplication::Fixed(i32::from(self.replication));
        let settings = self.settings(topic);
        let new = settings
            .iter()
            .fold(NewTopic::new(name, partitions, copies), |new, (key, value)| new.set(key, value));
        let made = block_on(cluster.admin()?.create_topics(&[new], &options()));
        let made = made.map_err(|e| fault::failed(ACTION, &e))?;
        for result in made {
            let detail = |code| match code {
                RDKafkaErrorCode::InvalidReplicationFactor => format!(
                    "the plan wants {} copies and the cluster has fewer brokers; lower `replication` \
                     and `min_insync`, as deploy/topics.one-broker.yaml does",
                    self.replication
                ),
                other => other.to_string(),
            };
            result.map_err(|(_, code)| LogError::Io { action: ACTION, detail: detail(code) })?;
        }
        cluster.await_topic(name)
    }

    fn alter(&self, cluster: &Arc<Cluster>, name: &str, topic: &Topic) -> Result<(), LogError> {
        const ACTION: &str = "changing a topic's settings";
        // The call sets all settings of the topic at once: what others have set stays.
        let described = describe(cluster, name)?;
        let theirs = described.entries.iter().filter_map(|entry| {
            let set = entry.source == ConfigSource::DynamicTopic && !entry.is_sensitive;
            Some((entry.name.as_str(), entry.value.as_deref().filter(|_| set)?))
        });
        let ours = self.settings(topic);
        let ours = ours.iter().map(|(key, value)| (*key, value.as_str()));
        let specifier = AlterConfig::new(ResourceSpecifier::Topic(name));
        let altered = theirs.chain(ours).fold(specifier, |all, (key, value)| all.set(key, value));
        let done = block_on(cluster.admin()?.alter_configs(&[altered], &options()));
        for result in done.map_err(|e| fault::failed(ACTION, &e))? {
            result
                .map_err(|(_, code)| LogError::Io { action: ACTION, detail: code.to_string() })?;
        }
        self.await_settings(cluster, name)
    }

    /// Waits until the broker that is asked shows the settings: the controller answers before.
    fn await_settings(&self, cluster: &Arc<Cluster>, name: &str) -> Result<(), LogError> {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            if self.differences_of(cluster, name)?.is_empty() {
                return Ok(());
            }
            thread::sleep(LOOK);
        }
        self.require(cluster, &[name])
    }
}

fn describe(cluster: &Arc<Cluster>, name: &str) -> Result<ConfigResource, LogError> {
    const ACTION: &str = "asking for a topic's settings";
    let asked = [ResourceSpecifier::Topic(name)];
    let answers = block_on(cluster.admin()?.describe_configs(&asked, &options()));
    let answer = answers.map_err(|e| fault::failed(ACTION, &e))?.pop().ok_or(LogError::Topic)?;
    answer.map_err(|code| LogError::Io { action: ACTION, detail: code.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "replication: 3\nmin_insync: 2\ntopics:\n  journal: {partitions: 32, keep: 800d, large_records: true}\n  feeds: {partitions: 4, keep: forever, compacted: true}\n";

    #[test]
    fn a_plan_says_what_kafka_is_told() {
        let plan = Plan::read(TEXT).unwrap();
        let settings = |name: &str| plan.settings(&plan.topics[name]);
        assert!(settings("journal").contains(&("retention.ms", "69120000000".to_owned())));
        assert!(settings("journal").contains(&("max.message.bytes", "33619968".to_owned())));
        assert!(settings("feeds").contains(&("retention.ms", "-1".to_owned())));
        assert!(settings("feeds").contains(&("cleanup.policy", "compact".to_owned())));
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let line = |from: &str, to: &str| match Plan::read(&TEXT.replace(from, to)) {
            Err(PlanError::Form { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("keep: 800d", "keep: 800"), 4);
        assert_eq!(line("compacted", "compact"), 5);
        let range = |from: &str, to: &str| Plan::read(&TEXT.replace(from, to)).unwrap_err();
        assert_eq!(range("insync: 2", "insync: 4"), PlanError::Range("min_insync".into()));
        assert_eq!(range("32", "0"), PlanError::Range("journal.partitions".into()));
        assert_eq!(range("feeds", "\"fe eds\""), PlanError::Range("a topic's name".into()));
    }

    #[test]
    fn nothing_shrinks_or_moves() {
        let setting = |setting, planned: &str, found: &str| Difference::Setting {
            topic: "t".into(),
            setting,
            planned: planned.into(),
            found: found.into(),
        };
        assert!(setting("retention.ms", "1000", "2000").is_refused());
        assert!(setting("retention.ms", "1000", "-1").is_refused());
        assert!(!setting("retention.ms", "-1", "1000").is_refused());
        assert!(!setting("retention.ms", "2000", "1000").is_refused());
        assert!(setting("cleanup.policy", "delete", "compact").is_refused());
        assert!(!setting("min.insync.replicas", "2", "1").is_refused());
        let moved = Difference::Partitions { topic: "t".into(), planned: 4, found: 2 };
        assert!(moved.is_refused() && !Difference::Missing("t".into()).is_refused());
    }
}
