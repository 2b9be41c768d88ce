//! Expressions against references: the `cel` crate for values, day-by-day evaluation for outlooks.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod outlook;
mod random;
mod reference;
