//! The contract as code: events, households, regions, journal frames, alerts, ids and error codes.
//!
//! The only place where domain nouns are turned into bytes and back. Every type here is parsed, not
//! validated: a value that exists is well formed. It refuses to do I/O and to know the time.

pub mod catalogue;
pub mod date;
pub mod region;
