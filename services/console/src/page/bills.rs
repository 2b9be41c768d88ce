//! The events behind a signal, found in the household's view by feed and id.

use std::collections::HashMap;

use proto::catalogue::Catalogue;
use serde_json::Value;

use super::words::{self, Lang};

/// One event as a page shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Bill {
    /// What the catalogue calls it; its type's name where no catalogue has it.
    pub(crate) title: String,
    pub(crate) on: String,
    pub(crate) source: String,
    /// What was paid or lost: a name and yuan.
    pub(crate) amounts: Vec<(String, String)>,
    /// The amount that gives its dot its size.
    pub(crate) fen: Option<i64>,
    /// Replaced or withdrawn by a correction.
    pub(crate) withdrawn: bool,
}

/// The events of a household.
#[derive(Debug, Default)]
pub(crate) struct Bills {
    by_id: HashMap<(String, String), usize>,
    pub(crate) all: Vec<Bill>,
}

/// Which amount speaks for an event that has several.
const MAIN: [&str; 4] = ["self_paid_fen", "amount_fen", "loss_fen", "cost_fen"];

impl Bills {
    /// Reads the `events` of a household's view, newest first.
    pub(crate) fn of(view: Option<&Value>, catalogue: &Catalogue, lang: Lang) -> Bills {
        let events = view.and_then(|v| v.get("events")).and_then(Value::as_array);
        let mut events: Vec<&Value> = events.into_iter().flatten().collect();
        events.sort_by_key(|e| std::cmp::Reverse(text(e, "occurred_on")));
        let mut bills = Bills::default();
        for event in events {
            let key = (text(event, "source").to_owned(), text(event, "id").to_owned());
            bills.by_id.insert(key, bills.all.len());
            bills.all.push(bill(event, catalogue, lang));
        }
        bills
    }

    /// The event of a feed with this id.
    pub(crate) fn find(&self, source: &str, id: &str) -> Option<&Bill> {
        let at = self.by_id.get(&(source.to_owned(), id.to_owned()))?;
        self.all.get(*at)
    }
}

fn bill(event: &Value, catalogue: &Catalogue, lang: Lang) -> Bill {
    let kind = text(event, "type");
    let known = catalogue.type_id(kind).map(|id| &catalogue.get(id).title);
    let title = known.map_or(kind, |title| lang.t(&title.zh, &title.en));
    let data = event.get("data").and_then(Value::as_object);
    let money: Vec<(&String, i64)> = data
        .into_iter()
        .flatten()
        .filter(|(name, _)| name.ends_with("_fen"))
        .filter_map(|(name, value)| Some((name, value.as_i64()?)))
        .collect();
    let main = MAIN.iter().find_map(|m| money.iter().find(|(name, _)| name == m));
    let largest = || money.iter().max_by_key(|(_, fen)| fen.unsigned_abs());
    Bill {
        title: title.to_owned(),
        on: text(event, "occurred_on").to_owned(),
        source: text(event, "source").to_owned(),
        fen: main.or_else(largest).map(|(_, fen)| *fen),
        amounts: money
            .iter()
            .map(|(name, fen)| (lang.word(name).to_owned(), words::yuan(*fen)))
            .collect(),
        withdrawn: event.get("live").and_then(Value::as_bool) == Some(false),
    }
}

pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
