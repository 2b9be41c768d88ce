//! What people see: the case lists, the alert stream and the pages.
//!
//! A read model ([`Board`]) follows the alerts log; a router shows it as JSON, as a stream of
//! server-sent events and as pages. It decides nothing: levels, cases and clocks come written in
//! the alerts. It refuses to know how alerts are stored and who keeps the households; both are
//! [`ports`].

pub mod board;
mod desk;
mod follower;
mod http;
mod page;
pub mod ports;
mod sessions;
mod sign_in;

pub use board::Board;
pub use desk::Desk;
pub use follower::{Follower, Progress};
pub use http::{Console, router};
pub use ports::{Accounts, Alerts, Answer, Caller, Households, Unreadable};
pub use sign_in::{COOKIE, SignIn, cookie};
