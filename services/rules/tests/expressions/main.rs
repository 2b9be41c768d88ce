//! Expressions against references: the `cel` crate for values, day-by-day evaluation for outlooks
//! and margins.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod margin;
mod outlook;
mod random;
mod reference;
