//! The watchers' query interface: what intake and console ask about households, and who answers.
//!
//! A watcher answers for the partitions that it carries now, on an address of its own and to whoever
//! brings the token; who may see what of it is decided where people call. Nothing of a question or an
//! answer is logged.

mod ask;
mod question;
mod serve;

pub(super) use ask::Watchers;
pub(super) use serve::router;
