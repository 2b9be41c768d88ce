//! The engine against the slow reference model, on random small worlds and on the sample.

use std::collections::BTreeMap;

use system_tests::{
    reference,
    replay::{Manner, replay},
    worlds::{World, shrink},
};

/// How many random worlds a run compares; `LEVEE_VOLUME=full` takes ten times as many.
fn worlds(quick: u64) -> u64 {
    if std::env::var("LEVEE_VOLUME").is_ok_and(|v| v == "full") { quick * 10 } else { quick }
}

fn seed() -> u64 {
    std::env::var("LEVEE_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1)
}

/// What the engine says differently from the reference, if anything.
fn difference(world: &World) -> Option<String> {
    let packs: Vec<&str> = world.packs.iter().map(String::as_str).collect();
    let households = world.households.join("\n");
    let events = world.events.join("\n");
    let outcomes = world.outcomes.join("\n");
    let until = Some(world.until.as_str());
    let expected = reference::backtest_with(&households, &events, &outcomes, &packs, until).ok()?;
    let got = match replay(world, Manner::default()) {
        Ok(got) => got,
        Err(error) => return Some(format!("a pack does not load: {error}")),
    };
    let want = reference::course_form(&expected.alerts);
    let have = reference::course_form(&got.values());
    let missing = want.iter().find(|line| !have.contains(line));
    let extra = have.iter().find(|line| !want.contains(line));
    if missing.is_some() || extra.is_some() {
        return Some(format!(
            "only in the reference: {missing:?}\nonly in the engine:    {extra:?}"
        ));
    }
    let refusals = |map: &BTreeMap<String, u64>| map.values().sum::<u64>();
    if refusals(&expected.refused) != refusals(&got.refused) {
        return Some(format!("refused {:?} and {:?}", expected.refused, got.refused));
    }
    (expected.duplicates != got.duplicates)
        .then(|| format!("duplicates {} and {}", expected.duplicates, got.duplicates))
}

#[test]
fn the_engine_says_what_the_reference_says() {
    let first = seed() * 1_000_000;
    for n in first..first + worlds(2_000) {
        let size = 1 + (n % 4) as usize;
        let chained = n % 2 == 0;
        let world = if chained { World::chained(n, size) } else { World::generate(n, size) };
        if difference(&world).is_some() {
            let small = shrink(&world, |w| difference(w).is_some());
            let told = difference(&small).unwrap_or_default();
            panic!("world {n}: {told}\n{}", written(&small));
        }
    }
}

fn written(world: &World) -> String {
    let World { households, events, outcomes, packs, until } = world;
    format!(
        "{}\n--\n{}\n--\n{}\n--\n{}\nuntil {until}",
        households.join("\n"),
        events.join("\n"),
        outcomes.join("\n"),
        packs.join("\n---\n")
    )
}

#[test]
fn the_sample_gives_the_expected_alerts() {
    let read = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sample").join(name);
        std::fs::read_to_string(path).unwrap()
    };
    let lines = |name: &str| read(name).lines().map(str::to_owned).collect::<Vec<_>>();
    for pack in ["hebei", "xian"] {
        let world = World {
            households: lines("households.ndjson"),
            events: lines("events.ndjson"),
            outcomes: Vec::new(),
            packs: vec![read(&format!("rules-{pack}.yaml"))],
            until: read("until").trim().to_owned(),
        };
        let expected: Vec<serde_json::Value> = lines(&format!("expected-{pack}.ndjson"))
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let got = replay(&world, Manner::default()).unwrap();
        assert_eq!(reference::normal_form(&got.values()), reference::normal_form(&expected));
    }
}

#[test]
fn order_number_and_batching_change_no_final_level() {
    for n in 0..worlds(200) {
        let world = World::lawful(n);
        let plain = replay(&world, Manner::default()).unwrap();
        let raised = |levels: &BTreeMap<String, String>| -> Vec<(String, String)> {
            levels
                .iter()
                .filter(|(_, l)| *l != "none")
                .map(|(h, l)| (h.clone(), l.clone()))
                .collect()
        };
        for changed in [world.permute(n), world.duplicate(n), world.clone()] {
            let got = replay(&changed, Manner { batch: 1 + (n % 7) as usize, ..Manner::default() });
            assert_eq!(raised(&got.unwrap().levels), raised(&plain.levels), "world {n}");
        }
    }
}

#[test]
fn work_put_off_and_restarts_are_invisible_and_bytes_are_the_same() {
    for n in 0..worlds(300) {
        let world = if n % 2 == 0 { World::chained(n, 3) } else { World::generate(n, 3) };
        let bytes = |manner: Manner| {
            let told = replay(&world, manner).unwrap();
            let mut lines: Vec<String> = told.values().iter().map(ToString::to_string).collect();
            lines.sort();
            lines
        };
        let eager = bytes(Manner::default());
        assert_eq!(bytes(Manner::default()), eager, "world {n} twice");
        for (batch, budget, partitions, restart) in
            [(1, 0, 1, 0), (3, 1, 7, 0), (50, 2, 32, 0), (2, 1, 5, 3), (9, 0, 3, 1)]
        {
            let lazy = bytes(Manner { batch, eager: false, budget, partitions, restart });
            let other = lazy.iter().zip(&eager).find(|(a, b)| a != b);
            assert_eq!(other, None, "world {n} in batches of {batch}");
            assert_eq!(lazy.len(), eager.len(), "world {n} in batches of {batch}");
        }
    }
}
