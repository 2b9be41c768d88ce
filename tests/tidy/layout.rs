//! What may lie at the root: the four folders and the files that tools and readers expect.

use crate::tree;

const FOLDERS: [&str; 4] = ["deploy/", "proto/", "services/", "tests/"];
const FILES: [&str; 17] = [
    ".dockerignore",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "deny.toml",
    "docker-compose.yml",
    "rust-toolchain.toml",
    "rustfmt.toml",
];

fn strangers(top: &[String]) -> Vec<String> {
    let known = |name: &String| match name.strip_suffix('/') {
        Some(folder) => folder.starts_with('.') || FOLDERS.contains(&name.as_str()),
        None => FILES.contains(&name.as_str()),
    };
    top.iter().filter(|name| !known(name)).map(|name| format!("{name} lies at the root")).collect()
}

#[test]
fn the_root_holds_only_what_belongs_there() {
    tree::none("move it into services, proto, deploy or tests", &strangers(&tree::top()));
}

#[test]
fn a_stranger_at_the_root_is_found() {
    let top = ["docs/", ".ci/", "proto/", "proto", "Cargo.toml", "notes.txt"].map(str::to_owned);
    let found = strangers(&top);
    assert_eq!(found, ["docs/", "proto", "notes.txt"].map(|n| format!("{n} lies at the root")));
}
