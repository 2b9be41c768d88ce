//! The runs that were asked for, and what they gave, for people and for programs.

use std::{collections::BTreeMap, fmt, fs, path::PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    Comparison, Error, Options, Visits,
    compare::{Only, Trace},
    packs,
    replay::{Counts, Replay},
    sink::Sink,
    tally::Tally,
};

/// What a replay gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    counts: Counts,
    tally: Tally,
    visits: Visits,
    red_per_10_000: u64,
    comparison: Option<Comparison>,
    /// Whether every budget that was asked for is kept.
    pub within_budget: bool,
}

/// Replays the files, writes alerts where the options say, and with packs to compare with replays
/// them a second time.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read or written, [`Error::Packs`] for packs with errors,
/// [`Error::Line`] for a line that is not JSON.
pub fn run(options: &Options) -> Result<Report, Error> {
    let first = packs::load(&options.rules)?;
    let second = packs::load(&options.against)?;
    let bar = bar(options)?;
    let comparing = !options.against.is_empty();
    let mut sink = Sink::open(options.out.as_deref())?;
    let mut trace = Trace::default();
    let (counts, tally) = Replay::new(&first, options.until, |alert| {
        if comparing {
            trace.note(alert);
        }
        sink.write(alert)
    })
    .run(options, &bar)?;
    sink.close()?;
    let mut report = Report { within_budget: true, ..Report::default() };
    report.visits = figures(&counts, &tally);
    report.red_per_10_000 = counts.days.map_or(0, |(_, last)| tally.red_per_10_000(last));
    if comparing {
        let mut other = Trace::default();
        let (counts, tally) = Replay::new(&second, options.until, |alert| {
            other.note(alert);
            Ok(())
        })
        .run(options, &bar)?;
        let visits = figures(&counts, &tally);
        report.comparison = Some(Comparison::new(&trace, &other, report.visits, visits));
    }
    bar.finish_and_clear();
    report.within_budget =
        options.max_visits_p95.is_none_or(|most| decimal(report.visits.p95) <= most);
    (report.counts, report.tally) = (counts, tally);
    Ok(report)
}

fn figures(counts: &Counts, tally: &Tally) -> Visits {
    counts.days.map_or_else(Visits::default, |(first, last)| tally.visits.figures(first, last))
}

/// A bar over the bytes of all files; hidden where standard error is not a terminal.
fn bar(options: &Options) -> Result<ProgressBar, Error> {
    let mut bytes = 0;
    for path in options.events.iter().chain([&options.households]) {
        bytes += size(path)?;
    }
    if !options.progress {
        return Ok(ProgressBar::hidden());
    }
    let runs = if options.against.is_empty() { 1 } else { 2 };
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {binary_bytes_per_sec}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    Ok(ProgressBar::new(bytes * runs).with_style(style))
}

fn size(path: &PathBuf) -> Result<u64, Error> {
    Ok(fs::metadata(path).map_err(Error::io(path))?.len())
}

/// Hundredths as a number with two decimals.
#[expect(clippy::cast_precision_loss, reason = "visits are small and only shown")]
fn decimal(hundredths: u64) -> f64 {
    hundredths as f64 / 100.0
}

impl Report {
    /// How many alerts were made.
    #[must_use]
    pub fn alerts(&self) -> u64 {
        self.tally.alerts
    }

    /// How many well-formed event lines were read.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.counts.events
    }

    /// The form for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Counts { profiles, events, duplicates, parked, unmatched, left_out, .. } = self.counts;
        let mut json = json!({
            "alerts": self.tally.alerts,
            "by_rule": self.tally.by_rule,
            "by_level": self.tally.by_level,
            "by_area": self.tally.by_area,
            "refused": self.counts.refused,
            "failed_expressions": self.counts.failed,
            "visits_per_village_week": visits_json(self.visits),
            "busiest_week_p95": decimal(self.visits.busiest_week_p95),
            "red_households_percent": decimal(self.red_per_10_000),
            "households": self.tally.visits.households(),
            "profile_lines": profiles,
            "events": events,
            "duplicates": duplicates,
            "parked": parked,
            "corrections_unmatched": unmatched,
            "left_out": left_out,
        });
        if let Some((first, last)) = self.counts.days {
            json["from"] = first.to_string().into();
            json["until"] = last.to_string().into();
        }
        if let Some(against) = &self.comparison {
            json["against"] = json!({
                "only_in_rules": only_json(&against.only_a),
                "only_in_against": only_json(&against.only_b),
                "final_level_differs": against.final_levels.values().sum::<u64>(),
                "final_levels": against.final_levels,
                "visits_per_village_week": {
                    "rules": visits_json(against.visits_a),
                    "against": visits_json(against.visits_b),
                },
            });
        }
        json
    }
}

fn visits_json(visits: Visits) -> Value {
    let Visits { p50, p95, max, .. } = visits;
    json!({"p50": decimal(p50), "p95": decimal(p95), "max": decimal(max)})
}

fn only_json(only: &Only) -> Value {
    json!({"alerts": only.alerts, "by_rule": only.by_rule, "by_level": only.by_level})
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { counts, tally, visits, .. } = self;
        if let Some((first, last)) = counts.days {
            writeln!(f, "{first} to {last}")?;
        }
        let households = tally.visits.households();
        writeln!(f, "{households} households, {} profile lines", counts.profiles)?;
        writeln!(
            f,
            "{} events: {} duplicate, {} parked on arrival, {} corrections unmatched, {} after the last day",
            counts.events, counts.duplicates, counts.parked, counts.unmatched, counts.left_out
        )?;
        writeln!(f, "{} alerts", tally.alerts)?;
        section(f, "by level", tally.by_level.iter())?;
        section(f, "by rule", tally.by_rule.iter())?;
        section(f, "by area", tally.by_area.iter())?;
        section(f, "refused", counts.refused.iter())?;
        section(f, "failed expressions", counts.failed.iter())?;
        writeln!(f, "openings and raises at yellow or red per 400-household village and week")?;
        writeln!(f, "(each village's count is scaled to 400 households; quiet weeks count)")?;
        visits_text(f, "", *visits)?;
        writeln!(
            f,
            "  p95 of villages in the busiest week {:.2}",
            decimal(visits.busiest_week_p95)
        )?;
        let red = decimal(self.red_per_10_000);
        writeln!(f, "{red:.2} % of households red within the last year")?;
        self.comparison.as_ref().map_or(Ok(()), |against| differences(f, against))
    }
}

fn visits_text(f: &mut fmt::Formatter<'_>, name: &str, visits: Visits) -> fmt::Result {
    let (p50, p95, max) = (decimal(visits.p50), decimal(visits.p95), decimal(visits.max));
    writeln!(f, "  {name}p50 {p50:.2}, p95 {p95:.2}, max {max:.2}")
}

fn section<'c, K: fmt::Display + 'c>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: impl ExactSizeIterator<Item = (K, &'c u64)>,
) -> fmt::Result {
    if counts.len() == 0 {
        return Ok(());
    }
    writeln!(f, "{title}")?;
    for (name, n) in counts {
        writeln!(f, "  {name:<32} {n:>9}")?;
    }
    Ok(())
}

fn differences(f: &mut fmt::Formatter<'_>, against: &Comparison) -> fmt::Result {
    let by = |f: &mut fmt::Formatter<'_>, of: &str, counts: &BTreeMap<String, u64>| {
        section(f, &format!("  of these by {of}"), counts.iter())
    };
    for (name, only) in [("--rules", &against.only_a), ("--against", &against.only_b)] {
        writeln!(f, "{} alerts only with {name}", only.alerts)?;
        by(f, "level", &only.by_level)?;
        by(f, "rule", &only.by_rule)?;
    }
    let differ: u64 = against.final_levels.values().sum();
    writeln!(f, "{differ} households end at another level")?;
    section(f, "  --rules > --against", against.final_levels.iter())?;
    writeln!(f, "visits a week")?;
    visits_text(f, "--rules   ", against.visits_a)?;
    visits_text(f, "--against ", against.visits_b)
}
