//! How long people may take: the clocks of each level, the chain of steps, the calendar.

use std::collections::BTreeMap;

use proto::{alert::Severity, chain::Step, date::Date};

use super::{Clocks, GreenChannel, Row, header::date, load::Loader, rules::LEVELS, shape::Fields};
use crate::{
    calendar::{Calendar, Term},
    error::{Fault, PackCode},
    limits,
    yaml::Node,
};

const ROUTE: [&str; 5] = ["village", "township", "county", "city", "province"];
const HOUR: i64 = 3_600;
/// The clocks that begin with the level; they are the first steps of every chain.
const FIRST: [Step; 3] = [Step::Acknowledge, Step::Visit, Step::Decide];

impl Loader<'_> {
    pub(super) fn clocks(&mut self, fields: &Fields<'_>) -> BTreeMap<Severity, Clocks> {
        let mut clocks = BTreeMap::new();
        let Some(node) = fields.get("clocks") else { return clocks };
        let keys = LEVELS.map(|(key, _)| key);
        let Some(fields) = self.report.fields(node, "clocks", &keys) else { return clocks };
        for (key, severity) in LEVELS {
            if let Some(node) = fields.get(key)
                && let Some(found) = self.clock(node)
            {
                clocks.insert(severity, found);
            }
        }
        clocks
    }

    fn clock(&mut self, node: &Node) -> Option<Clocks> {
        let keys = ["acknowledge", "visit", "decide", "route"];
        let fields = self.report.fields(node, "a clock", &keys)?;
        let mut steps = Vec::new();
        for step in FIRST {
            if let Some(node) = fields.get(step.word()) {
                steps.extend(self.span(node).map(|span| (step, span)));
            }
        }
        let mut route: Vec<String> = Vec::new();
        if let Some(node) = fields.get("route") {
            let mut last = None;
            for item in self.report.list(node, "route")? {
                let word = self.report.one_of(item, "a step of the route", &ROUTE)?;
                let place = ROUTE.iter().position(|known| *known == word);
                if last >= place {
                    self.report.value(item.at, "a route goes upwards");
                }
                last = place;
                route.push(word.to_owned());
            }
        } else if !steps.is_empty() {
            route = ROUTE.map(str::to_owned).to_vec();
        }
        Some(Clocks { steps, route })
    }

    /// `24h`, `15d` or `5wd`: hours, days of 24 hours, working days.
    fn span(&mut self, node: &Node) -> Option<Term> {
        let text = self.report.scalar(node, "a duration")?;
        let units = [("wd", 0), ("h", HOUR), ("d", 24 * HOUR)];
        let found =
            units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
        let (digits, seconds) = found.unwrap_or_default();
        let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count = plain.then(|| digits.parse::<i64>().ok()).flatten();
        let days = i64::from(limits::DAYS_MOST);
        let span = count.and_then(|count| match seconds {
            0 => u16::try_from(count)
                .ok()
                .filter(|n| (1..=days).contains(&i64::from(*n)))
                .map(Term::WorkingDays),
            _ => Some(count * seconds)
                .filter(|s| (1..=days * 24 * HOUR).contains(s))
                .map(Term::Seconds),
        });
        if span.is_none() {
            self.report.value(node.at, "a duration is written like 24h, 15d or 5wd (working days)");
        }
        span
    }

    pub(super) fn calendar(&mut self, fields: &Fields<'_>) -> Calendar {
        let Some(node) = fields.get("calendar") else { return Calendar::default() };
        let keys = ["holidays", "make_up"];
        let Some(fields) = self.report.fields(node, "calendar", &keys) else {
            return Calendar::default();
        };
        let [holidays, make_up] = keys.map(|key| fields.get(key));
        Calendar { holidays: self.days_of(holidays), make_up: self.days_of(make_up) }
    }

    fn days_of(&mut self, node: Option<&Node>) -> Vec<Date> {
        let Some(node) = node else { return Vec::new() };
        let Some(items) = self.report.list(node, "a list of days") else { return Vec::new() };
        let items = self.report.at_most(node.at, items, limits::CALENDAR_DAYS, "days");
        let mut days: Vec<Date> =
            items.iter().filter_map(|item| date(&mut self.report, item)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    pub(super) fn chain(&mut self, fields: &Fields<'_>) -> Vec<Row> {
        let Some(node) = fields.get("chain") else { return Vec::new() };
        let Some(items) = self.report.list(node, "chain") else { return Vec::new() };
        let items = self.report.at_most(node.at, items, Step::ALL.len(), "steps of a chain");
        let mut rows: Vec<Row> = Vec::new();
        for item in items {
            let Some(row) = self.chain_row(item) else { continue };
            let known = FIRST.contains(&row.step) || rows.iter().any(|r| r.step == row.step);
            let follows = FIRST.contains(&row.after) || rows.iter().any(|r| r.step == row.after);
            if known {
                let message = format!("the step {} stands twice", row.step.word());
                self.report.add(item.at, Fault::new(PackCode::Duplicate, message));
            } else if !follows {
                let message = format!("{} comes after no step above it", row.step.word());
                self.report.value(item.at, message);
            }
            rows.push(row);
        }
        rows
    }

    fn chain_row(&mut self, node: &Node) -> Option<Row> {
        let keys = ["step", "after", "within", "lasts"];
        let fields = self.report.fields(node, "a step", &keys)?;
        let words: Vec<&str> = Step::ALL.iter().map(|step| step.word()).collect();
        let mut step = |key: &str| {
            let node = self.report.required(&fields, "a step", key)?;
            Step::parse(self.report.one_of(node, "a step", &words)?)
        };
        let (step, after) = (step("step")?, step("after")?);
        let within = fields.get("within").and_then(|node| self.span(node));
        let lasts = fields.get("lasts").and_then(|node| self.span(node));
        if step == Step::FollowUp && within.is_some() {
            // The case is closed by then: the relapse watch looks after the family.
            self.report.value(fields.key_at("within"), "a follow_up has no clock");
        }
        if step != Step::Posting && lasts.is_some() {
            self.report.value(fields.key_at("lasts"), "only a posting lasts");
        }
        Some(Row { step, after, within, lasts })
    }

    pub(super) fn green_channel(&mut self, fields: &Fields<'_>) -> Option<GreenChannel> {
        let node = fields.get("green_channel")?;
        let fields = self.report.fields(node, "green_channel", &["risks", "measures"])?;
        let list = self.report.required(&fields, "green_channel", "risks")?;
        let items = self.report.list(list, "risks")?;
        let items = self.report.at_most(list.at, items, limits::MEASURES, "risks");
        let mut risks = Vec::with_capacity(items.len());
        for item in items {
            risks.push(self.report.word(item, "a risk", "_")?);
        }
        let measures = self.report.required(&fields, "green_channel", "measures")?;
        Some(GreenChannel { risks, measures: self.span(measures)? })
    }

    /// Days without noise after a case was closed by people.
    pub(super) fn quiet_days(&mut self, fields: &Fields<'_>) -> i32 {
        let Some(node) = fields.get("quiet_days") else { return limits::QUIET_DAYS };
        let days = match self.report.int(node, "quiet_days") {
            Some(days) => i32::try_from(days).ok(),
            None => return limits::QUIET_DAYS,
        };
        let most = i32::try_from(limits::DAYS_MOST).unwrap_or(i32::MAX);
        let days = days.filter(|days| (1..=most).contains(days));
        if days.is_none() {
            let message = format!("quiet_days is 1 to {}", limits::DAYS_MOST);
            self.report.value(node.at, message);
        }
        days.unwrap_or(limits::QUIET_DAYS)
    }
}
