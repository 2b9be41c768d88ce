//! Keeps the board up to date: from the beginning of the log to its end, then alert by alert.

use std::sync::Arc;

use chassis::Shutdown;

use crate::desk::{Desk, Phase};
use crate::ports::{Alerts, Unreadable};

/// Alerts read and folded under one hold of the board.
const CHUNK: usize = 1_024;

/// How far catching up has come, in alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Folded so far.
    pub done: u64,
    /// To be folded before the board is live.
    pub total: u64,
    /// Whether the board is live from now on.
    pub live: bool,
}

/// The task that folds the alerts log into the board.
pub struct Follower {
    desk: Arc<Desk>,
    alerts: Arc<dyn Alerts>,
}

impl Follower {
    /// A follower of `alerts` for the board of `desk`; one per desk.
    #[must_use]
    pub fn new(desk: Arc<Desk>, alerts: Arc<dyn Alerts>) -> Self {
        Self { desk, alerts }
    }

    /// Follows until a stop is wished; then every open stream ends. `report` is called after each
    /// chunk until the board is live, the last time with `live`.
    ///
    /// # Errors
    /// [`Unreadable`]: the board stays as it is, and nothing new is shown.
    pub async fn run(
        self,
        stop: Shutdown,
        mut report: impl FnMut(Progress) + Send,
    ) -> Result<(), Unreadable> {
        let ended = tokio::select! {
            ended = self.follow(&mut report) => ended,
            () = stop.requested() => Ok(()),
        };
        self.desk.tell(self.desk.board().end(), Phase::Stopped);
        ended
    }

    async fn follow(&self, report: &mut (impl FnMut(Progress) + Send)) -> Result<(), Unreadable> {
        let mut ends = self.alerts.wait();
        let (start, target) = (self.alerts.start(), self.alerts.end());
        self.desk.board_mut().begin_at(start);
        let total = target.saturating_sub(start);
        let mut live = false;
        loop {
            ends.borrow_and_update();
            let end = self.chunk().await?;
            if !live {
                live = end >= target;
                report(Progress { done: end.saturating_sub(start).min(total), total, live });
            }
            self.desk.tell(end, if live { Phase::Live } else { Phase::Starting });
            if end >= self.alerts.end() && ends.changed().await.is_err() {
                return Err(Unreadable);
            }
        }
    }

    /// Reads and folds the next alerts and answers how far the board is.
    async fn chunk(&self) -> Result<u64, Unreadable> {
        let (desk, alerts) = (Arc::clone(&self.desk), Arc::clone(&self.alerts));
        let folded = tokio::task::spawn_blocking(move || {
            let from = desk.board().end();
            let lines = alerts.read(from, CHUNK)?;
            let mut board = desk.board_mut();
            for (seq, line) in lines {
                if let Err(error) = board.fold(seq, &line) {
                    tracing::warn!(seq, %error, "an alert cannot be shown");
                }
            }
            Ok(board.end())
        });
        folded.await.map_err(|_| Unreadable)?
    }
}
