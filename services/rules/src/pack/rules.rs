//! The rules of a pack.

use std::collections::BTreeSet;

use proto::alert::Severity;

use super::{Fact, LevelExpr, Material, Rule, load::Loader, shape::Fields};
use crate::{
    error::{Fault, PackCode},
    expr::program::Type,
    gate, limits,
    near::shown,
    reads::Needs,
    template::Template,
    yaml::Node,
};

/// The levels from the most severe.
pub(super) const LEVELS: [(&str, Severity); 3] =
    [("red", Severity::Red), ("yellow", Severity::Yellow), ("green", Severity::Green)];

const KEYS: [&str; 7] = ["id", "risk", "red", "yellow", "green", "why", "material"];

impl Loader<'_> {
    pub(super) fn rules(&mut self, fields: &Fields<'_>, facts: &[Fact]) -> Vec<Rule> {
        let Some(node) = fields.get("rules") else { return Vec::new() };
        let Some(items) = self.report.list(node, "rules") else { return Vec::new() };
        let items = self.report.at_most(node.at, items, limits::RULES, "rules");
        let mut ids = BTreeSet::new();
        let mut rules = Vec::new();
        for item in items {
            let Some(rule) = self.rule(item, facts) else { continue };
            if !ids.insert(rule.id.clone()) {
                let message = format!("rule {} stands twice", shown(&rule.id));
                self.report.add(item.at, Fault::new(PackCode::Duplicate, message));
            }
            rules.push(rule);
        }
        rules
    }

    fn rule(&mut self, node: &Node, facts: &[Fact]) -> Option<Rule> {
        let fields = self.report.fields(node, "a rule", &KEYS)?;
        let id = self.report.required(&fields, "a rule", "id");
        let id = id.and_then(|node| self.report.word(node, "the id of a rule", "-"));
        let risk = self.report.required(&fields, "a rule", "risk");
        let risk = risk.and_then(|node| self.report.word(node, "a risk", "_"));
        let types = |fact: usize| {
            facts
                .get(fact)
                .map_or(Vec::new(), |fact| fact.types.iter().copied().chain(fact.until).collect())
        };
        let mut all = Needs::default();
        let mut levels = Vec::new();
        let mut written = false;
        for (key, severity) in LEVELS {
            let Some(node) = fields.get(key) else { continue };
            written = true;
            let Ok(expr) = self.expression(node, key, Some(Type::Bool)) else { continue };
            let needs = Needs::of(&self.program, expr, &self.needs);
            all.extend(&needs);
            let (names, reads) = (needs.names(), needs.finish(types));
            let gates = gate::gates(&self.program, facts, expr);
            levels.push(LevelExpr { severity, expr, names, reads, gates });
        }
        if !written {
            let fault = Fault::new(PackCode::Missing, "a rule needs red, yellow or green");
            self.report.add(node.at, fault);
        }
        let (why_zh, why_en) = self.why(&fields);
        let material = fields.get("material").and_then(|node| self.material(node));
        if let Some(material) = material {
            all.extend(&Needs::of(&self.program, material.value, &self.needs));
        }
        let reads = all.finish(types);
        let (id, risk, settles) = (id?.into(), risk?, false);
        Some(Rule { id, risk, levels, why_zh, why_en, material, reads, settles })
    }

    fn why(&mut self, fields: &Fields<'_>) -> (Option<Template>, Option<Template>) {
        let Some(node) = fields.get("why") else { return (None, None) };
        let Some(fields) = self.report.fields(node, "why", &["zh", "en"]) else {
            return (None, None);
        };
        let mut template = |key: &str| {
            let node = fields.get(key)?;
            let text = self.report.scalar(node, "a text")?;
            match Template::parse(text, &self.names) {
                Ok(template) => Some(template),
                Err((offset, fault)) => {
                    self.report.inside(node, offset, fault);
                    None
                }
            }
        };
        (template("zh"), template("en"))
    }

    fn material(&mut self, node: &Node) -> Option<Material> {
        let fields = self.report.fields(node, "material", &["value", "step"])?;
        let value = self.report.required(&fields, "material", "value");
        let value = value.map(|node| self.expression(node, "material's value", Some(Type::Int)));
        let step = self.report.required(&fields, "material", "step")?;
        let amount = self.report.int(step, "step")?;
        if amount <= 0 {
            self.report.value(step.at, "step must be above 0");
            return None;
        }
        Some(Material { value: value?.ok()?, step: amount })
    }
}
