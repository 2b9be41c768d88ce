//! Who wants an alert, in which message, when, and when again after a failure.
//!
//! Pure: an alert, a subscription and an instant go in, a decision comes out. It refuses to know
//! the clock, the store, and how anything is sent.

pub mod notice;

pub use notice::Notice;
