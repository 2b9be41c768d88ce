//! The door in process: its real router before a journal that records and applies simple rules.

mod answers;
mod bad_input;
mod desk;
mod import;
mod malformed;
mod packs;
