//! The head of a pack: its name, where and when it holds, and how its rules are decided.

use proto::{catalogue::Title, date::Date, region::Prefix};

use super::{Evaluate, load::Loader, shape::Fields};
use crate::{
    error::{Fault, PackCode, Report},
    limits,
    yaml::Node,
};

/// The head; what could not be read is missing and has been complained about.
pub(super) struct Header {
    pub(super) id: Option<String>,
    pub(super) title: Title,
    pub(super) scope: Option<Prefix>,
    pub(super) from: Option<Date>,
    pub(super) to: Option<Date>,
    pub(super) evaluate: Evaluate,
    pub(super) close_after_days: u32,
    pub(super) retain_days: u32,
}

impl Loader<'_> {
    pub(super) fn header(&mut self, fields: &Fields<'_>) -> Header {
        let report = &mut self.report;
        let id = report.required(fields, "a pack", "pack");
        let id = id.and_then(|node| report.word(node, "the id of a pack", "-"));
        let scope = report.required(fields, "a pack", "scope");
        let scope = scope.and_then(|node| report.prefix(node, "scope"));
        let effective = report.required(fields, "a pack", "effective");
        let (from, to) = effective.map_or((None, None), |node| effective_dates(report, node));
        let evaluate = fields
            .get("evaluate")
            .and_then(|node| report.one_of(node, "evaluate", &["daily", "on_event"]));
        let close_after = fields.get("close_after");
        let retain = fields.get("retain");
        let least = limits::RETAIN_LEAST;
        Header {
            id,
            title: fields.get("title").map(|node| title(report, node)).unwrap_or_default(),
            scope,
            from,
            to,
            evaluate: match evaluate {
                Some("on_event") => Evaluate::OnEvent,
                _ => Evaluate::Daily,
            },
            close_after_days: close_after
                .and_then(|node| report.days(node, "close_after", 0))
                .unwrap_or(0),
            retain_days: retain
                .and_then(|node| report.days(node, "retain", least))
                .unwrap_or(least),
        }
    }
}

/// `{zh: …, en: …}`; a missing language is empty.
pub(super) fn title(report: &mut Report<'_>, node: &Node) -> Title {
    let mut title = Title::default();
    let Some(fields) = report.fields(node, "a title", &["zh", "en"]) else { return title };
    for (key, slot) in [("zh", &mut title.zh), ("en", &mut title.en)] {
        let Some(node) = fields.get(key) else { continue };
        let Some(text) = report.scalar(node, "a title") else { continue };
        if text.chars().count() > limits::TITLE_CHARS {
            let message = format!("a title is longer than {} characters", limits::TITLE_CHARS);
            report.add(node.at, Fault::new(PackCode::Limit, message));
        }
        text.clone_into(slot);
    }
    title
}

fn effective_dates(report: &mut Report<'_>, node: &Node) -> (Option<Date>, Option<Date>) {
    let Some(fields) = report.fields(node, "effective", &["from", "to"]) else {
        return (None, None);
    };
    let from = report.required(&fields, "effective", "from");
    let from = from.and_then(|node| date(report, node));
    let end = fields.get("to");
    let to = end.and_then(|node| date(report, node));
    if let (Some(first), Some(last), Some(node)) = (from, to, end)
        && last < first
    {
        report.value(node.at, "`to` lies before `from`");
    }
    (from, to)
}

pub(super) fn date(report: &mut Report<'_>, node: &Node) -> Option<Date> {
    let text = report.scalar(node, "a date")?;
    let date = Date::parse(text);
    if date.is_none() {
        report.value(node.at, "a date is written YYYY-MM-DD");
    }
    date
}
