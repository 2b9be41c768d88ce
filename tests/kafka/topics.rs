//! `levee topics` as it is called: what it makes, what it refuses, and what it ends with.

use std::{fs, process::Command};

use log_kafka::{Cluster, Connection};
use system_tests::server::binary;

const PLAN: &str = "\
replication: 1
min_insync: 1
topics:
  one: {partitions: 3, keep: 2d}
  other: {partitions: 1, keep: forever, large_records: true}
";

#[test]
fn topics_are_made_compared_and_never_made_smaller() {
    let Some(broker) = test_broker::Broker::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (plan, config) = (folder.path().join("topics.yaml"), folder.path().join("intake.toml"));
    let call = |action: &str, text: &str, further: &[&str]| {
        fs::write(&plan, text).unwrap();
        let called = Command::new(binary())
            .args(["topics", action, "--brokers", &broker.address(), "--topics"])
            .arg(&plan)
            .args(further)
            .output()
            .unwrap();
        let told = [called.stdout, called.stderr].map(|t| String::from_utf8(t).unwrap()).concat();
        (called.status.code().unwrap(), told)
    };
    let partitions = |topic: &str| {
        let cluster = Cluster::connect(&Connection::new(&broker.address(), "test")).unwrap();
        cluster.partitions_of(topic).map_err(|error| error.code())
    };
    let (code, told) = call("check", PLAN, &[]);
    assert!(code == 1 && told.contains("one") && told.contains("other"), "{code} {told}");
    assert_eq!(partitions("one"), Err("log.topic"), "to compare makes nothing");
    let (code, told) = call("create", PLAN, &[]);
    assert!(code == 0 && told.contains("made one") && told.contains("made other"), "{code} {told}");
    assert_eq!((partitions("one"), partitions("other")), (Ok(3), Ok(1)));
    for action in ["create", "check"] {
        let (code, told) = call(action, PLAN, &[]);
        assert!(code == 0 && told.contains("2 topics are as planned"), "{code} {told}");
    }
    for (was, is, named) in
        [("partitions: 3", "partitions: 4", "log.partitions"), ("2d", "1d", "log.setting")]
    {
        let (code, told) = call("create", &PLAN.replace(was, is), &[]);
        assert!(code == 1 && told.contains(named), "{is}: {code} {told}");
        assert_eq!(call("check", PLAN, &[]).0, 0, "nothing was changed by {is}");
    }
    let (code, told) = call("create", &PLAN.replace("2d", "3d"), &[]);
    assert!(code == 0 && told.contains("changed one"), "{code} {told}");
    // The way in comes from a service's configuration, and is not passed over.
    let kafka = format!("[kafka]\nbrokers = {:?}\ntopics = {plan:?}\n", broker.address());
    fs::write(&config, format!("{kafka}security = {{\"acks\" = \"0\"}}\n")).unwrap();
    let (code, told) = call("check", PLAN, &["--config", config.to_str().unwrap()]);
    assert!(code == 1 && told.contains("acks is no setting of security"), "{code} {told}");
    let (code, told) = call("create", "topics: 3", &[]);
    assert!(code == 64 && told.contains("the plan of topics"), "{code} {told}");
}
