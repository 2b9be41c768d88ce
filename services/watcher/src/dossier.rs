//! What people did about cases, and how often rules and feeds were right, as JSON. It adds nothing
//! of its own.

use std::collections::BTreeMap;

use engine::{Did, Dossier, Engine, Precision, Quality, Runs, Verdicts};
use proto::region::Prefix;
use serde_json::{Value, json};

/// The dossiers of the households that are known, in the order asked for.
#[must_use]
pub fn dossiers(engine: &Engine, households: &[String]) -> Vec<Value> {
    let found = households.iter().filter_map(|household| engine.dossier(household));
    found.map(|dossier| written(&dossier)).collect()
}

/// Counts of verdicts in an area, with the share that led to help: `region`, `all`, and the lists
/// `rules`, `feeds`, `feed_rules` and `areas`.
#[must_use]
pub fn quality(area: Prefix, counts: Quality) -> Value {
    let Quality { all, rules, feeds, sources, regions } = counts;
    let list = |counts: BTreeMap<String, Verdicts>, key: &str| -> Vec<Value> {
        counts.into_iter().map(|(name, verdicts)| counted(verdicts, &[(key, name)])).collect()
    };
    let pairs: Vec<Value> = feeds
        .into_iter()
        .map(|((feed, rule), verdicts)| counted(verdicts, &[("feed", feed), ("rule", rule)]))
        .collect();
    json!({"region": area.to_string(), "all": counted(all, &[]), "rules": list(rules, "rule"),
        "feeds": list(sources, "feed"), "feed_rules": pairs, "areas": list(regions, "area")})
}

fn counted(verdicts: Verdicts, names: &[(&str, String)]) -> Value {
    let Verdicts { helped, no_risk, already_covered, wrong_data } = verdicts;
    let precision = verdicts.precision().map(|precision| {
        let Precision { permille, low_permille, high_permille } = precision;
        json!({"permille": permille, "low_permille": low_permille,
            "high_permille": high_permille})
    });
    let mut line = json!({"decided": verdicts.decided(), "helped": helped, "no_risk": no_risk,
        "already_covered": already_covered, "wrong_data": wrong_data, "precision": precision});
    for (key, name) in names {
        line[*key] = name.clone().into();
    }
    line
}

fn written(dossier: &Dossier) -> Value {
    let quiet = dossier.quiet.iter().map(|(rule, level, until)| {
        json!({"rule": rule, "level": level.word(), "until": until.to_string()})
    });
    json!({
        "household": dossier.household,
        "region": dossier.region.map(|region| region.to_string()),
        "episode": dossier.episode,
        "level": dossier.level.word(),
        "priority": dossier.priority,
        "help_first": dossier.help_first,
        "clocks": dossier.clocks.iter().map(clock).collect::<Vec<_>>(),
        "outcomes": dossier.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "quiet": quiet.collect::<Vec<_>>(),
        "watched_until": dossier.watched_until.map(|date| date.to_string()),
    })
}

fn clock(clock: &Runs) -> Value {
    let state = match (clock.answered, clock.spent) {
        (true, _) => "answered",
        (false, true) => "run_out",
        (false, false) => "runs",
    };
    json!({"step": clock.step.word(), "by": clock.by.to_string(), "state": state,
        "asked": clock.asked})
}

fn outcome(did: &Did) -> Value {
    let mut written = json!({
        "case": did.case.to_string(),
        "id": did.id,
        "kind": did.kind.word(),
        "at": did.at.to_string(),
        "entered_at": did.entered.to_string(),
        "by": did.by,
        "revoked": did.revoked,
    });
    if let Some(category) = &did.category {
        written["category"] = category.clone().into();
    }
    if !did.measures.is_empty() {
        written["measures"] = did.measures.clone().into();
    }
    if let Some(revokes) = &did.revokes {
        written["revokes"] = revokes.clone().into();
    }
    written
}
