//! What the generator promises: the same seed gives the same world, every clause is reached, the
//! lawful worlds keep their law, and shrinking ends small.

use super::*;
use crate::reference::{COUNTERS, Report, backtest_with, normal_form};
use std::collections::BTreeMap;

const WORLDS: u64 = 300;
const LAWS: u64 = 60;

fn run(w: &World) -> Report {
    let packs: Vec<&str> = w.packs.iter().map(String::as_str).collect();
    let (households, events) = (w.households.join("\n"), w.events.join("\n"));
    backtest_with(&households, &events, &w.outcomes.join("\n"), &packs, Some(&w.until)).unwrap()
}

#[test]
fn one_seed_is_one_world() {
    assert_eq!(World::generate(7, 3), World::generate(7, 3));
    assert_ne!(World::generate(7, 3), World::generate(8, 3));
}

#[test]
fn every_clause_is_reached() {
    let mut total: BTreeMap<&str, u64> = BTreeMap::new();
    let mut quiet = 0;
    for seed in 0..WORLDS {
        let size = 1 + (seed % 4) as usize;
        let chained = seed % 3 == 0;
        let world = if chained { World::chained(seed, size) } else { World::generate(seed, size) };
        let report = run(&world);
        quiet += u64::from(report.alerts.is_empty());
        assert!(normal_form(&report.alerts).iter().all(|l| !l.contains("WRONG")));
        for (counter, n) in report.coverage {
            *total.entry(counter).or_insert(0) += n;
        }
    }
    let missed: Vec<&str> = total.iter().filter(|(_, n)| **n == 0).map(|(c, _)| *c).collect();
    assert_eq!(missed, [""; 0], "{total:?}");
    let unknown: Vec<&&str> = total.keys().filter(|c| !COUNTERS.contains(c)).collect();
    assert_eq!(unknown, [&""; 0]);
    assert!(quiet * 10 < WORLDS, "{quiet} worlds without any alert");
}

#[test]
fn order_and_repetition_change_no_final_level() {
    let mut alerted = 0;
    for seed in 0..LAWS {
        let w = World::lawful(seed);
        let report = run(&w);
        assert_eq!(report.refused.get("id.conflict"), None, "seed {seed}");
        alerted += usize::from(report.levels.values().any(|l| l != "none"));
        for other in [w.permute(seed), w.duplicate(seed), w.duplicate(seed).permute(seed + 1)] {
            assert_eq!(run(&other).levels, report.levels, "seed {seed}");
        }
    }
    assert!(alerted > 20, "only {alerted} worlds end with a level");
}

#[test]
fn shrinking_keeps_the_failure_and_little_else() {
    let opened = |w: &World| run(w).alerts.iter().any(|a| a["data"]["change"] == "opened");
    let seed = (0..50).find(|s| opened(&World::generate(*s, 3))).unwrap();
    let small = shrink(&World::generate(seed, 3), opened);
    assert!(opened(&small));
    assert!(small.events.len() == 1 && small.households.len() == 1 && small.packs.len() == 1);
    let rules = crate::reference::yaml(&small.packs[0]).unwrap();
    assert_eq!(rules["rules"].as_array().unwrap().len(), 1);
}

/// Every expression of a pack with its place, the lets in their order.
fn expressions(pack: &serde_json::Value) -> Vec<String> {
    let text = |v: &serde_json::Value| v.as_str().map(str::to_owned);
    let lets = pack["let"].as_object().into_iter().flatten().filter_map(|(_, e)| text(e));
    let facts = pack["facts"].as_object().into_iter().flatten();
    let filters = facts.filter_map(|(_, f)| text(&f["where"]));
    let rules = pack["rules"].as_array().into_iter().flatten();
    let levels = rules.flat_map(|r| ["red", "yellow", "green"].map(|l| text(&r[l])));
    lets.chain(filters).chain(levels.flatten()).collect()
}

#[test]
fn every_pack_is_one_that_loads() {
    let mut shared = 0;
    for seed in 0..WORLDS {
        let w = World::generate(seed, 3);
        let packs: Vec<_> = w.packs.iter().map(|p| crate::reference::yaml(p).unwrap()).collect();
        for (at, pack) in packs.iter().enumerate() {
            for text in expressions(pack) {
                assert!(text.len() <= 4096, "seed {seed}");
                assert!(cel::Program::compile(&text).is_ok(), "seed {seed}: {text}");
            }
            let names: Vec<&String> =
                pack["let"].as_object().into_iter().flatten().map(|(k, _)| k).collect();
            assert!(names.is_sorted(), "a let only uses earlier ones");
            for other in &packs[..at] {
                let ids = |p: &serde_json::Value| -> Vec<String> {
                    let rules = p["rules"].as_array().unwrap();
                    rules.iter().map(|r| r["id"].to_string()).collect()
                };
                let (old, new) = (ids(other), ids(pack));
                if pack["scope"] == other["scope"] && old.iter().any(|id| new.contains(id)) {
                    shared += 1;
                    let ends = other["effective"]["to"].as_str().unwrap();
                    assert!(ends < pack["effective"]["from"].as_str().unwrap(), "seed {seed}");
                }
            }
        }
    }
    assert!(shared > 10);
}
