//! The books, checked while running: alerts times subscriptions is what was delivered, suppressed,
//! escalated and still waits. A difference is an alarm by itself: a task for the operators, an error in
//! the log and a metric. It is no reason to refuse events, so readiness does not know of it.

use std::{sync::Arc, time::Duration};

use chassis::{SharedClock, Shutdown};
use proto::codes::Code;
use store::{Account, DELIVERED, ESCALATED, IN_FLIGHT, Progress, Store, StoreError};

use crate::{meters::Meters, planning::position, ports::Alerts};

/// From one check to the next.
const EVERY: Duration = Duration::from_secs(15);
/// Rows that ended are kept so long.
const KEEP_MS: i64 = 30 * 24 * 3_600_000;
/// Rows cleared away at once.
const CLEAR: i64 = 2_000;

/// The check's parts.
pub(crate) struct Audit {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) alerts: Arc<dyn Alerts>,
    pub(crate) clock: SharedClock,
    pub(crate) meters: Meters,
}

impl Audit {
    /// Checks until a stop is wished.
    pub(crate) async fn run(self, stop: Shutdown) {
        loop {
            if let Err(error) = self.check().await {
                tracing::warn!(%error, "the books cannot be checked");
            }
            tokio::select! {
                () = stop.requested() => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        let now = self.clock.now_unix_micros().div_euclid(1_000);
        let (progress, accounts) = self.store.accounts().await?;
        let mut missing = 0;
        for account in &accounts {
            let (first, second) = account.missing();
            missing += first.abs() + second.abs();
            if (first, second) != (0, 0) || account.counted_to > progress.seq {
                tracing::error!(
                    subscription = account.subscription,
                    first,
                    second,
                    "the ledger differs from its books"
                );
                let code = Code::ConservationBroken.name();
                self.store.tell("conservation", Some(account.subscription), code, now).await?;
            }
        }
        let behind = self.behind(&progress);
        if behind < 0 {
            tracing::error!(behind, "the ledger has planned more alerts than the log holds");
            let code = Code::ConservationBroken.name();
            self.store.tell("conservation", None, code, now).await?;
        }
        self.meters.states(states(&accounts));
        self.meters.audited(missing, self.store.waiting().await?, behind);
        while self.store.clear(now - KEEP_MS, CLEAR).await? > 0 {}
        Ok(())
    }

    /// Lines of the log that are not planned yet.
    fn behind(&self, progress: &Progress) -> i64 {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let partitions = 0..self.alerts.partitions();
        let left = partitions.map(|p| count(self.alerts.end(p)) - count(position(progress, p)));
        left.sum()
    }
}

fn states(accounts: &[Account]) -> [(&'static str, i64); 4] {
    let sum = |state: i64| {
        let index = usize::try_from(state).unwrap_or(usize::MAX);
        let rows = accounts.iter().flat_map(|account| account.rows);
        rows.filter_map(|states| states.get(index).copied()).sum::<i64>()
    };
    let pending = sum(store::PENDING) + sum(store::OPEN) + sum(store::FURTHER);
    [
        ("pending", pending),
        ("in_flight", sum(IN_FLIGHT)),
        ("delivered", sum(DELIVERED)),
        ("escalated", sum(ESCALATED)),
    ]
}
