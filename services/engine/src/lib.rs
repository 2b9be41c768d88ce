//! Household state, facts, decisions and cases: the pure fold.
//!
//! The same entries in the same order give the same alerts, byte for byte, whatever the batching
//! and whoever folds. It knows no clock but the entries' own, no disk, no thread, no log.

mod ahead;
mod area;
mod calendar;
mod case;
mod clocks;
mod correction;
mod decide;
mod desk;
mod dossier;
mod engine;
mod facts;
mod failures;
mod fold;
mod hands;
mod household;
mod ledger;
mod margin;
mod moves;
mod outcome;
mod partition;
mod past;
mod pending;
mod person_fold;
mod portrait;
mod publish;
mod quality;
mod record;
mod resolver;
mod route;
mod rows;
mod rulebook;
mod silence;
mod snapshot;
mod toolbox;
mod view;
mod watch;
mod words;
mod world;

pub use dossier::{Did, Dossier, Runs, Visit};
pub use engine::{Engine, Output, Stamped};
pub use fold::Outcome;
pub use hands::{Hands, OneHand};
pub use partition::Partition;
pub use past::{Past, Prepared, PreparedProfile, Verdict};
pub use person_fold::PersonFold;
pub use portrait::{About, Headroom, Held, Outline, Portrait, Stands};
pub use quality::{Precision, Quality, Verdicts};

#[cfg(test)]
mod samples;
