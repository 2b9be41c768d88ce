//! The description of the topics says what the topics say: names by the plan, headers and fields by
//! real records.

use std::fs;
use std::path::Path;

use log_kafka::{Dress, Plan};
use serde_json::Value;

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(path)).unwrap()
}

fn document() -> Value {
    serde_saphyr::from_str(&file("proto/asyncapi.yaml")).unwrap()
}

/// The names of a schema's fields, and those that must be there.
fn names(schema: &Value) -> (Vec<&str>, Vec<&str>) {
    let all = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let required = schema["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap());
    (all, required.collect())
}

fn holds<'n>(schema: &Value, present: impl Iterator<Item = &'n str>) {
    let (all, required) = names(schema);
    let present: Vec<&str> = present.collect();
    assert!(present.iter().all(|name| all.contains(name)), "{present:?} of {all:?}");
    assert!(required.iter().all(|name| present.contains(name)), "{required:?} in {present:?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_topic_is_planned() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value {
                Value::String(to) if key == "$ref" => found.push(to.clone()),
                other => references(other, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() >= 12);
    for to in found {
        assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
    }
    let plan = Plan::read(&file("deploy/topics.yaml")).unwrap();
    for (name, channel) in document["channels"].as_object().unwrap() {
        assert!(plan.topics.contains_key(name) && channel["address"] == **name, "{name}");
    }
}

#[test]
fn an_alert_and_a_letter_are_what_the_document_says() {
    let document = document();
    let message = |name: &str| document["components"]["messages"][name].clone();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let alert = file("proto/golden/alert.v1.json");
    let letters = file("services/intake/tests/golden/dead_letters.ndjson");
    let letter = letters.lines().find(|line| line.contains("origin")).unwrap();
    for (name, dress, record) in
        [("alert", Dress::CloudEvent, alert.trim_end()), ("letter", Dress::DeadLetter, letter)]
    {
        let envelope = dress.envelope(record.as_bytes());
        holds(&message(name)["headers"], envelope.headers.iter().map(|(name, _)| *name));
        let value: Value = serde_json::from_str(record).unwrap();
        holds(&schema(name), value.as_object().unwrap().keys().map(String::as_str));
    }
    let value: Value = serde_json::from_str(&alert).unwrap();
    let data = value["data"].as_object().unwrap().keys().map(String::as_str);
    holds(&schema("alert")["properties"]["data"], data);
}
