//! The topics of a province on Kafka, opened as they were planned and made with our key.

use std::{fs, sync::Arc};

use ::log::{Log, LogError};
use chassis::Failure;
use intake::key::{StoredKey, load_key};
use log_kafka::{Cluster, Connection, Dress, HEADERS, KafkaLog, Plan, Settings};
use watcher::{ALERTS, DEAD_LETTERS, JOURNAL, PERSONS};

use super::config::{Kafka, Key};

/// Packs that are in force everywhere; one partition.
const PACKS: &str = "packs";
/// Every topic, so that one that was forgotten is told at the start.
const ALL: [&str; 6] = [JOURNAL, PERSONS, ALERTS, DEAD_LETTERS, PACKS, HEADERS];

/// The open topics of a province.
pub(super) struct Province {
    pub(super) cluster: Arc<Cluster>,
    pub(super) key: StoredKey,
    pub(super) journal: Arc<dyn Log>,
    pub(super) persons: Arc<dyn Log>,
    pub(super) alerts: Arc<dyn Log>,
    pub(super) dead: Arc<dyn Log>,
    pub(super) packs: Arc<dyn Log>,
}

impl Province {
    /// Opens the topics; blocks.
    ///
    /// # Errors
    /// 64 for a configuration that cannot be used, a missing key, topics that are not as planned or
    /// were made with another key; 1 where no broker answers.
    pub(super) fn open(service: &str, kafka: &Kafka, key: &Key) -> Result<Province, Failure> {
        // Only `levee up` and `levee keys create` make a key.
        let key = load_key(&key.file).map_err(Failure::usage)?;
        let text = fs::read_to_string(&kafka.topics).map_err(|e| {
            Failure::new(64, format!("{} cannot be read: {}", kafka.topics.display(), e.kind()))
        })?;
        let plan = Plan::read(&text).map_err(Failure::usage)?;
        let mut connection = Connection::new(&kafka.brokers, &format!("levee-{service}"));
        connection.security = kafka.security();
        let cluster = Cluster::connect(&connection).map_err(failure)?;
        plan.require(&cluster, &ALL).map_err(failure)?;
        let mark = key.mark();
        let open = |topic: &str, dress| -> Result<Arc<dyn Log>, Failure> {
            let topic = topic.to_owned();
            let settings = Settings { topic, partitions: None, key: Some(mark), dress };
            Ok(Arc::new(KafkaLog::open(&cluster, &settings).map_err(failure)?))
        };
        let province = Province {
            cluster: Arc::clone(&cluster),
            journal: open(JOURNAL, Dress::Bare)?,
            persons: open(PERSONS, Dress::Bare)?,
            alerts: open(ALERTS, Dress::CloudEvent)?,
            dead: open(DEAD_LETTERS, Dress::DeadLetter)?,
            packs: open(PACKS, Dress::Bare)?,
            key,
        };
        let (journal, alerts) = (province.journal.partitions(), province.alerts.partitions());
        if journal != alerts {
            return Err(failure(LogError::Partitions { asked: journal, found: alerts }));
        }
        Ok(province)
    }

    /// Another reader of a topic that is open here.
    pub(super) fn reader(&self, topic: &str) -> Result<Arc<dyn Log>, Failure> {
        let key = Some(self.key.mark());
        let settings =
            Settings { topic: topic.to_owned(), partitions: None, key, dress: Dress::Bare };
        Ok(Arc::new(KafkaLog::open(&self.cluster, &settings).map_err(failure)?))
    }
}

pub(super) fn failure(error: LogError) -> Failure {
    let exit = match error {
        LogError::Topic
        | LogError::Missing { .. }
        | LogError::Partitions { .. }
        | LogError::Key => 64,
        _ => 1,
    };
    Failure::new(exit, format!("{}: {error}", error.code()))
}
