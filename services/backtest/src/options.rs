//! What a replay is asked for.

use std::path::PathBuf;

use proto::date::Date;

/// Input, packs and output of a replay.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Household profiles, NDJSON.
    pub households: PathBuf,
    /// Events, NDJSON, in the order of arrival.
    pub events: Vec<PathBuf>,
    /// The packs; only these are used.
    pub rules: Vec<PathBuf>,
    /// Packs of a second run to compare with; none without.
    pub against: Vec<PathBuf>,
    /// The last day; the last event's without.
    pub until: Option<Date>,
    /// Where alerts are written: nowhere without, `-` is standard output.
    pub out: Option<PathBuf>,
    /// Show a bar on standard error where that is a terminal.
    pub progress: bool,
    /// The largest 95th percentile of visits per 400-household village and week that is taken.
    pub max_visits_p95: Option<f64>,
}
