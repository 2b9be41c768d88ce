//! Events of a small world: every type, corrections of every shape, duplicates, conflicts, late,
//! parked and refused ones.

use super::Frame;
use super::draw::Draw;
use super::people::{People, REGIONS, SITES};
use crate::reference::{date_of, midnight, parse_instant, show_date, show_instant};
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;
/// Area prefixes that warnings name.
const AREAS: [&str; 6] = ["99", "9901", "990102", "990102003", "990102003001", "990102000000"];

/// Draws the event lines in the order of the file.
pub(crate) fn draw(d: &mut Draw, frame: &Frame, people: &People, size: usize) -> Vec<String> {
    let n = 10 + d.below(12 * size + 1);
    let mut made: Vec<Value> = Vec::new();
    while made.len() < n {
        let event = event(d, frame, people, made.len());
        made.push(event.clone());
        if d.chance(35) {
            consequences(d, frame, &mut made, &event);
        }
    }
    if d.chance(15) {
        burst(d, frame, people, &mut made);
    }
    let mut keyed: Vec<(i64, Value)> = made
        .into_iter()
        .map(|e| {
            let at = e["time"].as_str().and_then(parse_instant).unwrap_or(0);
            let late = if d.chance(20) { d.between(1, 40) * 86_400 * SECOND } else { 0 };
            // what is far too old comes last: as the first line it would set the clock
            let old = at < midnight(frame.start - 100);
            let at = if old { midnight(frame.start + frame.length) } else { at };
            (at + late, e)
        })
        .collect();
    keyed.sort_by_key(|(at, _)| *at);
    let mut lines: Vec<Value> = keyed.into_iter().map(|(_, e)| e).collect();
    if d.chance(30) {
        lines.insert(0, refused(d, frame, 900));
    }
    lines.iter().map(Value::to_string).collect()
}

/// More bills of one household in one month than an alert lists.
fn burst(d: &mut Draw, frame: &Frame, people: &People, made: &mut Vec<Value>) {
    let subject = format!("household/{}", d.pick(&people.households));
    let first = frame.start + d.between(0, frame.length - 26);
    for at in 0..21 + d.between(0, 4) {
        let time = midnight(first + at) + d.between(0, 86_399) * SECOND;
        let data = json!({"setting": "inpatient", "total_fen": 60_000, "self_paid_fen": 50_000});
        let id = format!("m{:03}", made.len());
        made.push(envelope(d, &id, "medical.settlement", &subject, time, data));
    }
}

fn event(d: &mut Draw, frame: &Frame, people: &People, n: usize) -> Value {
    if d.chance(8) {
        return refused(d, frame, n);
    }
    let day = frame.start + d.between(0, frame.length - 1);
    let second = if d.chance(6) { 0 } else { d.between(1, 86_399) };
    let time = midnight(day) + second * SECOND;
    let (kind, mut data) = content(d, day);
    let lag = match d.below(20) {
        0 => d.between(390, 410),
        1 => d.between(100, 700),
        2 | 3 => d.between(20, 60),
        _ => d.between(0, 9),
    };
    if !d.chance(12) {
        let mut on = day - lag;
        if d.chance(6) {
            // the last day of February, which some years have twice
            on = crate::reference::day_of(crate::reference::civil(day).0, 3, 1) - 1;
            on = if on > day { day } else { on };
        }
        data["occurred_on"] = show_date(on).into();
    }
    let area = kind == "disaster.warning" || kind == "market.price_drop";
    let subject = if area {
        format!("area/{}", if d.chance(25) { d.pick(&SITES) } else { d.pick(&AREAS) })
    } else if d.chance(70) && !people.persons.is_empty() {
        format!("person/{}", d.pick(&people.persons))
    } else if d.chance(6) {
        "household/H99".to_owned()
    } else {
        format!("household/{}", d.pick(&people.households))
    };
    envelope(d, &format!("e{n:03}"), &kind, &subject, time, data)
}

fn envelope(d: &mut Draw, id: &str, kind: &str, subject: &str, time: i64, data: Value) -> Value {
    let source = match kind.split('.').next() {
        Some("medical" | "insurance") => "99/ybj",
        Some("disaster" | "market" | "industry") => "99/yj",
        _ => "99/mzj",
    };
    let mut e = json!({"specversion": "1.0", "id": id, "source": source, "type": kind,
        "time": show_instant(time), "subject": subject, "data": data});
    if d.chance(30) {
        e["supersedes"] = Value::Null;
    }
    e
}

fn fen(d: &mut Draw) -> Value {
    match d.below(30) {
        0 => (i64::MAX - d.between(0, 5)).into(),
        1 => (-d.between(1, 40) * 10_000).into(),
        2 => (i64::MIN + d.between(0, 3)).into(),
        _ => (d.between(0, 120) * 10_000 + d.between(0, 1) * d.between(0, 9_999)).into(),
    }
}

fn content(d: &mut Draw, day: i64) -> (String, Value) {
    let stage = d.pick(&["compulsory", "senior", "vocational", "university"]);
    let hazard = d.pick(&["flood", "geological", "drought", "fire"]);
    let (kind, mut data) = match d.below(34) {
        0..=6 => (
            "medical.settlement",
            json!({"setting": d.pick(&["outpatient", "inpatient", "chronic", "pharmacy"]),
                "total_fen": fen(d), "self_paid_fen": fen(d)}),
        ),
        7 => ("medical.diagnosis", json!({"severity": d.pick(&["chronic", "severe"])})),
        8 => ("insurance.lapsed", json!({"scheme": "resident"})),
        9 => ("insurance.enrolled", json!({})),
        10 => (
            "accident.injury",
            json!({"severity": "injury", "at_work": d.chance(50), "cost_fen": fen(d)}),
        ),
        11..=13 => {
            ("employment.loss", json!({"reason": d.pick(&["layoff", "closure", "season_end"])}))
        }
        14 | 15 => ("employment.start", json!({"monthly_wage_fen": fen(d)})),
        16 | 17 => (
            "income.credited",
            json!({"kind": d.pick(&["wage", "pension", "dibao"]), "amount_fen": fen(d)}),
        ),
        18 => ("disaster.impact", json!({"hazard": hazard, "house": d.pick(&["none", "damaged"])})),
        19..=21 => (
            "disaster.warning",
            json!({"hazard": hazard, "colour": d.pick(&["blue", "yellow", "orange", "red"])}),
        ),
        22 => ("industry.failure", json!({"kind": "crop", "loss_fen": fen(d)})),
        23 => {
            ("market.price_drop", json!({"product": "onion", "drop_permille": d.between(0, 600)}))
        }
        24 => ("education.cost", json!({"stage": stage, "self_paid_fen": fen(d)})),
        25 => ("education.dropout", json!({"stage": stage})),
        26 => ("education.return", json!({"stage": stage})),
        27 => ("disability.certified", json!({"kind": d.between(1, 7), "grade": d.between(1, 4)})),
        28 => {
            (d.pick(&["civil.death", "civil.birth", "civil.marriage", "civil.divorce"]), json!({}))
        }
        29 => (d.pick(&["housing.unsafe", "housing.repaired"]), json!({})),
        30 | 31 => (d.pick(&["water.interrupted", "water.restored"]), json!({})),
        32 => (d.pick(&["aid.granted", "aid.ended"]), json!({"programme": "dibao"})),
        _ => return rare(d),
    };
    optional(d, kind, &mut data, day);
    (kind.to_owned(), data)
}

/// A clue, or a type that only a pack may know.
fn rare(d: &mut Draw) -> (String, Value) {
    if d.chance(40) {
        ("clue.reported".to_owned(), json!({"channel": "visit", "risk": "illness"}))
    } else {
        ("x.visit".to_owned(), json!({"score": d.between(0, 9)}))
    }
}

fn optional(d: &mut Draw, kind: &str, data: &mut Value, day: i64) {
    match kind {
        "medical.settlement" if d.chance(60) => data["fund_paid_fen"] = fen(d),
        "employment.loss" if d.chance(60) => data["monthly_wage_fen"] = fen(d),
        "disaster.impact" if d.chance(60) => data["loss_fen"] = fen(d),
        "civil.death" if d.chance(60) => data["earner"] = d.chance(60).into(),
        "disaster.warning" => {
            let onset = day + d.between(-3, 10);
            if d.chance(50) {
                data["onset"] = show_date(onset).into();
            }
            if d.chance(60) {
                data["expires"] = show_date(onset + d.between(0, 30)).into();
            }
            if d.chance(50) {
                data["status"] = d.pick(&["actual", "actual", "exercise", "test"]).into();
            }
        }
        _ => {}
    }
}

/// What follows an event: corrections of every shape, copies, a conflict.
fn consequences(d: &mut Draw, frame: &Frame, made: &mut Vec<Value>, event: &Value) {
    let id = |made: &Vec<Value>| format!("c{:03}", made.len());
    match d.below(15) {
        0..=2 => {
            let first = correction(d, event, &id(made), frame);
            made.push(first.clone());
            if d.chance(50) {
                let second = correction(d, &first, &id(made), frame);
                made.push(second);
            }
        }
        3 | 4 => {
            for _ in 0..2 + d.below(2) {
                let fork = correction(d, event, &id(made), frame);
                made.push(fork.clone());
                if d.chance(40) {
                    let next = correction(d, &fork, &id(made), frame);
                    made.push(next);
                }
            }
        }
        5 => {
            let mut void = correction(d, event, &id(made), frame);
            void["data"] = json!({"void": true});
            if let Some(status) = event["data"].get("colour") {
                void["data"] = json!({"hazard": "flood", "colour": status, "status": "cancel"});
            }
            made.push(void);
        }
        6 => {
            let mut other = correction(d, event, &id(made), frame);
            other["source"] = event["source"].clone();
            other["type"] = "water.interrupted".into();
            other["data"] = json!({});
            if !event["subject"].as_str().is_some_and(|s| s.starts_with("area/")) {
                made.push(other);
            }
        }
        7 => {
            let mut other = correction(d, event, &id(made), frame);
            if event["subject"].as_str().is_some_and(|s| s.starts_with("household/")) {
                other["subject"] = "household/H01".into();
                made.push(other);
            }
        }
        8 => {
            let mut twin = event.clone();
            twin["id"] = id(made).into();
            if d.chance(70) {
                twin["time"] = shifted(event, d.between(0, 3600));
            }
            made.push(twin);
        }
        9 | 10 => made.extend(ending(d, event, &id(made))),
        12 | 13 if frame.conflicts => {
            let mut conflict = event.clone();
            match d.below(2) {
                0 => conflict["time"] = shifted(event, -3600),
                _ => conflict["supersedes"] = "e000".into(),
            }
            made.push(conflict);
        }
        _ => made.push(copy(d, event)),
    }
}

/// The event that ends what an event began, some days later or on the same day.
fn ending(d: &mut Draw, event: &Value, id: &str) -> Option<Value> {
    let kind = match event["type"].as_str()? {
        "employment.loss" => "employment.start",
        "water.interrupted" => "water.restored",
        "housing.unsafe" => "housing.repaired",
        "education.dropout" => "education.return",
        _ => return None,
    };
    let mut end = event.clone();
    end["id"] = id.into();
    end["type"] = kind.into();
    end["time"] = shifted(event, d.between(0, 40) * 86_400);
    let day = event["time"].as_str().and_then(parse_instant).map(date_of)?;
    let day = day + d.between(-5, 0);
    end["data"] = json!({"occurred_on": show_date(day), "stage": "senior"});
    Some(end)
}

fn shifted(event: &Value, seconds: i64) -> Value {
    let time = event["time"].as_str().and_then(parse_instant).unwrap_or(0);
    show_instant(time + seconds * SECOND).into()
}

/// The same content in another dress: another zone, a field that is dropped, a default written out.
pub(crate) fn copy(d: &mut Draw, event: &Value) -> Value {
    let mut copy = event.clone();
    match d.below(4) {
        0 => {
            if let Some(t) = event["time"].as_str().and_then(parse_instant) {
                let shanghai = show_instant(t - 8 * 3600 * SECOND);
                copy["time"] = shanghai.replace("+08:00", "Z").into();
            }
        }
        1 if copy["data"].is_object() => copy["data"]["remark"] = "x".into(),
        2 if copy["data"].is_object() && copy["data"].get("occurred_on").is_none() => {
            let time = event["time"].as_str().and_then(parse_instant);
            copy["data"]["occurred_on"] =
                time.map_or(Value::Null, |t| show_date(date_of(t)).into());
        }
        _ => {}
    }
    copy
}

/// An event that corrects another: later, earlier or at the same time.
fn correction(d: &mut Draw, event: &Value, id: &str, frame: &Frame) -> Value {
    let mut c = event.clone();
    c["id"] = id.into();
    c["supersedes"] = event["id"].clone();
    let days = if d.chance(70) { d.between(0, 30) } else { d.between(-10, 0) };
    let time = event["time"].as_str().and_then(parse_instant).unwrap_or(0);
    let latest = midnight(frame.start + frame.length) - 1;
    let moved = (time + days * 86_400 * SECOND).min(latest / SECOND * SECOND);
    c["time"] = show_instant(moved).into();
    let too_late =
        c["data"]["occurred_on"].as_str().is_some_and(|t| t > show_date(date_of(moved)).as_str());
    if too_late {
        c["data"]["occurred_on"] = show_date(date_of(moved)).into();
    }
    for money in ["self_paid_fen", "amount_fen", "loss_fen"] {
        if c["data"].get(money).is_some() {
            c["data"][money] = fen(d);
        }
    }
    c
}

fn refused(d: &mut Draw, frame: &Frame, n: usize) -> Value {
    let day = frame.start + d.between(0, frame.length / 2);
    let data = json!({"setting": "inpatient", "total_fen": 1, "self_paid_fen": 900_000_000,
        "occurred_on": show_date(day)});
    let subject = format!("household/H{:02}", d.between(1, 3));
    let time = midnight(day) + d.between(0, 86_399) * SECOND;
    let mut e = envelope(d, &format!("e{n:03}"), "medical.settlement", &subject, time, data);
    match d.below(9) {
        0 => e["type"] = "medical.unknown".into(),
        1 => e["data"]["setting"] = "ward".into(),
        2 => e["data"]["self_paid_fen"] = Value::Null,
        3 => e["data"]["total_fen"] = "12".into(),
        4 => e["data"]["occurred_on"] = show_date(day + 1).into(),
        5 => e["data"]["occurred_on"] = show_date(day - 740).into(),
        6 => e["id"] = "x990105199001011".into(),
        7 => {
            e["type"] = "disability.certified".into();
            e["data"] = json!({"grade": 5});
        }
        _ => {
            let region = d.pick(&REGIONS);
            e["time"] = show_instant(time - 900 * 86_400 * SECOND).into();
            e["data"]["occurred_on"] = show_date(day - 900).into();
            e["data"]["remark"] = region.into();
            if frame.conflicts && n != 900 {
                return e;
            }
            e["data"]["occurred_on"] = show_date(day).into();
        }
    }
    e
}
