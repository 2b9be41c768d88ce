//! Carries alerts to those who asked for them.
//!
//! It decides nothing about families: what to say comes written in the alert, whom to tell is the
//! `planner`'s decision. It refuses to know how alerts come about.

pub mod channel;
#[cfg(test)]
mod sample;
pub mod signature;
mod text;

pub use channel::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict};
