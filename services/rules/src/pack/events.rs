//! The event types a pack adds to the catalogue.

use proto::catalogue::{Catalogue, CatalogueError, EventType, Field, Kind};

use super::{header::title, load::Loader, shape::Fields};
use crate::{
    error::{Fault, Mark, PackCode},
    limits,
    near::shown,
    yaml::Node,
};

impl Loader<'_> {
    pub(super) fn event_types(&mut self, fields: &Fields<'_>) -> Vec<EventType> {
        let Some(node) = fields.get("event_types") else { return Vec::new() };
        let Some(entries) = self.report.map(node, "event_types") else { return Vec::new() };
        let entries = self.report.at_most(node.at, entries, limits::EVENT_TYPES, "event types");
        let mut added = Vec::new();
        for (key, value) in entries {
            let Some(event) = self.event_type(key.at, &key.name, value) else { continue };
            match self.catalogue.add(event.clone()) {
                Ok(_) => added.push(event),
                Err(CatalogueError::Conflict { name }) => {
                    let message = format!("{} is defined differently elsewhere", shown(&name));
                    let fault = Fault::new(PackCode::Conflict, message);
                    self.report.add(key.at, fault.hint("give it another name"));
                }
                Err(CatalogueError::Full) => {
                    let message = format!("more than {} event types", Catalogue::LIMIT);
                    self.report.add(key.at, Fault::new(PackCode::Limit, message));
                }
            }
        }
        added
    }

    fn event_type(&mut self, at: Mark, name: &str, node: &Node) -> Option<EventType> {
        let named = self.report.check_word(at, name, "the name of an event type", "._-");
        let keys = ["risk", "title", "area", "fields"];
        let fields = self.report.fields(node, "an event type", &keys)?;
        let risk = match fields.get("risk") {
            Some(node) => Some(self.report.word(node, "a risk", "_")?),
            None => None,
        };
        let area = fields.get("area").map(|node| self.report.bool(node, "area"));
        let title = fields.get("title").map(|node| title(&mut self.report, node));
        let mut own = Vec::new();
        if let Some(node) = fields.get("fields") {
            let entries = self.report.map(node, "fields")?;
            let entries = self.report.at_most(node.at, entries, Catalogue::FIELDS, "fields");
            for (key, value) in entries {
                own.push(self.event_field(key.at, &key.name, value)?);
            }
        }
        named.then(|| EventType {
            name: name.to_owned(),
            risk,
            title: title.unwrap_or_default(),
            area: area.flatten().unwrap_or(false),
            fields: own,
        })
    }

    fn event_field(&mut self, at: Mark, name: &str, node: &Node) -> Option<Field> {
        let report = &mut self.report;
        if !report.check_word(at, name, "the name of a field", "_") {
            return None;
        }
        if matches!(name, "occurred_on" | "void") {
            report.value(at, "every event has this field already");
            return None;
        }
        let keys = ["kind", "of", "min", "max", "required"];
        let fields = report.fields(node, "a field", &keys)?;
        let kind = report.required(&fields, "a field", "kind")?;
        let kinds = ["money", "int", "bool", "date", "text", "enum"];
        let kind = match report.one_of(kind, "kind", &kinds)? {
            "money" => Kind::Money,
            "int" => Kind::Int,
            "bool" => Kind::Bool,
            "date" => Kind::Date,
            "text" => Kind::Text,
            _ => Kind::Enum(self.enum_words(&fields)?),
        };
        let report = &mut self.report;
        if !matches!(kind, Kind::Enum(_)) && fields.get("of").is_some() {
            report.value(fields.key_at("of"), "`of` belongs to enum");
        }
        let number = matches!(kind, Kind::Money | Kind::Int);
        for key in ["min", "max"] {
            if !number && fields.get(key).is_some() {
                report.value(fields.key_at(key), format!("`{key}` belongs to money and int"));
            }
        }
        let min = fields.get("min").and_then(|node| report.int(node, "min"));
        let max = fields.get("max").and_then(|node| report.int(node, "max"));
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            report.value(fields.key_at("max"), "`max` is below `min`");
        }
        let required = fields.get("required").and_then(|node| report.bool(node, "required"));
        Some(Field { name: name.to_owned(), kind, required: required.unwrap_or(false), min, max })
    }

    fn enum_words(&mut self, fields: &Fields<'_>) -> Option<Vec<String>> {
        let report = &mut self.report;
        let node = report.required(fields, "an enum", "of")?;
        let items = report.list(node, "of")?;
        let items = report.at_most(node.at, items, limits::ENUM_WORDS, "words");
        if items.is_empty() {
            report.value(node.at, "an enum needs words");
            return None;
        }
        let mut words: Vec<String> = Vec::new();
        for item in items {
            let word = report.word(item, "a word", "_-")?;
            if words.contains(&word) {
                report.add(item.at, Fault::new(PackCode::Duplicate, "this word stands twice"));
            }
            words.push(word);
        }
        Some(words)
    }
}
