//! One household on one day under one pack: the level of a rule, the values and the events behind
//! it. Knows no yesterday.

use super::canonical::sha256_hex;
use super::civil::{Day, civil, show_date};
use super::deeds::WATCHED;
use super::event::Event;
use super::expression::{Fail, Scope, Val};
use super::facts::{Evidence, recency};
use super::pack::{Fact, LEVELS, Pack, Rule};
use super::profile::Profile;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A level: 0 none, 1 green, 2 yellow, 3 red.
pub(crate) type Level = usize;

/// The word for a level.
pub(crate) fn level_word(level: Level) -> &'static str {
    if level == 0 { "none" } else { LEVELS[3 - level] }
}

/// A household on a day, as the expressions of a pack see it.
pub(crate) struct View<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) pack: &'a Pack,
    pub(crate) evidence: Evidence<'a>,
    /// The first day on which the household is not watched for relapse.
    watched: Day,
    memo: RefCell<BTreeMap<String, Result<Val, Fail>>>,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        profile: &'a Profile,
        pack: &'a Pack,
        evidence: Evidence<'a>,
        watched: Day,
    ) -> View<'a> {
        View { profile, pack, evidence, watched, memo: RefCell::new(BTreeMap::new()) }
    }

    fn today(&self) -> Day {
        self.evidence.today
    }

    /// The first of red, yellow, green whose expression is true; a failing one is false.
    pub(crate) fn level(&self, rule: &Rule) -> Level {
        let c = self.evidence.coverage;
        let mut failed = false;
        for (at, e) in rule.levels.iter().enumerate() {
            match e.as_ref().map(|e| e.holds(self)) {
                Some(Ok(true)) => {
                    c.hit_if(failed, "expr.lower_level_after_failure");
                    return 3 - at;
                }
                Some(Err(why)) => {
                    failed = true;
                    c.hit("expr.failed_level");
                    c.hit_if(why == Fail::Overflow, "expr.overflow");
                    c.hit_if(why == Fail::Zero, "expr.zero");
                }
                _ => {}
            }
        }
        0
    }

    /// The facts and lets in a level's expression and in the lets among them, all the way down.
    fn used(&self, rule: &Rule, level: Level) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut new = BTreeSet::new();
        if let Some(e) = level.checked_sub(1).and_then(|_| rule.levels[3 - level].as_ref()) {
            e.names(&mut new);
        }
        while let Some(name) = new.pop_first() {
            if let Some(e) = self.pack.lets.get(&name) {
                e.names(&mut new);
            }
            all.insert(name);
        }
        all
    }

    /// The signal of a rule that stands at a level: values, why and events as of this view's day.
    pub(crate) fn signal(&self, rule: &Rule, level: Level) -> Value {
        let used = self.used(rule, level);
        let mut values = serde_json::Map::new();
        for name in &used {
            match self.name(name) {
                Ok(v) => {
                    values.insert(name.clone(), v.json());
                }
                Err(_) => self.evidence.coverage.hit("expr.failed_let_left_out"),
            }
        }
        let mut events: Vec<&Event> = Vec::new();
        for fact in used.iter().filter_map(|n| self.pack.facts.get(n)) {
            for e in self.behind(fact) {
                if !events.iter().any(|other| other.identity() == e.identity()) {
                    events.push(e);
                }
            }
        }
        events.sort_by_key(|e| std::cmp::Reverse(recency(e)));
        self.evidence.coverage.hit_if(events.len() > 20, "alert.many_events");
        let shown: Vec<Value> = events
            .iter()
            .take(20)
            .map(|e| (&e.source, &e.id, show_date(e.occurred_on)))
            .map(|(source, id, on)| json!({"source": source, "id": id, "occurred_on": on}))
            .collect();
        let mut signal = json!({
            "rule": rule.id, "pack": self.pack.name, "level": level_word(level),
            "risk": rule.risk, "values": values, "events": shown, "events_total": events.len(),
        });
        if !rule.why.is_empty() {
            signal["why"] =
                rule.why.iter().map(|(k, t)| (k.clone(), Value::from(self.fill(t)))).collect();
        }
        signal
    }

    /// The events that a fact looked at, the ends of `open_days` included; where its `where` failed
    /// only those.
    fn behind(&self, fact: &Fact) -> Vec<&Event> {
        let mut events = self.evidence.looked_at(fact).unwrap_or_default();
        events.extend(self.evidence.ends_looked_at(fact));
        events
    }

    /// The truncated quotient of a rule's `material`.
    pub(crate) fn quotient(&self, rule: &Rule) -> Option<i64> {
        let (value, step) = rule.material.as_ref()?;
        match value.eval(self) {
            Ok(Val::Int(n)) => n.checked_div(*step),
            _ => None,
        }
    }

    /// Puts values into a text: `{x}` as it is, `{x:yuan}` in yuan.
    fn fill(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((hole, tail)) = after.split_once('}') else { break };
            let (name, form) = hole.split_once(':').unwrap_or((hole, ""));
            out.push_str(before);
            match self.name(name) {
                Ok(Val::Int(fen)) if form == "yuan" => out.push_str(&yuan(fen)),
                Ok(v) => out.push_str(&v.show()),
                Err(_) => out.push('?'),
            }
            rest = tail;
        }
        out + rest
    }
}

fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let (whole, part) = (fen.unsigned_abs() / 100, fen.unsigned_abs() % 100);
    if part == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part:02}") }
}

impl Scope for View<'_> {
    fn name(&self, name: &str) -> Result<Val, Fail> {
        if let Some(known) = self.memo.borrow().get(name) {
            return known.clone();
        }
        let value = match (self.pack.facts.get(name), self.pack.lets.get(name)) {
            (Some(fact), _) => self.evidence.value(fact),
            (_, Some(e)) => e.eval(self),
            _ => Err(Fail::Unchecked),
        };
        self.memo.borrow_mut().insert(name.to_owned(), value.clone());
        value
    }

    fn member(&self, root: &str, field: &str) -> Result<Val, Fail> {
        let (year, month, day) = civil(self.today());
        if (root, field) == ("household", "watch_days") {
            let left = self.watched.saturating_sub(self.today());
            return Ok(Val::Int(if left > 0 { WATCHED - left } else { -1 }));
        }
        if root == "household" {
            return self.profile.field(field, self.today());
        }
        self.evidence.coverage.hit("today.used");
        match (root, field) {
            ("today", "year") => Ok(Val::Int(year)),
            ("today", "month") => Ok(Val::Int(month)),
            ("today", "day") => Ok(Val::Int(day)),
            _ => Err(Fail::Unchecked),
        }
    }

    fn ask(&self, method: &str, argument: &str) -> Result<Val, Fail> {
        if (method, argument) == ("is", "relapse_watch") && self.today() < self.watched {
            self.evidence.coverage.hit("outcome.watched");
            return Ok(Val::Bool(true));
        }
        self.profile.ask(method, argument)
    }

    /// Rows of other classes and later years are not looked at; then the longest prefix, a row with
    /// class, the largest year.
    fn table(&self, name: &str) -> Result<Val, Fail> {
        let c = self.evidence.coverage;
        let rows = self.pack.tables.get(name).ok_or(Fail::Unchecked)?;
        let year = civil(self.today()).0;
        let fits = rows.iter().filter(|r| {
            let class = r.class.as_ref().is_none_or(|k| *k == self.profile.class);
            let here = self.profile.region.starts_with(&r.region);
            c.hit_if(here && !class, "table.other_class");
            c.hit_if(here && class && r.year > year, "table.later_year");
            here && class && r.year <= year
        });
        let best = fits.max_by_key(|r| (r.region.len(), r.class.is_some(), r.year));
        let Some(row) = best else {
            c.hit("table.no_row");
            return Err(Fail::NoRow);
        };
        c.hit_if(row.class.is_some(), "table.class");
        c.hit_if(row.region.len() > 2, "table.region");
        Ok(row.value.clone())
    }
}

/// The first 16 bytes of SHA-256 of a text, in hex: the contract's case and alert ids.
pub(crate) fn short_id(text: &str) -> String {
    sha256_hex(text.as_bytes())[..32].to_owned()
}
