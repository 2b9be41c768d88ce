//! Tests that cross crate boundaries, and what they compare Levee with: a slow reference model and
//! a generator of small worlds.

pub mod reference;
pub mod replay;
pub mod worlds;
