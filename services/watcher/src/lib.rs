//! Carries the journal through the fold: what enters is made durable, decided upon and published.
//!
//! In one process the journal is **one totally ordered partition**: everything that enters, in the
//! order in which it became durable. The engine routes it to its fold partitions in memory. So
//! there is one stream of syncs and one clock, a profile and the persons that it moves are one
//! entry and one decision, and no call is ever torn over partitions. Three topics: `journal`,
//! `alerts` (JSON lines, their order is the stream's) and `dead_letters`.
//!
//! Two threads. The *sequencer* drains the queue of submissions, makes a frame of each, stamps it
//! and appends all of them at once. The *fold* applies the frames in the journal's order, answers
//! who waits, publishes alerts, does timer work in small portions and takes snapshots. A restart
//! is the newest sound snapshot, the journal behind it, and a comparison with what was already
//! published: the same id with the same bytes is not published again, other bytes stop the fold.
//!
//! This crate refuses to know HTTP, tokens and pages: it is handed entries and asked questions.

mod alerts;
mod batches;
mod carrier;
mod dossier;
mod fault;
mod frames;
mod hands;
mod inbox;
mod letters;
mod machine;
mod meters;
mod outlet;
mod partition;
mod portrait;
mod replay;
mod restore;
mod sequencer;
mod snapshot;
mod state;
mod store;
mod topics;
mod watcher;

pub use alerts::AlertsLog;
pub use batches::Report;
pub use carrier::{Carrier, CarrierParts, NotHeld, Told};
pub use dossier::{dossiers, quality};
pub use fault::Fault;
pub use hands::Crew;
pub use letters::Letter;
pub use machine::{Tally, Writer};
pub use partition::{Limits, Part, PartitionMachine, Ports, Progress, Step, Topic};
pub use portrait::portrait;
pub use replay::{Derived, derive};
pub use sequencer::{Receipt, Submission, SubmitError};
pub use store::{ObjectFolder, Store, StoreError};
pub use topics::{ALERTS, DEAD_LETTERS, JOURNAL, PERSONS, Topics};
pub use watcher::{Parts, Phase, Watcher};

/// Partitions of the fold in memory.
pub const PARTITIONS: u32 = 32;
