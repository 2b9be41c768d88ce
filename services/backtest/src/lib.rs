//! Replays files through the same fold that runs live.
//!
//! ```text
//! files ─ blocks ─► lines (workers) ─ prepared ─► past (one clock) ─► engine (hands) ─► alerts
//! ```
//!
//! It refuses to know what a rule means and how a household is kept; it only reads, orders and counts.

mod blocks;
mod compare;
mod error;
mod hands;
mod lines;
mod options;
mod packs;
mod replay;
mod report;
mod sink;
mod tally;
mod visits;

pub use compare::Comparison;
pub use error::Error;
pub use hands::Threads;
pub use options::Options;
pub use report::{Report, run};
pub use visits::Visits;
