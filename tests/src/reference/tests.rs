//! The model against the shared sample, whose answers somebody else computed, and the expressions
//! against the `cel` crate.

use super::*;

const HOUSEHOLDS: &str = include_str!("../../sample/households.ndjson");
const EVENTS: &str = include_str!("../../sample/events.ndjson");
const UNTIL: &str = include_str!("../../sample/until");

fn sample(pack: &str) -> Report {
    backtest(HOUSEHOLDS, EVENTS, &[pack], Some(UNTIL.trim())).unwrap()
}

fn expected(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

/// Equal in the normal form, and beyond it in every field that the expected file has.
fn assert_same(pack: &str, expected_text: &str) {
    let (got, want) = (sample(pack).alerts, expected(expected_text));
    let (a, b) = (normal_form(&got), normal_form(&want));
    let first = a.iter().zip(&b).find(|(a, b)| a != b);
    assert_eq!(first, None);
    assert_eq!(a.len(), b.len());
    assert!(a.iter().all(|l| !l.contains("WRONG")));
    let by_id: BTreeMap<String, &Value> = got.iter().map(|a| (a["id"].to_string(), a)).collect();
    for alert in &want {
        let mut got = by_id[&alert["id"].to_string()].clone();
        if let Some(data) = got["data"].as_object_mut() {
            data.retain(|field, _| alert["data"].get(field).is_some());
        }
        assert_eq!(got, *alert, "{got}\n{alert}");
    }
}

#[test]
fn the_hebei_sample_is_reproduced() {
    let yaml = include_str!("../../sample/rules-hebei.yaml");
    assert_same(yaml, include_str!("../../sample/expected-hebei.ndjson"));
}

#[test]
fn the_xian_sample_is_reproduced() {
    let yaml = include_str!("../../sample/rules-xian.yaml");
    assert_same(yaml, include_str!("../../sample/expected-xian.ndjson"));
    let report = sample(yaml);
    let refused: u64 = report.refused.values().sum();
    assert!(
        refused == 3 && report.refused["id.conflict"] == 1 && report.duplicates > 0,
        "{report:?}"
    );
}

/// Names of the language test: two numbers and a truth.
struct Three;

impl expression::Scope for Three {
    fn name(&self, name: &str) -> Result<expression::Val, expression::Fail> {
        Ok(match name {
            "a" => expression::Val::Int(7),
            "b" => expression::Val::Int(i64::MAX - 1),
            "t" => expression::Val::Bool(true),
            _ => return Err(expression::Fail::Unchecked),
        })
    }
    fn member(&self, _: &str, _: &str) -> Result<expression::Val, expression::Fail> {
        Err(expression::Fail::Unchecked)
    }
    fn ask(&self, _: &str, _: &str) -> Result<expression::Val, expression::Fail> {
        Err(expression::Fail::Unchecked)
    }
    fn table(&self, _: &str) -> Result<expression::Val, expression::Fail> {
        Err(expression::Fail::Unchecked)
    }
}

fn by_model(text: &str) -> Option<String> {
    let tree = expression::Expr::parse(text).unwrap_or_else(|| panic!("{text}"));
    tree.eval(&Three).ok().map(|v| v.show())
}

fn by_cel(text: &str) -> Option<String> {
    let mut context = cel::Context::default();
    context.add_variable_from_value("a", 7i64);
    context.add_variable_from_value("b", i64::MAX - 1);
    context.add_variable_from_value("t", true);
    context.add_function("min", |a: i64, b: i64| a.min(b)).unwrap();
    context.add_function("max", |a: i64, b: i64| a.max(b)).unwrap();
    let program = cel::Program::compile(text).unwrap();
    match program.execute(&context).ok()? {
        cel::Value::Int(n) => Some(n.to_string()),
        cel::Value::Bool(b) => Some(b.to_string()),
        other => panic!("{text} gives {other:?}"),
    }
}

#[test]
fn expressions_agree_with_cel() {
    let mut failed = 0;
    for seed in 0..3000 {
        let text = crate::worlds::sentence(seed);
        let (model, cel) = (by_model(&text), by_cel(&text));
        failed += usize::from(model.is_none());
        assert_eq!(model, cel, "{text}");
    }
    assert!(failed > 100);
}

#[test]
fn one_decisive_side_decides_in_either_order() {
    for (text, value) in [
        ("false && 1 / 0 > 0", Some("false")),
        ("1 / 0 > 0 && false", Some("false")),
        ("true || 1 % 0 > 0", Some("true")),
        ("1 % 0 > 0 || true", Some("true")),
        ("1 / 0 > 0 && true", None),
        ("t ? 1 : 1 / 0", Some("1")),
        ("-9223372036854775808 / -1", None),
        ("-9223372036854775808 % -1", None),
        ("-(-9223372036854775808)", None),
        ("b + 1", Some("9223372036854775807")),
        ("b + 2", None),
        ("-7 / 2", Some("-3")),
        ("-7 % 2", Some("-1")),
        ("2 + 3 * 4 - 6 / 3 % 2", Some("14")),
        ("'x' in [\"x\", 'y'] && \"a\" < \"b\"", Some("true")),
    ] {
        assert_eq!(by_model(text).as_deref(), value, "{text}");
    }
}
