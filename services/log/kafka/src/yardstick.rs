//! The bare client: what librdkafka alone does with a topic, for measures to stand beside. Nothing
//! of Levee runs here but the connection's settings.

use std::sync::Arc;
use std::time::Duration;

use log::LogError;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::connection::PATIENCE;
use crate::{Cluster, fault};

/// Records between two looks for delivery reports.
const BETWEEN: u64 = 256;

/// A producer on the calling thread.
pub struct Producer(BaseProducer);

impl Producer {
    /// A producer that waits so many milliseconds for a batch to fill.
    ///
    /// # Errors
    /// `log.io`.
    pub fn new(cluster: &Arc<Cluster>, linger_ms: u32) -> Result<Producer, LogError> {
        let mut config = cluster.connection().producer()?;
        config.set("linger.ms", linger_ms.to_string());
        Ok(Producer(BaseProducer::from_config(&config).map_err(failed)?))
    }

    /// Hands a record over; the key chooses the partition.
    ///
    /// # Errors
    /// `log.io`.
    pub fn send(&self, topic: &str, key: &[u8], value: &[u8]) -> Result<(), LogError> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).key(key).payload(value);
        while let Err((error, back)) = self.0.send(record) {
            let KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) = error else {
                return Err(failed(error));
            };
            self.0.poll(Duration::from_millis(1));
            record = back;
        }
        Ok(())
    }

    /// Looks for delivery reports.
    pub fn poll(&self) {
        self.0.poll(Duration::ZERO);
    }

    /// Waits until all are acknowledged.
    ///
    /// # Errors
    /// `log.unconfirmed`, `log.io`.
    pub fn finish(self) -> Result<(), LogError> {
        self.0.flush(PATIENCE).map_err(failed)
    }
}

fn failed(error: KafkaError) -> LogError {
    fault::failed("producing", &error)
}

/// Appends every record with its key, one producer on the calling thread, and waits until all are
/// acknowledged.
///
/// # Errors
/// `log.io`, `log.unconfirmed`.
pub fn produce<'r>(
    cluster: &Arc<Cluster>,
    topic: &str,
    records: impl Iterator<Item = (&'r [u8], &'r [u8])>,
) -> Result<u64, LogError> {
    let producer = Producer::new(cluster, 20)?;
    let mut count = 0;
    for (key, value) in records {
        producer.send(topic, key, value)?;
        count += 1;
        if count % BETWEEN == 0 {
            producer.poll();
        }
    }
    producer.finish()?;
    Ok(count)
}

/// Gives every record of a topic from the first one on to `seen`, one consumer on the calling
/// thread, until there were `records`.
///
/// # Errors
/// `log.topic`, `log.io`.
pub fn consume(
    cluster: &Arc<Cluster>,
    topic: &str,
    records: u64,
    seen: &mut dyn FnMut(&[u8]),
) -> Result<(), LogError> {
    let failed = |e| fault::failed("consuming", &e);
    let consumer: BaseConsumer =
        BaseConsumer::from_config(&cluster.connection().reader()?).map_err(failed)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..cluster.partitions_of(topic)? {
        list.add_partition_offset(topic, partition.cast_signed(), Offset::Beginning)
            .map_err(failed)?;
    }
    consumer.assign(&list).map_err(failed)?;
    let mut count = 0;
    while count < records {
        match consumer.poll(PATIENCE) {
            Some(Ok(message)) => {
                seen(message.payload().unwrap_or_default());
                count += 1;
            }
            Some(Err(error)) => return Err(failed(error)),
            None => {
                let detail = format!("{count} of {records} records arrived");
                return Err(LogError::Io { action: "consuming", detail });
            }
        }
    }
    Ok(())
}
