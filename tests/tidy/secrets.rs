//! What must never stand in the repository: ID numbers of real regions, paths of a machine,
//! hosts of package registries. The patterns are put together from parts, so that this file does
//! not hold what it looks for.

use crate::tree::{self, File};

const MACHINE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rkspace/"),
];

const REGISTRIES: [&str; 12] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("files.python", "hosted"),
    concat!("registry.np", "mjs"),
    concat!("repo1.ma", "ven"),
    concat!("repo.ma", "ven"),
    concat!("proxy.go", "lang"),
    concat!("registry-1.do", "cker"),
    concat!("gh", "cr.io"),
    concat!("qu", "ay.io"),
    concat!("arti", "factory"),
];

fn traces(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let machine = MACHINE.iter().find(|path| has_absolute(line, path));
            let registry = REGISTRIES.iter().find(|host| line.contains(*host));
            if let Some(found) = machine.or(registry) {
                faults.push(format!("{}:{}: {found}", file.path, number + 1));
            }
        }
    }
    faults
}

/// `path` at the beginning of a path, not inside a longer one or a URL.
fn has_absolute(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '/' | '-' | '_' | '}'))
    })
}

/// `file:line` of each ID number; the number itself is not shown.
fn id_numbers(files: &[File]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let words = line.split(|c: char| !c.is_ascii_alphanumeric());
            if words.filter(|word| is_id_number(word)).any(|word| !word.starts_with("99")) {
                faults.push(format!("{}:{}: an ID number", file.path, number + 1));
            }
        }
    }
    faults
}

/// GB 11643: 6 digits of region, a date, 3 digits, and a check character by ISO 7064 MOD 11-2.
fn is_id_number(word: &str) -> bool {
    let Some((body, check)) = word.as_bytes().split_at_checked(17) else { return false };
    if check.len() != 1 || !body.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = |range: std::ops::Range<usize>| {
        body[range].iter().fold(0_u32, |sum, b| sum * 10 + u32::from(b - b'0'))
    };
    let (year, month, day) = (number(6..10), number(10..12), number(12..14));
    let dated = (1850..=2150).contains(&year) && (1..=12).contains(&month);
    let sum = body.iter().fold(0_u32, |sum, b| (sum + u32::from(b - b'0')) * 2 % 11);
    let expected = b"10X98765432"[sum as usize];
    dated && (1..=31).contains(&day) && check[0].to_ascii_uppercase() == expected
}

#[test]
fn no_path_of_a_machine_and_no_registry_is_named() {
    let lock = concat!("https://github.com/rust-lang/crates", ".io-index");
    let mut files = tree::files();
    for file in files.iter_mut().filter(|f| f.path == "Cargo.lock") {
        file.text = file.text.replace(lock, "");
    }
    tree::none("say it without naming a machine or a registry", &traces(&files));
}

#[test]
fn no_id_number_of_a_real_region_is_written_down() {
    tree::none("synthetic people have the region prefix 99", &id_numbers(&tree::files()));
}

#[test]
fn a_path_of_a_machine_and_a_registry_are_found() {
    for bad in MACHINE.iter().map(|p| format!("cd {p}x")).chain(REGISTRIES.map(str::to_owned)) {
        assert_eq!(
            traces(&[File::new("a.md", &bad)]),
            [format!("a.md:1: {}", bad.trim_start_matches("cd ").trim_end_matches('x'))]
        );
    }
    let inside = format!("target{}x and https://example.org{}x", MACHINE[0], MACHINE[2]);
    assert!(traces(&[File::new("a.md", &inside)]).is_empty());
}

#[test]
fn an_id_number_of_a_real_region_is_found() {
    let body = |region: &str| format!("{region}19900101001");
    let whole = |region: &str| {
        let body = body(region);
        let fits = |check: &char| is_id_number(&format!("{body}{check}"));
        let check = "0123456789X".chars().find(fits).expect("one check character fits");
        format!("{body}{check}")
    };
    let (real, synthetic) = (whole("110101"), whole("990102"));
    let found = id_numbers(&[File::new("a.csv", &format!("h,p\n1,{real}\n2,{synthetic}\n"))]);
    assert_eq!(found, ["a.csv:2: an ID number"]);
    assert!(id_numbers(&[File::new("a", &format!("{real}0 and {}", &real[..17]))]).is_empty());
    assert!(is_id_number(concat!("110105194912", "31002X")), "the example of the standard");
}
