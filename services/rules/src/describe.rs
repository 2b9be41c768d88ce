//! A pack in words, for `levee rules show`.

use std::fmt::Write;

use proto::alert::Severity;

use crate::{
    expr::names::Name,
    pack::{Evaluate, Fact, Pack, Rule},
};

/// A readable listing: what the pack is, its facts with their windows, and what each rule reads.
#[must_use]
pub fn describe(pack: &Pack) -> String {
    let mut out = String::new();
    let to = pack.to.map_or("open".to_owned(), |to| to.to_string());
    let evaluate = match pack.evaluate {
        Evaluate::Daily => "at each change and at midnight",
        Evaluate::OnEvent => "at each change of the household's data",
    };
    line(&mut out, &format!("pack {}: {} / {}", pack.id, pack.title.zh, pack.title.en));
    line(&mut out, &format!("  scope {}, in force {} to {to}", pack.scope, pack.from));
    line(&mut out, &format!("  decided {evaluate}; a fall waits {} days", pack.close_after_days));
    for event in &pack.event_types {
        line(&mut out, &format!("event type {}: {} fields", event.name, event.fields.len()));
    }
    for table in &pack.tables {
        line(&mut out, &format!("table {}: {} rows", table.name(), table.rows().len()));
    }
    for fact in &pack.facts {
        line(&mut out, &format!("fact {}: {}", fact.name, fact_words(pack, fact)));
    }
    for rule in &pack.rules {
        rule_words(pack, rule, &mut out);
    }
    out
}

fn line(out: &mut String, text: &str) {
    let _infallible = writeln!(out, "{text}");
}

fn fact_words(pack: &Pack, fact: &Fact) -> String {
    let types: Vec<String> = fact
        .types
        .iter()
        .map(|id| {
            let event = pack.catalogue.get(*id);
            match fact.field {
                Some(field) => format!("{}.{}", event.name, event.fields[field].name),
                None => event.name.clone(),
            }
        })
        .collect();
    let until = fact.until.map(|id| format!(" until {}", pack.catalogue.get(id).name));
    let filtered = if fact.filter.is_some() { ", filtered" } else { "" };
    format!(
        "{} of {}{} over {}{filtered} ({})",
        fact.kind.key(),
        types.join(", "),
        until.unwrap_or_default(),
        fact.window,
        fact.value_type
    )
}

fn rule_words(pack: &Pack, rule: &Rule, out: &mut String) {
    line(out, &format!("rule {} ({})", rule.id, rule.risk));
    for level in &rule.levels {
        let names: Vec<&str> = level.names.iter().map(|name| pack.name(*name)).collect();
        let word = match level.severity {
            Severity::Red => "red",
            Severity::Yellow => "yellow",
            _ => "green",
        };
        line(out, &format!("  {word} uses {}", list(&names)));
    }
    let reads = &rule.reads;
    let types: Vec<&str> =
        reads.types.iter().map(|id| pack.catalogue.get(*id).name.as_str()).collect();
    let attrs: Vec<&str> = reads.attrs.iter().map(|attr| attr.name()).collect();
    line(out, &format!("  reads events {}", list(&types)));
    line(out, &format!("  reads household {}", list(&attrs)));
    if !reads.tables.is_empty() {
        let tables: Vec<&str> = reads.tables.iter().map(|at| pack.tables[*at].name()).collect();
        line(out, &format!("  reads tables {}", list(&tables)));
    }
    if reads.today {
        line(out, "  reads today's date");
    }
    let shown: Vec<Name> = rule.why_zh.iter().chain(&rule.why_en).flat_map(|t| t.names()).collect();
    if let Some(material) = rule.material {
        line(out, &format!("  publishes again at each step of {}", material.step));
    }
    if shown.is_empty() {
        line(out, "  has no text that shows values");
    }
}

fn list(words: &[&str]) -> String {
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
