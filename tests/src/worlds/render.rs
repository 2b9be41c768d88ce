//! A pack as YAML text: the top level in block style, what is below in flow style. Knows no key by
//! name.

use serde_json::Value;

/// YAML of a pack; strings are always quoted, keys only where they must be.
pub(crate) fn yaml_text(pack: &Value) -> String {
    let mut out = String::new();
    for (key, value) in pack.as_object().into_iter().flatten() {
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push_str(&format!("{}:\n", word(key)));
                for (k, v) in map {
                    out.push_str(&format!("  {}: {}\n", word(k), flow(v)));
                }
            }
            Value::Array(items) if !items.is_empty() => {
                out.push_str(&format!("{}:\n", word(key)));
                for item in items {
                    out.push_str(&format!("  - {}\n", flow(item)));
                }
            }
            other => out.push_str(&format!("{}: {}\n", word(key), flow(other))),
        }
    }
    out
}

fn word(key: &str) -> String {
    let plain =
        key.len() > 1 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if plain { key.to_owned() } else { Value::from(key).to_string() }
}

fn flow(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let pairs = map.iter().map(|(k, v)| format!("{}: {}", word(k), flow(v)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
