//! What can be said of the deployment's files without starting anything.

use std::fs;

use system_tests::server::binary;

use crate::{LEVEE, root, services};

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_image_is_built_of_what_is_there() {
    let file = text("deploy/Dockerfile");
    let manifest = text("services/levee/Cargo.toml");
    let words = |start: &str| {
        let line = file.lines().rfind(|line| line.starts_with(start)).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let features = file.split_once("--features ").unwrap().1.split_whitespace().next().unwrap();
    for feature in features.split(',') {
        assert!(manifest.contains(&format!("\n{feature} = [")), "no feature {feature}");
    }
    assert_ne!(words("USER")[0].split(':').next(), Some("root"));
    assert_eq!(words("ENTRYPOINT"), ["[\"levee\"]"]);
    let copied = words("COPY");
    assert!(
        root().join(&copied[0]).is_dir()
            && copied[1] == format!("{}/{}", words("WORKDIR")[0], copied[0])
    );
    let oldest = text("Cargo.toml");
    let oldest = oldest.split_once("rust-version = \"").unwrap().1.split('"').next().unwrap();
    assert!(file.contains(&format!("ARG RUST={oldest}\n")), "the toolchain is not {oldest}");
}

#[test]
fn one_broker_has_the_topics_of_a_cluster() {
    let plan = |path: &str| {
        let mut plan: serde_json::Value = serde_saphyr::from_str(&text(path)).unwrap();
        let copies = ["replication", "min_insync"].map(|key| plan[key].take());
        (copies, plan)
    };
    let (one, cluster) = (plan("deploy/topics.one-broker.yaml"), plan("deploy/topics.yaml"));
    assert_eq!(one.0, [1, 1].map(serde_json::Value::from));
    assert_eq!(one.1, cluster.1);
}

#[test]
fn the_broker_is_the_one_of_the_tests() {
    let services = services();
    let kafka = services.iter().find(|service| service.name == "kafka").unwrap();
    assert_eq!(kafka.image, format!("apache/kafka:{}", test_broker::VERSION));
}

#[test]
fn prometheus_looks_at_every_service() {
    let services = services();
    let text = text("deploy/prometheus/kafka.yml");
    let targets: Vec<&str> = text.lines().filter_map(|l| l.trim().strip_prefix("- ")).collect();
    for service in services.iter().filter(|s| s.image == LEVEE && s.health.is_some()) {
        let health = service.health.as_ref().unwrap().join(" ");
        let port = health.rsplit(':').next().unwrap();
        let target = format!("{}:{port}", service.name);
        assert!(targets.contains(&target.as_str()), "nobody looks at {target}: {targets:?}");
    }
}

#[test]
fn every_command_is_one_of_the_binary() {
    for service in services().iter().filter(|service| service.image == LEVEE) {
        let words = service.command.iter().take_while(|word| !word.starts_with('-'));
        let asked =
            std::process::Command::new(binary()).args(words).arg("--help").output().unwrap();
        assert!(asked.status.success(), "{}: {:?}", service.name, service.command);
        let told = String::from_utf8(asked.stdout).unwrap();
        for option in service.command.iter().filter(|word| word.starts_with("--")) {
            assert!(told.contains(option.as_str()), "{} has no {option}", service.name);
        }
    }
}
