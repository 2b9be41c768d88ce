//! Code about code: what reviewers would otherwise have to look for by eye.
//!
//! Each rule is a test that names every place where it is broken, and each rule's checker is
//! tried on planted violations, so that it cannot pass by looking at nothing.

#![expect(clippy::expect_used, reason = "a tree that cannot be read fails the test that reads it")]

mod arrows;
mod codes;
mod heads;
mod layout;
mod paths;
mod purity;
mod secrets;
mod sizes;
mod tree;
