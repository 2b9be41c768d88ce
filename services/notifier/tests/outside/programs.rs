//! Programs of others that a test needs: Python with three packages, and Node with one.
//!
//! `.ci/run` puts them into `target/tools`. Without them a test says so and passes, unless
//! `LEVEE_REQUIRE` names them.

use std::path::{Path, PathBuf};

/// A path below the folder that holds them; `name` is what `LEVEE_REQUIRE` calls them.
pub(crate) fn tool(name: &str, path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools").join(path);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var("LEVEE_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word == name), "{name} is required and not there");
    eprintln!("skipped: .ci/run installs {name}; LEVEE_REQUIRE={name} makes this a failure");
    None
}
