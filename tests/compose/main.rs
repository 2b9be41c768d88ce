//! `docker-compose.yml` without a container engine: its commands, environment and order as processes
//! of this machine on a real Kafka and a real PostgreSQL. The shared sample's households end at the
//! levels that one `levee up` gives them, an answer closes a case, and every alert reaches who subscribed.
//!
//! Without Java and Maven, or without PostgreSQL, the test of the services says so and passes, unless
//! `LEVEE_REQUIRE` names kafka or postgres.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod files;
mod lists;
mod local;
mod plan;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use lists::Place;
use local::Machine;
use plan::Service;
use serde_json::json;
use system_tests::{postgres, receiver::Receiver, server::Server};
use test_broker::Broker;

/// The binary's own image.
const LEVEE: &str = "levee";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn services() -> Vec<Service> {
    let text = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    plan::read(&text).unwrap()
}

/// The broker's settings that say nothing of where it listens and writes.
fn properties(kafka: &Service) -> Vec<(String, String)> {
    const OWN: [&str; 8] = [
        "node.id",
        "process.roles",
        "listeners",
        "advertised.listeners",
        "controller.listener.names",
        "listener.security.protocol.map",
        "controller.quorum.voters",
        "log.dirs",
    ];
    let property = |(name, value): (&String, &String)| {
        let name = name.strip_prefix("KAFKA_").unwrap().to_lowercase().replace('_', ".");
        (name, value.clone())
    };
    let all = kafka.environment.iter().map(property);
    all.filter(|(name, _)| !OWN.contains(&name.as_str())).collect()
}

#[test]
fn the_samples_events_give_the_samples_levels() {
    let services = services();
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let kafka = services.iter().find(|service| service.name == "kafka").unwrap();
    let properties = properties(kafka);
    let further: Vec<(&str, &str)> =
        properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Some(broker) = Broker::start_with(&further) else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(database) = postgres::Server::start(folder.path()) else { return };
    let receiver = Receiver::start();
    let mut machine = Machine::new(&root(), folder.path());
    machine.at("kafka", 9092, broker.address());
    machine.at("postgres", 5432, database.address());
    // Outside of the file, and so where it is.
    let outside = receiver.base().trim_start_matches("http://").to_owned();
    let (_, port) = outside.rsplit_once(':').unwrap();
    machine.at("notifier", port.parse().unwrap(), outside.clone());
    let ours: Vec<&Service> = services.iter().filter(|s| s.image == LEVEE).collect();
    for service in &ours {
        let mut service = (*service).clone();
        if service.name == "notifier" {
            // Whom it may call is every place's own.
            service.environment.insert("LEVEE_NOTIFIER_WEBHOOK_ALLOW".into(), receiver.base());
        }
        machine.start(&service, &names);
    }
    for service in ours.iter().filter(|service| service.health.is_some()) {
        machine.wait(&service.name, plan::Condition::Healthy, &names);
    }
    let token = fs::read_to_string(machine.volume("keys").join("operator.token")).unwrap();
    let door = Place::new(&machine.address("intake", 8080), &token);
    let pages = Place::new(&machine.address("console", 8081), &token);
    let desk = Place::new(&machine.address("notifier", 8082), &token);
    let wish = json!({"name": "province", "region": "", "min_level": "none",
        "channel": {"kind": "webhook", "url": format!("{}/ok/all", receiver.base())}});
    desk.subscribe(&wish);
    let sample = root().join("tests/sample");
    door.send(&sample);
    pages.wait_for(&in_one_process(&sample, folder.path()));
    pages.close_one(&door);
    pages.shows_households(&door);
    pages.wait_until_told(&receiver);
    machine.stop();
}

/// The levels of the same lines in one process on a folder.
fn in_one_process(sample: &Path, folder: &Path) -> BTreeMap<String, String> {
    let mut server = Server::start(&folder.join("up"), &root().join("deploy/packs/default.yaml"));
    server.wait_until_ready();
    let place = Place::new(&server.address().to_string(), &server.token());
    place.send(sample);
    server.stop();
    // Begun anew, the lists hold every alert that there is as soon as they are ready.
    let mut server = Server::start(&folder.join("up"), &root().join("deploy/packs/default.yaml"));
    server.wait_until_ready();
    let levels = server.levels();
    server.stop();
    assert!(levels.len() > 5, "{levels:?}");
    levels
}
