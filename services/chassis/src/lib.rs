//! What every service stands on: configuration, telemetry, health, clock, start and stop.
//!
//! It would be the same in a program about something else, so it refuses to know any noun of
//! the domain. [`run()`] holds the one order of start and stop; the rest are its parts.

pub mod clock;
pub mod config;
pub mod health;
pub mod ops;
pub mod problem;
pub mod run;
pub mod serve;
pub mod telemetry;
pub mod threads;
mod vitals;

pub use clock::{Clock, ManualClock, SharedClock, SystemClock};
pub use config::ConfigError;
pub use health::{Component, Health, Pulse};
pub use problem::Problem;
pub use run::{Failure, Program, Service, Settings, Shutdown, run};
pub use secrecy::{ExposeSecret, SecretString};
pub use threads::Threads;
