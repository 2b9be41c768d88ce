//! Tests that cross crate boundaries, and what they compare Levee with: a slow reference model and
//! a generator of small worlds; and the real process, started for a test.

pub mod postgres;
pub mod province;
pub mod receiver;
pub mod reference;
pub mod replay;
pub mod server;
pub mod worlds;
