//! Every Rust file says what it is, and no file or module has a name that says nothing.

use crate::tree::{self, File};

const SAY_NOTHING: [&str; 10] =
    ["common", "helper", "helpers", "imp", "misc", "shared", "types", "util", "utils", "mod"];

fn headless(files: &[File]) -> Vec<String> {
    let bare = files.iter().filter(|f| !f.text.starts_with("//! "));
    bare.map(|f| format!("{}: does not start with a `//!` head", f.path)).collect()
}

fn nameless(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        let parts = file.path.split('/').map(|part| part.trim_end_matches(".rs"));
        let modules = file.text.lines().filter_map(module);
        for name in parts.chain(modules).filter(|name| SAY_NOTHING.contains(name)) {
            faults.push(format!("{}: `{name}` says nothing", file.path));
        }
    }
    faults
}

/// The name that a line declares as a module.
fn module(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("mod ")?;
    let visibility = before.trim();
    let declares = visibility.is_empty() || visibility.starts_with("pub");
    let end = after.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    (declares && matches!(after[end..].trim(), ";" | "{")).then_some(&after[..end])
}

fn unreasoned(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for word in ["allow(", "expect("] {
            for (at, _) in file.text.match_indices(word) {
                let line = file.text[..at].lines().count().max(1);
                let attribute = file.text[..at].ends_with("#[") || file.text[..at].ends_with("#![");
                let end = file.text[at..].find(")]").map_or(file.text.len(), |n| at + n);
                if attribute && !file.text[at..end].contains("reason") {
                    faults.push(format!("{}:{line}: `{word}` without a reason", file.path));
                }
            }
        }
    }
    faults
}

#[test]
fn every_file_has_a_head() {
    tree::none("say first what the file is and what it refuses to know", &headless(&tree::rust()));
}

#[test]
fn names_say_something() {
    tree::none("name it after what it knows; `a.rs` beside `a/`", &nameless(&tree::rust()));
}

#[test]
fn a_lint_is_suppressed_only_with_a_reason() {
    tree::none("add `reason = \"…\"`", &unreasoned(&tree::rust()));
}

#[test]
fn a_missing_head_is_found() {
    let planted = [File::new("a.rs", "use std::fmt;\n"), File::new("b.rs", "//! Head.\n")];
    assert_eq!(headless(&planted), ["a.rs: does not start with a `//!` head"]);
}

#[test]
fn names_that_say_nothing_are_found() {
    for (path, text) in [
        ("services/a/src/utils.rs", ""),
        ("services/a/src/b/mod.rs", ""),
        ("services/a/src/shared/b.rs", ""),
        ("services/a/src/b.rs", "pub(crate) mod helpers;\n"),
        ("services/a/src/b.rs", "mod types {\n"),
    ] {
        assert_eq!(nameless(&[File::new(path, text)]).len(), 1, "{path} {text}");
    }
    let fine = File::new("services/a/src/typesetting.rs", "// a mod types is refused;\n");
    assert!(nameless(&[fine]).is_empty());
}

#[test]
fn a_suppression_without_a_reason_is_found() {
    let open = |bang: &str, word: &str| format!("#{bang}[{word}(clippy::x");
    for bang in ["", "!"] {
        for word in ["allow", "expect"] {
            let bare = format!("//! Head.\n{})]\n", open(bang, word));
            assert_eq!(unreasoned(&[File::new("a.rs", &bare)]).len(), 1, "{bare}");
            let argued = format!("{},\n    reason = \"why\"\n)]\n", open(bang, word));
            assert!(unreasoned(&[File::new("a.rs", &argued)]).is_empty(), "{argued}");
        }
    }
}
