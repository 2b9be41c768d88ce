//! The door: HTTP in, well-formed entries out.
//!
//! A thin shell around a pure core ([`door`]): bytes, a content type and the clock become checked
//! entries, refusals by record and scrubbed dead letters. It refuses to know how entries are
//! stored and what they lead to: that stands behind the port [`Journal`].

pub mod caller;
pub mod client;
pub mod dead_letter;
pub mod door;
pub mod feed;
pub mod http;
pub mod key;
mod marks;
mod meters;
pub mod pack;
pub mod port;
mod spread;

pub use caller::{Accounts, Caller, Role};
pub use dead_letter::{DeadLetter, Origin};
pub use http::{Intake, Limits, closed};
pub use marks::{Marks, Telling};
pub use port::{BatchReport, BoxFuture, Journal, Outcome, Receipt, Submission, SubmitError};
pub use spread::{Delivery, Spread, Target};
