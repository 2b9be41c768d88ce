//! The three clocks of a case: when each runs out, and who is asked then. Knows packs and a
//! household's deeds; no level's reason.

use super::civil::{DAY, Day, Instant, date_of, midnight, parse_date, show_instant};
use super::decide::{Level, level_word};
use super::deeds::{Deeds, answers};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const CLOCKS: [&str; 3] = ["acknowledge", "visit", "decide"];
const ROUTE: [&str; 5] = ["village", "township", "county", "city", "province"];

/// What a pack says of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) quiet_days: i64,
    /// By level word and clock.
    spans: BTreeMap<(String, String), String>,
    routes: BTreeMap<String, Vec<String>>,
    holidays: BTreeSet<Day>,
    make_up: BTreeSet<Day>,
}

impl Times {
    pub(crate) fn read(v: &Value) -> Times {
        let mut times =
            Times { quiet_days: v["quiet_days"].as_i64().unwrap_or(90), ..Times::default() };
        for (level, entry) in v["clocks"].as_object().into_iter().flatten() {
            for clock in CLOCKS {
                if let Some(span) = entry[clock].as_str() {
                    times.spans.insert((level.clone(), clock.to_owned()), span.to_owned());
                }
            }
            let words = |list: &Vec<Value>| {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
            };
            let any = CLOCKS.iter().any(|clock| !entry[*clock].is_null());
            let full = || if any { ROUTE.map(str::to_owned).to_vec() } else { Vec::new() };
            let route = entry["route"].as_array().map_or_else(full, words);
            times.routes.insert(level.clone(), route);
        }
        let days = |list: &Value| {
            let texts = list.as_array().into_iter().flatten().filter_map(Value::as_str);
            texts.filter_map(parse_date).collect()
        };
        times.holidays = days(&v["calendar"]["holidays"]);
        times.make_up = days(&v["calendar"]["make_up"]);
        times
    }

    fn works(&self, day: Day) -> bool {
        let saturday_or_sunday = (day + 3).rem_euclid(7) > 4;
        (!saturday_or_sunday && !self.holidays.contains(&day))
            || (saturday_or_sunday && self.make_up.contains(&day))
    }

    /// `24h`, `15d`, `5wd` from an instant on.
    fn end(&self, from: Instant, span: &str) -> Instant {
        let hour = DAY / 24;
        if let Some(days) = span.strip_suffix("wd") {
            let worked = (date_of(from) + 1..).filter(|day| self.works(*day));
            let days: usize = days.parse().unwrap_or(1);
            return worked.skip(days - 1).map(|day| midnight(day + 1)).next().unwrap_or(from);
        }
        let hours = span.strip_suffix('h').and_then(|n| n.parse::<i64>().ok());
        let days = span.strip_suffix('d').and_then(|n| n.parse::<i64>().ok());
        from + hours.or(days.map(|n| n * 24)).unwrap_or(0) * hour
    }
}

/// One clock that was begun.
#[derive(Clone, Debug)]
struct Clock {
    by: Instant,
    /// How many were asked before.
    asked: usize,
    span: String,
    pack: String,
    answered: bool,
    spent: bool,
}

/// The clocks of an open case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks {
    running: BTreeMap<usize, Clock>,
    pub(crate) route: Vec<String>,
}

/// A clock that ran out.
pub(crate) struct RanOut {
    pub(crate) clock: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Clocks {
    /// After an alert at a level: the longest route, and where it rose the clocks of the level.
    pub(crate) fn published(
        &mut self,
        level: Level,
        rose: bool,
        packs: &BTreeMap<String, &Times>,
        (deeds, episode): (&Deeds, u64),
        at: Instant,
    ) {
        let word = level_word(level).to_owned();
        for times in packs.values() {
            let route = times.routes.get(&word).cloned().unwrap_or_default();
            // The first pack by name wins among routes of one length that is not shorter.
            let first = packs.values().filter_map(|t| t.routes.get(&word));
            let longest = first.map(Vec::len).max().unwrap_or(0);
            if route.len() == longest && longest >= self.route.len() && !route.is_empty() {
                self.route = route;
                break;
            }
        }
        for (place, clock) in CLOCKS.iter().enumerate().filter(|_| rose) {
            if deeds.answers(episode, clock) {
                continue;
            }
            let key = (word.clone(), (*clock).to_owned());
            let ends = packs.iter().filter_map(|(pack, times)| {
                let span = times.spans.get(&key)?;
                Some((times.end(at, span), pack.clone(), span.clone()))
            });
            let Some((by, pack, span)) = ends.min() else { continue };
            let asked = self.running.get(&place).map_or(0, |known| known.asked);
            let clock = Clock { by, asked, span, pack, answered: false, spent: false };
            self.running.insert(place, clock);
        }
    }

    /// An outcome stops what it answers.
    pub(crate) fn answered(&mut self, kind: &str) {
        for (place, clock) in &mut self.running {
            clock.answered |= answers(kind, CLOCKS[*place]);
        }
    }

    /// What has no answer any more runs again, now at the earliest.
    pub(crate) fn revoked(&mut self, deeds: &Deeds, episode: u64, at: Instant) {
        for (place, clock) in &mut self.running {
            if clock.answered && !deeds.answers(episode, CLOCKS[*place]) {
                *clock =
                    Clock { answered: false, spent: false, by: clock.by.max(at), ..clock.clone() };
            }
        }
    }

    /// When the next clock runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.running.values().filter(|c| !c.answered && !c.spent).map(|c| c.by).min()
    }

    /// Lets one clock run out that is due at an instant; nothing where nobody is left to ask.
    pub(crate) fn run_out(
        &mut self,
        at: Instant,
        times: &BTreeMap<String, &Times>,
    ) -> Option<RanOut> {
        let due = |c: &Clock| !c.answered && !c.spent && c.by <= at;
        let (place, clock) = self.running.iter_mut().find(|(_, clock)| due(clock))?;
        if clock.asked + 1 >= self.route.len() {
            clock.spent = true;
            return None;
        }
        let (from, to) = (self.route[clock.asked].clone(), self.route[clock.asked + 1].clone());
        clock.asked += 1;
        let weekends = Times::default();
        clock.by = times.get(&clock.pack).map_or(&weekends, |t| t).end(at, &clock.span);
        Some(RanOut { clock: CLOCKS[*place], from, to })
    }

    /// As an alert shows them.
    pub(crate) fn json(&self) -> Value {
        let mut shown = json!({});
        for (place, clock) in self.running.iter().filter(|(_, clock)| !clock.answered) {
            shown[format!("{}_by", CLOCKS[*place])] = show_instant(clock.by).into();
        }
        shown
    }
}
