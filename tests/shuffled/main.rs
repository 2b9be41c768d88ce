//! Whatever the order in which households and events are posted to a running `levee up`, every
//! household ends at the level with which `levee backtest` ends today.
//!
//! `LEVEE_SEED` chooses the order, `LEVEE_VOLUME=full` makes the province larger.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use system_tests::server::{Server, binary};

fn seed() -> u64 {
    std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

/// Fisher and Yates; lines of one identity keep their order, as the first of a conflict stays.
fn shuffled(lines: &[String], mut seed: u64) -> Vec<String> {
    let mut order: Vec<usize> = (0..lines.len()).collect();
    for n in (1..order.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        order.swap(n, usize::try_from(seed >> 33).unwrap() % (n + 1));
    }
    let identity = |n: usize| {
        let line: Value = serde_json::from_str(&lines[n]).unwrap_or_default();
        line.get("id").map(|id| format!("{} {} {id}", line["source"], line["subject"]))
    };
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, n) in order.iter().enumerate() {
        if let Some(identity) = identity(*n) {
            places.entry(identity).or_default().push(place);
        }
    }
    for same in places.values().filter(|same| same.len() > 1) {
        let mut held: Vec<usize> = same.iter().map(|place| order[*place]).collect();
        held.sort_unstable();
        same.iter().zip(held).for_each(|(place, n)| order[*place] = n);
    }
    order.into_iter().map(|n| lines[n].clone()).collect()
}

fn today() -> String {
    let clock = chassis::SystemClock::new();
    proto::date::Instant(chassis::Clock::now_unix_micros(&clock)).date().to_string()
}

fn levee(arguments: &[&str]) {
    let output = Command::new(binary()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The levels above none with which a replay ends.
fn replayed(files: &[PathBuf; 2], pack: &Path, out: &Path) -> BTreeMap<String, String> {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let [households, events] = files.each_ref().map(|path| text(path));
    let (pack, out, today) = (text(pack), text(out), today());
    let input = ["backtest", "--households", &households, "--events", &events];
    let rest = ["--rules", &pack, "--until", &today, "--out", &out];
    levee(&[&input[..], &rest[..]].concat());
    let mut levels = BTreeMap::new();
    for line in lines(Path::new(&out)) {
        let alert: Value = serde_json::from_str(&line).unwrap();
        let text = |key: &str| alert["data"][key].as_str().unwrap().to_owned();
        levels.insert(text("household"), text("level"));
    }
    levels.retain(|_, level| level != "none");
    levels
}

/// The levels above none after everything was posted in a shuffled order.
fn posted(files: &[PathBuf; 2], pack: &Path, data: &Path) -> BTreeMap<String, String> {
    let mut server = Server::start(data, pack);
    server.wait_until_ready();
    let [households, events] = files.each_ref().map(|path| lines(path));
    // Half of the events come before any profile, and wait for it.
    let events = shuffled(&events, seed());
    let (first, rest) = events.split_at(events.len() / 2);
    server.post_lines("/v1/events", first);
    server.post_lines("/v1/households", &shuffled(&households, seed() + 1));
    server.post_lines("/v1/events", rest);
    server.stop();
    // Begun anew, the lists hold every alert that there is as soon as they are ready.
    let mut server = Server::start(data, pack);
    server.wait_until_ready();
    let levels = server.levels();
    server.stop();
    levels
}

fn same(files: &[PathBuf; 2], pack: &Path, least: usize) {
    let folder = tempfile::tempdir().unwrap();
    let expected = replayed(files, pack, &folder.path().join("alerts"));
    assert!(expected.len() >= least, "too few households have a level: {}", expected.len());
    let found = posted(files, pack, &folder.path().join("data"));
    let differ: Vec<_> = expected
        .keys()
        .chain(found.keys())
        .filter(|household| expected.get(*household) != found.get(*household))
        .map(|household| (household, expected.get(household), found.get(household)))
        .collect();
    assert!(differ.is_empty(), "{} differ, first {:?}", differ.len(), differ[0]);
}

#[test]
fn the_sample_in_any_order_ends_at_the_same_levels() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let files = [sample.join("households.ndjson"), sample.join("events.ndjson")];
    for pack in ["rules-hebei.yaml", "rules-xian.yaml"] {
        same(&files, &sample.join(pack), 5);
    }
}

#[test]
fn a_province_in_any_order_ends_at_the_same_levels() {
    let full = std::env::var("LEVEE_VOLUME").is_ok_and(|v| v == "full");
    let households = if full { "20000" } else { "2000" };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("province");
    let yesterday = proto::date::Date::parse(&today()).unwrap().plus(-1).to_string();
    let scale = ["simulate", "--households", households, "--months", "12", "--seed", "3"];
    levee(&[&scale[..], &["--until", &yesterday, "--out", out.to_str().unwrap()]].concat());
    // A fall is published at once, so that the level does not depend on when it was found.
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/packs/default.yaml");
    let text = fs::read_to_string(pack).unwrap().replace("close_after: 14d", "close_after: 0d");
    let pack = folder.path().join("prompt.yaml");
    fs::write(&pack, text).unwrap();
    same(&[out.join("households.ndjson"), out.join("events.ndjson")], &pack, 100);
}
