//! Which crate may depend on which. Dependencies point one way; this table is the whole truth.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::tree::{self, File};

/// Crate → what it may depend on. `*`: everything.
const ARROWS: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("chassis", &[]),
    ("levee-log", &["proto"]),
    ("levee-log-kafka", &["proto", "levee-log", "test-broker"]),
    ("rules", &["proto"]),
    ("engine", &["proto", "rules"]),
    ("simulate", &["proto"]),
    ("backtest", &["proto", "rules", "engine", "levee-log", "chassis"]),
    ("watcher", &["proto", "rules", "engine", "levee-log", "chassis"]),
    ("intake", &["proto", "levee-log", "chassis"]),
    ("console", &["proto", "levee-log", "chassis"]),
    ("store", &["proto"]),
    ("planner", &["proto"]),
    ("test-broker", &[]),
    ("outbound", &["proto"]),
    ("notifier", &["proto", "planner", "store", "outbound", "levee-log", "chassis"]),
    ("levee", &["*"]),
    ("system-tests", &["*"]),
];

/// Arrows beyond the table, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] =
    &[("intake", "rules", "a pack may declare event types, and the door checks events by them")];

/// TLS providers beside ring that a library's features could bring in.
const OTHER_TLS: [&str; 6] =
    ["aws-lc-rs", "aws-lc-sys", "boring", "boring-sys", "native-tls", "rustls-openssl"];

/// A manifest's sections that make an arrow.
const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

pub(crate) struct Manifest {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) table: Table,
}

pub(crate) fn manifests(files: &[File]) -> Vec<Manifest> {
    let members = files.iter().filter(|f| f.path.ends_with("/Cargo.toml"));
    members.map(|file| manifest(&file.path, &file.text)).collect()
}

fn manifest(path: &str, text: &str) -> Manifest {
    let table: Table = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
    let name = table["package"]["name"].as_str().expect("a package has a name").to_owned();
    Manifest { path: path.to_owned(), name, table }
}

/// Key of a workspace dependency → package, for the crates of this repository.
fn crates(root: &Table) -> BTreeMap<String, String> {
    let all = root["workspace"]["dependencies"].as_table().expect("workspace dependencies");
    let own = all.iter().filter(|(_, value)| value.get("path").is_some());
    let package = |key: &String, value: &Value| {
        value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned()
    };
    own.map(|(key, value)| (key.clone(), package(key, value))).collect()
}

/// The keys in `section` of a manifest.
pub(crate) fn keys<'m>(manifest: &'m Manifest, section: &str) -> Vec<(&'m str, &'m Value)> {
    let table = manifest.table.get(section).and_then(Value::as_table);
    table.into_iter().flatten().map(|(key, value)| (key.as_str(), value)).collect()
}

fn wrong_arrows(manifests: &[Manifest], crates: &BTreeMap<String, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for from in manifests {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == from.name) else {
            faults.push(format!("{} has no row in the table of arrows", from.name));
            continue;
        };
        let targets = SECTIONS.iter().flat_map(|section| keys(from, section));
        for to in targets.filter_map(|(key, _)| crates.get(key)) {
            let excepted = EXCEPTIONS.iter().any(|(f, t, _)| *f == from.name && t == to);
            if !(allowed.contains(&"*") || allowed.contains(&to.as_str()) || excepted) {
                faults.push(format!("{} must not depend on {to}", from.name));
            }
        }
    }
    faults
}

fn unshared(manifests: &[Manifest]) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests {
        for (key, value) in SECTIONS.iter().flat_map(|section| keys(manifest, section)) {
            if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                faults.push(format!("{}: `{key}` has a version of its own", manifest.path));
            }
        }
        let lints = manifest.table.get("lints").and_then(|lints| lints.get("workspace"));
        if lints.and_then(Value::as_bool) != Some(true) {
            faults.push(format!("{}: no `[lints] workspace = true`", manifest.path));
        }
    }
    faults
}

fn other_tls(lock: &Table) -> Vec<String> {
    let packages = lock["package"].as_array().expect("the lock file lists packages");
    let names = packages.iter().filter_map(|package| package["name"].as_str());
    names.filter(|name| OTHER_TLS.contains(name)).map(str::to_owned).collect()
}

fn root_manifest() -> Table {
    let files = tree::files();
    let root = files.iter().find(|f| f.path == "Cargo.toml").expect("the root manifest");
    root.text.parse().expect("the root manifest is TOML")
}

#[test]
fn dependencies_point_one_way() {
    let crates = crates(&root_manifest());
    assert!(crates.len() >= 10 && crates["log"] == "levee-log", "{crates:?}");
    let manifests = manifests(&tree::files());
    tree::none("this arrow is not in the table", &wrong_arrows(&manifests, &crates));
}

#[test]
fn every_exception_is_in_use() {
    let crates = crates(&root_manifest());
    let manifests = manifests(&tree::files());
    for (from, to, _) in EXCEPTIONS {
        let from = manifests.iter().find(|m| m.name == *from).expect("the crate exists");
        let all = SECTIONS.iter().flat_map(|section| keys(from, section));
        let used = all.filter_map(|(key, _)| crates.get(key)).any(|target| target == to);
        assert!(used, "{} no longer depends on {to}: take the exception away", from.name);
    }
}

#[test]
fn manifests_share_versions_and_lints() {
    tree::none("use `workspace = true`", &unshared(&manifests(&tree::files())));
}

#[test]
fn ring_is_the_only_tls_provider() {
    let lock = tree::files().into_iter().find(|f| f.path == "Cargo.lock").expect("the lock file");
    let lock: Table = lock.text.parse().expect("the lock file is TOML");
    tree::none("choose the library's feature for ring", &other_tls(&lock));
    let planted = "[[package]]\nname = \"ring\"\n[[package]]\nname = \"aws-lc-rs\"\n";
    assert_eq!(other_tls(&planted.parse().expect("TOML")), ["aws-lc-rs"]);
}

#[test]
fn the_workspace_forbids_unsafe_code() {
    let root = root_manifest();
    assert_eq!(root["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
}

#[test]
fn wrong_arrows_are_found() {
    let crates = [("proto", "proto"), ("log", "levee-log"), ("engine", "engine")];
    let crates = crates.map(|(k, p)| (k.to_owned(), p.to_owned())).into();
    let planted = |name: &str, body: &str| {
        let text = format!("[package]\nname = \"{name}\"\n{body}");
        wrong_arrows(&[manifest("x/Cargo.toml", &text)], &crates)
    };
    for section in SECTIONS {
        let body = format!("[{section}]\nlog.workspace = true\nproto.workspace = true\n");
        assert_eq!(planted("engine", &body), ["engine must not depend on levee-log"]);
    }
    let fold = "[dependencies]\nengine.workspace = true\n";
    assert_eq!(planted("console", fold), ["console must not depend on engine"]);
    assert!(planted("watcher", fold).is_empty() && planted("levee", fold).is_empty());
    assert_eq!(planted("new", ""), ["new has no row in the table of arrows"]);
}

#[test]
fn versions_and_lints_of_their_own_are_found() {
    let text = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\nb.workspace = true\n";
    assert_eq!(
        unshared(&[manifest("x/Cargo.toml", text)]),
        [
            "x/Cargo.toml: `a` has a version of its own",
            "x/Cargo.toml: no `[lints] workspace = true`"
        ],
    );
}
