//! A process's way to one Kafka cluster: the producer that all its topics share, and the calls that
//! ask about topics. It knows no topic by name.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use log::LogError;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::FromClientConfig;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::connection::PATIENCE;
use crate::sender::Sender;
use crate::{Connection, fault};

/// How often what the controller did is looked for at the broker that is asked.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The handle that everything of a cluster is opened with. One a process is enough: an idempotent
/// producer needs about a second before its first record.
pub struct Cluster {
    connection: Connection,
    sender: Sender,
    admin: Mutex<Option<Arc<AdminClient<DefaultClientContext>>>>,
}

impl Cluster {
    /// Makes the handle. Whether a broker is there is found out by the first call that needs one.
    ///
    /// # Errors
    /// `log.io` for settings that librdkafka does not take.
    pub fn connect(connection: &Connection) -> Result<Arc<Cluster>, LogError> {
        let sender = Sender::start(connection)?;
        let connection = connection.clone();
        Ok(Arc::new(Cluster { connection, sender, admin: Mutex::new(None) }))
    }

    /// How the brokers are reached.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// The number of a topic's partitions.
    ///
    /// # Errors
    /// `log.topic` where there is no such topic, `log.io` where no broker answers.
    pub fn partitions_of(&self, topic: &str) -> Result<u32, LogError> {
        // All topics are asked for: a question after one by a producer would make it.
        let metadata = self.sender.client().fetch_metadata(None, PATIENCE);
        let metadata = metadata.map_err(|e| fault::failed("asking for the topics", &e))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions = found.map_or(0, |found| found.partitions().len());
        if partitions == 0 { Err(LogError::Topic) } else { Ok(partitions as u32) }
    }

    /// Waits until a topic that was just made is known to the broker that is asked.
    pub(crate) fn await_topic(&self, topic: &str) -> Result<(), LogError> {
        for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
            match self.partitions_of(topic) {
                Err(LogError::Topic) => thread::sleep(LOOK),
                other => return other.map(drop),
            }
        }
        Err(LogError::Topic)
    }

    /// First kept offset and end of a partition.
    pub(crate) fn bounds(&self, topic: &str, partition: u32) -> Result<Range<u64>, LogError> {
        let partition = partition.cast_signed();
        let bounds = self.sender.client().fetch_watermarks(topic, partition, PATIENCE);
        let (start, end) = bounds.map_err(|e| fault::failed("asking for a partition", &e))?;
        Ok(start.cast_unsigned()..end.cast_unsigned())
    }

    pub(crate) fn delete_before(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
    ) -> Result<u64, LogError> {
        const ACTION: &str = "letting go of records";
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(offset.cast_signed());
        let failed = |e| fault::failed(ACTION, &e);
        list.add_partition_offset(topic, partition.cast_signed(), offset).map_err(failed)?;
        let deleted = block_on(self.admin()?.delete_records(&list, &options())).map_err(failed)?;
        let elements = deleted.elements();
        let answer = elements.first().ok_or(LogError::Topic)?;
        answer.error().map_err(failed)?;
        let start = answer.offset().to_raw().unwrap_or_default();
        Ok(start.cast_unsigned())
    }

    /// The client for changes to topics, made when it is needed for the first time.
    pub(crate) fn admin(&self) -> Result<Arc<AdminClient<DefaultClientContext>>, LogError> {
        let mut admin = self.admin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = &*admin {
            return Ok(Arc::clone(made));
        }
        let made = AdminClient::from_config(&self.connection.admin()?);
        let made = Arc::new(made.map_err(|e| fault::failed("making an administrator", &e))?);
        Ok(Arc::clone(admin.insert(made)))
    }
}

/// How long a change may take, at the client and at the broker.
pub(crate) fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}
