//! How long a file may be. The length of functions is clippy's business (`clippy.toml`).

use crate::tree::{self, File};

const CODE: usize = 500;
const TEST: usize = 700;
const MAIN: usize = 40;

fn too_long(files: &[File]) -> Vec<String> {
    let limit = |file: &File| match () {
        () if file.is_test() => TEST,
        () if file.name() == "main.rs" => MAIN,
        () => CODE,
    };
    let over = |file: &File| {
        let (lines, limit) = (file.text.lines().count(), limit(file));
        (lines > limit).then(|| format!("{}: {lines} lines, at most {limit}", file.path))
    };
    files.iter().filter_map(over).collect()
}

#[test]
fn files_are_short() {
    tree::none("a file is too long: split it by what it knows", &too_long(&tree::rust()));
}

#[test]
fn a_long_file_is_found() {
    let planted = |path: &str, lines: usize| too_long(&[File::new(path, &"x\n".repeat(lines))]);
    for (path, limit) in [
        ("services/a/src/b.rs", CODE),
        ("services/a/src/b/tests.rs", TEST),
        ("tests/a/main.rs", TEST),
        ("services/a/src/main.rs", MAIN),
    ] {
        assert!(planted(path, limit).is_empty(), "{path}");
        assert_eq!(planted(path, limit + 1).len(), 1, "{path}");
    }
}
