//! One event at the door: from a JSON line to a checked event or the code of its refusal, and which
//! accepted events are live. Knows one line and the other accepted events; no household, no clock.

use super::catalogue::Catalogue;
use super::civil::{Day, Instant, date_of, parse_date, parse_instant, two_years_before};
use super::coverage::Coverage;
use super::expression::Val;
use serde_json::Value;
use std::collections::BTreeMap;

/// A checked event. Two with equal fields have the same content.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) subject: String,
    pub(crate) kind: String,
    pub(crate) time: Instant,
    pub(crate) supersedes: Option<String>,
    pub(crate) occurred_on: Day,
    pub(crate) void: bool,
    pub(crate) fields: BTreeMap<String, Val>,
}

impl Event {
    /// Identity: who said it, of whom, under which id.
    pub(crate) fn identity(&self) -> (&str, &str, &str) {
        (&self.source, &self.subject, &self.id)
    }

    /// What `household/`, `person/` or `area/` the subject names.
    pub(crate) fn subject_of(&self, kind: &str) -> Option<&str> {
        self.subject.strip_prefix(kind)?.strip_prefix('/')
    }
}

/// A text that holds a run of digits as long as an ID number's.
pub(crate) fn looks_personal(text: &str) -> bool {
    let b = text.as_bytes();
    let mut at = 0;
    while at < b.len() {
        let run = b[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        let x = matches!(b.get(at + run), Some(b'x' | b'X'));
        if matches!(run, 15 | 18 | 20 | 22) || (run == 17 && x) {
            return true;
        }
        at += run.max(1);
    }
    false
}

fn any_personal(value: &Value) -> bool {
    match value {
        Value::String(s) => looks_personal(s),
        Value::Array(items) => items.iter().any(any_personal),
        Value::Object(map) => map.values().any(any_personal),
        _ => false,
    }
}

/// Checks one line.
///
/// # Errors
/// The code of the refusal.
pub(crate) fn check(v: &Value, catalogue: &Catalogue, c: &Coverage) -> Result<Event, &'static str> {
    let text = |name: &str| v[name].as_str().filter(|s| !s.is_empty()).ok_or("event.malformed");
    if v["specversion"] != "1.0" {
        return Err("event.malformed");
    }
    let (id, source, subject, kind) =
        (text("id")?, text("source")?, text("subject")?, text("type")?);
    let time = parse_instant(text("time")?).ok_or("event.malformed")?;
    let supersedes = match &v["supersedes"] {
        Value::Null => None,
        Value::String(s) => Some(s.clone()),
        _ => return Err("event.malformed"),
    };
    let personal_subject = !subject.starts_with("person/") && looks_personal(subject);
    let rest = [&v["id"], &v["source"], &v["type"], &v["supersedes"], &v["data"]];
    if personal_subject || rest.into_iter().any(any_personal) {
        return Err("id.personal");
    }
    let declared = catalogue.get(kind).ok_or("type.unknown")?;
    let (whose, name) = subject.split_once('/').ok_or("subject.malformed")?;
    let fits =
        if declared.area { whose == "area" } else { matches!(whose, "household" | "person") };
    if !fits || name.is_empty() {
        return Err("subject.malformed");
    }
    let data = match &v["data"] {
        Value::Object(map) => map.clone(),
        Value::Null => serde_json::Map::new(),
        _ => return Err("event.malformed"),
    };
    let occurred_on = match data.get("occurred_on") {
        None | Some(Value::Null) => {
            c.hit("event.occurred_on_default");
            date_of(time)
        }
        Some(d) => d.as_str().and_then(parse_date).ok_or("field.kind")?,
    };
    if occurred_on > date_of(time) {
        return Err("time.order");
    }
    if occurred_on < two_years_before(date_of(time)) {
        return Err("time.ancient");
    }
    let void = data.get("void") == Some(&Value::Bool(true));
    let mut fields = BTreeMap::new();
    for (name, field) in &declared.fields {
        match data.get(name) {
            None | Some(Value::Null) if field.required && !void => return Err("field.required"),
            None | Some(Value::Null) => {}
            Some(value) => {
                fields.insert(name.clone(), field.check(value)?);
            }
        }
    }
    let known = |k: &String| k == "occurred_on" || k == "void" || declared.fields.contains_key(k);
    c.hit_if(!data.keys().all(known), "event.extra_field_dropped");
    Ok(Event {
        id: id.into(),
        source: source.into(),
        subject: subject.into(),
        kind: kind.into(),
        time,
        supersedes,
        occurred_on,
        void,
        fields,
    })
}

/// For each accepted event whether it is live: no event takes its place, it withdraws nothing, and
/// what it corrects is not itself a correction that lost.
pub(crate) fn live_flags(accepted: &[Event], c: &Coverage) -> Vec<bool> {
    accepted
        .iter()
        .map(|e| {
            let corrected = accepted.iter().any(|other| corrects(other, e));
            c.hit_if(corrected, "correction.takes_the_place");
            c.hit_if(e.void, "correction.void");
            !corrected && !e.void && stands(e, accepted, accepted.len(), c)
        })
        .collect()
}

/// Whether `a` is a correction of the event `b`.
pub(crate) fn corrects(a: &Event, b: &Event) -> bool {
    names_same(a, b) && a.kind == b.kind
}

fn names_same(a: &Event, b: &Event) -> bool {
    let target = a.supersedes.as_ref().filter(|id| **id != a.id);
    target == Some(&b.id) && a.subject == b.subject && a.source == b.source
}

/// An event stands when it corrects nothing, or when it is the winner among the corrections of an
/// event that stands. `depth` ends a circle of corrections, of which nothing stands.
fn stands(e: &Event, accepted: &[Event], depth: usize, c: &Coverage) -> bool {
    // What names itself names no earlier event.
    if e.supersedes.as_ref().is_none_or(|id| *id == e.id) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let target = accepted.iter().find(|t| names_same(e, t));
    if target.is_some_and(|t| t.kind != e.kind) {
        c.hit("correction.other_type");
        return true;
    }
    let rival = |r: &Event| {
        r.supersedes == e.supersedes
            && r.supersedes.as_ref() != Some(&r.id)
            && (&r.source, &r.subject, &r.kind) == (&e.source, &e.subject, &e.kind)
    };
    let stronger = |r: &Event| (r.time, &r.id) > (e.time, &e.id);
    if accepted.iter().any(|r| rival(r) && stronger(r)) {
        c.hit("correction.fork_lost");
        return false;
    }
    match target {
        None => {
            c.hit("correction.waits");
            true
        }
        Some(t) => {
            c.hit_if(t.supersedes.is_some(), "correction.chain");
            let stands = stands(t, accepted, depth - 1, c);
            c.hit_if(!stands, "correction.of_a_loser");
            stands
        }
    }
}
