//! Topics that others write, read in the name of a group: a [`Source`] on Kafka.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::{LogError, Position, Record, Source};
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::connection::{Membership, PATIENCE};
use crate::{Cluster, fault, told};

/// Which topics are read, and by whom.
#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// The group's name: members of one group share the partitions.
    pub group: String,
    /// The topics.
    pub topics: Vec<String>,
    /// This member's name, the same after a restart.
    pub instance: Option<String>,
    /// After so long without a sign of life its partitions go to others.
    pub session: Duration,
}

/// A member of a group that reads the topics of others. A partition that the group has never
/// committed is read from its first record on.
pub struct Feed {
    cluster: Arc<Cluster>,
    consumer: BaseConsumer<Places>,
}

impl Feed {
    /// Joins the group.
    ///
    /// # Errors
    /// `log.topic` for a topic that is not there, `log.io`.
    pub fn open(cluster: &Arc<Cluster>, settings: &FeedSettings) -> Result<Feed, LogError> {
        const ACTION: &str = "joining a feed's group";
        for topic in &settings.topics {
            cluster.partitions_of(topic)?;
        }
        let config = cluster.connection().member(&Membership {
            group: &settings.group,
            instance: settings.instance.as_deref(),
            session: settings.session,
        })?;
        let failed = |e| fault::failed(ACTION, &e);
        let consumer: BaseConsumer<Places> =
            BaseConsumer::from_config_and_context(&config, Places::default()).map_err(failed)?;
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(failed)?;
        Ok(Feed { cluster: Arc::clone(cluster), consumer })
    }

    /// Says of an error whether reading ends with it, and by which name.
    fn ends(&self, error: &KafkaError) -> Option<LogError> {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Some(self.out_of_bounds(error))
            }
            Some(RDKafkaErrorCode::FencedInstanceId) => Some(LogError::Locked),
            Some(
                RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::BadMessage
                | RDKafkaErrorCode::BadCompression,
            ) => Some(fault::failed("reading a feed", error)),
            _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
                Some(fault::failed("reading a feed", error))
            }
            // What passes by itself has been told of.
            _ => None,
        }
    }

    /// A partition as librdkafka lists it; nothing where it has gone to another member.
    fn one(&self, topic: &str, partition: u32) -> Option<TopicPartitionList> {
        let ours = self.consumer.context().places().contains_key(&(topic.to_owned(), partition));
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition.cast_signed());
        ours.then_some(list)
    }

    /// Which partition no longer has the record that is next.
    fn out_of_bounds(&self, error: &KafkaError) -> LogError {
        for (place, next) in &*self.consumer.context().places() {
            let bounds = self.cluster.bounds(&place.0, place.1);
            if let (Some(asked), Ok(bounds)) = (*next, bounds)
                && (asked < bounds.start || asked > bounds.end)
            {
                return LogError::Offset { asked, start: bounds.start, end: bounds.end };
            }
        }
        fault::failed("reading a feed", error)
    }
}

impl Source for Feed {
    fn read(
        &mut self,
        most: usize,
        wait: Duration,
        seen: &mut dyn FnMut(Record<'_>) -> bool,
    ) -> Result<usize, LogError> {
        let mut count = 0;
        let mut wait = wait;
        while count < most {
            match self.consumer.poll(wait) {
                None => break,
                Some(Ok(message)) => {
                    self.consumer.context().note(&message);
                    count += 1;
                    if !give(&message, seen) {
                        break;
                    }
                }
                Some(Err(error)) => {
                    if let Some(error) = self.ends(&error) {
                        return Err(error);
                    }
                }
            }
            wait = Duration::ZERO;
        }
        Ok(count)
    }

    fn position(&self) -> Vec<Position> {
        let places = self.consumer.context().places();
        let known = places.iter().filter_map(|((topic, partition), next)| {
            Some(Position { topic: topic.clone(), partition: *partition, next: (*next)? })
        });
        known.collect()
    }

    fn pause(&mut self, topic: &str, partition: u32) -> Result<(), LogError> {
        let Some(one) = self.one(topic, partition) else { return Ok(()) };
        self.consumer.pause(&one).map_err(|e| fault::failed("pausing a feed", &e))
    }

    fn resume(&mut self, topic: &str, partition: u32) -> Result<(), LogError> {
        let Some(one) = self.one(topic, partition) else { return Ok(()) };
        self.consumer.resume(&one).map_err(|e| fault::failed("resuming a feed", &e))
    }

    fn commit(&mut self, done: &[Position]) -> Result<(), LogError> {
        let failed = |e| fault::failed("committing a feed's offsets", &e);
        let mut list = TopicPartitionList::new();
        {
            let places = self.consumer.context().places();
            // What has gone to another member is the other's to commit.
            let ours =
                done.iter().filter(|at| places.contains_key(&(at.topic.clone(), at.partition)));
            for at in ours {
                let next = Offset::Offset(at.next.cast_signed());
                list.add_partition_offset(&at.topic, at.partition.cast_signed(), next)
                    .map_err(failed)?;
            }
        }
        if list.count() == 0 {
            return Ok(());
        }
        match self.consumer.commit(&list, CommitMode::Sync) {
            // Partitions are changing hands: whoever gets them reads from the commit before.
            Err(error) if passes(&error) => {
                told::error(&error, "a commit of a feed's offsets was not taken");
                Ok(())
            }
            done => done.map_err(failed),
        }
    }
}

fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::RebalanceInProgress
                | RDKafkaErrorCode::IllegalGeneration
                | RDKafkaErrorCode::UnknownMemberId
        )
    )
}

fn give(message: &BorrowedMessage<'_>, seen: &mut dyn FnMut(Record<'_>) -> bool) -> bool {
    let headers = message.headers().map(|headers| {
        let each = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
        each.collect::<Vec<_>>()
    });
    let written_us = message.timestamp().to_millis().map(|ms| ms.saturating_mul(1_000));
    seen(Record {
        topic: message.topic(),
        partition: message.partition().cast_unsigned(),
        offset: message.offset().cast_unsigned(),
        written_us,
        key: message.key(),
        value: message.payload(),
        headers: headers.as_deref().unwrap_or_default(),
    })
}

type Place = (String, u32);

/// The partitions that are this member's, and the next record of each where it is known.
#[derive(Default)]
struct Places {
    places: Mutex<BTreeMap<Place, Option<u64>>>,
}

impl Places {
    fn places(&self) -> MutexGuard<'_, BTreeMap<Place, Option<u64>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, message: &BorrowedMessage<'_>) {
        let next = Some(message.offset().cast_unsigned() + 1);
        let partition = message.partition().cast_unsigned();
        let mut places = self.places();
        // Few partitions: a walk costs less than a name made for a look-up.
        let found = places.iter_mut().find(|((t, p), _)| *p == partition && t == message.topic());
        if let Some((_, place)) = found {
            *place = next;
        }
    }
}

impl ClientContext for Places {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        told::log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        told::error(&error, reason);
    }
}

impl ConsumerContext for Places {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let done = if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assign(consumer, list)
        } else {
            let mut places = self.places();
            for gone in list.elements() {
                places.remove(&(gone.topic().to_owned(), gone.partition().cast_unsigned()));
            }
            drop(places);
            consumer.incremental_unassign(list)
        };
        if let Err(error) = done {
            told::error(&error, "a rebalance was not carried out");
        }
    }
}

impl Places {
    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        list: &TopicPartitionList,
    ) -> Result<(), KafkaError> {
        let committed = consumer.committed_offsets(list.clone(), PATIENCE)?;
        let mut begin = TopicPartitionList::new();
        let mut places = self.places();
        for at in committed.elements() {
            let known = match at.offset() {
                Offset::Offset(next) => Some(next.cast_unsigned()),
                _ => None,
            };
            let offset = if known.is_some() { at.offset() } else { Offset::Beginning };
            begin.add_partition_offset(at.topic(), at.partition(), offset)?;
            places.insert((at.topic().to_owned(), at.partition().cast_unsigned()), known);
        }
        drop(places);
        consumer.incremental_assign(&begin)
    }
}
