//! What failed while deciding, for reports.

use crate::{engine::Engine, fold::Fold};

impl Engine {
    /// How often level expressions failed (overflow, division by zero, no row), by rule id, in the
    /// order of the ids; rules without a failure are left out.
    #[must_use]
    pub fn failed_expressions(&self) -> Vec<(String, u64)> {
        let ids = self.world.rule_ids.iter().enumerate();
        let mut failed: Vec<(String, u64)> = ids
            .map(|(place, id)| {
                let of = |fold: &Fold| fold.failed.get(place).copied();
                (id.to_owned(), self.folds.iter().filter_map(of).sum())
            })
            .filter(|(_, n)| *n > 0)
            .collect();
        failed.sort();
        failed
    }
}
