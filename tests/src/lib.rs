//! Tests that cross crate boundaries.
