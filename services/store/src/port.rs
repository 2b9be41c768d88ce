//! What the two backends promise, by who asks: the planner's shell, the API, the sending loop, the
//! operators and the check of the books. Every change is durable when its call returns.

use async_trait::async_trait;

use crate::{
    Account, Delivery, Lane, LaneState, Member, NewDelivery, Plan, Progress, Replay, Standing,
    StoreError, Subscription, Sweep, Task, Turn, Turned,
};

/// The whole store.
pub trait Store: Planning + Subscriptions + Sending + Tasks + Accounts {}

impl<T: Planning + Subscriptions + Sending + Tasks + Accounts> Store for T {}

/// An answer of the store.
pub type Answer<T> = Result<T, StoreError>;

/// Alerts become rows.
#[async_trait]
pub trait Planning: Send + Sync + 'static {
    /// How far the log is planned.
    async fn progress(&self) -> Answer<Progress>;

    /// Everything that a planner goes on from, in one moment.
    async fn standing(&self) -> Answer<Standing>;

    /// Which of these (subscription, alert) have a row already.
    async fn known(&self, pairs: &[(i64, String)]) -> Answer<Vec<(i64, String)>>;

    /// Writes a plan and closes the groups due by its `closed_at`. `false`, and nothing is
    /// written: another has planned, or the wishes were changed; begin again from
    /// [`Planning::standing`].
    async fn plan(&self, plan: &Plan) -> Answer<bool>;

    /// The replays that are not done.
    async fn replays(&self) -> Answer<Vec<Replay>>;

    /// Begins a replay, one row for each partition.
    async fn begin_replay(&self, parts: &[Replay]) -> Answer<()>;

    /// Arms these rows anew, makes those that are not there, and moves the replay to `position`;
    /// at its end it is done. Rows that wait or are in flight stay as they are. `false`, and
    /// nothing is written: another has moved it meanwhile.
    async fn replay(&self, replay: &Replay, rows: &[NewDelivery], position: i64) -> Answer<bool>;
}

/// Who asked for what.
#[async_trait]
pub trait Subscriptions: Send + Sync + 'static {
    /// Makes a subscription with its first rows, whose `subscription` is put in here, and gives its
    /// number. It is told of what is planned from now on (`since_seq` is set here). The first rows
    /// are what was known when the log was read up to `read_to` (partition, position): what has
    /// been planned since then is replayed for it.
    async fn create(
        &self,
        new: &Subscription,
        rows: &[NewDelivery],
        pace_at: i64,
        read_to: &[(i64, i64)],
    ) -> Answer<i64>;

    /// The subscription of an id, unless it is deleted.
    async fn subscription(&self, id: &str) -> Answer<Option<Subscription>>;

    /// Those of number `after` and above that are not deleted, the oldest first.
    async fn subscriptions(&self, after: i64, limit: i64) -> Answer<Vec<Subscription>>;

    /// Writes everything that can change of a subscription that was last changed at `was`; `false`
    /// when it has been changed since. A subscription that becomes active fails no longer.
    async fn change(&self, to: &Subscription, was: i64) -> Answer<bool>;

    /// Rows of one subscription by falling number below `before`.
    async fn deliveries(
        &self,
        subscription: i64,
        state: Option<i64>,
        before: i64,
        limit: i64,
    ) -> Answer<Vec<Delivery>>;
}

/// Rows become messages.
#[async_trait]
pub trait Sending: Send + Sync + 'static {
    /// Every lane of the subscriptions that are not deleted.
    async fn lanes(&self) -> Answer<Vec<LaneState>>;

    /// One turn: all of it or nothing.
    async fn turn(&self, turn: &Turn) -> Answer<Turned>;

    /// The alerts of a group in the order of the log.
    async fn members(&self, lane: Lane, parcel: &str) -> Answer<Vec<Member>>;

    /// Lets go of what was claimed until before `now`, and of everything that others than `alone`
    /// claimed, where nobody else can be at work. Gives how many rows.
    async fn unlease(&self, now: i64, alone: Option<i64>) -> Answer<u64>;

    /// Lets everything that a lane's receiver was given after a message (the id of an alert or of a
    /// group) wait once more, each alert alone. Gives how many rows; none where the ledger does not
    /// know the message.
    async fn again_after(&self, lane: Lane, message: &str, now: i64) -> Answer<u64>;

    /// Escalates at most `limit` pending rows and gives how many.
    async fn sweep(&self, sweep: &Sweep, limit: i64) -> Answer<u64>;

    /// Disables an active subscription, counts the version up and tells the operators; `false` when
    /// it was not active.
    async fn disable(&self, subscription: i64, code: &str, now: i64) -> Answer<bool>;
}

/// What people must look at.
#[async_trait]
pub trait Tasks: Send + Sync + 'static {
    /// Adds a task that concerns no single delivery, unless the same waits already.
    async fn tell(&self, kind: &str, subscription: Option<i64>, code: &str, now: i64)
    -> Answer<()>;

    /// Tasks above number `after` that wait, of one subscription or of all.
    async fn tasks(&self, subscription: Option<i64>, after: i64, limit: i64) -> Answer<Vec<Task>>;

    /// Marks tasks as done, and gives how many waited.
    async fn done(&self, ids: &[i64], by: &str, now: i64) -> Answer<u64>;

    /// How many tasks wait.
    async fn waiting(&self) -> Answer<i64>;
}

/// The books.
#[async_trait]
pub trait Accounts: Send + Sync + 'static {
    /// Every account that is not deleted, in one moment, and how far the log is planned.
    async fn accounts(&self) -> Answer<(Progress, Vec<Account>)>;

    /// Clears away at most `limit` rows that ended before this instant, and rows of deleted
    /// subscriptions; gives how many.
    async fn clear(&self, before: i64, limit: i64) -> Answer<u64>;
}
