//! The settings as librdkafka has understood them, read back one by one.

use super::*;

fn effective(config: &ClientConfig, wanted: &[(&str, &str)]) {
    let native = config.create_native_config().unwrap();
    for (name, value) in wanted {
        assert_eq!(native.get(name).as_deref(), Ok(*value), "{name}");
    }
}

fn connection() -> Connection {
    Connection::new("127.0.0.1:9", "levee-test")
}

#[test]
fn a_writer_answers_only_for_what_is_durable_and_in_order() {
    effective(
        &connection().producer().unwrap(),
        &[
            ("enable.idempotence", "true"),
            ("acks", "-1"),
            ("max.in.flight.requests.per.connection", "5"),
            ("message.send.max.retries", "2147483647"),
            ("message.timeout.ms", "30000"),
            ("delivery.report.only.error", "false"),
            ("queue.buffering.max.messages", "500000"),
            ("queue.buffering.max.kbytes", "262144"),
            ("message.max.bytes", "33619968"),
            ("compression.codec", "lz4"),
            ("linger.ms", "1"),
            ("statistics.interval.ms", "0"),
        ],
    );
}

const NEVER_SKIPS: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("auto.offset.reset", "error"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
    ("check.crcs", "true"),
    ("fetch.queue.backoff.ms", "5"),
    ("fetch.wait.max.ms", "50"),
    ("fetch.min.bytes", "1"),
    ("statistics.interval.ms", "0"),
];

#[test]
fn a_reader_never_skips_and_never_commits_by_itself() {
    effective(&connection().reader().unwrap(), NEVER_SKIPS);
}

#[test]
fn a_member_keeps_its_place_over_a_restart() {
    let session = Duration::from_secs(6);
    let membership = Membership { group: "g", instance: Some("slot-1"), session };
    let config = connection().member(&membership).unwrap();
    effective(&config, NEVER_SKIPS);
    effective(
        &config,
        &[
            ("group.id", "g"),
            ("group.instance.id", "slot-1"),
            ("group.protocol", "classic"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "2000"),
            ("max.poll.interval.ms", "300000"),
        ],
    );
}

#[test]
fn every_client_has_a_name_of_its_own() {
    let name = || connection().reader().unwrap().get("client.id").map(str::to_owned);
    assert_ne!(name(), name());
}

#[test]
fn only_settings_of_security_can_be_added_and_no_secret_is_shown() {
    let mut connection = connection();
    connection.security.insert("sasl.password".into(), "hush".into());
    assert!(!format!("{connection:?}").contains("hush"));
    connection.security.insert("acks".into(), "0".into());
    assert_eq!(connection.producer().err().map(|error| error.code()), Some("log.io"));
}
