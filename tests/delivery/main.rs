//! From an event to its receivers, by the real binary: what an endpoint does to itself it does to
//! nobody else, `kill -9` loses nothing, and whatever reaches nobody is shown to people.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod api;
mod bad_receivers;
mod books;
mod channels;
mod dead_receiver;
mod field;
mod inside;
mod instances;
mod kills;
mod listener;
mod unreadable;
