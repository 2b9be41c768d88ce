//! The figures of a province of 60,000 households: spending against the published table, rates
//! against the published streams. It reads the files as anybody would.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::{
    collections::{HashMap, HashSet},
    fs,
    sync::OnceLock,
};

use proto::date::Date;
use serde_json::Value;

const HOUSEHOLDS: u32 = 60_000;

struct World {
    persons: f64,
    /// Self-paid yuan of a year, one entry per person and per household, with zeros.
    of_person: Vec<f64>,
    of_household: Vec<f64>,
    /// Events by type; corrections apart, under the type with a `*`.
    rates: HashMap<String, f64>,
    twice: f64,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let out = tempfile::tempdir().unwrap();
        let args = simulate::Args {
            households: HOUSEHOLDS,
            months: 12,
            seed: 1,
            out: out.path().to_owned(),
            until: Date::parse("2026-05-31").unwrap(),
            credits: false,
        };
        simulate::run(args).unwrap();
        let profiles = fs::read_to_string(out.path().join("households.ndjson")).unwrap();
        let events = fs::read_to_string(out.path().join("events.ndjson")).unwrap();
        read(&profiles, &events)
    })
}

fn read(profiles: &str, events: &str) -> World {
    let (mut seen, mut persons) = (HashSet::new(), 0usize);
    for line in profiles.lines() {
        let profile: Value = serde_json::from_str(line).unwrap();
        if seen.insert(profile["household"].as_str().unwrap().to_owned()) {
            persons += usize::try_from(profile["size"].as_u64().unwrap()).unwrap();
        }
    }
    let (mut rates, mut bills) = (HashMap::<String, f64>::new(), HashMap::new());
    let (mut ids, mut superseded, mut twice) = (HashSet::new(), HashSet::new(), 0.0);
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let id = event["id"].as_str().unwrap().to_owned();
        if !ids.insert(id.clone()) {
            twice += 1.0;
            continue;
        }
        let kind = event["type"].as_str().unwrap();
        let old = event["supersedes"].as_str().map(str::to_owned);
        *rates.entry(format!("{kind}{}", if old.is_some() { "*" } else { "" })).or_default() += 1.0;
        superseded.extend(old);
        if kind == "medical.settlement" {
            let paid = event["data"]["self_paid_fen"].as_f64().unwrap_or(0.0) / 100.0;
            // The id holds the household's number: 99-ybj-HHHHHHHHNNNN.
            let home = id[7..15].to_owned();
            bills.insert(id, (event["subject"].as_str().unwrap().to_owned(), home, paid));
        }
    }
    let (mut by_person, mut by_home) = (HashMap::new(), HashMap::new());
    for (_, (person, home, paid)) in bills.into_iter().filter(|(id, _)| !superseded.contains(id)) {
        *by_person.entry(person).or_insert(0.0) += paid;
        *by_home.entry(home).or_insert(0.0) += paid;
    }
    let sorted = |map: HashMap<String, f64>, len: usize| {
        let mut all: Vec<f64> = map.into_values().collect();
        all.resize(len, 0.0);
        all.sort_by(f64::total_cmp);
        all
    };
    World {
        persons: persons as f64,
        of_person: sorted(by_person, persons),
        of_household: sorted(by_home, HOUSEHOLDS as usize),
        twice: twice / ids.len() as f64,
        rates,
    }
}

fn share_above(sorted: &[f64], yuan: f64) -> f64 {
    (sorted.len() - sorted.partition_point(|x| *x <= yuan)) as f64 * 100.0 / sorted.len() as f64
}

fn near(what: &str, found: f64, wanted: f64, tolerance: f64) {
    let ratio = found / wanted;
    assert!((ratio - 1.0).abs() <= tolerance, "{what}: {found:.4}, wanted {wanted}");
}

#[test]
fn a_year_of_self_paid_bills_is_spread_as_in_the_table() {
    let world = world();
    for (yuan, percent) in [
        (3_000.0, 6.24),
        (5_000.0, 3.87),
        (10_000.0, 1.75),
        (15_000.0, 1.01),
        (20_000.0, 0.67),
        (26_000.0, 0.43),
        (30_000.0, 0.33),
        (50_000.0, 0.11),
    ] {
        let found = share_above(&world.of_person, yuan);
        near(&format!("persons above {yuan}"), found, percent, 0.15);
    }
    // About 27 persons: three standard errors are 58 %.
    near("persons above 100000", share_above(&world.of_person, 100_000.0), 0.014, 0.58);
    for (yuan, percent) in
        [(5_000.0, 14.3), (10_000.0, 6.6), (20_000.0, 2.5), (30_000.0, 1.2), (50_000.0, 0.40)]
    {
        let found = share_above(&world.of_household, yuan);
        near(&format!("households above {yuan}"), found, percent, 0.15);
    }
    let sorted = &world.of_person;
    let quantile = |p: f64| sorted[(p * sorted.len() as f64) as usize];
    near("mean", sorted.iter().sum::<f64>() / world.persons, 928.0, 0.15);
    for (p, yuan) in [(0.5, 157.0), (0.9, 1_577.0), (0.95, 3_852.0), (0.99, 15_150.0)] {
        near(&format!("quantile {p}"), quantile(p), yuan, 0.15);
    }
}

#[test]
fn every_stream_has_its_rate_a_person_and_year() {
    let world = world();
    let rate = |kinds: &[&str]| {
        kinds.iter().filter_map(|k| world.rates.get(*k)).sum::<f64>() / world.persons
    };
    near("bills", rate(&["medical.settlement"]), 2.50 + 0.207, 0.05);
    near("corrections of bills", rate(&["medical.settlement*"]), 0.08 + 0.06, 0.15);
    near("work", rate(&["employment.loss", "employment.start"]), 0.34, 0.15);
    near("schooling", rate(&["education.cost"]), 0.36, 0.15);
    near("clues", rate(&["clue.reported"]), 0.15, 0.10);
    let checks = ["water.interrupted", "water.restored", "housing.unsafe", "housing.repaired"];
    near("checks", rate(&checks), 0.05, 0.15);
    near("disaster losses", rate(&["disaster.impact"]), 0.046, 0.30);
    near("accidents", rate(&["accident.injury"]), 0.004, 0.15);
    // Births, deaths, persons marrying and divorcing; moves, the rest of the .045, have no type.
    let civil = ["civil.birth", "civil.death", "civil.marriage", "civil.divorce"];
    near("civil registry", rate(&civil), 0.027, 0.15);
    near("all", world.rates.values().sum::<f64>() / world.persons, 3.86, 0.10);
    near("sent twice", world.twice, 0.02, 0.05);
}
