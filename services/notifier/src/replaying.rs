//! Replays: alerts of the past are armed for one subscription again, page by page.
//!
//! The ids stay, so that a receiver knows what it has. What waits or is on its way is left alone.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chassis::{SharedClock, Shutdown};
use planner::{Entry, Notice, Place, Reason, Row};
use proto::date::Instant;
use store::{Lane, Replay, Store};
use tokio::sync::{Notify, watch};

use crate::{
    planning::{Failed, at, ms, new_delivery},
    ports::{Alerts, Unreadable},
    sending::Calls,
    served::Roll,
};

/// Alerts of one page.
const PAGE: usize = 256;
/// Their bytes.
const BYTES: usize = 1 << 20;
/// The store is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// The loop's parts.
pub(crate) struct Replaying {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) alerts: Arc<dyn Alerts>,
    pub(crate) clock: SharedClock,
    pub(crate) roll: watch::Receiver<Arc<Roll>>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) wake: Arc<Notify>,
}

impl Replaying {
    /// Carries replays on until a stop is wished.
    pub(crate) async fn run(self, stop: Shutdown) {
        loop {
            match self.step().await {
                Ok(true) if !stop.is_requested() => continue,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a replay cannot go on"),
            }
            tokio::select! {
                () = stop.requested() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// One page of each replay; `false` when there is none.
    async fn step(&self) -> Result<bool, Failed> {
        let replays = self.store.replays().await?;
        for replay in &replays {
            self.page(replay).await?;
        }
        Ok(!replays.is_empty())
    }

    async fn page(&self, replay: &Replay) -> Result<(), Failed> {
        let partition = u32::try_from(replay.partition).unwrap_or_default();
        let start = self.alerts.start(partition);
        let from = u64::try_from(replay.position).unwrap_or(0).max(start);
        let alerts = Arc::clone(&self.alerts);
        let read = tokio::task::spawn_blocking(move || {
            if from >= alerts.end(partition) {
                return Ok(Vec::new());
            }
            alerts.read(partition, from, PAGE, BYTES)
        });
        let lines = read.await.unwrap_or(Err(Unreadable))?;
        let now = Instant(self.clock.now_unix_micros());
        let mut position = replay.until;
        if let Some((last, _)) = lines.last() {
            position = i64::try_from(last.saturating_add(1)).unwrap_or(i64::MAX).min(replay.until);
        }
        let roll = Arc::clone(&self.roll.borrow());
        let Some(wish) =
            roll.directory.wishes().iter().find(|wish| wish.key == replay.subscription)
        else {
            // Not on the roll yet, or being deleted: then the replay goes with it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            return Ok(());
        };
        let mut turn = now;
        let mut rows = Vec::new();
        for (number, bytes) in &lines {
            let before = i64::try_from(*number).is_ok_and(|number| number < replay.until);
            let Some(notice) = Notice::parse(bytes).ok().filter(|_| before) else { continue };
            let wanted = matches!(wish.takes(&notice), Ok(()) | Err(Reason::Muted));
            if !wanted || notice.time < at(replay.since) {
                continue;
            }
            let level = notice.data.level;
            let due = wish.timing.released(turn, level);
            let step = 60_000_000i64.checked_div(i64::from(wish.timing.per_minute)).unwrap_or(0);
            turn = turn.plus_us(step);
            let entry = Entry { seq: -1, partition, offset: *number, notice: &notice };
            rows.push(new_delivery(&row(wish.key, entry, due)));
        }
        self.store.replay(replay, &rows, position).await?;
        let lane = Lane { subscription: replay.subscription, channel: 0 };
        let first = rows.iter().map(|row| row.due).min();
        self.calls.call(first.map(|due| (lane, due)).into_iter().collect::<BTreeMap<_, _>>());
        Ok(())
    }
}

fn row(key: i64, entry: Entry<'_>, due: Instant) -> Row {
    Row {
        key,
        alert: entry.notice.id.clone(),
        seq: entry.seq,
        partition: entry.partition,
        offset: entry.offset,
        level: entry.notice.data.level,
        place: Place::Alone,
        due,
    }
}

/// The first line of a partition whose alert is of `since` or later. Blocks shortly.
pub(crate) fn seek(alerts: &dyn Alerts, partition: u32, since: Instant) -> Result<u64, Unreadable> {
    let (mut low, mut high) = (alerts.start(partition), alerts.end(partition));
    while low < high {
        let middle = low + (high - low) / 2;
        let read = alerts.read(partition, middle, 1, 1)?;
        let early = read.first().and_then(|(_, line)| Notice::parse(line).ok());
        if early.is_some_and(|notice| notice.time < since) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The parts of a replay from an instant on, up to the present end of each partition.
pub(crate) fn parts(
    alerts: &dyn Alerts,
    subscription: i64,
    since: Instant,
) -> Result<Vec<Replay>, Unreadable> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let part = |partition| {
        let position = number(seek(alerts, partition, since)?);
        let until = number(alerts.end(partition));
        let partition = i64::from(partition);
        Ok(Replay { id: 0, subscription, partition, position, until, since: ms(since) })
    };
    let parts: Result<Vec<Replay>, Unreadable> = (0..alerts.partitions()).map(part).collect();
    Ok(parts?.into_iter().filter(|part| part.position < part.until).collect())
}
