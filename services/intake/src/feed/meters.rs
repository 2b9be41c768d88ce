//! What is counted of feeds. No label holds anything of a record.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

use super::Told;

/// The metrics of feeds.
pub struct Meters {
    records: IntCounterVec,
    held: IntGauge,
}

impl Meters {
    /// Registers them.
    ///
    /// # Errors
    /// The registry already holds metrics of these names.
    pub fn new(registry: &Registry) -> Result<Meters, prometheus::Error> {
        let opts =
            Opts::new("levee_intake_feed_records_total", "Records of feeds by outcome and code.");
        let records = IntCounterVec::new(opts, &["outcome", "code"])?;
        let held = IntGauge::new(
            "levee_intake_feed_partitions_held",
            "Partitions of feeds that are held, having brought only what nobody can read.",
        )?;
        registry.register(Box::new(records.clone()))?;
        registry.register(Box::new(held.clone()))?;
        records.with_label_values(&["accepted", ""]);
        Ok(Meters { records, held })
    }

    /// Counts a batch that is durable.
    pub fn count(&self, told: &Told) {
        self.records.with_label_values(&["accepted", ""]).inc_by(told.taken);
        for (code, count) in &told.refused {
            self.records.with_label_values(&["rejected", code.name()]).inc_by(*count);
        }
        self.held.set(i64::try_from(told.held).unwrap_or(i64::MAX));
    }
}
