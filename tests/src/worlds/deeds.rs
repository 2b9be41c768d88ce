//! What people do in a small world: outcomes of every kind, of cases that are open, closed or never
//! opened, doubled, in conflict and revoked.

use super::Frame;
use super::draw::Draw;
use crate::reference::{case_id, midnight, show_instant};
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;

/// Draws the outcome lines, in order of entry.
pub(crate) fn draw(d: &mut Draw, frame: &Frame, households: &[String]) -> Vec<String> {
    let mut made: Vec<(i64, Value)> = Vec::new();
    for n in 0..d.below(30) {
        let day = frame.start + d.between(1, frame.length - 1);
        let at = midnight(day) + d.between(1, 86_398) * SECOND;
        let household = d.pick(households);
        let mut body = json!({"id": format!("o{n:02}"), "household": household,
            "kind": kind(d), "at": show_instant(at), "by": "w-1"});
        match body["kind"].as_str() {
            Some("identified") => body["category"] = "marginal".into(),
            Some("measures_applied") => body["measures"] = json!(["dibao"]),
            _ => {}
        }
        let case = case_id(&household, if d.chance(75) { 1 } else { 2 });
        let line = json!({"entered": show_instant(at), "case": case, "body": body});
        if d.chance(35) {
            let later = at + d.between(1, 40 * 86_400) * SECOND;
            let mut undo = line.clone();
            undo["entered"] = show_instant(later).into();
            undo["body"]["id"] = format!("u{n:02}").into();
            undo["body"]["kind"] = "revoked".into();
            undo["body"]["revokes"] = body["id"].clone();
            if let Some(fields) = undo["body"].as_object_mut() {
                fields.remove("category");
                fields.remove("measures");
            }
            made.push((later, undo));
        }
        if d.chance(10) {
            let mut again = line.clone();
            let later = at + d.between(1, 9 * 86_400) * SECOND;
            again["entered"] = show_instant(later).into();
            if d.chance(40) {
                again["body"]["by"] = "w-2".into();
            }
            made.push((later, again));
        }
        made.push((at, line));
    }
    made.sort_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, line)| line.to_string()).collect()
}

fn kind(d: &mut Draw) -> &'static str {
    d.pick(&[
        "acknowledged",
        "acknowledged",
        "visited",
        "visited",
        "no_risk",
        "already_covered",
        "wrong_data",
        "risk_removed",
        "risk_removed",
        "identified",
        "measures_applied",
        "compared",
        "meeting_held",
        "posted",
        "posted",
        "township_reviewed",
        "entered",
        "followed_up",
    ])
}
