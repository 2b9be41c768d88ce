//! Seeds that once failed, with the story of each. They run with the options that failed.

use crate::{cluster::Options, run};

/// A former owner slept until its successor had let go of the first generations it made, and found
/// the place of its own next one free.
#[test]
fn a_former_owner_wakes_after_many_generations() {
    run(Options::of(496)).unwrap();
    run(Options::of(501)).unwrap();
}
