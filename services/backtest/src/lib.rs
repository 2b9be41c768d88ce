//! Replays files through the same fold that runs live.
//!
//! ```text
//! files ─ blocks ─► lines ─ workers ─► prepared ─ past (one clock) ─► engine ─► alerts, report
//! ```
//!
//! It refuses to know what a rule means and how a household is kept; it only reads, orders and counts.

mod error;
mod options;
mod packs;
mod run;

pub use error::Error;
pub use options::Options;
pub use run::{Report, run};
