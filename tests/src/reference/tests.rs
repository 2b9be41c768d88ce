//! The model against the shared sample, whose answers somebody else computed, and the expressions against the `cel` crate.

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
        let got = by_id[&alert["id"].to_string()];
        assert_eq!(got, alert, "{got}\n{alert}");
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
