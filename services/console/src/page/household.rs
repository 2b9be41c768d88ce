//! A case's page and a household's page: the reasons, the bills, the course.

use askama::Template;
use proto::alert::{Severity, Value as Known};
use proto::date::Instant;
use serde_json::Value;

use super::alert::{Evidence, Shown, Signal};
use super::bills::{Bill, Bills, text};
use super::course::Course;
use super::words::{self, Lang};
use crate::board::{Item, State};

/// The page of one case: its alerts, newest first.
#[derive(Template)]
#[template(path = "case.html")]
pub(crate) struct CasePage {
    pub(crate) l: Lang,
    pub(crate) item: Item,
    pub(crate) alerts: Vec<Shown>,
    pub(crate) steps: Vec<ChainStep>,
    pub(crate) bills: Bills,
    pub(crate) view: View,
    pub(crate) course: Option<Course>,
    /// Whether the household's data cannot be had now.
    pub(crate) away: bool,
}

/// A step of the chain: when it was done, or until when it is due.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChainStep {
    pub(crate) word: String,
    pub(crate) done: Option<String>,
    pub(crate) due: Option<String>,
    pub(crate) asked: Option<String>,
    pub(crate) late: bool,
}

impl ChainStep {
    /// Reads a step as `GET /v1/cases/{case}` gives it.
    pub(crate) fn of(step: &Value, now: Instant) -> ChainStep {
        let text = |name: &str| step[name].as_str().map(str::to_owned);
        let (done, due) = (text("done_at"), text("due_by"));
        let over = due.as_deref().and_then(Instant::parse).is_some_and(|by| by < now);
        ChainStep {
            word: text("step").unwrap_or_default(),
            late: done.is_none() && over,
            done: done.map(|at| words::minute(&at)),
            due: due.map(|by| words::minute(&by)),
            asked: text("asked"),
        }
    }
}

/// The page of one household: its profile, its cases, everything known of it.
#[derive(Template)]
#[template(path = "household.html")]
pub(crate) struct HouseholdPage {
    pub(crate) l: Lang,
    pub(crate) household: String,
    pub(crate) cases: Vec<Item>,
    pub(crate) bills: Bills,
    pub(crate) view: View,
    pub(crate) course: Option<Course>,
}

/// The household's view as the engine gives it; every part may be absent.
#[derive(Debug, Default)]
pub(crate) struct View(pub(crate) Option<Value>);

impl View {
    /// A text of the view.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.as_ref().map_or("", |view| text(view, name))
    }

    pub(crate) fn level(&self) -> Option<Severity> {
        Severity::parse(self.text("level"))
    }

    fn number(&self, name: &str) -> Option<i64> {
        self.0.as_ref()?.get(name)?.as_i64()
    }

    fn list(&self, name: &str) -> &[Value] {
        let list = self.0.as_ref().and_then(|view| view.get(name)).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// What the profile says: a name and how people read it.
    fn profile(&self, l: Lang) -> Vec<(&'static str, String)> {
        let money = self.number("net_income_fen").map(words::yuan);
        let all = [
            (l.t("类别", "class"), l.word(self.text("class")).to_owned()),
            (
                l.t("人口", "members"),
                self.number("size").map_or_else(String::new, |n| n.to_string()),
            ),
            (l.t("家庭纯收入（元）", "net income (yuan)"), money.unwrap_or_default()),
            (l.t("地区", "region"), self.text("region").to_owned()),
            (l.t("安置点", "site"), self.text("site").to_owned()),
            (l.t("档案时间", "profile of"), words::minute(self.text("profile_at"))),
        ];
        all.into_iter().filter(|(_, text)| !text.is_empty()).collect()
    }

    /// The threshold of a value at a level of a rule, where the view states one.
    fn threshold(&self, rule: &str, level: Severity, name: &str) -> Option<&Value> {
        let mut found = self.list("headroom").iter();
        let found = found.find(|h| {
            text(h, "rule") == rule && text(h, "level") == level.word() && text(h, "name") == name
        })?;
        found.get("threshold")
    }

    /// The thresholds that are not reached, of values that are not zero.
    fn headroom(&self, l: Lang) -> Vec<Room<'_>> {
        let number = |h: &Value, name: &str| h.get(name).and_then(Value::as_i64).unwrap_or(0);
        let open = |h: &&Value| number(h, "missing") > 0 && number(h, "value") != 0;
        let room = |h| Room {
            rule: text(h, "rule"),
            level: Severity::parse(text(h, "level")).unwrap_or_default(),
            name: text(h, "name"),
            value: shown(l, h, "value"),
            threshold: shown(l, h, "threshold"),
            missing: shown(l, h, "missing"),
            crossing: text(h, "crossing_on"),
        };
        self.list("headroom").iter().filter(open).map(room).collect()
    }

    /// Every fact: pack, name, value.
    fn facts(&self, l: Lang) -> Vec<(&str, &str, String)> {
        let packs = self.0.as_ref().and_then(|view| view.get("facts")).and_then(Value::as_object);
        let packs = packs.into_iter().flatten();
        packs
            .filter_map(|(pack, facts)| Some((pack, facts.as_object()?)))
            .flat_map(|(pack, facts)| {
                facts.iter().map(move |(name, v)| (&**pack, &**name, readable(l, Some(v))))
            })
            .collect()
    }
}

/// How far a value is from a level's threshold.
struct Room<'a> {
    rule: &'a str,
    level: Severity,
    name: &'a str,
    value: String,
    threshold: String,
    missing: String,
    /// The date on which it is reached if all goes on as it does; often empty.
    crossing: &'a str,
}

fn shown(l: Lang, object: &Value, name: &str) -> String {
    readable(l, object.get(name))
}

fn readable(l: Lang, value: Option<&Value>) -> String {
    let known = match value {
        Some(Value::Bool(yes)) => Known::Bool(*yes),
        Some(Value::String(text)) => Known::Text(text.as_str().into()),
        Some(Value::Number(n)) => {
            n.as_i64().map_or_else(|| Known::Text(n.to_string().into()), Known::Int)
        }
        _ => return String::new(),
    };
    words::value(l, &known)
}

/// A value of a signal: name, as people read it, as it stands, its threshold.
struct Line<'a> {
    name: &'a str,
    text: String,
    raw: String,
    threshold: String,
}

impl CasePage {
    /// The thresholds are those of today, so they stand beside the latest revision alone.
    fn lines<'a>(&'a self, revision: u32, signal: &'a Signal) -> Vec<Line<'a>> {
        let latest = revision == self.item.revision;
        let line = |(name, value): &'a (String, Known)| Line {
            name,
            text: words::value(self.l, value),
            raw: words::raw(value),
            threshold: readable(
                self.l,
                self.view.threshold(&signal.rule, signal.level, name).filter(|_| latest),
            ),
        };
        signal.values.0.iter().map(line).collect()
    }

    fn bill(&self, evidence: &Evidence) -> Bill {
        let found = self.bills.find(&evidence.source, &evidence.id).cloned();
        found.unwrap_or_else(|| Bill {
            title: self.l.t("依据事件", "event").to_owned(),
            on: evidence.occurred_on.clone(),
            source: evidence.source.clone(),
            ..Bill::default()
        })
    }

    fn is_open(&self) -> bool {
        self.item.state == State::Open
    }
}

impl HouseholdPage {
    fn state(&self, item: &Item) -> &'static str {
        match item.state {
            State::Open => self.l.t("进行中", "open"),
            State::Closed => self.l.t("已结案", "closed"),
        }
    }
}
