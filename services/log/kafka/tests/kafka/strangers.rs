//! Records that another program wrote into a topic of Levee: damage, never skipped. And Levee's
//! records as another program finds them.

use std::collections::BTreeMap;
use std::time::Duration;

use log::{Batch, Log};
use log_kafka::{Dress, KafkaLog, Settings};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::{cluster, fresh, made};

const LONG: Duration = Duration::from_secs(60);

fn bare(further: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", test_broker::shared().unwrap().address());
    for (name, value) in further {
        config.set(*name, *value);
    }
    config
}

#[test]
fn what_another_writer_left_is_damage() {
    let Some(cluster) = cluster() else { return };
    for transaction in [true, false] {
        let topic = fresh("stranger");
        made(cluster, &topic, 1);
        let log = KafkaLog::open(cluster, &Settings::new(&topic, 1)).unwrap();
        log.append(0, &[b"ours"]).unwrap();
        if transaction {
            let stranger: BaseProducer = bare(&[("transactional.id", &topic)]).create().unwrap();
            stranger.init_transactions(LONG).unwrap();
            stranger.begin_transaction().unwrap();
            let record = BaseRecord::<(), [u8]>::to(&topic).partition(0).payload(b"theirs");
            stranger.send(record).map_err(|(error, _)| error).unwrap();
            stranger.commit_transaction(LONG).unwrap();
            // The mark of the transaction's end, which is no record, comes after the answer.
            while log.end(0).unwrap() < 3 {
                std::thread::sleep(Duration::from_millis(5));
            }
        } else {
            let stranger: BaseProducer = bare(&[]).create().unwrap();
            let tombstone = BaseRecord::<[u8], [u8]>::to(&topic).partition(0).key(b"k");
            stranger.send(tombstone).map_err(|(error, _)| error).unwrap();
            stranger.flush(LONG).unwrap();
        }
        log.append(0, &[b"ours again"]).unwrap();
        let mut batch = Batch::new();
        let mut next = 0;
        let found = loop {
            match log.read(0, next, 100, &mut batch) {
                Ok(()) => next = batch.next_offset().unwrap(),
                Err(error) => break error.code(),
            }
        };
        assert_eq!((found, next), ("log.corrupt", if transaction { 2 } else { 1 }));
    }
}

#[test]
fn an_alert_is_a_cloud_event_for_any_client() {
    let Some(cluster) = cluster() else { return };
    let topic = fresh("alerts");
    made(cluster, &topic, 2);
    let settings = Settings { dress: Dress::CloudEvent, ..Settings::new(&topic, 2) };
    let log = KafkaLog::open(cluster, &settings).unwrap();
    let alert = include_str!("../../../../../proto/golden/alert.v1.json").trim_end();
    log.append(1, &[alert.as_bytes()]).unwrap();

    let consumer: BaseConsumer = bare(&[("group.id", "any")]).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&topic, 1, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let message = consumer.poll(LONG).unwrap().unwrap();
    assert_eq!(message.payload(), Some(alert.as_bytes()));
    assert_eq!(message.key(), Some(b"H00000001".as_slice()));
    let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
    let headers = message.headers().unwrap().iter();
    let headers: BTreeMap<_, _> = headers.map(|h| (h.key.to_owned(), text(h.value))).collect();
    let said: serde_json::Value = serde_json::from_str(alert).unwrap();
    for name in ["specversion", "id", "source", "type", "time", "subject"] {
        assert_eq!(headers[&format!("ce_{name}")], said[name], "{name}");
    }
    assert_eq!(headers["content-type"], "application/cloudevents+json");
}
