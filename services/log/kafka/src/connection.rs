//! How to reach a broker, and every setting of librdkafka that matters, with its reason. It opens
//! no connection.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use log::LogError;
use rdkafka::ClientConfig;

/// How long an append may stay without a broker's answer, and a call without a reply: a restart of
/// a broker fits in.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Names of librdkafka's settings that a configuration may add: how to be let in, nothing else.
const SECURITY: [&str; 3] = ["security.protocol", "sasl.", "ssl."];

/// Where the brokers are and how to be let in.
#[derive(Clone)]
pub struct Connection {
    /// `host:port`, several separated by commas.
    pub brokers: String,
    /// Shows in the brokers' logs and quotas; each client adds a number of its own.
    pub client_id: String,
    /// Settings of librdkafka that begin with `security.protocol`, `sasl.` or `ssl.`; they need
    /// the feature `sasl_ssl`. Values are secrets.
    pub security: BTreeMap<String, String>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.security.keys().map(String::as_str).collect();
        f.debug_struct("Connection")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("security", &names)
            .finish()
    }
}

/// How a consumer takes part in a group.
#[derive(Debug, Clone)]
pub(crate) struct Membership<'a> {
    pub(crate) group: &'a str,
    /// The same after a restart of the same member, so that it gets its partitions back.
    pub(crate) instance: Option<&'a str>,
    /// After so long without a sign of life a member's partitions go to others.
    pub(crate) session: Duration,
}

impl Connection {
    /// A connection without TLS.
    #[must_use]
    pub fn new(brokers: &str, client_id: &str) -> Connection {
        let (brokers, client_id) = (brokers.to_owned(), client_id.to_owned());
        Connection { brokers, client_id, security: BTreeMap::new() }
    }

    fn base(&self, role: &str) -> Result<ClientConfig, LogError> {
        static CLIENTS: AtomicU64 = AtomicU64::new(0);
        let number = CLIENTS.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{role}-{}-{number}", self.client_id, std::process::id());
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        // Consumers with one name have been seen to rebalance for ever.
        config.set("client.id", id);
        config.set("broker.address.family", "any");
        config.set("socket.nagle.disable", "true");
        config.set("socket.keepalive.enable", "true");
        // A broker that restarts is found again soon; the default waits up to 10 s.
        config.set("reconnect.backoff.ms", "50").set("reconnect.backoff.max.ms", "500");
        // Unread statistics would pile up.
        config.set("statistics.interval.ms", "0");
        config.set("log.connection.close", "false");
        for (name, value) in &self.security {
            if !SECURITY.iter().any(|allowed| name.starts_with(allowed)) {
                let detail = format!("{name} is no setting of security");
                return Err(LogError::Io { action: "configuring the connection", detail });
            }
            config.set(name, value);
        }
        Ok(config)
    }

    /// What appends.
    pub(crate) fn producer(&self) -> Result<ClientConfig, LogError> {
        let mut config = self.base("writer")?;
        // An answer means that all in-sync replicas have it, in order and once.
        config.set("enable.idempotence", "true");
        config.set("acks", "all");
        config.set("max.in.flight.requests.per.connection", "5");
        config.set("retries", "2147483647");
        config.set("retry.backoff.ms", "50").set("retry.backoff.max.ms", "500");
        config.set("message.timeout.ms", PATIENCE.as_millis().to_string());
        config.set("request.timeout.ms", "10000");
        // Batches fill while the requests before are under way; waiting longer only adds latency.
        config.set("linger.ms", "1");
        config.set("batch.size", "1000000").set("batch.num.messages", "10000");
        // The largest record, and the frame around it.
        config.set("message.max.bytes", (MAX_BATCH).to_string());
        config.set("compression.type", "lz4");
        config.set("queue.buffering.max.messages", "500000");
        config.set("queue.buffering.max.kbytes", "262144");
        // Every append is answered, not only those that fail.
        config.set("delivery.report.only.error", "false");
        Ok(config)
    }

    /// What makes and compares topics.
    pub(crate) fn admin(&self) -> Result<ClientConfig, LogError> {
        self.base("admin")
    }

    fn consumer(&self, role: &str) -> Result<ClientConfig, LogError> {
        let mut config = self.base(role)?;
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        // An offset that is gone is an error with a name, never a silent jump.
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("allow.auto.create.topics", "false");
        config.set("enable.partition.eof", "false");
        config.set("check.crcs", "true");
        config.set("fetch.min.bytes", "1").set("fetch.wait.max.ms", "50");
        config.set("fetch.message.max.bytes", "4194304").set("fetch.max.bytes", "52428800");
        config.set("receive.message.max.bytes", "134217728");
        config.set("queued.min.messages", "100000");
        config.set("queued.max.messages.kbytes", "65536");
        // The default of 1,000 ms makes a consumer that decodes sleep most of its time.
        config.set("fetch.queue.backoff.ms", "5");
        Ok(config)
    }

    /// What reads by offsets that it is told, without a group's part in it.
    pub(crate) fn reader(&self) -> Result<ClientConfig, LogError> {
        let mut config = self.consumer("reader")?;
        // librdkafka wants a name for a group also where none is joined and nothing committed.
        config.set("group.id", format!("{}-reader", self.client_id));
        Ok(config)
    }

    /// What shares partitions with others of its group.
    pub(crate) fn member(&self, membership: &Membership<'_>) -> Result<ClientConfig, LogError> {
        let mut config = self.consumer("member")?;
        let session = membership.session.as_millis();
        config.set("group.id", membership.group);
        config.set("group.protocol", "classic");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("session.timeout.ms", session.to_string());
        config.set("heartbeat.interval.ms", (session / 3).clamp(100, 3_000).to_string());
        config.set("max.poll.interval.ms", session.max(300_000).to_string());
        if let Some(instance) = membership.instance {
            config.set("group.instance.id", instance);
        }
        Ok(config)
    }
}

/// Largest batch that is sent, in bytes: one largest record with what Kafka puts around it.
pub(crate) const MAX_BATCH: usize = log::MAX_RECORD + (64 << 10);

#[cfg(test)]
mod tests;
