//! What the notifier asks of others: the alerts log, the present cases, and who is calling.

use axum::http::{HeaderMap, Method};
use proto::region::{Area, Prefix};
use tokio::sync::watch;

/// The alerts log cannot be read at this place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the alerts log cannot be read")]
pub struct Unreadable;

/// The alerts log: numbered lines in each partition, durable before they are seen here.
pub trait Alerts: Send + Sync + 'static {
    /// How many partitions.
    fn partitions(&self) -> u32;

    /// The first line that is kept.
    fn start(&self, partition: u32) -> u64;

    /// The number that the next line gets.
    fn end(&self, partition: u32) -> u64;

    /// Up to `most` lines from number `from` on, of at most `bytes` together but for the first.
    /// Blocks shortly. Empty at the end.
    ///
    /// # Errors
    /// [`Unreadable`] before [`Alerts::start`] and for a failing log.
    fn read(
        &self,
        partition: u32,
        from: u64,
        most: usize,
        bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Unreadable>;

    /// Rings whenever an end moves.
    fn wait(&self) -> watch::Receiver<u64>;
}

/// The cases that are open.
pub trait Cases: Send + Sync + 'static {
    /// Where the latest alert of each open case of an area stands (partition, number), as of a
    /// moment when every line below `reached` (partition, number) was known. Nothing before that.
    /// Blocks shortly.
    fn present(&self, area: &Area, reached: &[(u32, u64)]) -> Option<Vec<(u32, u64)>>;
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's name.
    pub account: Box<str>,
    /// Everything outside this area does not exist for the caller.
    pub region: Prefix,
    /// Whether it may read alerts, and so subscribe.
    pub reads: bool,
    /// Whether it looks after the whole.
    pub operator: bool,
}

/// The accounts behind tokens and sessions.
pub trait Accounts: Send + Sync + 'static {
    /// The caller of a request: by a token, or on GET by a session's cookie.
    fn caller(&self, method: &Method, headers: &HeaderMap) -> Option<Caller>;
}
