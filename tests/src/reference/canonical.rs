//! Canonical JSON (RFC 8785) for objects without fractions, and SHA-256 in hex. Knows no field by
//! name.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// RFC 8785 text: keys by UTF-16 code units, no space, shortest escapes.
pub(crate) fn canonical(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(map) => {
            let mut pairs: Vec<(&String, &Value)> = map.iter().collect();
            pairs.sort_by_key(|(k, _)| k.encode_utf16().collect::<Vec<u16>>());
            let pairs: Vec<String> =
                pairs.iter().map(|(k, v)| format!("{}:{}", quote(k), canonical(v))).collect();
            format!("{{{}}}", pairs.join(","))
        }
        Value::String(s) => quote(s),
        other => other.to_string(),
    }
}

fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// SHA-256 as 64 lower-case hex digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_by_utf16_and_escapes_are_short() {
        let v = serde_json::json!({
            "\u{20ac}": 1, "\u{1f600}": [true, null], "\u{fb33}": "a\n\u{1}\"", "a": -3
        });
        let text = "{\"a\":-3,\"\u{20ac}\":1,\"\u{1f600}\":[true,null],\
                    \"\u{fb33}\":\"a\\n\\u0001\\\"\"}";
        assert_eq!(canonical(&v), text);
        assert!(sha256_hex(b"abc").starts_with("ba7816bf"));
    }
}
