//! A topic: the CloudEvent as it stands on the alerts topic, appended to a topic of the
//! subscriber's. It speaks to the log port and knows no broker.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use log::Log;
use proto::{codes::Code, ids::HouseholdKey};

use crate::channel::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict};

/// For one append in all.
const TOTAL: Duration = Duration::from_secs(15);

/// Appends to topics that the operator listed.
pub struct Kafka(BTreeMap<String, Arc<dyn Log>>);

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Kafka {
    /// Topics that are open, by name. No other can be subscribed to: Levee's own topics are not
    /// for subscribers to write to.
    #[must_use]
    pub fn new(topics: impl IntoIterator<Item = (String, Arc<dyn Log>)>) -> Kafka {
        Kafka(topics.into_iter().collect())
    }

    fn log(&self, target: &Target) -> Result<&Arc<dyn Log>, Code> {
        let Target::Kafka { topic } = target else { return Err(Code::ChannelTarget) };
        self.0.get(topic).ok_or(Code::ChannelTopic)
    }

    async fn append(&self, target: &Target, message: &Outgoing) -> Verdict {
        let log = match self.log(target) {
            Ok(log) => Arc::clone(log),
            Err(code) => return Verdict::Refused { code },
        };
        let partition = partition(message, log.partitions());
        let body = Arc::clone(&message.body);
        let appending = tokio::task::spawn_blocking(move || {
            log.append(partition, &[&body]).map_err(|error| error.code())
        });
        let code = match tokio::time::timeout(TOTAL, appending).await {
            Ok(Ok(Ok(_))) => return Verdict::Delivered(None),
            Ok(Ok(Err(name))) => Code::parse(name).unwrap_or(Code::ServiceFault),
            Ok(Err(_)) => Code::ServiceFault,
            Err(_) => Code::OutboundTimeout,
        };
        if code.retryable() {
            Verdict::Retry { code, after: None }
        } else {
            Verdict::Refused { code }
        }
    }
}

impl Channel for Kafka {
    fn kind(&self) -> Kind {
        Kind::Kafka
    }

    fn check(&self, target: &Target) -> Result<(), Code> {
        self.log(target).map(|_| ())
    }

    fn send<'a>(
        &'a self,
        target: &'a Target,
        _: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict> {
        Box::pin(self.append(target, message))
    }
}

/// A household's alerts stay in order: they go where its entries go. A group goes by its id.
fn partition(message: &Outgoing, partitions: u32) -> u32 {
    let household = match &*message.alerts {
        [alert] => alert.subject.strip_prefix("household/"),
        _ => None,
    };
    HouseholdKey::of(household.unwrap_or(&message.id)).partition(partitions.max(1))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use log::{Batch, EmbeddedLog, Settings};

    use super::*;
    use crate::sample;

    fn open(folder: &Path) -> Arc<EmbeddedLog> {
        Arc::new(EmbeddedLog::open(folder, &Settings::new("desk", 8)).expect("a log"))
    }

    async fn send(kafka: &Kafka, topic: &str, message: &Outgoing) -> Verdict {
        let target = Target::Kafka { topic: topic.to_owned() };
        kafka.send(&target, &Secrets::default(), message).await
    }

    #[tokio::test]
    async fn an_alert_is_appended_where_its_household_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = open(folder.path());
        let kafka = Kafka::new([("desk".to_owned(), Arc::clone(&log) as Arc<dyn Log>)]);
        let message = sample::one();
        assert_eq!(send(&kafka, "desk", &message).await, Verdict::Delivered(None));
        let partition = HouseholdKey::of("H00000001").partition(8);
        let mut read = Batch::default();
        log.read(partition, 0, 1 << 20, &mut read).expect("a record");
        let records: Vec<_> = read.iter().map(|(_, record)| record.to_vec()).collect();
        assert_eq!(records, [message.body.to_vec()]);
        assert_eq!(send(&kafka, "desk", &sample::group()).await, Verdict::Delivered(None));
    }

    #[tokio::test]
    async fn only_listed_topics_are_written_to() {
        let folder = tempfile::tempdir().expect("a folder");
        let kafka = Kafka::new([("desk".to_owned(), open(folder.path()) as Arc<dyn Log>)]);
        assert_eq!(kafka.kind(), Kind::Kafka);
        assert_eq!(kafka.check(&Target::Kafka { topic: "desk".into() }), Ok(()));
        for other in ["", "alerts", "DESK", "desk "] {
            let target = Target::Kafka { topic: other.into() };
            assert_eq!(kafka.check(&target), Err(Code::ChannelTopic), "{other}");
            let refused = Verdict::Refused { code: Code::ChannelTopic };
            assert_eq!(send(&kafka, other, &sample::one()).await, refused);
        }
        assert_eq!(kafka.check(&Target::Sse {}), Err(Code::ChannelTarget));
    }

    #[tokio::test]
    async fn a_record_that_no_log_takes_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let kafka = Kafka::new([("desk".to_owned(), open(folder.path()) as Arc<dyn Log>)]);
        let empty = sample::message("x", "", Vec::new());
        let verdict = send(&kafka, "desk", &empty).await;
        assert_eq!(verdict, Verdict::Refused { code: Code::LogEmpty });
    }
}
