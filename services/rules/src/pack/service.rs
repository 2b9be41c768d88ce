//! What people do with an alert: the toolbox and the clocks.

use std::collections::BTreeMap;

use proto::alert::Severity;

use super::{Clocks, Tool, load::Loader, rules::LEVELS, shape::Fields};
use crate::{limits, yaml::Node};

const LABOUR: [&str; 4] = ["full", "weak", "none", "unknown"];
const ROUTE: [&str; 5] = ["village", "township", "county", "city", "province"];
const HOUR: i64 = 3_600;

impl Loader<'_> {
    pub(super) fn toolbox(&mut self, fields: &Fields<'_>) -> Vec<Tool> {
        let Some(node) = fields.get("toolbox") else { return Vec::new() };
        let Some(items) = self.report.list(node, "toolbox") else { return Vec::new() };
        let items = self.report.at_most(node.at, items, limits::TOOLBOX, "lines of a toolbox");
        items.iter().filter_map(|item| self.tool(item)).collect()
    }

    fn tool(&mut self, node: &Node) -> Option<Tool> {
        let report = &mut self.report;
        let fields = report.fields(node, "a line of a toolbox", &["risk", "labour", "measures"])?;
        let risk = report.required(&fields, "a line of a toolbox", "risk");
        let risk = risk.and_then(|node| report.word(node, "a risk", "_"));
        let labour = match fields.get("labour") {
            Some(node) => Some(report.one_of(node, "labour", &LABOUR)?.to_owned()),
            None => None,
        };
        let list = report.required(&fields, "a line of a toolbox", "measures")?;
        let items = report.list(list, "measures")?;
        let items = report.at_most(list.at, items, limits::MEASURES, "measures");
        let mut measures = Vec::with_capacity(items.len());
        for item in items {
            measures.push(report.word(item, "a measure", "_-")?);
        }
        Some(Tool { risk: risk?, labour, measures })
    }

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
        let mut duration = |key: &str| fields.get(key).and_then(|node| self.duration(node));
        let (acknowledge, visit, decide) =
            (duration("acknowledge"), duration("visit"), duration("decide"));
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
        }
        Some(Clocks { acknowledge, visit, decide, route })
    }

    /// `24h` or `15d`, in seconds.
    fn duration(&mut self, node: &Node) -> Option<i64> {
        let text = self.report.scalar(node, "a duration")?;
        let (digits, unit) = match (text.strip_suffix('h'), text.strip_suffix('d')) {
            (Some(digits), _) => (digits, HOUR),
            (_, Some(digits)) => (digits, 24 * HOUR),
            _ => ("", 0),
        };
        let plain = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let count = plain.then(|| digits.parse::<i64>().ok()).flatten();
        let seconds = count
            .map(|count| count * unit)
            .filter(|seconds| (1..=i64::from(limits::DAYS_MOST) * 24 * HOUR).contains(seconds));
        if seconds.is_none() {
            self.report.value(node.at, "a duration is written like 24h or 15d");
        }
        seconds
    }
}
