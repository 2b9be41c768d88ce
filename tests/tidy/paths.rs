//! A path that a page names in backticks exists. A page that leads nowhere is worse than none.

use crate::tree::{self, File};

const TOP: [&str; 5] = [".ci", "deploy", "proto", "services", "tests"];

fn named(text: &str) -> Vec<&str> {
    let mut named = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            named.extend(line.split('`').skip(1).step_by(2).filter(|word| is_path(word)));
        }
    }
    named
}

/// A path below one of our folders, or the name of a source file.
fn is_path(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    let below = word.split_once('/').is_some_and(|(first, _)| TOP.contains(&first));
    let source = [".rs", ".md", ".proto", "Cargo.toml"].iter().any(|end| word.ends_with(end));
    word.chars().all(plain) && !word.starts_with('/') && (below || source)
}

fn astray(pages: &[File], all: &[String]) -> Vec<String> {
    let exists = |path: &str| {
        let folder = format!("{}/", path.trim_end_matches('/'));
        all.iter().any(|known| known == path || known.starts_with(&folder))
    };
    let mut faults = Vec::new();
    for page in pages {
        let beside = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for word in named(&page.text) {
            let near = format!("{beside}/{word}");
            let inside = format!("{beside}/src/{word}");
            if !(exists(word) || exists(&near) || exists(&inside)) {
                faults.push(format!("{}: `{word}` does not exist", page.path));
            }
        }
    }
    faults
}

#[test]
fn every_path_that_a_page_names_exists() {
    let files = tree::files();
    let all: Vec<_> = files.iter().map(|f| f.path.clone()).collect();
    let pages: Vec<_> = files.into_iter().filter(|f| f.path.ends_with(".md")).collect();
    assert!(!pages.is_empty(), "there are pages");
    tree::none("correct the page", &astray(&pages, &all));
}

#[test]
fn a_path_that_leads_nowhere_is_found() {
    let all = ["services/a/src/b.rs", "proto/x.proto", "services/a/README.md"].map(str::to_owned);
    let page = |text| [File::new("services/a/README.md", text)];
    for good in
        ["`services/a`", "`services/a/`", "`b.rs`", "`src/b.rs`", "`a/b`", "`proto/x.proto`"]
    {
        assert!(astray(&page(good), &all).is_empty(), "{good}");
    }
    for bad in ["`services/c`", "see `c.rs` here", "| `proto/y.proto` |"] {
        assert_eq!(astray(&page(bad), &all).len(), 1, "{bad}");
    }
    assert!(astray(&page("```\n`services/c`\n```"), &all).is_empty());
}
