//! What can be offered: the toolbox, the measures' titles, and what contradicts a risk.

use proto::catalogue::Title;

use super::{Contradiction, Measure, Tool, load::Loader, shape::Fields};
use crate::{
    error::{Fault, PackCode},
    expr::program::Type,
    limits,
    yaml::Node,
};

const LABOUR: [&str; 4] = ["full", "weak", "none", "unknown"];

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

    /// The measures' titles, and the programmes that a family has once it has a measure.
    pub(super) fn measures(&mut self, fields: &Fields<'_>) -> Vec<Measure> {
        let Some(node) = fields.get("measures") else { return Vec::new() };
        let Some(entries) = self.report.map(node, "measures") else { return Vec::new() };
        let entries = self.report.at_most(node.at, entries, limits::TOOLBOX, "measures");
        let mut measures = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            self.report.check_word(key.at, &key.name, "a measure", "_-");
            let keys = ["zh", "en", "aid"];
            let Some(fields) = self.report.fields(value, "a measure", &keys) else { continue };
            let mut text = |key: &str| {
                let node = fields.get(key)?;
                let text = self.report.scalar(node, "a title")?;
                if text.chars().count() > limits::TITLE_CHARS {
                    let message =
                        format!("a title is longer than {} characters", limits::TITLE_CHARS);
                    self.report.add(node.at, Fault::new(PackCode::Limit, message));
                }
                Some(text.to_owned())
            };
            let (zh, en) = (text("zh"), text("en"));
            let title = Title { zh: zh.unwrap_or_default(), en: en.unwrap_or_default() };
            let aid = match fields.get("aid") {
                Some(node) => self.words(node, "a programme"),
                None => vec![key.name.to_string()],
            };
            measures.push(Measure { code: key.name.to_string(), title, aid });
        }
        measures
    }

    fn words(&mut self, node: &Node, what: &str) -> Vec<String> {
        let Some(items) = self.report.list(node, what) else { return Vec::new() };
        let items = self.report.at_most(node.at, items, limits::MEASURES, what);
        items.iter().filter_map(|item| self.report.word(item, what, "_-")).collect()
    }

    /// What must not be true where a risk stands.
    pub(super) fn contradictions(&mut self, fields: &Fields<'_>) -> Vec<Contradiction> {
        let Some(node) = fields.get("contradictions") else { return Vec::new() };
        let Some(items) = self.report.list(node, "contradictions") else { return Vec::new() };
        let items = self.report.at_most(node.at, items, limits::CONTRADICTIONS, "contradictions");
        items.iter().filter_map(|item| self.contradiction(item)).collect()
    }

    fn contradiction(&mut self, node: &Node) -> Option<Contradiction> {
        let what = "a contradiction";
        let fields = self.report.fields(node, what, &["id", "risk", "when"])?;
        let id = self.report.required(&fields, what, "id");
        let id = id.and_then(|node| self.report.word(node, "the id of a contradiction", "_-"));
        let risk = self.report.required(&fields, what, "risk");
        let risk = risk.and_then(|node| self.report.word(node, "a risk", "_"));
        let when = self.report.required(&fields, what, "when")?;
        let when = self.expression(when, "when", Some(Type::Bool)).ok()?;
        Some(Contradiction { id: id?, risk: risk?, when })
    }
}
