//! The contract as code: events, households, regions, journal frames, alerts, ids and error codes.
//!
//! The only place where domain nouns are turned into bytes and back. Every type here is parsed, not
//! validated: a value that exists is well formed. It refuses to do I/O and to know the time.

pub mod alert;
pub mod belonging;
pub mod catalogue;
pub mod chain;
pub mod codes;
pub mod date;
pub mod event;
pub mod fields;
pub mod frame;
pub mod household;
pub mod ids;
pub mod json;
pub mod mark;
pub mod outcome;
pub mod person;
pub mod region;
