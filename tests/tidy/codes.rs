//! Stable codes: all in one table, and each provoked by a test.

use std::collections::BTreeSet;

use proto::codes::Code;

use crate::tree::{self, File};

/// Text literals of production code that read like a code of a family of the table.
fn strangers(files: &[File]) -> Vec<String> {
    let families: BTreeSet<&str> =
        Code::ALL.iter().filter_map(|code| Some(code.name().split_once('.')?.0)).collect();
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && !file.is_test()) {
        let code = file.code();
        let parts: Vec<&str> = code.split('"').collect();
        // A setting of librdkafka may read like a code.
        let setting = |before: &str| before.ends_with("config.set(") || before.ends_with(").set(");
        let literals = parts.chunks_exact(2).filter(|pair| !setting(pair[0])).map(|pair| pair[1]);
        for literal in literals {
            let word = |part: &str| {
                !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            };
            let Some((family, rest)) = literal.split_once('.') else { continue };
            let path =
                ["yaml", "yml", "rs", "json", "token", "key", "html", "sqlite"].contains(&rest);
            let code = word(rest) && families.contains(family) && !path;
            if code && Code::parse(literal).is_none() {
                faults.push(format!("{}: {literal} is not in the table of codes", file.path));
            }
        }
    }
    faults
}

/// Codes that no test names: as the table does, as the error that carries it, or as on the wire.
fn unprovoked(files: &[File]) -> Vec<String> {
    let tests: Vec<&str> = files.iter().map(tests_of).collect();
    let named = |code: &&Code| {
        let variant = format!("{code:?}");
        let mut words =
            vec![code.name().to_owned(), format!("Code::{variant}"), format!("Refused::{variant}")];
        let errors = [("Pack", "PackCode"), ("Log", "LogError"), ("Frame", "FrameError")];
        let errors = errors.into_iter().chain([("Snapshot", "Refused"), ("Journal", "Fault")]);
        words.extend(errors.filter_map(|(family, error)| {
            let own = variant.strip_prefix(family).filter(|own| !own.is_empty())?;
            Some(format!("{error}::{own}"))
        }));
        words.extend(variant.strip_prefix("Pack").map(|own| format!("Code::{own}")));
        words.iter().any(|word| tests.iter().any(|text| has_word(text, word)))
    };
    Code::ALL.iter().filter(|code| !named(code)).map(|code| code.name().to_owned()).collect()
}

/// Whether a word stands in a text and is not the beginning of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let longer = |c: char| c.is_alphanumeric() || c == '_';
    text.split(word).skip(1).any(|rest| !rest.starts_with(longer))
}

/// What of a file is test: all, or what follows `#[cfg(test)]`. The suite that every log passes
/// stands among its sources.
fn tests_of(file: &File) -> &str {
    if file.path.ends_with("tidy/codes.rs") {
        return "";
    }
    if file.is_test() || file.path.contains("/tests/") || file.path.contains("log/src/contract") {
        return &file.text;
    }
    file.text.split_once("#[cfg(test)]\nmod ").map_or("", |(_, tests)| tests)
}

#[test]
fn every_code_stands_in_the_table() {
    tree::none("codes outside the table", &strangers(&tree::files()));
}

#[test]
fn every_code_is_provoked_by_a_test() {
    tree::none("codes that no test provokes", &unprovoked(&tree::files()));
}

#[test]
fn strange_and_unprovoked_codes_are_found() {
    let planted = File::new("services/a/src/a.rs", "const A: &str = \"time.travel\";");
    assert_eq!(strangers(&[planted]).len(), 1);
    for good in ["const A: &str = \"time.future\";", "config.set(\"time.travel\", \"1\");"] {
        assert!(strangers(&[File::new("services/a/src/a.rs", good)]).is_empty(), "{good}");
    }
    let test = File::new("tests/a/main.rs", "assert(Code::TimeFuture, PackCode::Yaml)");
    let left = unprovoked(&[test]);
    assert!(!left.iter().any(|code| code == "time.future" || code == "pack.yaml"), "{left:?}");
    assert!(left.iter().any(|code| code == "time.order"));
}
