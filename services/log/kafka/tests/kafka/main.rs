//! The crate on a real Apache Kafka. Without Java or Maven every test says so and passes, unless
//! `LEVEE_REQUIRE` names `kafka`.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod contract;
mod crash;
mod group;
mod place;
mod plan;
mod strangers;
#[cfg(feature = "sasl_ssl")]
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use log_kafka::{Cluster, Connection, HEADERS, Plan};

/// One broker and one producer for all tests: each producer needs about a second before its first
/// record.
fn cluster() -> Option<&'static Arc<Cluster>> {
    static CLUSTER: OnceLock<Option<Arc<Cluster>>> = OnceLock::new();
    CLUSTER.get_or_init(|| Some(connect(&test_broker::shared()?.address()))).as_ref()
}

/// A handle on a broker, with the topic that every other needs.
fn connect(address: &str) -> Arc<Cluster> {
    let cluster = Cluster::connect(&Connection::new(address, "levee-test")).unwrap();
    made(&cluster, HEADERS, 1);
    cluster
}

fn plan(topics: &str) -> Plan {
    Plan::read(&format!("replication: 1\nmin_insync: 1\ntopics:\n  {topics}")).unwrap()
}

/// Makes a topic as the log needs it.
fn made(cluster: &Arc<Cluster>, topic: &str, partitions: u32) {
    let line = format!("{topic}: {{partitions: {partitions}, keep: forever, large_records: true}}");
    plan(&line).create(cluster).unwrap();
}

/// A name that no other test of this run has.
fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
