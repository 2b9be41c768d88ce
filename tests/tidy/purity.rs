//! The pure crates know no clock, no randomness, no I/O, no thread and no log: neither through
//! what they depend on, all the way down, nor in their own source.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::arrows::{Manifest, keys, manifests};
use crate::tree::{self, File};

const PURE: [&str; 4] = ["proto", "rules", "engine", "planner"];
const FOLDERS: [&str; 4] =
    ["proto/src/", "services/rules/src/", "services/engine/src/", "services/planner/src/"];

const IMPURE_CRATES: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "jiff",
    "log",
    "mio",
    "rand",
    "rand_chacha",
    "rand_core",
    "rdkafka",
    "reqwest",
    "rusqlite",
    "smol",
    "socket2",
    "sqlx",
    "tempfile",
    "time",
    "tokio",
    "tracing",
    "ureq",
    "uuid",
];

/// Modules of `std` that reach outside the process or across threads.
const IMPURE_STD: [&str; 6] = ["env", "fs", "net", "os", "process", "thread"];

const IMPURE_WORDS: [&str; 10] = [
    "SystemTime",
    "time::Instant",
    "Instant::now",
    "Mutex",
    "RwLock",
    "println!",
    "print!",
    "eprintln!",
    "eprint!",
    "dbg!",
];

/// Files of the engine that may hold a hash table, and why no output can depend on its order.
const HASHED: &[(&str, &str)] = &[
    ("services/engine/src/fold.rs", "key hash to place in a vector: looked up, never walked"),
    ("services/engine/src/past.rs", "what was seen and where: looked up, never walked"),
    ("services/engine/src/resolver.rs", "token to place in a vector: looked up, never walked"),
    (
        "services/engine/src/route.rs",
        "households that learn in this batch: asked for, never walked",
    ),
];

/// Every package that `name` pulls in, by the lock file; `normal` are its own dependencies.
fn reached(lock: &Table, normal: &[&str]) -> BTreeSet<String> {
    let packages = lock["package"].as_array().expect("the lock file lists packages");
    let mut edges: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages {
        let list = package.get("dependencies").and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        let bare = names.map(|name| name.split(' ').next().unwrap_or(name));
        // Two versions of one package count as one: that only makes the rule stricter.
        let name = package["name"].as_str().expect("a package has a name");
        edges.entry(name).or_default().extend(bare);
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = normal.to_vec();
    while let Some(name) = open.pop() {
        if found.insert(name.to_owned()) {
            open.extend(edges.get(name).into_iter().flatten());
        }
    }
    found
}

fn impure_dependencies(manifests: &[Manifest], lock: &Table) -> Vec<String> {
    let mut faults = Vec::new();
    for manifest in manifests.iter().filter(|m| PURE.contains(&m.name.as_str())) {
        // A pure crate's own row in the lock file also lists what only its tests use.
        let own = keys(manifest, "dependencies").into_iter().map(|(key, _)| key);
        let outside: Vec<_> = own.filter(|key| !PURE.contains(key)).collect();
        for name in reached(lock, &outside) {
            if IMPURE_CRATES.contains(&name.as_str()) {
                faults.push(format!("{} reaches {name}", manifest.name));
            }
        }
    }
    faults
}

fn impure_source(files: &[File]) -> Vec<String> {
    let pure = |f: &&File| FOLDERS.iter().any(|folder| f.path.starts_with(folder));
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| f.is_rust() && !f.is_test()).filter(pure) {
        let code = file.code();
        let modules = std_modules(&code);
        let banned = IMPURE_STD.iter().filter(|module| modules.contains(**module));
        faults.extend(banned.map(|module| format!("{}: std::{module}", file.path)));
        let said = IMPURE_WORDS.iter().filter(|word| has_word(&code, word));
        faults.extend(said.map(|word| format!("{}: {word}", file.path)));
    }
    faults
}

/// The modules of `std` that are named as `std::m` or inside `std::{…}`.
fn std_modules(code: &str) -> BTreeSet<&str> {
    let mut modules = BTreeSet::new();
    for (at, start) in code.match_indices("std::") {
        let rest = &code[at + start.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.insert(word(rest));
            continue;
        };
        let mut depth = 0_u32;
        let mut begins = true;
        for (i, c) in group.char_indices() {
            match c {
                '}' if depth == 0 => break,
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && c.is_alphabetic() => {
                    modules.insert(word(&group[i..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    modules
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_'));
    &text[..end.unwrap_or(text.len())]
}

fn has_word(code: &str, wanted: &str) -> bool {
    code.match_indices(wanted).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let after = code[at + wanted.len()..].chars().next();
        !code[..at].chars().next_back().is_some_and(part) && !after.is_some_and(part)
    })
}

fn hashed(files: &[File], allowed: &[(&str, &str)]) -> Vec<String> {
    let engine = |f: &&File| f.path.starts_with("services/engine/src/") && !f.is_test();
    let mut faults = Vec::new();
    for file in files.iter().filter(|f| f.is_rust()).filter(engine) {
        let code = file.code();
        let words = ["HashMap", "HashSet", "hashbrown"];
        let uses = words.iter().any(|word| has_word(&code, word));
        let listed = allowed.iter().any(|(path, _)| *path == file.path);
        match (uses, listed) {
            (true, false) => faults.push(format!("{}: a hash table", file.path)),
            (false, true) => faults.push(format!("{}: listed, and has none", file.path)),
            (true, true) | (false, false) => {}
        }
    }
    let gone = allowed.iter().filter(|(path, _)| !files.iter().any(|f| f.path == *path));
    faults.extend(gone.map(|(path, _)| format!("{path}: listed, and does not exist")));
    faults
}

#[test]
fn pure_crates_reach_nothing_impure() {
    let files = tree::files();
    let lock = files.iter().find(|f| f.path == "Cargo.lock").expect("the lock file");
    let lock: Table = lock.text.parse().expect("the lock file is TOML");
    let manifests = manifests(&files);
    let pure = manifests.iter().filter(|m| PURE.contains(&m.name.as_str()));
    assert_eq!(pure.count(), PURE.len(), "every pure crate was found");
    tree::none("a pure crate must not reach this", &impure_dependencies(&manifests, &lock));
}

#[test]
fn pure_sources_touch_nothing_outside() {
    let files = tree::rust();
    for folder in FOLDERS {
        assert!(files.iter().any(|f| f.path.starts_with(folder)), "{folder} was found");
    }
    tree::none("hand it in as an argument", &impure_source(&files));
}

#[test]
fn the_engine_holds_hash_tables_only_where_no_output_sees_their_order() {
    let rule = "use a BTreeMap, or list the file with the reason why its order cannot be seen";
    tree::none(rule, &hashed(&tree::rust(), HASHED));
}

#[test]
fn an_impure_dependency_is_found_at_any_depth() {
    let lock = "[[package]]\nname = \"a\"\ndependencies = [\"b 1.0.0\"]\n\
                [[package]]\nname = \"b\"\ndependencies = [\"tokio\"]\n\
                [[package]]\nname = \"tokio\"\n[[package]]\nname = \"c\"\n";
    let lock: Table = lock.parse().expect("TOML");
    let planted = |name: &str, body: &str| {
        let text = format!("[package]\nname = \"{name}\"\n{body}");
        impure_dependencies(&manifests(&[File::new("x/Cargo.toml", &text)]), &lock)
    };
    let deep = "[dependencies]\na.workspace = true\n";
    assert_eq!(planted("engine", deep), ["engine reaches tokio"]);
    assert_eq!(planted("rules", "[dependencies]\ntokio.workspace = true\n").len(), 1);
    assert!(planted("intake", deep).is_empty());
    assert!(planted("engine", "[dependencies]\nc.workspace = true\n").is_empty());
    assert!(planted("engine", "[dev-dependencies]\na.workspace = true\n").is_empty());
}

#[test]
fn impure_source_is_found() {
    let planted = |text: &str| impure_source(&[File::new("services/rules/src/a.rs", text)]).len();
    for bad in [
        "use std::fs;\n",
        "use std::{fmt, thread::spawn};\n",
        "fn a() { std::net::lookup() }\n",
        "let t = SystemTime::now();\n",
        "use std::time::Instant;\n",
        "static A: Mutex<u8> = Mutex::new(0);\n",
        "println!(\"a\");\n",
    ] {
        assert_eq!(planted(bad), 1, "{bad}");
    }
    for fine in [
        "//! Knows no std::fs.\nuse std::fmt;\n",
        "use std::{fmt::{self, net}, str};\n",
        "struct Instantly;\n",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n",
    ] {
        assert_eq!(planted(fine), 0, "{fine}");
    }
    assert!(impure_source(&[File::new("services/log/src/a.rs", "use std::fs;\n")]).is_empty());
}

#[test]
fn hash_tables_of_the_engine_are_found() {
    let path = "services/engine/src/a.rs";
    for text in ["use std::collections::HashMap;\n", "use hashbrown::HashTable;\n"] {
        let file = [File::new(path, text)];
        assert_eq!(hashed(&file, &[]).len(), 1, "{text}");
        assert!(hashed(&file, &[(path, "why")]).is_empty(), "{text}");
    }
    assert_eq!(hashed(&[File::new(path, "fn a() {}\n")], &[(path, "why")]).len(), 1);
    assert_eq!(hashed(&[], &[(path, "why")]).len(), 1);
}
