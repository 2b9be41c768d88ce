//! The sending loop: what is due is claimed, sent, and its end written, turn by turn.
//!
//! Every claim is durable before its message leaves. What ended is written in the transaction that
//! claims the next, so the loop costs one durable write a turn. In doubt a message is sent again
//! under the same id. What is waiting stays in the store: in memory is only what is being sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chassis::{SharedClock, Shutdown};
use proto::codes::Code;
use store::{Claimed, DISABLED, End, Lane, PAUSED, Settled, Store, StoreError, Sweep, Turn};
use tokio::sync::{Notify, mpsc, watch};

use crate::{
    attempt::{Attempt, Ended},
    lane::LaneMind,
    meters::Meters,
    served::Roll,
};

/// Messages being sent at once.
const ROOM: u32 = 256;
/// Of them to receivers that failed lately.
const SUSPECTS: u32 = 64;
/// A claim holds so long; an attempt takes at most a quarter of it.
const LEASE_MS: i64 = 120_000;
/// The longest sleep.
const NAP: Duration = Duration::from_millis(250);
/// Claims of dead senders and dead lanes are looked for so often.
const SWEEP_MS: i64 = 1_000;
/// Rows of one sweep.
const SWEPT: i64 = 500;
/// A failing store is asked again after this.
const PAUSE: Duration = Duration::from_millis(500);

/// From the planning loop to the sending loop: which lanes have something due when.
#[derive(Default)]
pub(crate) struct Calls {
    dues: Mutex<BTreeMap<Lane, i64>>,
    bell: Notify,
}

impl Calls {
    pub(crate) fn call(&self, dues: BTreeMap<Lane, i64>) {
        if dues.is_empty() {
            return;
        }
        let mut waiting = self.dues.lock().unwrap_or_else(PoisonError::into_inner);
        for (lane, due) in dues {
            waiting.entry(lane).and_modify(|at| *at = due.min(*at)).or_insert(due);
        }
        drop(waiting);
        self.bell.notify_one();
    }

    fn take(&self) -> BTreeMap<Lane, i64> {
        std::mem::take(&mut *self.dues.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The loop's parts.
pub(crate) struct Sending {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: SharedClock,
    pub(crate) roll: watch::Receiver<Arc<Roll>>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) attempt: Attempt,
    pub(crate) meters: Meters,
    /// Who claims.
    pub(crate) owner: i64,
    /// Whether nobody else works on this store.
    pub(crate) alone: bool,
    /// All lanes are read from the store so often.
    pub(crate) refresh: Duration,
    /// Other parts learn here that a subscription was disabled.
    pub(crate) changed: Arc<Notify>,
}

/// What the loop holds between turns.
struct Mind {
    lanes: BTreeMap<Lane, LaneMind>,
    settled: Vec<Settled>,
    failing: BTreeMap<Lane, Option<i64>>,
    flying: u32,
    suspects: u32,
    begins_with: Lane,
    refreshed_at: i64,
    swept_at: i64,
}

impl Sending {
    /// Sends until a stop is wished; then lets what is being sent end.
    pub(crate) async fn run(mut self, stop: Shutdown) {
        let (ended, mut ends) = mpsc::channel(ROOM as usize);
        let mut mind = Mind {
            lanes: BTreeMap::new(),
            settled: Vec::new(),
            failing: BTreeMap::new(),
            flying: 0,
            suspects: 0,
            begins_with: Lane { subscription: 0, channel: 0 },
            refreshed_at: i64::MIN,
            swept_at: i64::MIN,
        };
        let mut first = true;
        loop {
            let stopping = stop.is_requested();
            if stopping && mind.flying == 0 && mind.settled.is_empty() {
                return;
            }
            while let Ok(end) = ends.try_recv() {
                self.end(&mut mind, end).await;
            }
            let now = self.now();
            if let Err(error) = self.turn(&mut mind, &ended, &mut first, stopping, now).await {
                tracing::warn!(%error, "the ledger cannot be written");
                tokio::time::sleep(PAUSE).await;
            }
            if !mind.settled.is_empty() || !ends.is_empty() {
                continue;
            }
            // What is due and was not claimed waits for a place or for its subscription, and both ring.
            let wakes = mind.lanes.values().filter_map(LaneMind::wakes).filter(|at| *at > now);
            let nap = wakes.min().map_or(NAP, |at| millis(at.saturating_sub(now)).min(NAP));
            tokio::select! {
                Some(end) = ends.recv() => self.end(&mut mind, end).await,
                () = self.calls.bell.notified() => {}
                _ = self.roll.changed() => mind.refreshed_at = i64::MIN,
                () = tokio::time::sleep(nap) => {}
            }
        }
    }

    fn now(&self) -> i64 {
        self.clock.now_unix_micros().div_euclid(1_000)
    }

    /// One turn with what leads to it: dead claims, dead lanes, the lanes' dues.
    async fn turn(
        &mut self,
        mind: &mut Mind,
        ended: &mpsc::Sender<Ended>,
        first: &mut bool,
        stopping: bool,
        now: i64,
    ) -> Result<(), StoreError> {
        if *first {
            self.store.unlease(now, self.alone.then_some(self.owner)).await?;
            *first = false;
        }
        self.refresh(mind, now).await?;
        if now.saturating_sub(mind.swept_at) >= SWEEP_MS || now < mind.swept_at {
            mind.swept_at = now;
            self.sweep(mind, now).await?;
        }
        for (lane, due) in self.calls.take() {
            mind.lanes.entry(lane).or_insert_with(|| LaneMind::new(None, None)).due(due);
        }
        let wanted = if stopping { Vec::new() } else { self.wanted(mind, now) };
        if wanted.is_empty() && mind.settled.is_empty() && mind.failing.is_empty() {
            return Ok(());
        }
        let turn = Turn {
            owner: self.owner,
            now,
            lease: now + LEASE_MS,
            settled: mind.settled.clone(),
            failing: mind.failing.iter().map(|(lane, since)| (*lane, *since)).collect(),
            wanted,
        };
        let turned = self.store.turn(&turn).await?;
        self.meters.settled(&turn.settled, turned.lost);
        self.second(mind, now);
        mind.settled.clear();
        mind.failing.clear();
        for (lane, next) in turned.next {
            if let Some(lane) = mind.lanes.get_mut(&lane) {
                lane.next = next;
            }
        }
        for claimed in turned.claimed {
            self.send(mind, claimed, ended);
        }
        Ok(())
    }

    /// What was escalated waits on the second channel.
    fn second(&self, mind: &mut Mind, now: i64) {
        let escalated = mind
            .settled
            .iter()
            .filter(|settled| matches!(settled.end, End::Escalated { second: true, .. }));
        let lanes: Vec<Lane> =
            escalated.map(|settled| Lane { channel: 1, ..settled.lane }).collect();
        for lane in lanes {
            mind.lanes.entry(lane).or_insert_with(|| LaneMind::new(None, None)).due(now);
        }
    }

    /// What may be claimed of each lane. Where not all find a place, the next turn begins with those
    /// that found none.
    fn wanted(&self, mind: &mut Mind, now: i64) -> Vec<(Lane, i64)> {
        let roll = self.roll.borrow();
        let mut room = ROOM.saturating_sub(mind.flying);
        let mut suspects = SUSPECTS.saturating_sub(mind.suspects);
        let mut wanted = Vec::new();
        let mut without = None;
        let from = mind.begins_with;
        for (lane, state) in mind.lanes.range(from..).chain(mind.lanes.range(..from)) {
            let served = roll.served.get(&lane.subscription);
            let open = served.is_some_and(|served| {
                let open =
                    served.state == store::ACTIVE || (lane.channel == 1 && served.state != PAUSED);
                open && self.attempt.ready(served, lane.channel)
            });
            let due = if open { state.room(now) } else { 0 };
            let suspect = state.suspect();
            let take = due.min(room).min(if suspect { suspects } else { room });
            if take > 0 {
                room -= take;
                suspects -= if suspect { take } else { 0 };
                wanted.push((*lane, i64::from(take)));
            } else if due > 0 {
                without = without.or(Some(*lane));
            }
        }
        mind.begins_with = without.unwrap_or(from);
        wanted
    }

    fn send(&self, mind: &mut Mind, claimed: Claimed, ended: &mpsc::Sender<Ended>) {
        let lane = lane_of(&claimed);
        let suspect = mind.lanes.get(&lane).is_some_and(LaneMind::suspect);
        if let Some(lane) = mind.lanes.get_mut(&lane) {
            lane.flying += 1;
        }
        mind.flying += 1;
        mind.suspects += u32::from(suspect);
        let served = self.roll.borrow().served.get(&claimed.subscription).cloned();
        let (attempt, ended) = (self.attempt.clone(), ended.clone());
        tokio::spawn(async move {
            let end = attempt.make(claimed, served, suspect).await;
            // Where the loop has gone, the claim runs out and the message is sent again.
            let _ = ended.send(end).await;
        });
    }

    /// Takes in how an attempt ended.
    async fn end(&self, mind: &mut Mind, ended: Ended) {
        let lane = lane_of(&ended.claimed);
        mind.flying = mind.flying.saturating_sub(1);
        mind.suspects = mind.suspects.saturating_sub(u32::from(ended.suspect));
        let state = mind.lanes.entry(lane).or_insert_with(|| LaneMind::new(None, None));
        state.flying = state.flying.saturating_sub(1);
        let now = self.now();
        let since = state.failing_since;
        if ended.answered() {
            if state.worked() {
                mind.failing.insert(lane, None);
            }
        } else if !ended.away() && state.failed(now, ended.after_ms()) {
            mind.failing.insert(lane, Some(now));
        }
        let end = ended.end(now, since);
        if let End::Again { due, .. } = end {
            state.due(due);
        }
        if let Some(code) = ended.gone() {
            match self.store.disable(lane.subscription, code.name(), now).await {
                Ok(_) => self.changed.notify_one(),
                Err(error) => tracing::warn!(%error, "a subscription cannot be disabled"),
            }
        }
        let Claimed { id, parcel, attempt, .. } = ended.claimed;
        mind.settled.push(Settled { id, lane, parcel, attempt, end });
    }

    async fn refresh(&self, mind: &mut Mind, now: i64) -> Result<(), StoreError> {
        let every = i64::try_from(self.refresh.as_millis()).unwrap_or(i64::MAX);
        if now.saturating_sub(mind.refreshed_at) < every && now >= mind.refreshed_at {
            return Ok(());
        }
        mind.refreshed_at = now;
        let found = self.store.lanes().await?;
        let gone = |lane: &Lane| !found.iter().any(|state| state.lane == *lane);
        if mind.lanes.len() > found.len() {
            mind.lanes.retain(|lane, state| state.flying > 0 || !gone(lane));
        }
        for state in found {
            let lane = mind.lanes.entry(state.lane);
            let lane = lane.or_insert_with(|| LaneMind::new(state.failing_since, None));
            if let Some(next) = state.next {
                lane.due(next);
            }
            // Changed or resumed meanwhile: the past counts no longer.
            if state.failing_since.is_none() && !mind.failing.contains_key(&state.lane) {
                lane.forgiven();
            }
        }
        Ok(())
    }

    /// Lets go of dead claims, and escalates what waits for receivers that are no more, or that took
    /// nothing or were not there for as long as a message is tried at most.
    async fn sweep(&self, mind: &mut Mind, now: i64) -> Result<(), StoreError> {
        if self.store.unlease(now, None).await? > 0 {
            mind.refreshed_at = i64::MIN;
        }
        let give_up = planner::retry::GIVE_UP_US / 1_000;
        let roll = Arc::clone(&self.roll.borrow());
        let lanes: Vec<Lane> = mind.lanes.keys().copied().collect();
        for lane in lanes {
            let Some(served) = roll.served.get(&lane.subscription) else { continue };
            let Some(state) = mind.lanes.get(&lane).filter(|state| state.next.is_some()) else {
                continue;
            };
            let unheard = !self.attempt.ready(served, lane.channel);
            let dead = unheard || state.failing_since.is_some_and(|since| now - since >= give_up);
            let disabled = lane.channel == 0 && served.state == DISABLED;
            let (born_by, code) = match (disabled, dead && served.state == store::ACTIVE) {
                (true, _) => {
                    let code = served.code.as_deref().and_then(Code::parse);
                    (i64::MAX, code.unwrap_or(Code::ReceiverGone))
                }
                (false, true) => (now - give_up, Code::DeliveryExhausted),
                (false, false) => continue,
            };
            let second = lane.channel == 0 && served.second.is_some();
            let sweep = Sweep { lane, born_by, code: code.name(), second, now };
            let swept = self.store.sweep(&sweep, SWEPT).await?;
            self.meters.swept(swept);
            if swept > 0 {
                mind.refreshed_at = i64::MIN;
                mind.swept_at = i64::MIN;
            } else if disabled && let Some(state) = mind.lanes.get_mut(&lane) {
                state.next = None;
            }
        }
        Ok(())
    }
}

fn lane_of(claimed: &Claimed) -> Lane {
    Lane { subscription: claimed.subscription, channel: claimed.channel }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
