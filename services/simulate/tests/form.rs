//! The form of a province's files: the contract's fields, order in time, and bytes by seed alone.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use proto::date::{Date, Instant};
use serde_json::Value;
use sha2::{Digest, Sha256};
use simulate::{Error, Province, Scale};

fn scale(households: u32, seed: u64) -> Scale {
    let until = Date::parse("2026-05-31").unwrap();
    Scale { households, months: 12, seed, until, credits: false }
}

fn write(scale: Scale, out: &Path) {
    let Scale { households, months, seed, until, credits } = scale;
    let out = out.to_owned();
    simulate::run(simulate::Args { households, months, seed, out, until, credits }).unwrap();
}

const FILES: [&str; 4] = ["households.ndjson", "events.ndjson", "regions.csv", "map.geojson"];

fn digests(scale: Scale) -> [Vec<u8>; 4] {
    let out = tempfile::tempdir().unwrap();
    write(scale, out.path());
    FILES.map(|name| Sha256::digest(fs::read(out.path().join(name)).unwrap()).to_vec())
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let first = digests(scale(3_000, 1));
    assert_eq!(first, digests(scale(3_000, 1)));
    let other = digests(scale(3_000, 2));
    assert!(first[0] != other[0] && first[1] != other[1]);
}

#[test]
fn the_months_of_the_library_are_the_file_of_the_command() {
    let province = Province::new(scale(900, 5)).unwrap();
    let out = tempfile::tempdir().unwrap();
    write(scale(900, 5), out.path());
    let lines = |name| -> Vec<String> {
        let text = fs::read_to_string(out.path().join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let months: Vec<String> = (0..12).flat_map(|m| province.events(m).unwrap()).collect();
    assert!(months == lines("events.ndjson"));
    let profiles: Vec<String> = province.profiles().map(Result::unwrap).collect();
    assert!(profiles == lines("households.ndjson"));
    assert_eq!(province.from().to_string(), "2025-06-01");
}

#[test]
fn every_event_has_the_contracts_fields_in_order_of_time() {
    let province = Province::new(scale(4_000, 3)).unwrap();
    let mut lines: HashMap<String, String> = HashMap::new();
    let (mut last, mut kinds) = (String::new(), HashSet::new());
    for line in (0..12).flat_map(|m| province.events(m).unwrap()) {
        let event: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        assert_eq!(text("specversion"), "1.0");
        let time = text("time");
        assert!(last <= time, "{last} before {time}");
        last.clone_from(&time);
        let occurred = event["data"]["occurred_on"].as_str().unwrap();
        assert!(Date::parse(occurred).unwrap() <= Instant::parse(&time).unwrap().date());
        let (id, source, subject) = (text("id"), text("source"), text("subject"));
        assert!(id.starts_with(&format!("99-{}-", source.strip_prefix("99/").unwrap())));
        let (kind_of_subject, name) = subject.split_once('/').unwrap();
        match kind_of_subject {
            "person" => assert!(name.len() == 18 && name.starts_with("99")),
            "household" => assert!(name.starts_with('H') && name.len() == 9),
            other => assert_eq!(other, "area"),
        }
        let kind = text("type");
        for field in required(&kind) {
            let void = event["data"]["void"] == true;
            assert!(void || !event["data"][field].is_null(), "{kind} without {field}");
        }
        kinds.insert(kind);
        // An id comes again only with the same bytes.
        if let Some(before) = lines.insert(id, line.clone()) {
            assert_eq!(before, line);
        }
    }
    assert!(kinds.len() >= 24, "{kinds:?}");
}

fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "medical.settlement" => &["setting", "total_fen", "self_paid_fen"],
        "medical.diagnosis" | "accident.injury" => &["severity"],
        "employment.loss" => &["reason"],
        "disaster.impact" => &["hazard"],
        "disaster.warning" => &["hazard", "colour", "onset", "expires", "status"],
        "industry.failure" => &["kind"],
        "market.price_drop" => &["product", "drop_permille"],
        "education.cost" => &["stage", "self_paid_fen"],
        "education.dropout" | "education.return" => &["stage"],
        "disability.certified" => &["grade"],
        "aid.granted" | "aid.ended" => &["programme"],
        "clue.reported" => &["channel"],
        _ => &[],
    }
}

#[test]
fn every_profile_has_the_contracts_fields_and_its_income_adds_up() {
    let province = Province::new(scale(4_000, 3)).unwrap();
    let (mut persons, mut versions) = (HashMap::<String, HashSet<String>>::new(), HashMap::new());
    for line in province.profiles() {
        let profile: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let id = profile["household"].as_str().unwrap().to_owned();
        let region = profile["region"].as_str().unwrap();
        assert!(region.len() == 12 && region.starts_with("99"));
        assert!(profile["class"].is_string());
        assert!((1..=30).contains(&profile["size"].as_u64().unwrap()));
        let of = |name: &str| profile["income"][name].as_i64().unwrap();
        let net = of("wage_fen") + of("business_fen") + of("property_fen") + of("transfer_fen")
            - of("business_cost_fen");
        assert!((net - profile["net_income_fen"].as_i64().unwrap()).abs() <= 2);
        for member in profile["members"].as_array().unwrap() {
            let number = member["person"].as_str().unwrap().to_owned();
            persons.entry(number).or_default().insert(id.clone());
        }
        let at = Instant::parse(profile["updated_at"].as_str().unwrap()).unwrap();
        if let Some(before) = versions.insert(id, at) {
            assert!(before < at);
        }
    }
    assert_eq!(versions.len(), 4_000);
    let shared = persons.values().filter(|homes| homes.len() > 1).count();
    assert!((5..60).contains(&shared), "{shared} persons in two households");
}

#[test]
fn the_map_has_a_closed_square_for_every_area_of_the_table() {
    let out = tempfile::tempdir().unwrap();
    write(scale(20_000, 1), out.path());
    let map: Value =
        serde_json::from_slice(&fs::read(out.path().join("map.geojson")).unwrap()).unwrap();
    let mut codes = HashSet::new();
    for feature in map["features"].as_array().unwrap() {
        let ring = feature["geometry"]["coordinates"][0].as_array().unwrap();
        assert!(ring.len() == 5 && ring[0] == ring[4]);
        assert!(codes.insert(feature["properties"]["code"].as_str().unwrap().to_owned()));
    }
    let table = fs::read_to_string(out.path().join("regions.csv")).unwrap();
    let mut rows = table.lines();
    assert_eq!(rows.next(), Some("code,name,level,successor"));
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells.len(), 4);
        // A merged village is drawn as its successor, a site is a point in a county.
        let drawn = if cells[3].is_empty() { cells[0] } else { cells[3] };
        assert!(cells[2] == "site" || codes.contains(drawn), "{row}");
    }
}

#[test]
fn the_live_stream_goes_on_with_ids_of_its_own() {
    let province = Province::new(scale(500, 1)).unwrap();
    let start = Instant::parse("2026-06-01T08:00:00+08:00").unwrap();
    let run = |now| {
        let mut live = province.live(now);
        (0..2_000i64)
            .map(|n| live.next_at(start.plus_us(n * 500_000)).unwrap())
            .collect::<Vec<String>>()
    };
    let (one, other) = (run(1_780_000_000), run(1_780_000_100));
    assert!(one == run(1_780_000_000));
    let mut ids = HashSet::new();
    for line in one.iter().chain(&other) {
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(ids.insert(event["id"].as_str().unwrap().to_owned()));
        let (time, data) = (event["time"].as_str().unwrap(), &event["data"]);
        assert!(data["occurred_on"].as_str().unwrap() <= &time[..10]);
    }
}

#[test]
fn a_scale_outside_its_limits_is_refused_with_a_code() {
    let code = |scale| Province::new(scale).err().map(|e: Error| e.code());
    assert_eq!(code(scale(0, 1)), Some("simulate.households"));
    assert_eq!(code(Scale { months: 61, ..scale(1, 1) }), Some("simulate.months"));
    assert_eq!(code(Scale { until: Date(0), ..scale(1, 1) }), Some("simulate.until"));
    assert_eq!(code(scale(1, 1)), None);
}
