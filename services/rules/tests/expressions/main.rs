//! Expressions against references: the `cel` crate for values, day-by-day evaluation for outlooks.

mod outlook;
mod random;
mod reference;
