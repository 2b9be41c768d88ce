//! What the watcher counts. No label holds anything of a record.

use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, IntGaugeVec, Opts, Registry,
};

use crate::machine::Tally;

/// The watcher's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Meters {
    entries: IntGaugeVec,
    alerts: IntGauge,
    pub(crate) fold_seconds: Histogram,
    pub(crate) backlog: IntGauge,
    pub(crate) snapshot_seconds: Gauge,
    pub(crate) snapshots_refused: IntCounter,
    pub(crate) restore_done: IntGauge,
    pub(crate) restore_total: IntGauge,
}

impl Meters {
    pub(crate) fn new(registry: &Registry) -> Result<Meters, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let entries = Opts::new(
            "levee_watcher_entries",
            "Entries of the journal so far: accepted = decided + duplicate + parked + dead.",
        );
        let entries = IntGaugeVec::new(entries, &["outcome"])?;
        registry.register(Box::new(entries.clone()))?;
        let fold_seconds = Histogram::with_opts(
            HistogramOpts::new("levee_watcher_fold_seconds", "Time to fold one group.")
                .buckets(vec![0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0]),
        )?;
        registry.register(Box::new(fold_seconds.clone()))?;
        let snapshot_seconds =
            Gauge::new("levee_watcher_snapshot_seconds", "Time that the last snapshot took.")?;
        registry.register(Box::new(snapshot_seconds.clone()))?;
        let snapshots_refused = IntCounter::new(
            "levee_watcher_snapshots_refused_total",
            "Snapshots that were not used at the start.",
        )?;
        registry.register(Box::new(snapshots_refused.clone()))?;
        Ok(Meters {
            entries,
            alerts: gauge("levee_watcher_alerts", "Alerts of the journal so far.")?,
            fold_seconds,
            backlog: gauge("levee_watcher_backlog", "Calls that wait to be made durable.")?,
            snapshot_seconds,
            snapshots_refused,
            restore_done: gauge(
                "levee_watcher_restore_records",
                "Journal records folded by the restore.",
            )?,
            restore_total: gauge(
                "levee_watcher_restore_records_expected",
                "Journal records that the restore has to fold.",
            )?,
        })
    }

    pub(crate) fn tally(&self, tally: Tally) {
        let set = |outcome: &str, count: u64| {
            self.entries.with_label_values(&[outcome]).set(whole(count));
        };
        set("accepted", tally.accepted);
        set("decided", tally.decided);
        set("duplicate", tally.duplicate);
        set("parked", tally.parked);
        set("dead", tally.dead);
        self.alerts.set(whole(tally.alerts));
    }
}

pub(crate) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
