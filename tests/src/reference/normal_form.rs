//! The normal form in which two lists of alerts are compared, as `levee_compare.py` writes it.
//! Knows an alert's shape only.

use super::decide::short_id;
use serde_json::Value;

fn word(v: &Value) -> String {
    v.as_str().map_or_else(|| v.to_string(), str::to_owned)
}

fn four(v: &Value) -> String {
    format!("{:04}", v.as_i64().unwrap_or(-1))
}

/// One line per `levee.alert.v1` that is not `overdue`, sorted by code points; ids are checked
/// against the formula.
pub fn normal_form(alerts: &[Value]) -> Vec<String> {
    let counts = |a: &&Value| a["type"] == "levee.alert.v1" && a["data"]["change"] != "overdue";
    let mut out: Vec<String> = alerts.iter().filter(counts).map(line).collect();
    out.sort();
    out
}

/// One line per `levee.alert.v1`, sorted: the line of the normal form, overdue ones too, with the
/// time, the route, the clocks, the reason and what ran out.
pub fn course_form(alerts: &[Value]) -> Vec<String> {
    let empty = serde_json::json!({});
    let mut out: Vec<String> = alerts
        .iter()
        .filter(|a| a["type"] == "levee.alert.v1")
        .map(|alert| {
            let d = &alert["data"];
            let clocks = if d["clocks"].is_null() { &empty } else { &d["clocks"] };
            let none = serde_json::json!([]);
            let route = if d["route"].is_null() { &none } else { &d["route"] };
            let (time, reason, overdue) = (&alert["time"], &d["reason"], &d["overdue"]);
            format!("{}|{time}|{route}|{clocks}|{reason}|{overdue}", line(alert))
        })
        .collect();
    out.sort();
    out
}

fn line(alert: &Value) -> String {
    let d = &alert["data"];
    let mut rules = Vec::new();
    let mut values = Vec::new();
    for s in d["signals"].as_array().into_iter().flatten() {
        rules.push(format!("{}:{}", word(&s["rule"]), word(&s["level"])));
        for (name, v) in s["values"].as_object().into_iter().flatten() {
            values.push(format!("{}.{name}={}", word(&s["rule"]), word(v)));
        }
    }
    rules.sort();
    values.sort();
    let fields = [
        word(&d["household"]),
        four(&d["episode"]),
        four(&d["revision"]),
        word(&d["change"]),
        word(&d["level"]),
        word(&d["previous_level"]),
        word(&d["as_of"]),
        rules.join(","),
        values.join(","),
    ];
    let mut text = fields.join("|");
    let case = short_id(&format!("levee.case.v1|{}|{}", word(&d["household"]), d["episode"]));
    let id = short_id(&format!("levee.alert.v1|{case}|{}", d["revision"]));
    if d["case"] != case.as_str() {
        text.push_str(&format!("|WRONG case id, should be {case}"));
    } else if alert["id"] != id.as_str() {
        text.push_str(&format!("|WRONG alert id, should be {id}"));
    }
    text
}
