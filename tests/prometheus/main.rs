//! The alert rules that are shipped: each one stays silent, fires and recovers as its cases say, has
//! a section that tells what to do, and asks only for what the running binary exports.
//!
//! The cases are run by promtool; without it the test says so and passes, unless `LEVEE_REQUIRE`
//! names it.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod partitions;
mod rules;
mod scrape;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use rules::{Alert, Selector};
use scrape::Scrape;
use system_tests::server::Server;

/// Made by Prometheus itself for each target.
const OF_PROMETHEUS: [&str; 1] = ["up"];
/// Values that only something seldom brings about.
const SELDOM: [&str; 1] = ["escalated"];
/// How often a state that is waited for is looked at, and how many times at most.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: usize = 600;
/// Every household that is known is green.
const PACK: &str = r#"
pack: scrape
title: {zh: 测试, en: Test}
scope: "99"
effective: {from: 2024-01-01}
rules:
  - {id: known, risk: illness, green: household.size > 0, why: {zh: "在", en: "here"}}
"#;
/// Labels that Prometheus adds to each sample.
const OF_TARGETS: [&str; 2] = ["instance", "job"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/prometheus")
}

fn file(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

#[test]
fn every_case_holds() {
    let present = Command::new("promtool").arg("--version").stdout(Stdio::null()).status();
    if !present.is_ok_and(|status| status.success()) {
        let required = std::env::var("LEVEE_REQUIRE").unwrap_or_default();
        assert!(!required.contains("promtool"), "promtool is required");
        eprintln!("skipped: promtool is not installed (package prometheus)");
        return;
    }
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "config", "kafka.yml"],
        ["check", "rules", "levee.rules.yml"],
        ["test", "rules", "levee.rules.test.yml"],
        ["check", "rules", "levee.kafka.rules.yml"],
        ["test", "rules", "levee.kafka.rules.test.yml"],
    ] {
        let told = Command::new("promtool").args(arguments).current_dir(folder()).output().unwrap();
        let text = [told.stdout, told.stderr].map(|t| String::from_utf8_lossy(&t).into_owned());
        assert!(told.status.success(), "promtool {arguments:?}: {}", text.concat());
    }
}

#[test]
fn every_alert_has_its_cases_and_its_section() {
    let mut alerts = rules::alerts(&file("levee.rules.yml"));
    alerts.extend(rules::alerts(&file("levee.kafka.rules.yml")));
    let mut cases = rules::cases(&file("levee.rules.test.yml"));
    cases.extend(rules::cases(&file("levee.kafka.rules.test.yml")));
    let page = file("README.md");
    let sections: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(alerts.len() > 20, "{}", alerts.len());
    for Alert { name, severity, runbook, .. } in &alerts {
        let fires: Vec<bool> = cases.get(name).cloned().unwrap_or_default();
        let before = fires.iter().position(|fires| *fires).is_some_and(|first| first > 0);
        let after = fires.last() == Some(&false);
        assert!(before && after, "{name} is not silent, firing and silent again: {fires:?}");
        assert!(["page", "ticket"].contains(&severity.as_str()), "{name}: {severity}");
        let wanted = format!("deploy/prometheus/README.md#{}", name.to_lowercase());
        assert_eq!(runbook, &wanted);
        assert!(sections.contains(name.as_str()), "{name} has no section");
    }
    let known: BTreeSet<&str> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(sections, known, "a section of an alert that is no more");
}

/// A running process after a record that was refused, and an alert that a receiver has taken.
fn scraped() -> Scrape {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pack.yaml");
    fs::write(&path, PACK).unwrap();
    let free = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, receiver) = (free().local_addr().unwrap(), free());
    let hook = format!("http://{}", receiver.local_addr().unwrap());
    let allowed = ["--allow-webhook", hook.as_str()];
    let mut server = Server::start_with(&folder.path().join("data"), &path, address, &allowed);
    server.wait_until_ready();
    let wish = format!(
        r#"{{"name":"desk","region":"99","min_level":"green","channel":{{"kind":"webhook","url":"{hook}/"}}}}"#
    );
    let (status, told) = server.post("/v1/subscriptions", "application/json", &wish);
    assert_eq!(status, 201, "{told}");
    let profile = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":2,"net_income_fen":500000}"#;
    let (status, told) = server.post("/v1/households", "application/x-ndjson", profile);
    assert_eq!((status, told["accepted"].as_u64()), (200, Some(1)), "{told}");
    let (_, told) = server.post("/v1/events", "application/x-ndjson", r#"{"id":"1"}"#);
    assert_eq!(told["rejected"], 1, "{told}");
    take_one(&receiver);
    let mut scrapes = (0..LOOKS).map(|_| {
        thread::sleep(LOOK);
        Scrape::of(&server.base())
    });
    let scrape = scrapes.find(|scrape| !scrape.named("levee_notifier_ends_total").is_empty());
    server.stop();
    scrape.unwrap()
}

/// Answers one call with 200.
fn take_one(receiver: &TcpListener) {
    let (mut call, _) = receiver.accept().unwrap();
    let (mut head, mut length) = (BufReader::new(&mut call), 0);
    loop {
        let mut line = String::new();
        head.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    head.read_exact(&mut vec![0; length]).unwrap();
    call.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
}

#[test]
fn a_running_process_exports_what_the_rules_and_the_page_name() {
    let text = file("levee.rules.yml");
    let scrape = scraped();
    let records = rules::records(&text);
    for (rule, expression) in rules::expressions(&text) {
        let (selectors, grouped) = rules::read(&expression);
        assert!(!selectors.is_empty(), "{rule} looks at nothing");
        let mut labels: BTreeSet<String> = OF_TARGETS.map(str::to_owned).into();
        for selector in &selectors {
            let Selector { name, matchers } = selector;
            if records.contains(name) || OF_PROMETHEUS.contains(&name.as_str()) {
                continue;
            }
            let found = scrape.named(name);
            assert!(!found.is_empty(), "{rule}: nothing exports {name}");
            labels.extend(found.iter().flat_map(|labels| labels.keys().cloned()));
            for (label, values) in matchers {
                let there = |value: &String| {
                    SELDOM.contains(&value.as_str())
                        || found.iter().any(|l| l.get(label) == Some(value))
                };
                let sound = labels.contains(label) && values.iter().all(there);
                let ours = !OF_TARGETS.contains(&label.as_str());
                assert!(sound || !ours, "{rule}: no {name} with {label} {values:?}");
            }
        }
        if selectors.iter().all(|selector| !records.contains(&selector.name)) {
            let strange: Vec<_> = grouped.difference(&labels).collect();
            assert!(strange.is_empty(), "{rule}: no label {strange:?}");
        }
    }
    let page = rules::first_column(&file("README.md"));
    assert_eq!(page, scrape.own_names(), "the page's list of metrics is another");
    // The rule that pages at once must be silent where all is well.
    let entries = |outcome: &str| scrape.value("levee_watcher_entries", "outcome", outcome);
    let became = ["decided", "duplicate", "parked", "dead"].map(entries).iter().sum::<f64>();
    assert!((entries("accepted") - became).abs() < 0.5 && became > 0.0, "{became}");
}
