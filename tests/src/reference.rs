//! The reference model: what `contract.md` says of levels, cases and alerts, by plain loops over
//! everything known, at every decision anew. It is the slow side of every comparison, and refuses
//! to know how Levee does it: it uses none of its crates. Area alerts and feed alerts are left out.

mod canonical;
mod case;
mod catalogue;
mod civil;
mod clocks;
mod coverage;
mod decide;
mod deeds;
mod event;
mod expression;
mod facts;
mod normal_form;
mod pack;
mod people;
mod profile;
mod run;

pub(crate) use civil::{civil, date_of, day_of, midnight, parse_instant, show_date, show_instant};
pub use coverage::COUNTERS;
pub use normal_form::{course_form, normal_form};
pub use pack::yaml;

use serde_json::Value;
use std::collections::BTreeMap;

/// What a backtest ends with.
#[derive(Clone, Debug)]
pub struct Report {
    /// The alerts in the order in which they were published (households by id at one instant).
    pub alerts: Vec<Value>,
    /// The published level of every household at the end: `red`, `yellow`, `green`, `none`.
    pub levels: BTreeMap<String, String>,
    /// Refused events and profiles by code. Codes that the contract does not name are this model's
    /// own.
    pub refused: BTreeMap<String, u64>,
    /// Events of a known identity and the same content.
    pub duplicates: u64,
    /// Accepted events whose person or household no present profile names; corrected and void ones
    /// included.
    pub parked_now: u64,
    /// Accepted corrections that name an event of another subject or type.
    pub unmatched: u64,
    /// How often each clause was reached, by the names in [`COUNTERS`].
    pub coverage: BTreeMap<&'static str, u64>,
}

/// Why a backtest has no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInput {
    /// A line that is not JSON; the number counts from 1.
    #[error("line {0} is not json")]
    Line(usize),
    /// A pack that is not in the contract's form; the number counts from 0.
    #[error("pack {0} cannot be read")]
    Pack(usize),
    /// `until` is not a date.
    #[error("until is not a date")]
    Until,
}

/// Runs everything through the model. `until` is `YYYY-MM-DD`; without it the run ends with the
/// clock's date.
///
/// # Errors
/// A line that is not JSON, a pack that cannot be read, an `until` that is no date.
pub fn backtest(
    households: &str,
    events: &str,
    packs: &[&str],
    until: Option<&str>,
) -> Result<Report, BadInput> {
    backtest_with(households, events, "", packs, until)
}

/// As [`backtest`], with outcomes: lines of `{"entered", "case", "body"}`, each of which enters at
/// its instant, after whatever else enters then.
///
/// # Errors
/// As [`backtest`].
pub fn backtest_with(
    households: &str,
    events: &str,
    outcomes: &str,
    packs: &[&str],
    until: Option<&str>,
) -> Result<Report, BadInput> {
    let mut catalogue = catalogue::shipped();
    let mut read = Vec::new();
    for (at, text) in packs.iter().enumerate() {
        let v = yaml(text).ok_or(BadInput::Pack(at))?;
        catalogue::extend(&mut catalogue, &v["event_types"]);
        read.push(v);
    }
    let known = |name: &str| catalogue.contains_key(name);
    let mut parsed = Vec::new();
    for (at, v) in read.iter().enumerate() {
        parsed.push(pack::Pack::read(v, &known).ok_or(BadInput::Pack(at))?);
    }
    let until = match until {
        None => None,
        Some(text) => Some(civil::parse_date(text).ok_or(BadInput::Until)?),
    };
    let mut run = run::Run::new(&parsed, &catalogue, until);
    for line in lines(households) {
        run.profile_line(&line?);
    }
    for line in lines(outcomes) {
        run.outcome_line(&line?);
    }
    for line in lines(events) {
        run.event_line(&line?);
    }
    run.finish();
    Ok(Report {
        levels: run.levels(),
        parked_now: run.parked(),
        unmatched: run.unmatched(),
        alerts: run.alerts,
        refused: run.refused,
        duplicates: run.duplicates,
        coverage: run.coverage.counts(),
    })
}

/// The id of a household's episode.
pub(crate) fn case_id(household: &str, episode: u64) -> String {
    decide::short_id(&format!("levee.case.v1|{household}|{episode}"))
}

fn lines(text: &str) -> impl Iterator<Item = Result<Value, BadInput>> {
    let full = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    full.map(|(at, line)| serde_json::from_str(line).map_err(|_| BadInput::Line(at + 1)))
}

#[cfg(test)]
mod tests;
