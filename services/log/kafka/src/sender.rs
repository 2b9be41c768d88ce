//! Appending: one idempotent producer for all topics of a process, and a thread that hears what
//! became of each record. It knows no record's meaning.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use log::LogError;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use crate::envelope::Envelope;
use crate::fault;
use crate::{Connection, told};

/// How long the thread waits for a report before it looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// How long an appender waits for room in the producer's queue before it looks again.
const ROOM: Duration = Duration::from_millis(1);

/// What of an append has been answered.
#[derive(Debug, Default)]
struct Answers {
    left: usize,
    /// First and last offset of what is durable.
    durable: Option<(u64, u64)>,
    /// The first record's failure, or one whose fate is not known.
    failed: Option<LogError>,
}

/// One append that waits for its records' reports.
#[derive(Debug, Default)]
pub(crate) struct Ticket {
    answers: Mutex<Answers>,
    moved: Condvar,
}

impl Ticket {
    fn note(&self, result: Result<u64, LogError>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(offset) => {
                let (first, last) = answers.durable.unwrap_or((offset, offset));
                answers.durable = Some((first.min(offset), last.max(offset)));
            }
            Err(error) => {
                let unsure = matches!(error, LogError::Unconfirmed { .. });
                if unsure || answers.failed.is_none() {
                    answers.failed = Some(error);
                }
            }
        }
        answers.left = answers.left.saturating_sub(1);
        if answers.left == 0 {
            self.moved.notify_all();
        }
    }

    /// Sleeps until every record is answered.
    pub(crate) fn wait(&self) -> Result<Range<u64>, LogError> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.moved.wait_while(answers, |answers| answers.left > 0);
        let mut answers = waited.unwrap_or_else(PoisonError::into_inner);
        match (answers.failed.take(), answers.durable) {
            (None, Some((first, last))) => Ok(first..last + 1),
            (None, None) => Ok(0..0),
            (Some(error @ LogError::Unconfirmed { .. }), _) | (Some(error), None) => Err(error),
            // A part is in the log: what the port calls not known.
            (Some(error), Some(_)) => Err(LogError::Unconfirmed { detail: error.code().into() }),
        }
    }
}

/// Hears the reports.
struct Reports;

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, message: &str) {
        told::log(level, fac, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        told::error(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Arc<Ticket>;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: Arc<Ticket>) {
        ticket.note(match result {
            Ok(message) => u64::try_from(message.offset()).map_err(|_| {
                // An old duplicate: durable, but the broker no longer knows where.
                LogError::Unconfirmed { detail: "durable at an unknown offset".into() }
            }),
            Err((error, _)) => Err(fault::not_taken(error)),
        });
    }
}

/// The producer and its thread.
pub(crate) struct Sender {
    producer: Arc<BaseProducer<Reports>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sender {
    pub(crate) fn start(connection: &Connection) -> Result<Sender, LogError> {
        let producer = BaseProducer::from_config_and_context(&connection.producer()?, Reports);
        let producer = Arc::new(producer.map_err(|e| fault::failed("making a producer", &e))?);
        let over = Arc::new(AtomicBool::new(false));
        let (polled, ends) = (Arc::clone(&producer), Arc::clone(&over));
        let body = move || {
            while !ends.load(Ordering::Acquire) {
                polled.poll(LOOK);
            }
        };
        let thread = thread::Builder::new().name("kafka-reports".into()).spawn(body);
        let thread = thread
            .map_err(|e| LogError::Io { action: "starting a thread", detail: e.to_string() })?;
        Ok(Sender { producer, over, thread: Some(thread) })
    }

    pub(crate) fn client(&self) -> &Client<impl ClientContext + use<>> {
        self.producer.client()
    }

    /// Hands records over in their order; the ticket tells when all are answered. The caller keeps
    /// others from handing over for the same partition meanwhile.
    pub(crate) fn send<'r>(
        &self,
        topic: &str,
        partition: i32,
        records: impl ExactSizeIterator<Item = (Envelope, &'r [u8])>,
    ) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let all = records.len();
        ticket.answers.lock().unwrap_or_else(PoisonError::into_inner).left = all;
        for (sent, (envelope, record)) in records.enumerate() {
            if let Err(error) = self.send_one(topic, partition, &envelope, record, &ticket) {
                // The rest is not tried: a leading part may be durable, a trailing one must not.
                let detail = fault::not_taken(&error);
                (sent..all).for_each(|_| ticket.note(Err(detail.clone())));
                break;
            }
        }
        ticket
    }

    fn send_one(
        &self,
        topic: &str,
        partition: i32,
        envelope: &Envelope,
        record: &[u8],
        ticket: &Arc<Ticket>,
    ) -> Result<(), KafkaError> {
        let mut message = BaseRecord::<[u8], [u8], _>::with_opaque_to(topic, Arc::clone(ticket))
            .partition(partition)
            .payload(record);
        if let Some(key) = &envelope.key {
            message = message.key(key);
        }
        if !envelope.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(envelope.headers.len());
            let headers = envelope.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: Some(value) })
            });
            message = message.headers(headers);
        }
        loop {
            message = match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    // Room comes with the reports, which have a limit in time.
                    self.producer.poll(ROOM);
                    back
                }
                Err((error, _)) => return Err(error),
            }
        }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has been told of by the panic's own hook.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(results: &[Result<u64, LogError>]) -> Result<Range<u64>, &'static str> {
        let ticket = Ticket::default();
        ticket.answers.lock().unwrap().left = results.len();
        results.iter().for_each(|result| ticket.note(result.clone()));
        ticket.wait().map_err(|error| error.code())
    }

    #[test]
    fn an_append_is_durable_when_all_of_it_is() {
        let refused = || Err(LogError::Topic);
        let unsure = || Err(LogError::Unconfirmed { detail: String::new() });
        assert_eq!(answered(&[Ok(7), Ok(8), Ok(9)]), Ok(7..10));
        assert_eq!(answered(&[refused(), refused()]), Err("log.topic"));
        assert_eq!(answered(&[Ok(7), refused()]), Err("log.unconfirmed"));
        assert_eq!(answered(&[refused(), unsure()]), Err("log.unconfirmed"));
        assert_eq!(answered(&[unsure(), Ok(7)]), Err("log.unconfirmed"));
    }
}
