//! Reads the shipped catalogue, a table embedded at build time.

use super::{EventType, Field, Kind, Title};

/// One type a line block: `type [area] risk zh / en`, then its fields, indented.
const TABLE: &str = include_str!("../../catalogue.txt");

pub(super) fn types() -> Vec<EventType> {
    let mut types: Vec<EventType> = Vec::new();
    for line in TABLE.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(field) => {
                if let Some(last) = types.last_mut() {
                    last.fields.push(parse_field(field));
                }
            }
            None => types.push(parse_type(line)),
        }
    }
    types
}

fn parse_type(line: &str) -> EventType {
    let mut words = line.splitn(4, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (name, subject, risk, title) = (word(), word(), word(), word());
    let (zh, en) = title.split_once(" / ").unwrap_or((title, title));
    EventType {
        name: name.to_owned(),
        risk: (risk != "-").then(|| risk.to_owned()),
        title: Title { zh: zh.to_owned(), en: en.to_owned() },
        area: subject == "area",
        fields: Vec::new(),
    }
}

fn parse_field(text: &str) -> Field {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let kind = match words.next().unwrap_or_default() {
        "money" => Kind::Money,
        "int" => Kind::Int,
        "bool" => Kind::Bool,
        "date" => Kind::Date,
        "text" => Kind::Text,
        words => Kind::Enum(words.split('|').map(str::to_owned).collect()),
    };
    let mut field = Field {
        name: name.trim_end_matches('*').to_owned(),
        kind,
        required: name.ends_with('*'),
        min: None,
        max: None,
    };
    for bound in words {
        match bound.split_once('=') {
            Some(("min", n)) => field.min = n.parse().ok(),
            Some(("max", n)) => field.max = n.parse().ok(),
            _ => {}
        }
    }
    field
}
