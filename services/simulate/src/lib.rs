//! A synthetic province, by seed.
//!
//! Households and a year of events as the contract writes them, believable in their figures and
//! false in every detail: no person, place or number in it is real. A file per phenomenon; each
//! draws from streams of its own. It refuses to know rules, alerts and how the province is read.

mod accidents;
mod aid;
mod bills;
mod calendar;
mod civil;
mod clues;
mod credits;
mod dirt;
mod disability;
mod draw;
mod duplicates;
mod education;
mod employment;
mod event;
mod health;
mod household;
mod housing;
mod identity;
mod income;
mod industry;
mod lateness;
mod layout;
mod live;
mod map;
mod population;
mod profile;
mod province;
mod run;
mod storms;
mod story;

pub use live::Live;
pub use province::{MAX_HOUSEHOLDS, MAX_MONTHS, Province, Scale};
pub use run::{Args, run};

/// Why a province cannot be made or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too few or too many.
    #[error("households must be 1 to {MAX_HOUSEHOLDS}")]
    Households,
    /// Too short or too long.
    #[error("months must be 1 to {MAX_MONTHS}")]
    Months,
    /// Not a date, or far from today.
    #[error("until must be a date YYYY-MM-DD between 2000 and 2100")]
    Until,
    /// A line that could not be written as JSON.
    #[error("a line could not be written")]
    Json(#[from] serde_json::Error),
    /// A file or folder that could not be written.
    #[error("the province could not be written")]
    Io(#[from] std::io::Error),
}

impl Error {
    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Households => "simulate.households",
            Error::Months => "simulate.months",
            Error::Until => "simulate.until",
            Error::Json(_) => "simulate.json",
            Error::Io(_) => "simulate.io",
        }
    }
}
