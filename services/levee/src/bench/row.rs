//! One measured figure with what it was measured on.

use std::{fmt, fs, num::NonZero, thread, time::Duration};

use serde_json::{Map, Value, json};

/// A measure. What does not apply to it is `null`.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// How many events.
    pub(crate) n: u64,
    pub(crate) elapsed: Duration,
    pub(crate) p50: Option<Duration>,
    pub(crate) p99: Option<Duration>,
    pub(crate) rss_bytes: Option<u64>,
    pub(crate) seed: Option<u64>,
    /// What only this measure knows, in the order in which it is shown.
    pub(crate) further: Vec<(&'static str, Value)>,
}

impl Row {
    pub(crate) fn note(&mut self, name: &'static str, value: impl Into<Value>) {
        self.further.push((name, value.into()));
    }

    pub(crate) fn note_seconds(&mut self, name: &'static str, value: Duration) {
        self.note(name, rounded(value.as_secs_f64()));
    }

    pub(crate) fn note_ms(&mut self, name: &'static str, value: Duration) {
        self.note(name, rounded(value.as_secs_f64() * 1e3));
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate is shown, not decided upon")]
    fn fields(&self) -> Vec<(&'static str, Value)> {
        let ms = |time: Option<Duration>| time.map(|t| rounded(t.as_secs_f64() * 1e3));
        let seconds = self.elapsed.as_secs_f64();
        let rate = (seconds > 0.0).then(|| (self.n as f64 / seconds).round());
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let mut fields = vec![
            ("name", json!(self.name)),
            ("n", json!(self.n)),
            ("events", json!(self.n)),
            ("seconds", json!(rounded(seconds))),
            ("events_per_s", json!(rate)),
            ("p50_ms", json!(ms(self.p50))),
            ("p99_ms", json!(ms(self.p99))),
            ("rss_bytes", json!(self.rss_bytes)),
            ("cores", json!(cores)),
            ("seed", json!(self.seed)),
            ("commit", json!(env!("LEVEE_COMMIT"))),
        ];
        fields.extend(self.further.iter().cloned());
        fields
    }

    /// The row for programs.
    pub(crate) fn to_json(&self) -> Value {
        let fields = self.fields().into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(fields.collect::<Map<_, _>>())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.fields() {
            if !value.is_null() {
                writeln!(f, "{name:<24} {}", value.as_str().map_or(value.to_string(), Into::into))?;
            }
        }
        Ok(())
    }
}

/// Three decimals.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// The value that `percent` of sorted times do not exceed.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let nth = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(nth - 1).copied()
}

/// The memory of a process that is in use, where the system tells.
pub(crate) fn rss(pid: Option<u32>) -> Option<u64> {
    let pid = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

/// The processors' time that this process has taken, where the system tells.
pub(crate) fn spent() -> Option<Duration> {
    /// What Linux counts a process's time in for its users.
    const TICK: Duration = Duration::from_millis(10);
    let status = fs::read_to_string("/proc/self/stat").ok()?;
    // The fields after the name, which may hold anything in brackets.
    let fields = status.rsplit_once(')')?.1;
    let ticks = |n: usize| fields.split_whitespace().nth(n)?.parse::<u32>().ok();
    Some(TICK * (ticks(11)? + ticks(12)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_keys_that_every_measure_has() {
        let mut row = Row { name: "x", n: 10, elapsed: Duration::from_secs(2), ..Row::default() };
        row.note("further", 3);
        let json = row.to_json();
        for key in ["name", "n", "seconds", "p50_ms", "p99_ms", "rss_bytes", "cores", "seed"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!((json["events_per_s"].as_f64(), json["further"].as_i64()), (Some(5.0), Some(3)));
        assert!(json["commit"].as_str().is_some_and(|commit| !commit.is_empty()));
        assert!(!row.to_string().contains("p50_ms"));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(100)));
        assert_eq!(percentile(&times, 99), Some(Duration::from_millis(198)));
        assert_eq!(percentile(&times[..1], 99), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 99), None);
    }
}
