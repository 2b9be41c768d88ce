//! Carries alerts to those who asked for them.
//!
//! ```text
//! alerts log ──► planning ──► ledger (store) ──► sending ──► channel ──► receiver
//!                   │             ▲    │            │
//!                planner       replaying, http      └──► second channel, operators' queue
//!                                      └──► audit
//! ```
//!
//! It decides nothing about families: what to say comes written in the alert, whom to tell is the
//! `planner`'s decision. It refuses to know how alerts come about.

mod attempt;
mod audit;
pub mod channel;
mod http;
mod lane;
mod message;
mod meters;
mod notifier;
mod planning;
pub mod ports;
mod replaying;
#[cfg(test)]
mod sample;
pub mod seal;
mod sending;
mod served;
pub mod signature;
pub mod spec;
mod text;

pub use channel::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict};
pub use message::GROUP_TYPE;
pub use notifier::{Notifier, Parts};
pub use ports::{Accounts, Alerts, Caller, Cases, Unreadable};
