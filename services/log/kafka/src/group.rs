//! Membership of a group: which partitions are this process's now. Nothing is read here; a member
//! reads its partitions through [`KafkaLog`](crate::KafkaLog) by offsets of its own.
//!
//! Partitions change hands cooperatively: those that stay are not interrupted. A member with an
//! instance name gets its partitions back when it restarts within the session's time.

mod unowned;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use log::LogError;
use rdkafka::client::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::connection::Membership;
use crate::{Cluster, fault, told};
use unowned::Unowned;

/// Longest sleep of the thread before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(50);
/// Sleeps between two looks for partitions that are nobody's: 2 s.
const LOOKS: u32 = 40;

/// How a process takes part in a group.
#[derive(Debug, Clone)]
pub struct Member {
    /// The group's name.
    pub group: String,
    /// The topic whose partitions are shared out.
    pub topic: String,
    /// This member's name, the same after a restart; `None`: a new member each time, which leaves
    /// at once when it ends.
    pub instance: Option<String>,
    /// After so long without a sign of life its partitions go to others. Brokers allow 6 s or more.
    pub session: Duration,
    /// How long a member may take to hand partitions over before they are taken from it.
    pub hand_over: Duration,
}

/// A change of what is this member's.
#[derive(Debug)]
pub enum Change {
    /// These partitions are its own now.
    Assigned(Vec<u32>),
    /// These go to another member as soon as the hand-over is dropped.
    Revoked(Vec<u32>, HandOver),
    /// These were taken from it, and may be another member's already.
    Lost(Vec<u32>),
    /// It is no member any more: `log.locked` where another process has its instance name.
    Ended(LogError),
}

/// Holds a rebalance up until it is dropped, or until the time for it is over.
#[derive(Debug)]
pub struct HandOver {
    _held: SyncSender<()>,
}

/// A member of a group; it leaves when dropped.
pub struct Group {
    consumer: Option<Arc<BaseConsumer<Rebalances>>>,
    topic: String,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Group {
    /// Joins; changes come through the receiver, in order. Whoever drops the receiver lets every
    /// rebalance pass at once.
    ///
    /// # Errors
    /// `log.topic`, `log.io`.
    pub fn join(
        cluster: &Arc<Cluster>,
        member: &Member,
    ) -> Result<(Group, Receiver<Change>), LogError> {
        const ACTION: &str = "joining a group";
        let partitions = cluster.partitions_of(&member.topic)?;
        let config = cluster.connection().member(&Membership {
            group: &member.group,
            instance: member.instance.as_deref(),
            session: member.session,
        })?;
        let (changes, receiver) = channel();
        let context = Rebalances { changes: changes.clone(), hand_over: member.hand_over };
        let consumer = BaseConsumer::from_config_and_context(&config, context);
        let consumer = Arc::new(consumer.map_err(|e| fault::failed(ACTION, &e))?);
        consumer.subscribe(&[&member.topic]).map_err(|e| fault::failed(ACTION, &e))?;
        let over = Arc::new(AtomicBool::new(false));
        let (polled, ends) = (Arc::clone(&consumer), Arc::clone(&over));
        let unowned = Unowned::new(&member.group, &member.topic, partitions);
        let topic = member.topic.clone();
        let body = move || {
            let Some(error) = take_part(&polled, &topic, unowned, &ends) else { return };
            // Who listened may have gone.
            let _ = changes.send(Change::Ended(error));
        };
        let thread = thread::Builder::new().name("kafka-group".into()).spawn(body);
        let thread = thread
            .map_err(|e| LogError::Io { action: "starting a thread", detail: e.to_string() })?;
        let topic = member.topic.clone();
        Ok((Group { consumer: Some(consumer), topic, over, thread: Some(thread) }, receiver))
    }

    /// Tells the group how far partitions are read, for those who watch it. Nothing depends on it,
    /// so nobody waits for the answer.
    ///
    /// # Errors
    /// `log.io` where it cannot even be sent.
    pub fn show(&self, read: &[(u32, u64)]) -> Result<(), LogError> {
        let failed = |e| fault::failed("telling a group's offsets", &e);
        let Some(consumer) = &self.consumer else { return Ok(()) };
        let mut list = TopicPartitionList::new();
        for (partition, next) in read {
            let offset = Offset::Offset(next.cast_signed());
            list.add_partition_offset(&self.topic, partition.cast_signed(), offset)
                .map_err(failed)?;
        }
        consumer.commit(&list, CommitMode::Async).map_err(failed)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been told of by the panic's own hook.
            let _ = thread.join();
        }
        // The last handle: closing gives the partitions back, with a hand-over as in any rebalance.
        self.consumer = None;
    }
}

/// Serves a membership until it is to end; gives the error where it ended by itself.
fn take_part(
    consumer: &BaseConsumer<Rebalances>,
    topic: &str,
    mut unowned: Unowned,
    over: &AtomicBool,
) -> Option<LogError> {
    let mut slept = 0;
    while !over.load(Ordering::Acquire) {
        match consumer.poll(LOOK) {
            Some(Err(error)) => {
                if let Some(error) = ended(&error) {
                    return Some(error);
                }
            }
            Some(Ok(_)) => {}
            None => slept += 1,
        }
        if slept < LOOKS {
            continue;
        }
        slept = 0;
        if unowned.look(consumer) {
            tracing::warn!(topic, "partitions are nobody's: joining the group again");
            consumer.unsubscribe();
            // What is subscribed to once can be again.
            if let Err(error) = consumer.subscribe(&[topic]) {
                return Some(fault::failed("joining a group again", &error));
            }
        }
    }
    None
}

/// What ends a membership.
fn ended(error: &KafkaError) -> Option<LogError> {
    let code = error.rdkafka_error_code()?;
    match code {
        RDKafkaErrorCode::FencedInstanceId => Some(LogError::Locked),
        RDKafkaErrorCode::UnknownTopicOrPartition => Some(LogError::Topic),
        _ if matches!(error, KafkaError::MessageConsumptionFatal(_)) => {
            Some(LogError::Io { action: "taking part in a group", detail: code.to_string() })
        }
        _ => None,
    }
}

/// Tells rebalances and carries them out.
struct Rebalances {
    changes: Sender<Change>,
    hand_over: Duration,
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        told::log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        told::error(&error, reason);
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        err: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        let partitions: Vec<u32> =
            list.elements().iter().map(|element| element.partition().cast_unsigned()).collect();
        let done = if err == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Nothing is fetched here: an end is a place that always exists.
            let _ = list.set_all_offsets(Offset::End);
            let assigned = consumer.incremental_assign(list).and_then(|()| consumer.pause(list));
            if !partitions.is_empty() {
                let _ = self.changes.send(Change::Assigned(partitions));
            }
            assigned
        } else {
            self.give_back(consumer.assignment_lost(), partitions);
            consumer.incremental_unassign(list)
        };
        if let Err(error) = done {
            told::error(&error, "a rebalance was not carried out");
        }
    }
}

impl Rebalances {
    fn give_back(&self, lost: bool, partitions: Vec<u32>) {
        if partitions.is_empty() {
            return;
        }
        if lost {
            let _ = self.changes.send(Change::Lost(partitions));
            return;
        }
        let (held, dropped) = sync_channel(0);
        let _ = self.changes.send(Change::Revoked(partitions, HandOver { _held: held }));
        // Nothing is ever sent: it ends when the hand-over is dropped or the time is over.
        let _ = dropped.recv_timeout(self.hand_over);
    }
}
