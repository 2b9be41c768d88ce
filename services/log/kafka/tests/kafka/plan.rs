//! Topics as the plan wants them: made once, compared, widened, never shrunk.

use std::sync::Arc;

use futures_executor::block_on;
use log_kafka::{Cluster, Difference};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::{cluster, fresh, plan};

fn shown(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

/// What somebody else sets on a topic.
fn set(topic: &str, name: &str, value: &str) {
    let address = test_broker::shared().unwrap().address();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", address).create().unwrap();
    let altered = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
    let done = block_on(admin.alter_configs([&altered], &AdminOptions::new())).unwrap();
    assert!(done.iter().all(Result::is_ok), "{done:?}");
    // The controller answers before the broker shows it.
    let cluster = cluster().unwrap();
    assert!((0..500).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        setting(cluster, topic, name) == value
    }));
}

#[test]
fn topics_are_made_once_and_widened_but_never_shrunk() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("planned");
    let of = |line: &str| plan(&format!("{topic}: {{{line}}}"));
    let first = of("partitions: 2, keep: 10d");
    assert_eq!(shown(&first.differences(cluster).unwrap()), [format!("{topic}: missing")]);
    assert_eq!(first.require(cluster, &[&topic]).unwrap_err().code(), "log.topic");
    assert_eq!(first.create(cluster).unwrap().len(), 1);
    assert_eq!(first.create(cluster), Ok(Vec::new()), "the second time there is nothing to do");
    first.require(cluster, &[&topic]).unwrap();

    let shorter = of("partitions: 2, keep: 9d");
    let expected = format!("{topic}: retention.ms is 864000000, planned is 777600000");
    assert_eq!(shown(&shorter.differences(cluster).unwrap()), [expected]);
    assert_eq!(shorter.create(cluster).unwrap_err().code(), "log.setting");
    let more = of("partitions: 3, keep: 20d");
    assert_eq!(more.create(cluster).unwrap_err().code(), "log.partitions");
    assert_eq!(more.require(cluster, &[&topic]).unwrap_err().code(), "log.partitions");
    assert_eq!(
        of("partitions: 2, keep: 10d, compacted: true").create(cluster).unwrap_err().code(),
        "log.setting"
    );
    first.require(cluster, &[&topic]).unwrap();
}

#[test]
fn widening_leaves_what_others_have_set() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("widened");
    let of = |line: &str| plan(&format!("{topic}: {{{line}}}"));
    of("partitions: 1, keep: 10d").create(cluster).unwrap();
    set(&topic, "segment.ms", "3600000");
    let wider = of("partitions: 1, keep: forever, large_records: true");
    wider.create(cluster).unwrap();
    wider.require(cluster, &[&topic]).unwrap();
    assert_eq!(setting(cluster, &topic, "segment.ms"), "3600000");
}

fn setting(cluster: &Arc<Cluster>, topic: &str, name: &str) -> String {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", &cluster.connection().brokers)
        .create()
        .unwrap();
    let asked = [ResourceSpecifier::Topic(topic)];
    let answer = block_on(admin.describe_configs(&asked, &AdminOptions::new())).unwrap();
    let found = answer.into_iter().next().unwrap().unwrap();
    found.get(name).and_then(|entry| entry.value.clone()).unwrap_or_default()
}
