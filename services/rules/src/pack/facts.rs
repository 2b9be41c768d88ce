//! The facts of a pack: which events they look at, through which window and filter.

use proto::catalogue::{Kind, TypeId};

use super::{Fact, FactKind, load::Loader, shape::Fields};
use crate::{
    error::{Fault, Mark, PackCode},
    expr::{
        compile::compile,
        names::{Name, Reach, field_type},
        program::{Expr, Node as Step, Type},
    },
    filter::WordTest,
    limits,
    near::{did_you_mean, shown},
    template::Literal,
    window::{NAMED, Window},
    yaml::Node,
};

/// The key of each kind.
const KINDS: [(&str, FactKind); 8] = [
    ("sum", FactKind::Sum),
    ("max", FactKind::Max),
    ("count", FactKind::Count),
    ("last", FactKind::Last),
    ("distinct", FactKind::Distinct),
    ("days_since", FactKind::DaysSince),
    ("open_days", FactKind::OpenDays),
    ("active", FactKind::Active),
];

const KEYS: [&str; 12] = [
    "sum",
    "max",
    "count",
    "last",
    "distinct",
    "days_since",
    "open_days",
    "active",
    "until",
    "over",
    "where",
    "default",
];

impl FactKind {
    /// The key it is written with.
    #[must_use]
    pub fn key(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("", |(key, _)| key)
    }
}

/// What a fact looks at.
struct Target {
    types: Vec<TypeId>,
    field: Option<usize>,
    value_type: Type,
}

impl Loader<'_> {
    pub(super) fn facts(&mut self, fields: &Fields<'_>, retain: u32) -> Vec<Fact> {
        let Some(node) = fields.get("facts") else { return Vec::new() };
        let Some(entries) = self.report.map(node, "facts") else { return Vec::new() };
        let entries = self.report.at_most(node.at, entries, limits::FACTS, "facts");
        let mut facts = Vec::new();
        for (key, value) in entries {
            let usable = self.claim(key.at, &key.name);
            let fact = self.fact(&key.name, value, retain);
            if usable {
                let kind = fact.as_ref().map(|fact| fact.value_type);
                let place = Name::Fact(facts.len());
                self.names.values.insert(key.name.to_string(), (place, kind));
            }
            if let (Some(fact), true) = (fact, usable) {
                let at = u32::try_from(facts.len()).unwrap_or(u32::MAX);
                let (root, _) = self.program.add(Step::Fact(at));
                self.program.facts.push(Expr { root, kind: fact.value_type });
                facts.push(fact);
            }
        }
        facts
    }

    fn fact(&mut self, name: &str, node: &Node, retain: u32) -> Option<Fact> {
        let fields = self.report.fields(node, "a fact", &KEYS)?;
        let mut kinds = KINDS.iter().filter(|(key, _)| fields.get(key).is_some());
        let (Some((key, kind)), None) = (kinds.next(), kinds.next()) else {
            let words: Vec<&str> = KINDS.iter().map(|(key, _)| *key).collect();
            let message = format!("a fact has exactly one of {}", words.join(", "));
            self.report.add(node.at, Fault::new(PackCode::Missing, message));
            return None;
        };
        let target = self.target(*kind, fields.get(key)?);
        let until = self.closing(*kind, &fields);
        let window = match fields.get("over") {
            Some(node) => self.window(node),
            None => Some(Window::Retain(retain)),
        };
        let target = target?;
        let default = match fields.get("default") {
            Some(node) => Some(self.default(node, target.value_type)?),
            None => None,
        };
        let filter = match fields.get("where") {
            Some(node) => Some(self.filter(node, &target)?),
            None => None,
        };
        let Target { types, field, value_type } = target;
        let money = |id: &TypeId| {
            let event = self.catalogue.get(*id);
            let field = field.and_then(|at| event.fields.get(at));
            !event.area && field.is_some_and(|field| field.kind == Kind::Money)
        };
        let fails = filter.is_some_and(|filter| self.program.may_fail(filter));
        let adds = matches!(kind, FactKind::Sum | FactKind::Max) && default.is_none() && !fails;
        let words = filter.and_then(|filter| {
            let kind = types.first().map(|id| self.catalogue.get(*id))?;
            WordTest::of(&self.program, filter, kind)
        });
        let grows = adds && types.iter().all(money);
        let until = until?;
        let looks_at = types.iter().chain(&until);
        let of_areas = looks_at.into_iter().any(|id| self.catalogue.get(*id).area);
        Some(Fact {
            name: name.to_owned(),
            kind: *kind,
            types,
            until,
            field,
            value_type,
            window: window?,
            filter,
            words,
            default,
            grows,
            of_areas,
        })
    }

    /// `until` of `open_days`, which no other kind has.
    fn closing(&mut self, kind: FactKind, fields: &Fields<'_>) -> Option<Option<TypeId>> {
        match (kind, fields.get("until")) {
            (FactKind::OpenDays, _) => {
                let node = self.report.required(fields, "open_days", "until")?;
                let text = self.report.scalar(node, "until")?;
                self.event(node.at, text).map(Some)
            }
            (_, Some(_)) => {
                self.report.value(fields.key_at("until"), "`until` belongs to open_days");
                None
            }
            (_, None) => Some(None),
        }
    }

    fn window(&mut self, node: &Node) -> Option<Window> {
        let text = self.report.scalar(node, "over")?;
        match Window::parse(text) {
            Ok(window) => Some(window),
            Err(message) => {
                let hint = did_you_mean(text, NAMED.iter().map(|(name, _)| *name));
                let fallback = || "for example 365d, 6m, calendar_year".to_owned();
                let hint = hint.or_else(|| Some(fallback()));
                self.report.add(node.at, Fault::new(PackCode::Value, message).maybe(hint));
                None
            }
        }
    }

    fn target(&mut self, kind: FactKind, node: &Node) -> Option<Target> {
        if kind == FactKind::Distinct {
            let items = self.report.list(node, "distinct")?;
            if items.is_empty() {
                self.report.value(node.at, "distinct needs event types");
                return None;
            }
            let mut types = Vec::new();
            for item in items {
                let text = self.report.scalar(item, "an event type")?;
                let id = self.event(item.at, text)?;
                if types.contains(&id) {
                    let fault = Fault::new(PackCode::Duplicate, "this type stands twice");
                    self.report.add(item.at, fault);
                    return None;
                }
                types.push(id);
            }
            return Some(Target { types, field: None, value_type: Type::Int });
        }
        let text = self.report.scalar(node, kind.key())?;
        match kind {
            FactKind::Sum | FactKind::Max | FactKind::Last => self.of_field(kind, node.at, text),
            FactKind::Count if self.catalogue.type_id(text).is_none() => {
                // A field after the type changes nothing: an event is counted either way.
                let (event, field) = text.rsplit_once('.').unwrap_or((text, ""));
                let counted = self
                    .catalogue
                    .type_id(event)
                    .filter(|id| self.catalogue.get(*id).field(field).is_some());
                let id = counted.or_else(|| self.event(node.at, text))?;
                Some(Target { types: vec![id], field: None, value_type: Type::Int })
            }
            _ => {
                let id = self.event(node.at, text)?;
                if kind == FactKind::Active && !self.catalogue.get(id).area {
                    let message = format!("{} is no area event", shown(text));
                    let fault = Fault::new(PackCode::Type, message);
                    self.report.add(node.at, fault.hint("active takes an event type of areas"));
                    return None;
                }
                Some(Target { types: vec![id], field: None, value_type: Type::Int })
            }
        }
    }

    /// `type.field`.
    fn of_field(&mut self, kind: FactKind, at: Mark, text: &str) -> Option<Target> {
        let (event, name) = text.rsplit_once('.').unwrap_or((text, ""));
        let Some(id) = self.catalogue.type_id(event) else {
            if let Some(whole) = self.catalogue.type_id(text) {
                let numbers = self.catalogue.get(whole).fields.first();
                let message = format!("{} needs a field: `type.field`", kind.key());
                let hint = numbers.map(|field| format!("for example {text}.{}", field.name));
                self.report.add(at, Fault::new(PackCode::Value, message).maybe(hint));
                return None;
            }
            self.event(at, event);
            return None;
        };
        let fields = &self.catalogue.get(id).fields;
        let Some(field) = fields.iter().position(|field| field.name == name) else {
            let message = format!("{} has no field {}", shown(event), shown(name));
            let hint = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
            self.report.add(at, Fault::new(PackCode::Name, message).maybe(hint));
            return None;
        };
        let number = matches!(fields[field].kind, Kind::Money | Kind::Int);
        if kind != FactKind::Last && !number {
            let message = format!("{} takes money or int, {} is neither", kind.key(), shown(name));
            self.report.add(at, Fault::new(PackCode::Type, message));
            return None;
        }
        let value_type = field_type(&fields[field].kind);
        Some(Target { types: vec![id], field: Some(field), value_type })
    }

    fn event(&mut self, at: Mark, name: &str) -> Option<TypeId> {
        let found = self.catalogue.type_id(name);
        if found.is_none() && !self.report.full() {
            let message = format!("there is no event type {}", shown(name));
            let known = self.catalogue.iter().map(|(_, event)| event.name.as_str());
            let hint = did_you_mean(name, known);
            self.report.add(at, Fault::new(PackCode::Name, message).maybe(hint));
        }
        found
    }

    fn default(&mut self, node: &Node, kind: Type) -> Option<Literal> {
        match kind {
            Type::Int => self.report.int(node, "default").map(Literal::Int),
            Type::Bool => self.report.bool(node, "default").map(Literal::Bool),
            Type::Text => {
                let text = self.report.scalar(node, "default")?;
                Some(Literal::Text(text.to_owned()))
            }
        }
    }

    fn filter(&mut self, node: &Node, target: &Target) -> Option<Expr> {
        let [id] = target.types.as_slice() else {
            let fault = Fault::new(PackCode::Value, "`where` goes with one event type");
            self.report.add(node.at, fault.hint("use a `count` for each type"));
            return None;
        };
        let text = self.report.scalar(node, "where").filter(|_| !self.report.full())?;
        let reach = Reach::Event(self.catalogue.get(*id));
        let result = compile(text, reach, &mut self.program);
        self.finish(node, "`where`", Some(Type::Bool), result).ok()
    }
}
