//! The shapes that go into and come out of the tables. Instants are milliseconds; ids are texts.

/// A subscription is served.
pub const ACTIVE: i64 = 0;
/// Its messages wait.
pub const PAUSED: i64 = 1;
/// Its receiver is no more; its messages go to its second channel and the operators.
pub const DISABLED: i64 = 2;
/// It is being cleared away.
pub const DELETED: i64 = 3;

/// A message waits for its instant.
pub const PENDING: i64 = 0;
/// It is being sent, or was when its sender died.
pub const IN_FLIGHT: i64 = 1;
/// Its receiver has it.
pub const DELIVERED: i64 = 2;
/// It ended otherwise, and people were told.
pub const ESCALATED: i64 = 3;
/// First of a group that others may join.
pub const OPEN: i64 = 4;
/// Further in a group: goes as its first goes.
pub const FURTHER: i64 = 5;

/// A subscription.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Subscription {
    /// Its number in the ledger.
    pub key: i64,
    /// Its id outside.
    pub id: String,
    /// The account that made it.
    pub owner: String,
    /// The area that its owner may see, digits.
    pub within: String,
    /// [`ACTIVE`] …
    pub state: i64,
    /// Why it is disabled.
    pub code: Option<String>,
    /// The wish as JSON.
    pub body: String,
    /// What it signs with.
    pub secret: Option<Vec<u8>>,
    /// What it signed with before, and signs with beside the new one for a while.
    pub former_secret: Option<Vec<u8>>,
    /// Until when.
    pub former_until: Option<i64>,
    /// It is told of alerts from this number on.
    pub since_seq: i64,
    /// When it was made.
    pub created_at: i64,
    /// When it was last changed.
    pub changed_at: i64,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Subscription { key, id, state, .. } = self;
        write!(f, "subscription {key} {id} state {state}")
    }
}

/// How far the log is planned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Alerts taken.
    pub seq: i64,
    /// The version of the wishes; each change of a subscription counts it up.
    pub version: i64,
    /// Groups due by then are closed.
    pub closed_at: i64,
    /// The next position of each partition of the alerts topic.
    pub positions: Vec<(i64, i64)>,
}

/// What a planner needs to go on where the ledger stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// How far the log is planned.
    pub progress: Progress,
    /// Every subscription that is not deleted.
    pub subscriptions: Vec<Subscription>,
    /// Alerts in each open group: subscription, due, how many.
    pub open: Vec<(i64, i64, i64)>,
    /// From when each paced subscription may be sent something again.
    pub paces: Vec<(i64, i64)>,
}

/// A row to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDelivery {
    /// The subscription's number.
    pub subscription: i64,
    /// The alert's id.
    pub alert: String,
    /// The alert's number.
    pub seq: i64,
    /// Its partition of the alerts topic.
    pub partition: i64,
    /// Its position there.
    pub position: i64,
    /// 0 none … 3 red.
    pub level: i64,
    /// The group's id.
    pub parcel: Option<String>,
    /// [`PENDING`], [`OPEN`] or [`FURTHER`].
    pub state: i64,
    /// When it is due.
    pub due: i64,
}

/// What alerts that made no row are counted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// The subscription's number.
    pub subscription: i64,
    /// Rows made.
    pub rows: i64,
    /// Made while a past was folded in.
    pub history: i64,
    /// Muted.
    pub muted: i64,
    /// In the ledger before.
    pub duplicate: i64,
    /// From when a paced subscription may be sent something again.
    pub pace_at: Option<i64>,
}

/// Alerts planned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// What the plan was made from: [`Progress::seq`] and [`Progress::version`].
    pub from: (i64, i64),
    /// How far it goes.
    pub to: Progress,
    /// The rows.
    pub rows: Vec<NewDelivery>,
    /// The subscriptions touched otherwise than by what they did not ask for.
    pub entries: Vec<Entry>,
}

/// A subscription's queue by one channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lane {
    /// The subscription's number.
    pub subscription: i64,
    /// 0 first, 1 second.
    pub channel: i64,
}

/// A message that may be sent now by who claimed it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Claimed {
    /// The row.
    pub id: i64,
    /// The subscription's number.
    pub subscription: i64,
    /// 0 first, 1 second.
    pub channel: i64,
    /// The alert's id.
    pub alert: String,
    /// Its partition of the alerts topic.
    pub partition: i64,
    /// Its position there.
    pub position: i64,
    /// 0 none … 3 red.
    pub level: i64,
    /// The group's id.
    pub parcel: Option<String>,
    /// When it was first due.
    pub born: i64,
    /// 1, 2, …
    pub attempt: i64,
}

/// What came of a claimed message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The row.
    pub id: i64,
    /// Its lane.
    pub lane: Lane,
    /// The group's id.
    pub parcel: Option<String>,
    /// The attempt.
    pub attempt: i64,
    /// What came of it.
    pub end: End,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Its receiver has it.
    Delivered {
        /// Since when.
        at: i64,
    },
    /// To be sent again.
    Again {
        /// When.
        due: i64,
        /// Why.
        code: &'static str,
    },
    /// To be sent by the second channel, where there is one, and shown to operators.
    Escalated {
        /// Why.
        code: &'static str,
        /// Whether there is a second channel.
        second: bool,
    },
}

/// One turn of the sending loop: what ended is written, what may be sent is claimed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turn {
    /// Who claims.
    pub owner: i64,
    /// Now.
    pub now: i64,
    /// Until when the claim holds.
    pub lease: i64,
    /// What ended.
    pub settled: Vec<Settled>,
    /// Lanes that fail since, or no more.
    pub failing: Vec<(Lane, Option<i64>)>,
    /// What is wanted: at most so many of each lane.
    pub wanted: Vec<(Lane, i64)>,
}

/// What a turn gave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Turned {
    /// To be sent.
    pub claimed: Vec<Claimed>,
    /// Of each wanted lane, when its next message is due.
    pub next: Vec<(Lane, Option<i64>)>,
    /// Settled rows that were no longer the owner's: another had them meanwhile.
    pub lost: u64,
}

/// A lane's beginning after a start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneState {
    /// The lane.
    pub lane: Lane,
    /// Since when nothing was taken.
    pub failing_since: Option<i64>,
    /// When its next message is due.
    pub next: Option<i64>,
}

/// A message of a group.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Member {
    /// The alert's id.
    pub alert: String,
    /// Its partition of the alerts topic.
    pub partition: i64,
    /// Its position there.
    pub position: i64,
}

/// Rows that are escalated without another attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sweep {
    /// The lane.
    pub lane: Lane,
    /// Those first due by then.
    pub born_by: i64,
    /// Why.
    pub code: &'static str,
    /// Whether there is a second channel.
    pub second: bool,
    /// Now.
    pub now: i64,
}

/// A row as the API shows it.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Delivery {
    /// The row.
    pub id: i64,
    /// 0 first, 1 second.
    pub channel: i64,
    /// The alert's id.
    pub alert: String,
    /// The group's id.
    pub parcel: Option<String>,
    /// [`PENDING`] …
    pub state: i64,
    /// When it is due, or was.
    pub due: i64,
    /// Attempts made.
    pub attempt: i64,
    /// Why the last one failed.
    pub code: Option<String>,
    /// When it ended.
    pub settled_at: Option<i64>,
}

/// Something for operators.
#[derive(Clone, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// `delivery`, `subscription` or `conservation`.
    pub kind: String,
    /// The subscription's id outside.
    pub subscription: Option<String>,
    /// The alert's id.
    pub alert: Option<String>,
    /// Why.
    pub code: String,
    /// Since when.
    pub at: i64,
}

/// A replay to be carried on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, sqlx::FromRow)]
pub struct Replay {
    /// Its number.
    pub id: i64,
    /// The subscription's number.
    pub subscription: i64,
    /// A partition of the alerts topic.
    pub partition: i64,
    /// The next position there.
    pub position: i64,
    /// The position to stop at.
    pub until: i64,
    /// Alerts of this instant and later.
    pub since: i64,
}

/// A subscription's books and what its rows are, in one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, sqlx::FromRow)]
pub struct Account {
    /// The subscription's number.
    pub subscription: i64,
    /// It is told of alerts from this number on.
    pub since_seq: i64,
    /// Up to this number its alerts are counted; what came later it did not ask for.
    pub counted_to: i64,
    /// Rows made beside the log: at its beginning, and by replays.
    pub extra: i64,
    /// Not asked for.
    pub unmatched: i64,
    /// Made while a past was folded in.
    pub history: i64,
    /// Muted.
    pub muted: i64,
    /// In the ledger before.
    pub duplicate: i64,
    /// Rows of the first channel that ended long ago and were cleared away.
    pub cleared: i64,
    /// Rows of the second channel that were ever made.
    pub second: i64,
    /// Those that were cleared away.
    pub second_cleared: i64,
    /// Rows by channel (0, 1) and state ([`PENDING`] … [`FURTHER`]).
    #[sqlx(skip)]
    pub rows: [[i64; 6]; 2],
}

impl Account {
    /// How many rows of the first and of the second channel the books know and the ledger lacks;
    /// below zero: rows that the books do not know.
    #[must_use]
    pub fn missing(&self) -> (i64, i64) {
        let [first, second] = self.rows.map(|states| states.iter().sum::<i64>());
        let told = self.counted_to - self.since_seq + self.extra;
        let counts = self.unmatched + self.history + self.muted + self.duplicate + self.cleared;
        (told - counts - first, self.second - self.second_cleared - second)
    }
}
