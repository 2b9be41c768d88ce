//! The repository's files as text. It reads them and judges nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// A file, by its path from the root with `/` between the parts.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Written by a generator; held fresh by a test of its own crate.
    pub(crate) fn is_generated(&self) -> bool {
        self.path.starts_with("proto/src/generated/")
    }

    /// Only tests, benches and examples are built from it.
    pub(crate) fn is_test(&self) -> bool {
        let within = |folder| self.path.split('/').any(|part| part == folder);
        within("tests") || within("benches") || within("examples") || self.name() == "tests.rs"
    }

    /// The text before the unit tests, without comments. Strings count as code.
    pub(crate) fn code(&self) -> String {
        let (code, _tests) = self.text.split_once("#[cfg(test)]\nmod ").unwrap_or((&self.text, ""));
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        lines
            .map(|line| line.split_once(" // ").map_or(line, |(l, _)| l).to_owned() + "\n")
            .collect()
    }
}

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the package lies one folder below the root").to_owned()
}

/// Every text file of the repository, but for what builds and runs leave behind.
pub(crate) fn files() -> Vec<File> {
    let mut files = Vec::new();
    walk(&root(), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "the tree was not found: {} files", files.len());
    files
}

pub(crate) fn rust() -> Vec<File> {
    files().into_iter().filter(|f| f.is_rust() && !f.is_generated()).collect()
}

/// The names at the root; a folder ends with `/`.
pub(crate) fn top() -> Vec<String> {
    let entries = fs::read_dir(root()).expect("the root can be read");
    let names = entries.map(|entry| {
        let entry = entry.expect("the root can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() { format!("{name}/") } else { name }
    });
    names.filter(|name| !is_left_behind("", name.trim_end_matches('/'))).collect()
}

fn is_left_behind(parent: &str, name: &str) -> bool {
    name == ".git" || (parent.is_empty() && matches!(name, "target" | "levee-data"))
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let entry = entry.expect("a folder can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_left_behind(prefix, &name) {
            continue;
        }
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            walk(&entry.path(), &format!("{path}/"), files);
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(File { path, text });
        }
    }
}

/// Fails with every fault, one a line.
pub(crate) fn none(rule: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{rule}:\n  {}", faults.join("\n  "));
}

#[test]
fn code_is_the_text_without_comments_and_tests() {
    let file = File::new("a.rs", "//! Head.\nfn a() {} // why\n#[cfg(test)]\nmod tests {\n x\n}\n");
    assert_eq!(file.code(), "fn a() {}\n");
}

#[test]
fn this_very_file_is_in_the_tree() {
    assert!(rust().iter().any(|f| f.path == "tests/tidy/tree.rs" && f.is_test()));
}
