//! A rule pack: YAML to plain data, and which pack's rule is in force for a household on a day.
//! Trusts that the pack is a checked one. Computes no fact and no level.

use super::civil::{Day, parse_date};
use super::clocks::Times;
use super::coverage::Coverage;
use super::expression::{Expr, Val};
use super::profile::area_prefix;
use serde_json::Value;
use std::collections::BTreeMap;

/// The levels from high to low, as published.
pub(crate) const LEVELS: [&str; 3] = ["red", "yellow", "green"];
/// Days that are kept when a pack asks for no more.
const RETAIN: i64 = 400;

/// The stretch of days of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Days(i64),
    Months(i64),
    CalendarYear,
    CalendarMonth,
    SchoolYear,
    LastCalendarYear,
    /// The pack's `retain`, in days.
    Kept(i64),
}

/// A fact's definition.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) verb: &'static str,
    pub(crate) types: Vec<String>,
    pub(crate) field: Option<String>,
    pub(crate) until: Option<String>,
    pub(crate) over: Window,
    pub(crate) filter: Option<Expr>,
    pub(crate) default: Option<Val>,
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) region: String,
    pub(crate) class: Option<String>,
    pub(crate) year: i64,
    pub(crate) value: Val,
}

/// A rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) risk: String,
    /// Red, yellow, green.
    pub(crate) levels: [Option<Expr>; 3],
    pub(crate) material: Option<(Expr, i64)>,
    pub(crate) why: BTreeMap<String, String>,
}

/// A pack.
#[derive(Clone, Debug)]
pub(crate) struct Pack {
    pub(crate) name: String,
    pub(crate) scope: String,
    pub(crate) from: Day,
    pub(crate) to: Day,
    pub(crate) on_event: bool,
    pub(crate) close_after: i64,
    pub(crate) tables: BTreeMap<String, Vec<Row>>,
    pub(crate) facts: BTreeMap<String, Fact>,
    pub(crate) lets: BTreeMap<String, Expr>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) times: Times,
    pub(crate) event_types: Value,
}

/// A pack's YAML as JSON.
pub fn yaml(text: &str) -> Option<Value> {
    serde_saphyr::from_str(text).ok()
}

impl Pack {
    /// Reads a pack; `None` when a part of it is not in the contract's form. `known` says which
    /// event types there are.
    pub(crate) fn read(v: &Value, known: &dyn Fn(&str) -> bool) -> Option<Pack> {
        let day = |v: &Value| v.as_str().and_then(parse_date);
        let retain = days(&v["retain"]).unwrap_or(RETAIN).max(RETAIN);
        let mut facts = BTreeMap::new();
        for (name, f) in v["facts"].as_object().into_iter().flatten() {
            facts.insert(name.clone(), read_fact(f, retain, known)?);
        }
        let mut lets = BTreeMap::new();
        for (name, e) in v["let"].as_object().into_iter().flatten() {
            lets.insert(name.clone(), expression(e)?);
        }
        let mut tables = BTreeMap::new();
        for (name, t) in v["tables"].as_object().into_iter().flatten() {
            let rows: Option<Vec<Row>> = t["rows"].as_array()?.iter().map(read_row).collect();
            tables.insert(name.clone(), rows?);
        }
        let rules: Option<Vec<Rule>> = v["rules"].as_array()?.iter().map(read_rule).collect();
        Some(Pack {
            name: v["pack"].as_str()?.to_owned(),
            scope: area_prefix(&word(&v["scope"])?).to_owned(),
            from: day(&v["effective"]["from"])?,
            to: if v["effective"]["to"].is_null() { Day::MAX } else { day(&v["effective"]["to"])? },
            on_event: v["evaluate"] == "on_event",
            close_after: days(&v["close_after"]).unwrap_or(0),
            tables,
            facts,
            lets,
            rules: rules?,
            times: Times::read(v),
            event_types: v["event_types"].clone(),
        })
    }

    /// Whether its period holds the day and its scope the region.
    fn reaches(&self, region: &str, day: Day, c: &Coverage) -> bool {
        let outside = !region.starts_with(&self.scope);
        c.hit_if(outside, "pack.scope_outside");
        c.hit_if(day > self.to, "pack.ended");
        !outside && self.from <= day && day <= self.to
    }
}

/// For each rule id the pack and the rule in force: of several packs the one with the longest
/// scope.
pub(crate) fn in_force(
    packs: &[Pack],
    region: &str,
    day: Day,
    c: &Coverage,
) -> BTreeMap<String, (usize, usize)> {
    let mut out: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (p, pack) in packs.iter().enumerate() {
        if !pack.reaches(region, day, c) {
            continue;
        }
        for (r, rule) in pack.rules.iter().enumerate() {
            let other = out.get(&rule.id).map(|(q, _)| packs[*q].scope.len());
            c.hit_if(other.is_some(), "pack.scope_shadowed");
            if other.is_none_or(|length| pack.scope.len() > length) {
                out.insert(rule.id.clone(), (p, r));
            }
        }
    }
    out
}

fn days(v: &Value) -> Option<i64> {
    v.as_str()?.strip_suffix('d')?.parse().ok()
}

fn word(v: &Value) -> Option<String> {
    match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
        _ => None,
    }
}

fn expression(v: &Value) -> Option<Expr> {
    Expr::parse(&word(v)?)
}

fn constant(v: &Value) -> Option<Val> {
    match v {
        Value::Number(n) => n.as_i64().map(Val::Int),
        Value::Bool(b) => Some(Val::Bool(*b)),
        Value::String(s) => Some(Val::Text(s.clone())),
        _ => None,
    }
}

fn read_row(v: &Value) -> Option<Row> {
    Some(Row {
        region: area_prefix(&word(&v["region"]).unwrap_or_default()).to_owned(),
        class: v["class"].as_str().map(str::to_owned),
        year: v["year"].as_i64().unwrap_or(i64::MIN),
        value: constant(&v["value"])?,
    })
}

fn read_rule(v: &Value) -> Option<Rule> {
    let mut levels = [None, None, None];
    for (slot, name) in levels.iter_mut().zip(LEVELS) {
        if !v[name].is_null() {
            *slot = Some(expression(&v[name])?);
        }
    }
    let material = match &v["material"] {
        Value::Null => None,
        m => Some((expression(&m["value"])?, m["step"].as_i64()?)),
    };
    let why = v["why"].as_object().into_iter().flatten();
    Some(Rule {
        id: v["id"].as_str()?.to_owned(),
        risk: v["risk"].as_str()?.to_owned(),
        levels,
        material,
        why: why.filter_map(|(k, t)| Some((k.clone(), t.as_str()?.to_owned()))).collect(),
    })
}

fn read_fact(v: &Value, retain: i64, known: &dyn Fn(&str) -> bool) -> Option<Fact> {
    const VERBS: [&str; 8] =
        ["sum", "max", "count", "last", "distinct", "days_since", "open_days", "active"];
    let verb = VERBS.into_iter().find(|verb| !v[*verb].is_null())?;
    let mut types = Vec::new();
    let mut field = None;
    match &v[verb] {
        Value::Array(list) => {
            types.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Value::String(name) if known(name) => types.push(name.clone()),
        Value::String(path) => {
            let (name, last) = path.rsplit_once('.')?;
            types.push(name.to_owned());
            field = Some(last.to_owned());
        }
        _ => return None,
    }
    let filter = if v["where"].is_null() { None } else { Some(expression(&v["where"])?) };
    Some(Fact {
        verb,
        types,
        field,
        until: v["until"].as_str().map(str::to_owned),
        over: read_window(&v["over"], retain)?,
        filter,
        default: constant(&v["default"]),
    })
}

fn read_window(v: &Value, retain: i64) -> Option<Window> {
    Some(match v.as_str() {
        None => Window::Kept(retain),
        Some("calendar_year") => Window::CalendarYear,
        Some("calendar_month") => Window::CalendarMonth,
        Some("school_year") => Window::SchoolYear,
        Some("last_calendar_year") => Window::LastCalendarYear,
        Some(text) => match (text.strip_suffix('d'), text.strip_suffix('m')) {
            (Some(n), _) => Window::Days(n.parse().ok()?),
            (_, Some(n)) => Window::Months(n.parse().ok()?),
            _ => return None,
        },
    })
}
