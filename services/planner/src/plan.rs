//! Alerts times wishes: which message each becomes, or the reason why it becomes none.
//!
//! One planner takes the log in its order. The same log, wishes and ticks give the same messages:
//! a group is what stands in the log with a `time` inside the window until the group is closed,
//! and closing is an act of the planner, never of whoever sends.

use std::collections::BTreeMap;

use proto::{
    alert::Severity,
    date::Instant,
    ids::{hex, sha256},
};

use crate::{Directory, Notice, Reason, Wish};

/// Alerts in one message at most.
pub const GROUP: u32 = 50;

/// An alert and its places.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number among all alerts that the ledger has taken.
    pub seq: i64,
    /// Its partition of the alerts topic.
    pub partition: u32,
    /// Its offset there.
    pub offset: u64,
    /// What it says.
    pub notice: &'a Notice,
}

/// An alert for a subscriber.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The subscription.
    pub key: i64,
    /// The alert's id.
    pub alert: Box<str>,
    /// As in [`Entry`].
    pub seq: i64,
    /// As in [`Entry`].
    pub partition: u32,
    /// As in [`Entry`].
    pub offset: u64,
    /// The alert's level.
    pub level: Severity,
    /// In which message.
    pub place: Place,
    /// When the message is due.
    pub due: Instant,
}

/// Where an alert stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a message of its own, which has the alert's id.
    Alone,
    /// First in the group of this id.
    First {
        /// The group's id.
        group: Box<str>,
        /// Whether more may join until the group is closed.
        open: bool,
    },
    /// Further in the group of this id.
    Further {
        /// The group's id.
        group: Box<str>,
    },
}

/// What became of alerts for one subscription that were more than not asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Touched {
    /// Rows.
    pub rows: i64,
    /// [`Reason::History`].
    pub history: i64,
    /// [`Reason::Muted`].
    pub muted: i64,
    /// [`Reason::Duplicate`].
    pub duplicate: i64,
}

/// What is to be written before anything is sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Messages to be.
    pub rows: Vec<Row>,
    /// By subscription. Whatever is not here was not asked for.
    pub touched: BTreeMap<i64, Touched>,
    /// From when each paced subscription may be sent something again.
    pub paces: BTreeMap<i64, Instant>,
}

/// What a planner must know of the past.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Planner {
    /// Groups that were due by then are closed.
    pub closed_at: Instant,
    /// How many alerts stand in each group that is still open, by subscription and due.
    pub open: BTreeMap<(i64, Instant), u32>,
    /// From when each paced subscription may be sent something again.
    pub paces: BTreeMap<i64, Instant>,
}

impl Planner {
    /// Decides on one alert. `known` says whether the ledger has a row of it for a subscription.
    pub fn take(
        &mut self,
        entry: Entry<'_>,
        directory: &Directory,
        now: Instant,
        known: impl Fn(i64) -> bool,
        plan: &mut Plan,
    ) {
        self.close(entry.notice.time);
        for wish in directory.near(entry.notice) {
            let verdict = match wish.takes(entry.notice) {
                Ok(()) if known(wish.key) => Err(Reason::Duplicate),
                verdict => verdict,
            };
            if verdict == Err(Reason::Unmatched) {
                continue;
            }
            let touched = plan.touched.entry(wish.key).or_default();
            match verdict {
                Ok(()) => {
                    touched.rows += 1;
                    let row = self.row(entry, wish, now, &mut plan.paces);
                    plan.rows.push(row);
                }
                Err(Reason::History) => touched.history += 1,
                Err(Reason::Muted) => touched.muted += 1,
                Err(Reason::Duplicate | Reason::Unmatched) => touched.duplicate += 1,
            }
        }
    }

    /// Closes the groups that are due by `at`: nothing joins them any more.
    pub fn close(&mut self, at: Instant) {
        if at > self.closed_at {
            self.closed_at = at;
            self.open.retain(|(_, due), _| *due > at);
        }
    }

    fn row(
        &mut self,
        entry: Entry<'_>,
        wish: &Wish,
        now: Instant,
        paces: &mut BTreeMap<i64, Instant>,
    ) -> Row {
        let (time, level) = (entry.notice.time, entry.notice.data.level);
        let gathered = wish.timing.gathered_until(time, level);
        let due = gathered.map(|end| wish.timing.released(end, level));
        // What comes after its group was closed goes alone and at once.
        let (place, due) = match due.filter(|due| *due > self.closed_at) {
            Some(due) => {
                let count = self.open.entry((wish.key, due)).or_default();
                let group = group_id(&wish.id, "", due, *count / GROUP);
                let first = count.is_multiple_of(GROUP);
                *count += 1;
                let open = true;
                (if first { Place::First { group, open } } else { Place::Further { group } }, due)
            }
            None => {
                let free = wish.timing.released(time.max(now), level);
                let due = paced(wish, level, free, &mut self.paces, paces);
                (Place::Alone, due)
            }
        };
        row(entry, wish.key, place, due)
    }
}

/// The messages that a new subscription begins with: its present cases, each by its latest alert,
/// in groups where the subscription wants groups.
#[must_use]
pub fn open(wish: &Wish, present: &[Entry<'_>], now: Instant) -> (Vec<Row>, Option<Instant>) {
    let groups = wish.timing.group_minutes > 0 || wish.timing.digest.is_some();
    let mut counts: BTreeMap<Instant, u32> = BTreeMap::new();
    let (mut paces, mut written) = (BTreeMap::new(), BTreeMap::new());
    let mut rows = Vec::new();
    for entry in present.iter().filter(|entry| wish.opens_with(entry.notice)) {
        let level = entry.notice.data.level;
        let due = wish.timing.released(now, level);
        if !groups {
            let due = paced(wish, level, due, &mut paces, &mut written);
            rows.push(row(*entry, wish.key, Place::Alone, due));
            continue;
        }
        let count = counts.entry(due).or_default();
        let group = group_id(&wish.id, "open", due, *count / GROUP);
        let first = count.is_multiple_of(GROUP);
        *count += 1;
        let place =
            if first { Place::First { group, open: false } } else { Place::Further { group } };
        rows.push(row(*entry, wish.key, place, due));
    }
    (rows, written.get(&wish.key).copied())
}

fn row(entry: Entry<'_>, key: i64, place: Place, due: Instant) -> Row {
    let Entry { seq, partition, offset, notice } = entry;
    Row {
        key,
        alert: notice.id.clone(),
        seq,
        partition,
        offset,
        level: notice.data.level,
        place,
        due,
    }
}

/// When a message may leave at the subscription's pace. Red does not wait for what came before it,
/// but what comes after it waits for both.
fn paced(
    wish: &Wish,
    level: Severity,
    free: Instant,
    paces: &mut BTreeMap<i64, Instant>,
    written: &mut BTreeMap<i64, Instant>,
) -> Instant {
    let Some(step) = 60_000_000i64.checked_div(i64::from(wish.timing.per_minute)) else {
        return free;
    };
    let turn = paces.get(&wish.key).copied().unwrap_or(free).max(free);
    paces.insert(wish.key, turn.plus_us(step));
    written.insert(wish.key, turn.plus_us(step));
    if level == Severity::Red { free } else { turn }
}

/// The id of a group: 32 hex digits, a function of whose it is, when it is due and its number.
fn group_id(subscription: &str, origin: &str, due: Instant, part: u32) -> Box<str> {
    let text = format!("levee.group.v1|{subscription}|{origin}|{due}|{part}");
    hex(&sha256(text.as_bytes())[..16]).into()
}

#[cfg(test)]
mod tests;
