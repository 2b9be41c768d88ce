//! What became of calls in one partition: its part of each report.
//!
//! A call's entries stand in several partitions, and the report on it is the sum of their parts; the
//! frame that accounts for the call says how many records there are, so that a part that is missing
//! shows. It refuses to know the other partitions.

use std::collections::BTreeMap;

use engine::Outcome;
use proto::{
    event::Subject,
    frame::{Entry, FrameReader},
};
use serde::{Deserialize, Serialize};

use crate::{Report, batches::Batches};

/// Calls that one partition remembers; all partitions of a process together hold many.
const CALLS: usize = 20_000;
/// The call of frames that nobody asks about.
pub(super) const NONE: u64 = 0;

/// What became of a call in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// Of the entries that are decided here.
    pub report: Report,
    /// In the partition that accounts for the call: its records, those that the door refused
    /// included.
    pub rows: Option<u64>,
}

/// The latest calls.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Calls {
    batches: Batches,
    rows: BTreeMap<u64, u64>,
}

impl Calls {
    /// A frame begins; gives the call for which its entries are to be noted. A frame whose append
    /// had no answer may stand twice, and its entries count once.
    pub(super) fn begin(&mut self, frame: &FrameReader<'_>) -> u64 {
        let Some(part) = frame.batch() else { return NONE };
        if self.batches.report(part.id).is_some() {
            return NONE;
        }
        self.batches.begin(part.id, frame.refused().into_iter(), CALLS);
        if let Some(rows) = part.rows {
            self.rows.insert(part.id, rows);
        }
        let oldest = self.batches.oldest().unwrap_or(0);
        while self.rows.first_key_value().is_some_and(|(id, _)| *id < oldest) {
            self.rows.pop_first();
        }
        part.id
    }

    /// What came of an entry. `first`: this partition counts what stands in every partition.
    pub(super) fn note(&mut self, call: u64, entry: &Entry, outcome: Outcome, first: bool) {
        let everywhere = match entry {
            Entry::Event(event) => matches!(event.subject, Subject::Area(_)),
            Entry::Pack { .. } | Entry::Marks(_) => true,
            _ => false,
        };
        if first || !everywhere {
            self.batches.note(call, entry, outcome);
        }
    }

    /// This partition's part of a call.
    pub(super) fn part(&self, call: u64) -> Option<Part> {
        let report = self.batches.report(call)?.clone();
        Some(Part { report, rows: self.rows.get(&call).copied() })
    }
}
