//! What the door counts. No label holds anything of a record or an account.

use prometheus::{
    Histogram, HistogramOpts, HistogramTimer, IntCounter, IntCounterVec, Opts, Registry,
};
use proto::codes::Code;

use crate::{door::Tally, port::Outcome};

/// Bounds of the time to a decision; 5 s is the promise that alerts are held to.
const DECISION_SECONDS: [f64; 9] = [0.005, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0];

/// The door's counters.
#[derive(Debug)]
pub(crate) struct Meters {
    records: IntCounterVec,
    requests: IntCounterVec,
    decided: Histogram,
    dropped: IntCounter,
    unverified: IntCounter,
    ahead: IntCounter,
}

impl Meters {
    pub(crate) fn new(registry: &Registry) -> Result<Meters, prometheus::Error> {
        let vec = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let one = |name: &str, help: &str| {
            let one = IntCounter::new(name, help)?;
            registry.register(Box::new(one.clone()))?;
            Ok::<_, prometheus::Error>(one)
        };
        let decided = HistogramOpts::new(
            "levee_intake_decision_seconds",
            "From a checked call to its answer: its records are durable and decided upon.",
        );
        let decided = Histogram::with_opts(decided.buckets(DECISION_SECONDS.to_vec()))?;
        registry.register(Box::new(decided.clone()))?;
        Ok(Meters {
            decided,
            records: vec(
                "levee_intake_records_total",
                "Records by outcome; refused ones by code.",
                &["outcome", "code"],
            )?,
            requests: vec(
                "levee_intake_requests_total",
                "Requests by route and status.",
                &["route", "status"],
            )?,
            dropped: one(
                "levee_intake_dropped_fields_total",
                "Unknown and personal fields that were dropped from well-formed records.",
            )?,
            unverified: one(
                "levee_intake_unverified_identities_total",
                "Well-formed records with an ID number whose checksum does not hold.",
            )?,
            ahead: one(
                "levee_intake_early_events_total",
                "Well-formed events more than 5 minutes ahead of the clock.",
            )?,
        })
    }

    /// Measures until it is dropped, also when the caller goes away before the answer.
    pub(crate) fn decision(&self) -> HistogramTimer {
        self.decided.start_timer()
    }

    pub(crate) fn record(&self, outcome: Outcome) {
        let (word, code) = match outcome {
            Outcome::Accepted => ("accepted", ""),
            Outcome::Duplicate => ("duplicate", ""),
            Outcome::Parked => ("parked", ""),
            Outcome::Refused(code) => ("rejected", code.name()),
        };
        self.records.with_label_values(&[word, code]).inc();
    }

    /// Records of an atomic call that were refused and with them the call.
    pub(crate) fn refused(&self, code: Code) {
        self.record(Outcome::Refused(code));
    }

    pub(crate) fn request(&self, route: &str, status: u16) {
        let status = status.to_string();
        self.requests.with_label_values(&[route, &status]).inc();
    }

    pub(crate) fn noticed(&self, tally: &Tally) {
        self.dropped.inc_by(tally.dropped);
        self.unverified.inc_by(tally.unverified);
        self.ahead.inc_by(tally.ahead);
    }
}
