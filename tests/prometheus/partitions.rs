//! What a watcher over Kafka exports of a partition that it carries, and intake of its feeds, held
//! against the rules.

use std::{collections::BTreeSet, sync::Arc, thread};

use chassis::{Health, SystemClock, Threads};
use log::{Faults, Log, Settings, SimulatedDisk, SimulatedLog};
use prometheus::Registry;
use watcher::{Carrier, CarrierParts, Limits, ObjectFolder, Ports, Topic};

use crate::{LOOK, LOOKS, OF_TARGETS, file, rules};

/// Names and labels of the metrics of one carried partition.
fn exported() -> BTreeSet<(String, BTreeSet<String>)> {
    let open = |name: &str| -> Arc<dyn Log> {
        let disk = SimulatedDisk::new(1);
        let log = SimulatedLog::open(&disk, &Settings::new(name, 1), Faults::default());
        Arc::new(log.unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    let (registry, threads, clock) =
        (Registry::new(), Threads::default(), Arc::new(SystemClock::new()));
    let carrier = Carrier::new(CarrierParts {
        ports: Ports {
            journal: open("journal"),
            persons: open("persons"),
            alerts: open("alerts"),
            dead: open("dead_letters"),
            store: Arc::new(ObjectFolder::open(folder.path()).unwrap()),
            letter: Arc::new(|_| Vec::new()),
        },
        limits: Limits::default(),
        threads: threads.clone(),
        health: Health::new(clock.clone()),
        registry: registry.clone(),
        clock,
        process: "test".into(),
    });
    let carrier = carrier.unwrap();
    carrier.carry(Topic::Journal, 0).unwrap();
    let told = || registry.gather().iter().all(|family| !family.get_metric().is_empty());
    let gathered = (0..LOOKS).find_map(|_| {
        thread::sleep(LOOK);
        let families = registry.gather();
        (!families.is_empty() && told()).then_some(families)
    });
    let feeds = Registry::new();
    let _meters = intake::feed::Meters::new(&feeds).unwrap();
    let gathered = [gathered.unwrap(), feeds.gather()].concat();
    let found = gathered.iter().map(|family| {
        let labels = family.get_metric()[0].get_label().iter();
        (family.name().to_owned(), labels.map(|label| label.name().to_owned()).collect())
    });
    let found = found.collect();
    carrier.let_go(&[(Topic::Journal, 0)], LOOK * LOOKS as u32);
    found
}

#[test]
fn the_rules_of_partitions_look_at_what_a_watcher_exports() {
    let exported = exported();
    let names: BTreeSet<&str> = exported.iter().map(|(name, _)| name.as_str()).collect();
    for (rule, expression) in rules::expressions(&file("levee.kafka.rules.yml")) {
        let (selectors, grouped) = rules::read(&expression);
        assert!(!selectors.is_empty(), "{rule} looks at nothing");
        for selector in selectors {
            assert!(
                names.contains(selector.name.as_str()),
                "{rule}: {} in {names:?}",
                selector.name
            );
        }
        let labels = exported.iter().flat_map(|(_, labels)| labels.iter().map(String::as_str));
        let known: BTreeSet<&str> = labels.chain(OF_TARGETS).collect();
        let strange: Vec<_> = grouped.iter().filter(|l| !known.contains(l.as_str())).collect();
        assert!(strange.is_empty(), "{rule}: no label {strange:?}");
    }
    let page = file("README.md");
    let missing: Vec<_> =
        names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "the page does not name {missing:?}");
}
