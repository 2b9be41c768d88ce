//! Who wants an alert, in which message, when, and when again after a failure.
//!
//! Pure: an alert, a subscription and an instant go in, a decision comes out. It refuses to know
//! the clock, the store, and how anything is sent.

mod directory;
pub mod notice;
pub mod plan;
pub mod retry;
mod timing;
mod wish;

pub use directory::Directory;
pub use notice::Notice;
pub use plan::{Entry, Place, Plan, Planner, Row, Touched};
pub use timing::{DAY_MIN, Digest, Quiet, Timing};
pub use wish::{Reason, Wish};
