//! Households of a small world: first profile lines, later and older versions, ties, persons who
//! move or are shared, refused lines.

use super::Frame;
use super::draw::Draw;
use crate::reference::{midnight, show_instant};
use serde_json::{Value, json};

/// Regions of the synthetic province in which the households live.
pub(crate) const REGIONS: [&str; 5] =
    ["990102003001", "990102003002", "990102004001", "990103001001", "990201001001"];
/// Resettlement sites.
pub(crate) const SITES: [&str; 2] = ["SITE-A", "S.2"];
/// Classes that packs and tables speak of.
pub(crate) const CLASSES: [&str; 4] = ["ordinary", "low_income", "marginal", "registered_poor"];

/// Who lives in a world.
#[derive(Debug)]
pub(crate) struct People {
    /// Profile lines in the order of the file.
    pub(crate) lines: Vec<String>,
    /// Household ids.
    pub(crate) households: Vec<String>,
    /// Everybody that some profile line names, and a stranger.
    pub(crate) persons: Vec<String>,
}

/// Draws the households of a world.
pub(crate) fn draw(d: &mut Draw, frame: &Frame, size: usize) -> People {
    let n = 3 + d.below(1 + 2 * size.min(3)).min(5);
    let households: Vec<String> = (1..=n).map(|h| format!("H{h:02}")).collect();
    let mut persons: Vec<String> = Vec::new();
    let mut first = Vec::new();
    let mut further = Vec::new();
    let common = frame.start - d.between(1, 90);
    for household in &households {
        let mut members = Vec::new();
        for _ in 0..d.below(4) {
            persons.push(format!("p{:02}", persons.len() + 1));
            members.push(persons[persons.len() - 1].clone());
        }
        if d.chance(25) && !persons.is_empty() {
            members.push(d.pick(&persons));
        }
        members.dedup();
        let mut line = profile(d, household, &members);
        let day = if d.chance(40) { common } else { frame.start - d.between(-20, 200) };
        stamp(d, &mut line, day, d.clone().between(0, 86_399));
        if d.chance(6) {
            drop_key(&mut line, "updated_at");
        }
        first.push(line.clone());
        for _ in 0..d.below(4) {
            further.push(version(d, frame, &line, &persons));
        }
        if d.chance(12) {
            further.push(line);
        }
    }
    persons.push(format!("p{:02}", persons.len() + 1));
    tie_break(d, &mut first);
    if d.chance(25) {
        further.push(refused(d));
    }
    let mut lines: Vec<String> = first.iter().map(Value::to_string).collect();
    shuffle(d, &mut further);
    for line in further {
        // a further version may stand before a first line of another household, never before its
        // own
        let own = lines.iter().position(|l| l.contains(&line["household"].to_string()));
        let least = own.map_or(0, |at| at + 1);
        let at = least + d.below(lines.len() - least + 1);
        lines.insert(at, line.to_string());
    }
    People { lines, households, persons }
}

/// Puts a sequence into another order.
pub(crate) fn shuffle<T>(d: &mut Draw, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, d.below(at + 1));
    }
}

/// Sometimes two households have one instant, so that a shared person falls to the smaller id.
fn tie_break(d: &mut Draw, first: &mut [Value]) {
    if d.chance(50) && first.len() > 1 {
        let at = first[0]["updated_at"].clone();
        if at.is_string() {
            first[1]["updated_at"] = at;
            if first[0]["members"].as_array().is_some_and(|m| !m.is_empty()) {
                first[1]["members"] = first[0]["members"].clone();
            }
        }
    }
}

fn stamp(d: &mut Draw, line: &mut Value, day: i64, second: i64) {
    let second = if d.chance(8) { 0 } else { second };
    line["updated_at"] = show_instant(midnight(day) + second * 1_000_000_000).into();
}

fn drop_key(line: &mut Value, key: &str) {
    if let Some(map) = line.as_object_mut() {
        map.remove(key);
    }
}

fn profile(d: &mut Draw, household: &str, members: &[String]) -> Value {
    let members: Vec<Value> = members.iter().map(|p| member(d, p)).collect();
    let mut line = json!({
        "household": household, "region": d.pick(&REGIONS), "class": d.pick(&CLASSES),
        "size": d.between(1, 6), "members": members,
        "net_income_fen": d.between(-20, 90) * 50_000,
        "categories": if d.chance(50) { vec!["watch"] } else { vec![] },
        "coping": {"savings_fen": d.between(0, 20) * 100_000,
            "support_fen": d.between(0, 5) * 10_000},
    });
    if d.chance(35) {
        line["site"] = d.pick(&SITES).into();
    } else if d.chance(50) {
        line["site"] = Value::Null;
    }
    if d.chance(40) {
        let programme = d.pick(&["dibao", "tekun"]);
        line["aid"] =
            json!([{"programme": programme, "since": "2025-03-01", "monthly_fen": 46_000}]);
    }
    if d.chance(60) {
        line["housing"] = d.pick(&["safe", "c", "d"]).into();
    }
    if d.chance(60) {
        line["water"] = d.pick(&["ok", "short"]).into();
    }
    line
}

fn member(d: &mut Draw, person: &str) -> Value {
    let mut m = json!({
        "person": person, "role": d.pick(&["head", "child", "parent"]),
        "labour": d.pick(&["full", "weak", "none"]), "work": d.pick(&["away", "home", "none"]),
        "health": d.pick(&["good", "chronic", "severe"]), "disability_grade": d.between(0, 4),
        "student": d.pick(&["none", "senior"]), "insured": d.chance(70),
    });
    if d.chance(80) {
        // ages around 16 and 59, so that a new year changes who is of working age
        m["birth_year"] =
            d.pick(&[1950, 1966, 1967, 1968, 1980, 2009, 2010, 2011, 2012, 2020]).into();
    }
    m
}

/// Another version of a profile: newer, older or of the same instant; with other members, region,
/// site or size.
fn version(d: &mut Draw, frame: &Frame, line: &Value, persons: &[String]) -> Value {
    let mut v = line.clone();
    match d.below(5) {
        0 => v["region"] = d.pick(&REGIONS).into(),
        1 => v["size"] = d.between(1, 8).into(),
        2 => v["class"] = d.pick(&CLASSES).into(),
        3 => v["net_income_fen"] = (d.between(0, 90) * 50_000).into(),
        _ => v["site"] = d.pick(&SITES).into(),
    }
    if d.chance(60) {
        let mut members: Vec<Value> = v["members"].as_array().cloned().unwrap_or_default();
        if d.chance(50) && !members.is_empty() {
            members.remove(d.below(members.len()));
        }
        if d.chance(60) && !persons.is_empty() {
            let person = d.pick(persons);
            if !members.iter().any(|m| m["person"] == person.as_str()) {
                members.push(member(d, &person));
            }
        }
        v["members"] = members.into();
    }
    let same_instant = d.chance(20);
    if !same_instant {
        let day = frame.start + d.between(-60, frame.length + 10);
        let second = d.between(0, 86_399);
        stamp(d, &mut v, day, second);
    }
    v
}

fn refused(d: &mut Draw) -> Value {
    let mut line = json!({"household": "H90", "region": "990102003001", "class": "ordinary",
        "size": 3, "net_income_fen": 0, "updated_at": "2025-01-01T00:00:00+08:00"});
    match d.below(4) {
        0 => line["size"] = 31.into(),
        1 => drop_key(&mut line, "class"),
        2 => line["household"] = "990105199001011".into(),
        _ => line["household"] = "H 90".into(),
    }
    line
}
