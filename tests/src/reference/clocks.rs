//! The clocks of a case and the chain from a clue to help: when each step is due, and who is asked
//! when it ran out. Knows packs and a household's deeds; no level's reason.

use super::civil::{DAY, Day, Instant, date_of, midnight, parse_date, show_instant};
use super::decide::{Level, level_word};
use super::deeds::Deeds;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Steps in the order in which they run out at one instant.
const STEPS: [&str; 12] = [
    "acknowledge",
    "visit",
    "decide",
    "comparison",
    "meeting",
    "posting",
    "township",
    "county",
    "entry",
    "measures",
    "risk_removed",
    "follow_up",
];
/// The first three begin with the level.
const LEVEL_STEPS: usize = 3;
const MEASURES: usize = 9;
const ROUTE: [&str; 5] = ["village", "township", "county", "city", "province"];

/// How far along the chain a step, or the outcome that answers it, is.
fn how_far(word: &str) -> i64 {
    match word {
        "acknowledge" | "acknowledged" => 1,
        "visit" | "visited" => 2,
        "comparison" | "compared" => 3,
        "meeting" | "meeting_held" => 4,
        "posting" | "posted" => 5,
        "township" | "township_reviewed" => 6,
        "decide" | "county" | "identified" => 7,
        "entry" | "entered" => 8,
        "measures" | "measures_applied" => 9,
        "risk_removed" => 10,
        "follow_up" | "followed_up" => 11,
        "revoked" => 0,
        // No risk, already covered, wrong data: nothing is left to be done.
        _ => 99,
    }
}

/// Whether an outcome answers a step; where help comes first, help in place answers no form.
pub(crate) fn answers(kind: &str, step: &str, help_first: bool) -> bool {
    if help_first && kind == "measures_applied" {
        return ["acknowledge", "visit", "measures"].contains(&step);
    }
    how_far(step) <= how_far(kind)
}

/// A row of a pack's chain.
#[derive(Clone, Debug)]
struct Row {
    step: String,
    after: String,
    within: Option<String>,
    lasts: Option<String>,
}

/// What a pack says of time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    pub(crate) quiet_days: i64,
    /// By level word and clock.
    spans: BTreeMap<(String, String), String>,
    routes: BTreeMap<String, Vec<String>>,
    holidays: BTreeSet<Day>,
    make_up: BTreeSet<Day>,
    chain: Vec<Row>,
    /// Risks for which help comes first, and how long it may take.
    green: Option<(BTreeSet<String>, String)>,
}

impl Times {
    pub(crate) fn read(v: &Value) -> Times {
        let mut times =
            Times { quiet_days: v["quiet_days"].as_i64().unwrap_or(90), ..Times::default() };
        let clocks = &STEPS[..LEVEL_STEPS];
        for (level, entry) in v["clocks"].as_object().into_iter().flatten() {
            for clock in clocks {
                if let Some(span) = entry[*clock].as_str() {
                    times.spans.insert((level.clone(), (*clock).to_owned()), span.to_owned());
                }
            }
            let words = |list: &Vec<Value>| {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
            };
            let any = clocks.iter().any(|clock| !entry[*clock].is_null());
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
        let text = |row: &Value, key: &str| row[key].as_str().map(str::to_owned);
        let row = |row: &Value| {
            Some(Row {
                step: text(row, "step")?,
                after: text(row, "after")?,
                within: text(row, "within"),
                lasts: text(row, "lasts"),
            })
        };
        times.chain = v["chain"].as_array().into_iter().flatten().filter_map(row).collect();
        let green = &v["green_channel"];
        let risks = green["risks"].as_array().into_iter().flatten().filter_map(Value::as_str);
        times.green =
            text(green, "measures").map(|span| (risks.map(str::to_owned).collect(), span));
        times
    }

    /// Whether help comes first for a risk.
    pub(crate) fn helps_first(&self, risk: &str) -> bool {
        self.green.as_ref().is_some_and(|(risks, _)| risks.contains(risk))
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
    /// The step whose answer began it.
    after: Option<String>,
    answered: bool,
    spent: bool,
}

impl Clock {
    fn runs(&self) -> bool {
        !self.answered && !self.spent
    }
}

/// The clocks of an open case, by the place of their step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clocks {
    running: BTreeMap<usize, Clock>,
    pub(crate) route: Vec<String>,
    help_first: bool,
}

/// A clock that ran out.
pub(crate) struct RanOut {
    pub(crate) clock: &'static str,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl RanOut {
    /// Whether it is a step that does not begin with the level.
    pub(crate) fn is_of_chain(&self) -> bool {
        !STEPS[..LEVEL_STEPS].contains(&self.clock)
    }
}

/// What the clocks of a case are looked at with: the packs whose rules stand, what people did about
/// the episode, and when.
pub(crate) struct Now<'a> {
    pub(crate) packs: &'a BTreeMap<String, &'a Times>,
    pub(crate) level: Level,
    pub(crate) deeds: &'a Deeds,
    pub(crate) episode: u64,
    pub(crate) at: Instant,
}

impl Clocks {
    /// After an alert: the longest route, where it rose the clocks of the level, then the chain.
    pub(crate) fn published(&mut self, rose: bool, help_first: bool, now: &Now) {
        self.help_first |= help_first;
        let word = level_word(now.level).to_owned();
        for times in now.packs.values() {
            let route = times.routes.get(&word).cloned().unwrap_or_default();
            // The first pack by name wins among routes of one length that is not shorter.
            let first = now.packs.values().filter_map(|t| t.routes.get(&word));
            let longest = first.map(Vec::len).max().unwrap_or(0);
            if route.len() == longest && longest >= self.route.len() && !route.is_empty() {
                self.route = route;
                break;
            }
        }
        for clock in STEPS.iter().take(LEVEL_STEPS).filter(|_| rose) {
            let key = (word.clone(), (*clock).to_owned());
            self.begin(clock, None, now.at, now, |times| times.spans.get(&key).cloned());
        }
        if self.help_first && !self.running.contains_key(&MEASURES) {
            let span = |times: &Times| times.green.as_ref().map(|(_, span)| span.clone());
            self.begin("measures", None, now.at, now, span);
        }
        self.go_on(now);
    }

    fn done(&self, step: &str, now: &Now) -> bool {
        now.deeds.answers(now.episode, step, self.help_first)
    }

    /// Begins a clock at the earliest end that a pack gives it.
    fn begin(
        &mut self,
        step: &str,
        after: Option<&str>,
        from: Instant,
        now: &Now,
        span: impl Fn(&Times) -> Option<String>,
    ) {
        if self.done(step, now) {
            return;
        }
        let ends = now.packs.iter().filter_map(|(pack, times)| {
            let span = span(times)?;
            Some((times.end(from, &span), pack.clone(), span))
        });
        let Some((by, pack, span)) = ends.min() else { return };
        let Some(place) = STEPS.iter().position(|known| *known == step) else { return };
        let asked = self.running.get(&place).map_or(0, |known| known.asked);
        let after = after.map(str::to_owned);
        let clock = Clock { by, asked, span, pack, after, answered: false, spent: false };
        self.running.insert(place, clock);
    }

    /// The steps of the chain whose turn has come.
    fn go_on(&mut self, now: &Now) {
        let word = level_word(now.level);
        let on = |times: &Times| times.routes.contains_key(word);
        let rows: Vec<Row> = now
            .packs
            .values()
            .filter(|times| on(times))
            .flat_map(|times| times.chain.clone())
            .collect();
        for row in rows {
            let begun = STEPS
                .iter()
                .position(|step| *step == row.step)
                .is_some_and(|place| self.running.contains_key(&place));
            let forms_wait = row.after == "visit" && !self.done("measures", now);
            let waits = self.help_first && (row.step == "measures" || forms_wait);
            if begun || waits || !self.done(&row.after, now) {
                continue;
            }
            // What follows a posting begins once it has hung.
            let from = match row.after.as_str() {
                "posting" => now.deeds.posted_to(now.episode).unwrap_or(now.at).max(now.at),
                _ => now.at,
            };
            let (step, after) = (row.step.as_str(), row.after.as_str());
            self.begin(step, Some(after), from, now, |times| {
                let mut rows = times.chain.iter().filter(|_| on(times));
                rows.find(|known| known.step == step && known.after == after)?.within.clone()
            });
        }
    }

    /// How long a posting that begins now hangs, by the pack that wants it longest.
    pub(crate) fn hangs(packs: &BTreeMap<String, &Times>, at: Instant) -> i64 {
        let lasts = packs.values().filter_map(|times| {
            let row = times.chain.iter().find(|row| row.step == "posting")?;
            Some(times.end(at, row.lasts.as_ref()?) - at)
        });
        lasts.max().unwrap_or(0)
    }

    /// An outcome stops what it answers, and the rest stands still for a while; then the chain.
    pub(crate) fn answered(&mut self, kind: &str, still: i64, help_first: bool, now: &Now) {
        self.help_first |= help_first;
        let help_first = self.help_first;
        for (place, clock) in &mut self.running {
            if answers(kind, STEPS[*place], help_first) {
                clock.answered = true;
            } else if clock.runs() && *place != MEASURES {
                clock.by += still;
            }
        }
        self.go_on(now);
    }

    /// What has no answer any more runs again, now at the earliest; what it began is not there.
    pub(crate) fn revoked(&mut self, still: i64, help_first: bool, now: &Now) {
        self.help_first |= help_first;
        let begun = |clock: &Clock| clock.after.as_ref().is_none_or(|after| self.done(after, now));
        let kept: BTreeSet<usize> =
            self.running.iter().filter(|(_, c)| begun(c)).map(|(place, _)| *place).collect();
        self.running.retain(|place, _| kept.contains(place));
        let help_first = self.help_first;
        for (place, clock) in &mut self.running {
            if clock.answered {
                if !now.deeds.answers(now.episode, STEPS[*place], help_first) {
                    (clock.answered, clock.spent) = (false, false);
                    clock.by = clock.by.max(now.at);
                }
            } else if !clock.spent && *place != MEASURES {
                clock.by = (clock.by - still).max(now.at);
            }
        }
    }

    /// When the next clock runs out.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.running.values().filter(|clock| clock.runs()).map(|clock| clock.by).min()
    }

    /// Lets one clock run out that is due at an instant; nothing where nobody is left to ask.
    pub(crate) fn run_out(
        &mut self,
        at: Instant,
        times: &BTreeMap<String, &Times>,
    ) -> Option<RanOut> {
        let due = |clock: &Clock| clock.runs() && clock.by <= at;
        let (place, clock) = self.running.iter_mut().find(|(_, clock)| due(clock))?;
        if clock.asked + 1 >= self.route.len() {
            clock.spent = true;
            return None;
        }
        let (from, to) = (self.route[clock.asked].clone(), self.route[clock.asked + 1].clone());
        clock.asked += 1;
        let weekends = Times::default();
        clock.by = times.get(&clock.pack).map_or(&weekends, |t| t).end(at, &clock.span);
        Some(RanOut { clock: STEPS[*place], from, to })
    }

    /// As an alert shows them.
    pub(crate) fn json(&self) -> Value {
        let mut shown = json!({});
        for (place, clock) in self.running.iter().filter(|(_, clock)| !clock.answered) {
            let by = show_instant(clock.by);
            if *place < LEVEL_STEPS {
                shown[format!("{}_by", STEPS[*place])] = by.into();
            } else {
                let mut steps = shown["steps"].as_array().cloned().unwrap_or_default();
                steps.push(json!({"step": STEPS[*place], "by": by}));
                shown["steps"] = steps.into();
            }
        }
        shown
    }
}
