//! The door in process: its real router before a journal that records and applies simple rules.

#![expect(clippy::unwrap_used, reason = "a test stops where its own set-up fails")]

mod answers;
mod bad_input;
mod desk;
mod feeds;
mod import;
mod malformed;
mod outcomes;
mod packs;
mod quality;
