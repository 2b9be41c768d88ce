//! What the console asks of others: the alerts log, the households and who is calling.

use std::pin::Pin;

use proto::codes::Code;
use proto::region::{Prefix, Region};
use tokio::sync::watch;

use crate::board::Visit;

/// An answer that is still to come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The alerts log cannot be read at this place now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the alerts log cannot be read")]
pub struct Unreadable;

/// The alerts log: one sequence of alerts as JSON lines, numbered from 0 and durable.
pub trait Alerts: Send + Sync + 'static {
    /// The number of the first alert that is kept.
    fn start(&self) -> u64;

    /// The number that the next alert gets.
    fn end(&self) -> u64;

    /// Up to `max` alerts from number `from` on, each with its number. Blocks shortly; the console
    /// calls it where blocking is allowed. Empty at the end.
    ///
    /// # Errors
    /// [`Unreadable`] for a number before [`Alerts::start`] and for a failing store.
    fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, Vec<u8>)>, Unreadable>;

    /// Tells the end whenever it moves.
    fn wait(&self) -> watch::Receiver<u64>;
}

/// The households as `GET /v1/households/{id}` shows them. Why there is no answer is a code:
/// [`Code::ViewElsewhere`] where nobody was named who knows, any other one where it may be known
/// later.
pub trait Households: Send + Sync + 'static {
    /// The view of one household: an object with `household`, `region`, `site`, `class`, `size`,
    /// `net_income_fen`, `level`, `state`, `profile_at`, `events`, `facts`, `rules`, `headroom`;
    /// whatever is absent is left out of the pages. Nothing when no such household is known.
    fn household(&self, id: String) -> Answer<'_, Result<Option<serde_json::Value>, Code>>;

    /// What people did about a household's cases, and what is due: an object with `episode`,
    /// `clocks` (`step`, `by`, `state`, `asked`) and `outcomes` (`case`, `id`, `kind`, `at`, `by`,
    /// `revoked`). Nothing when no such household is known. Where nobody was named who knows, cases
    /// are shown without it.
    fn dossier(&self, id: String) -> Answer<'_, Result<Option<serde_json::Value>, Code>>;

    /// What answers the wish for a visit in the cases of these households, of all of them or of
    /// none: without an answer a queue shows every case as waiting, and says so.
    fn visits(&self, households: Vec<String>) -> Answer<'_, Result<Vec<Visit>, Code>>;

    /// How often rules and feeds were right in an area, as `GET /v1/quality` shows it.
    fn quality(&self, area: Prefix) -> Answer<'_, Result<serde_json::Value, Code>>;
}

/// Who is asking, and which area they may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// Everything outside this area does not exist for the caller.
    pub region: Prefix,
}

impl Caller {
    /// Whether the caller may see a household registered here.
    #[must_use]
    pub fn sees(self, region: Region) -> bool {
        self.region.contains(region)
    }
}

/// The accounts behind bearer tokens.
pub trait Accounts: Send + Sync + 'static {
    /// The owner of a token, compared in constant time; nothing for an unknown one.
    fn bearer(&self, token: &str) -> Option<Caller>;
}
