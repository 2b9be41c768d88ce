//! The notifier's metrics. Labels are words of the program, never of a subscriber.

use std::time::Duration;

use planner::Plan;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use store::{End, Settled};

use crate::channel::{Kind, Verdict};

/// All of them. Clones share.
#[derive(Clone)]
pub(crate) struct Meters {
    alerts: IntCounter,
    rows: IntCounter,
    suppressed: IntCounterVec,
    attempts: IntCounterVec,
    seconds: HistogramVec,
    ends: IntCounterVec,
    rows_by_state: IntGaugeVec,
    missing: IntGauge,
    waiting: IntGauge,
    behind: IntGauge,
}

impl Meters {
    pub(crate) fn new(registry: &Registry) -> Result<Meters, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok::<_, prometheus::Error>(counters)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let seconds = HistogramOpts::new("levee_notifier_attempt_seconds", "Time of an attempt.")
            .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 30.0]);
        let seconds = HistogramVec::new(seconds, &["channel"])?;
        registry.register(Box::new(seconds.clone()))?;
        let states = Opts::new("levee_notifier_deliveries", "Rows of the ledger by state.");
        let rows_by_state = IntGaugeVec::new(states, &["state"])?;
        registry.register(Box::new(rows_by_state.clone()))?;
        Ok(Meters {
            alerts: counter("levee_notifier_alerts_total", "Alerts planned.")?,
            rows: counter("levee_notifier_planned_total", "Rows planned.")?,
            suppressed: counters(
                "levee_notifier_suppressed_total",
                "Alerts that became no message to a subscription that concerns them.",
                &["reason"],
            )?,
            attempts: counters(
                "levee_notifier_attempts_total",
                "Attempts by channel and verdict.",
                &["channel", "verdict"],
            )?,
            seconds,
            ends: counters("levee_notifier_ends_total", "How claims ended.", &["end"])?,
            rows_by_state,
            missing: gauge(
                "levee_notifier_conservation_missing",
                "Rows that the books know and the ledger lacks, or the reverse; 0 is right.",
            )?,
            waiting: gauge("levee_notifier_queue_waiting", "Tasks that wait for operators.")?,
            behind: gauge("levee_notifier_behind", "Alerts of the log that are not planned yet.")?,
        })
    }

    pub(crate) fn planned(&self, plan: &Plan, alerts: usize) {
        self.alerts.inc_by(u64::try_from(alerts).unwrap_or(0));
        self.rows.inc_by(u64::try_from(plan.rows.len()).unwrap_or(0));
        for touched in plan.touched.values() {
            let reasons = [
                ("history", touched.history),
                ("muted", touched.muted),
                ("duplicate", touched.duplicate),
            ];
            for (reason, count) in reasons {
                let count = u64::try_from(count).unwrap_or(0);
                self.suppressed.with_label_values(&[reason]).inc_by(count);
            }
        }
    }

    pub(crate) fn attempt(&self, kind: Kind, verdict: &Verdict, spent: Duration) {
        let word = match verdict {
            Verdict::Delivered(_) => "delivered",
            Verdict::Retry { .. } => "retry",
            Verdict::Away => "away",
            Verdict::Gone { .. } => "gone",
            Verdict::Refused { .. } => "refused",
        };
        self.attempts.with_label_values(&[kind.word(), word]).inc();
        self.seconds.with_label_values(&[kind.word()]).observe(spent.as_secs_f64());
    }

    pub(crate) fn settled(&self, settled: &[Settled], lost: u64) {
        for one in settled {
            let end = match one.end {
                End::Delivered { .. } => "delivered",
                End::Again { .. } => "again",
                End::Escalated { .. } => "escalated",
            };
            self.ends.with_label_values(&[end]).inc();
        }
        self.ends.with_label_values(&["lost"]).inc_by(lost);
    }

    pub(crate) fn swept(&self, rows: u64) {
        self.ends.with_label_values(&["swept"]).inc_by(rows);
    }

    pub(crate) fn states(&self, states: [(&str, i64); 4]) {
        for (state, count) in states {
            self.rows_by_state.with_label_values(&[state]).set(count);
        }
    }

    pub(crate) fn audited(&self, missing: i64, waiting: i64, behind: i64) {
        self.missing.set(missing);
        self.waiting.set(waiting);
        self.behind.set(behind);
    }
}
