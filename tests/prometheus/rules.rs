//! The rule and case files, and what an expression looks at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// An alert as its rule has it.
pub(crate) struct Alert {
    pub(crate) name: String,
    pub(crate) severity: String,
    pub(crate) runbook: String,
}

/// A metric with what is asked of its labels: the label, and the values that must each occur
/// (none for a pattern).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) matchers: Vec<(String, Vec<String>)>,
}

fn parse(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn rules(yaml: &str) -> Vec<Value> {
    let file = parse(yaml);
    let groups = file["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
}

pub(crate) fn alerts(yaml: &str) -> Vec<Alert> {
    let rules = rules(yaml).into_iter().filter(|rule| rule.get("alert").is_some());
    let alert = |rule: Value| Alert {
        name: text(&rule["alert"]),
        severity: text(&rule["labels"]["severity"]),
        runbook: text(&rule["annotations"]["runbook"]),
    };
    rules.map(alert).collect()
}

/// The names that rules record.
pub(crate) fn records(yaml: &str) -> BTreeSet<String> {
    rules(yaml).iter().filter_map(|rule| rule.get("record")).map(text).collect()
}

/// Each rule's name and its expression.
pub(crate) fn expressions(yaml: &str) -> Vec<(String, String)> {
    let rules = rules(yaml);
    let name = |rule: &Value| text(rule.get("alert").unwrap_or(&rule["record"]));
    rules.iter().map(|rule| (name(rule), text(&rule["expr"]))).collect()
}

/// For each alert whether it fires, case by case in their order.
pub(crate) fn cases(yaml: &str) -> BTreeMap<String, Vec<bool>> {
    let mut cases: BTreeMap<String, Vec<bool>> = BTreeMap::new();
    let file = parse(yaml);
    for test in file["tests"].as_array().unwrap() {
        for case in test["alert_rule_test"].as_array().unwrap() {
            let fires = !case["exp_alerts"].as_array().unwrap().is_empty();
            cases.entry(text(&case["alertname"])).or_default().push(fires);
        }
    }
    cases
}

/// The names in the first column of a page's tables.
pub(crate) fn first_column(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split(['`', '{']).next()).map(str::to_owned).collect()
}

/// What an expression looks at, and the labels that it groups by.
pub(crate) fn read(expression: &str) -> (Vec<Selector>, BTreeSet<String>) {
    const GROUP: [&str; 5] = ["by", "without", "on", "ignoring", "group_left"];
    const WORDS: [&str; 4] = ["and", "or", "unless", "bool"];
    let (mut selectors, mut grouped) = (Vec::new(), BTreeSet::new());
    let mut rest = expression;
    while let Some(next) = rest.chars().next() {
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let length = rest.find(|c| !name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        // A number or a duration begins with a digit, everything else steps by one.
        if word.is_empty() || next.is_ascii_digit() {
            rest = &rest[length.max(next.len_utf8())..];
            continue;
        }
        rest = after.trim_start();
        if GROUP.contains(&word) {
            let (labels, after) = rest[1..].split_once(')').unwrap();
            grouped.extend(labels.split(',').map(|label| label.trim().to_owned()));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('{') {
            let (inside, after) = after.split_once('}').unwrap();
            selectors.push(Selector { name: word.to_owned(), matchers: matchers(inside) });
            rest = after;
        } else if !WORDS.contains(&word) && !rest.starts_with('(') && !is_aggregation(rest) {
            selectors.push(Selector { name: word.to_owned(), matchers: Vec::new() });
        }
    }
    (selectors, grouped)
}

/// Whether the word before was an aggregation's: its grouping follows it.
fn is_aggregation(rest: &str) -> bool {
    ["by (", "by(", "without ("].iter().any(|group| rest.starts_with(group))
}

fn matchers(inside: &str) -> Vec<(String, Vec<String>)> {
    let one = |text: &str| {
        let (label, rest) = text.split_once('=').unwrap();
        let value = rest.trim_start_matches('~').trim().trim_matches('"');
        let (label, excluded) = label.strip_suffix('!').map_or((label, false), |l| (l, true));
        let plain =
            !excluded && value.chars().all(|c| c.is_ascii_alphanumeric() || "_|".contains(c));
        // Of a pattern, and of what is excluded, only the label is looked at.
        let values = if plain { value.split('|').map(str::to_owned).collect() } else { Vec::new() };
        (label.trim().to_owned(), values)
    };
    inside.split(',').map(one).collect()
}

#[test]
fn an_expression_is_taken_apart() {
    let (selectors, grouped) = read(
        r#"sum by (job, loop) (rate(a_total{status=~"5..", kind="x|y", e!="z"}[5m])) / b:c > 14.4 * 0.5 and d"#,
    );
    let selector = |name: &str, matchers: &[(&str, &[&str])]| Selector {
        name: name.to_owned(),
        matchers: matchers
            .iter()
            .map(|(l, v)| ((*l).to_owned(), v.iter().map(|v| (*v).to_owned()).collect()))
            .collect(),
    };
    let a = selector("a_total", &[("status", &[]), ("kind", &["x", "y"]), ("e", &[])]);
    assert_eq!(selectors, [a, selector("b:c", &[]), selector("d", &[])]);
    assert_eq!(grouped, ["job", "loop"].map(str::to_owned).into());
}
