//! The planning loop: alerts become rows, and every row is durable before anything is sent.
//!
//! Several instances may plan one log into one store: whoever comes second finds that the ledger
//! has moved, forgets what it thought, and begins again from where the ledger stands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use chassis::{SharedClock, Shutdown};
use planner::{Entry, Notice, Place, Plan, Planner, Row};
use proto::date::Instant;
use store::{Lane, NewDelivery, Progress, Standing, Store, StoreError};
use tokio::sync::{Notify, watch};

use crate::{
    message::{Line, Lines},
    meters::Meters,
    ports::{Alerts, Unreadable},
    seal::SealKey,
    sending::Calls,
    served::Roll,
};

/// Alerts of one plan.
const BATCH: usize = 1_024;
/// Their bytes.
const BYTES: usize = 4 << 20;
/// Without a new alert the store is looked at so often: for changed subscriptions and due groups.
const LOOK: Duration = Duration::from_millis(500);
/// A failing store or log is asked again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// The loop's parts.
pub(crate) struct Planning {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) alerts: Arc<dyn Alerts>,
    pub(crate) lines: Arc<Lines>,
    pub(crate) seal: Arc<Option<SealKey>>,
    pub(crate) clock: SharedClock,
    pub(crate) roll: watch::Sender<Arc<Roll>>,
    pub(crate) changed: Arc<Notify>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) meters: Meters,
    pub(crate) health: chassis::Component,
}

/// Why a step was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Log(#[from] Unreadable),
}

/// What the loop holds between steps; all of it can be read anew from the store.
struct Mind {
    progress: Progress,
    planner: Planner,
    roll: Arc<Roll>,
}

/// An alert that was read.
struct Read {
    partition: u32,
    number: u64,
    line: Option<Line>,
}

impl Planning {
    /// Plans until a stop is wished.
    pub(crate) async fn run(self, stop: Shutdown) {
        let mut ends = self.alerts.wait();
        let mut mind = None;
        loop {
            if stop.is_requested() {
                return;
            }
            ends.borrow_and_update();
            let idle = match self.step(&mut mind).await {
                Ok(planned) => {
                    self.health.ready();
                    !planned
                }
                Err(error) => {
                    tracing::warn!(%error, "alerts cannot be planned");
                    self.health.failing("store.unavailable");
                    mind = None;
                    tokio::time::sleep(PAUSE).await;
                    false
                }
            };
            if idle {
                tokio::select! {
                    () = stop.requested() => {}
                    moved = ends.changed() => if moved.is_err() { return },
                    () = self.changed.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        }
    }

    /// One step; `false` when there was nothing to plan.
    async fn step(&self, slot: &mut Option<Mind>) -> Result<bool, Failed> {
        let mut mind = match slot.take() {
            Some(mind) => mind,
            None => self.begin().await?,
        };
        let progress = self.store.progress().await?;
        if (progress.seq, progress.version) != (mind.progress.seq, mind.progress.version) {
            mind = self.begin().await?;
        }
        let reads = self.read(&mind.progress).await?;
        let now = Instant(self.clock.now_unix_micros());
        let due = mind.planner.open.keys().any(|(_, due)| *due <= now);
        if reads.is_empty() && !due {
            *slot = Some(mind);
            return Ok(false);
        }
        let before: BTreeSet<(i64, Instant)> = mind.planner.open.keys().copied().collect();
        let (plan, to) = self.decide(&mut mind, &reads, now).await?;
        let rows = plan.rows.iter().map(new_delivery).collect::<Vec<_>>();
        let entries = plan.touched.iter().map(|(key, touched)| store::Entry {
            subscription: *key,
            rows: touched.rows,
            history: touched.history,
            muted: touched.muted,
            duplicate: touched.duplicate,
            pace_at: plan.paces.get(key).map(|at| ms(*at)),
        });
        let from = (mind.progress.seq, mind.progress.version);
        let written = store::Plan { from, to: to.clone(), rows, entries: entries.collect() };
        if !self.store.plan(&written).await? {
            // Another has planned, or a subscription was changed: begin again.
            return Ok(true);
        }
        self.meters.planned(&plan, reads.len());
        for Read { partition, number, line } in reads {
            if let Some(line) = line {
                self.lines.keep((partition, number), line);
            }
        }
        mind.progress = to;
        self.call(&plan, &before, &mind.planner);
        *slot = Some(mind);
        Ok(true)
    }

    async fn begin(&self) -> Result<Mind, Failed> {
        let Standing { progress, subscriptions, open, paces } = self.store.standing().await?;
        let roll = Arc::new(Roll::of(&subscriptions, self.seal.as_ref().as_ref()));
        self.roll.send_replace(Arc::clone(&roll));
        let open = open
            .into_iter()
            .map(|(key, due, count)| ((key, at(due)), u32::try_from(count).unwrap_or(u32::MAX)));
        let planner = Planner {
            closed_at: at(progress.closed_at),
            open: open.collect(),
            paces: paces.into_iter().map(|(key, pace)| (key, at(pace))).collect(),
        };
        Ok(Mind { progress, planner, roll })
    }

    /// The next lines of each partition.
    async fn read(&self, progress: &Progress) -> Result<Vec<Read>, Failed> {
        let (alerts, progress) = (Arc::clone(&self.alerts), progress.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut reads = Vec::new();
            for partition in 0..alerts.partitions() {
                let from = position(&progress, partition).max(alerts.start(partition));
                if from >= alerts.end(partition) {
                    continue;
                }
                for (number, bytes) in alerts.read(partition, from, BATCH, BYTES)? {
                    let notice = Notice::parse(&bytes).ok().map(Arc::new);
                    let line = notice.map(|notice| Line { bytes: bytes.into(), notice });
                    reads.push(Read { partition, number, line });
                }
            }
            Ok(reads)
        });
        read.await.unwrap_or(Err(Unreadable)).map_err(Failed::from)
    }

    async fn decide(
        &self,
        mind: &mut Mind,
        reads: &[Read],
        now: Instant,
    ) -> Result<(Plan, Progress), Failed> {
        let pairs = reads.iter().filter_map(|read| read.line.as_ref()).flat_map(|line| {
            let takers = mind.roll.directory.takers(&line.notice);
            takers.map(|key| (key, line.notice.id.to_string())).collect::<Vec<_>>()
        });
        let pairs: Vec<_> = pairs.collect();
        let known: BTreeSet<(i64, String)> = self.store.known(&pairs).await?.into_iter().collect();
        let mut plan = Plan::default();
        let mut to = mind.progress.clone();
        // The same alert twice in one batch is found here, in an earlier batch by the store.
        let mut met: BTreeSet<(i64, String)> = BTreeSet::new();
        for read in reads {
            if let Some(line) = &read.line {
                let notice = &*line.notice;
                let (partition, offset) = (read.partition, read.number);
                let entry = Entry { seq: to.seq, partition, offset, notice };
                let known = |key| {
                    let pair = (key, notice.id.to_string());
                    known.contains(&pair) || met.contains(&pair)
                };
                let from = plan.rows.len();
                mind.planner.take(entry, &mind.roll.directory, now, known, &mut plan);
                met.extend(plan.rows.iter().skip(from).map(|row| (row.key, row.alert.to_string())));
            } else {
                let (partition, number) = (read.partition, read.number);
                tracing::error!(partition, number, "a line of the alerts topic is not an alert");
                self.store.tell("alert", None, "alert.unreadable", ms(now)).await?;
            }
            to.seq += 1;
            set_position(&mut to, read.partition, read.number.saturating_add(1));
        }
        if reads.len() < BATCH {
            mind.planner.close(now);
        }
        to.closed_at = ms(mind.planner.closed_at);
        Ok((plan, to))
    }

    /// Tells the sending loop what is due when.
    fn call(&self, plan: &Plan, before: &BTreeSet<(i64, Instant)>, planner: &Planner) {
        let open = |row: &&Row| {
            !matches!(row.place, Place::First { open: true, .. } | Place::Further { .. })
        };
        let mut dues: BTreeMap<Lane, i64> = BTreeMap::new();
        let rows = plan.rows.iter().filter(open).map(|row| (row.key, row.due));
        let opened = plan.rows.iter().filter(|row| row.due <= planner.closed_at);
        let opened = opened.map(|row| (row.key, row.due));
        let closed = before.iter().filter(|group| !planner.open.contains_key(group)).copied();
        for (subscription, due) in rows.chain(opened).chain(closed) {
            let lane = Lane { subscription, channel: 0 };
            let due = ms(due);
            dues.entry(lane).and_modify(|at| *at = due.min(*at)).or_insert(due);
        }
        self.calls.call(dues);
    }
}

/// A row as the store takes it.
pub(crate) fn new_delivery(row: &Row) -> NewDelivery {
    let (state, parcel) = match &row.place {
        Place::Alone => (store::PENDING, None),
        Place::First { group, open: true } => (store::OPEN, Some(group)),
        Place::First { group, open: false } => (store::PENDING, Some(group)),
        Place::Further { group } => (store::FURTHER, Some(group)),
    };
    NewDelivery {
        subscription: row.key,
        alert: row.alert.to_string(),
        seq: row.seq,
        partition: i64::from(row.partition),
        position: i64::try_from(row.offset).unwrap_or(i64::MAX),
        level: row.level as i64,
        parcel: parcel.map(ToString::to_string),
        state,
        due: ms(row.due),
    }
}

/// The next position of a partition.
pub(crate) fn position(progress: &Progress, partition: u32) -> u64 {
    let found = progress.positions.iter().find(|(found, _)| *found == i64::from(partition));
    found.map_or(0, |(_, position)| u64::try_from(*position).unwrap_or(0))
}

fn set_position(progress: &mut Progress, partition: u32, position: u64) {
    let position = i64::try_from(position).unwrap_or(i64::MAX);
    match progress.positions.iter_mut().find(|(found, _)| *found == i64::from(partition)) {
        Some(found) => found.1 = position,
        None => progress.positions.push((i64::from(partition), position)),
    }
}

/// Milliseconds of an instant.
pub(crate) fn ms(at: Instant) -> i64 {
    at.0.div_euclid(1_000)
}

/// The instant of milliseconds.
pub(crate) fn at(ms: i64) -> Instant {
    Instant(ms.saturating_mul(1_000))
}
