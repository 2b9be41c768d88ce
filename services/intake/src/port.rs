//! What the door needs from behind it: a journal that decides, and a few questions to it.
//!
//! It names shapes and refuses to know who implements them.

use std::{collections::BTreeMap, pin::Pin, sync::Arc};

use proto::{catalogue::Catalogue, codes::Code, date::Instant, frame::Entry, region::Prefix};
use serde::Serialize;

use crate::DeadLetter;

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The journal and the state that follows from it, as the door sees them.
pub trait Journal: Send + Sync + 'static {
    /// Takes what one call brought; resolves when it is durable and decided upon.
    ///
    /// An error means that nothing of it was taken, or that sending the same again is safe.
    /// The caller may stop waiting at any time; what was begun is then carried on or left whole.
    fn submit(&self, submission: Submission) -> BoxFuture<'_, Result<Receipt, SubmitError>>;

    /// The event types in force: the shipped ones and those of packs.
    fn catalogue(&self) -> Arc<Catalogue>;

    /// The packs in force or to come.
    fn packs(&self) -> Vec<Arc<rules::Pack>>;

    /// Whether the households' state can be asked for. Where it cannot, nothing that is asked about
    /// a household or a batch has an answer here: the door says so with [`Code::ViewElsewhere`], and takes
    /// outcomes of cases whose id fits the household.
    fn holds_state(&self) -> bool {
        true
    }

    /// What became of a batch; nothing when its id is not known.
    fn batch(&self, id: u64) -> BoxFuture<'_, Result<Option<BatchReport>, SubmitError>>;

    /// A household's state as `GET /v1/households/{id}` shows it, its region (12 digits) under
    /// `region`; nothing when the household is not known.
    fn household(
        &self,
        id: String,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>>;

    /// How often rules and feeds were right in an area: lists of objects under `rules`, `feeds`,
    /// `feed_rules` and `areas`. Nothing where the fold is not at hand.
    fn quality(
        &self,
        _area: Prefix,
    ) -> BoxFuture<'_, Result<Option<serde_json::Value>, SubmitError>> {
        Box::pin(async { Ok(None) })
    }

    /// The receiver's clock.
    fn now(&self) -> Instant;
}

/// What one call brought: one journal frame, one batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Submission {
    /// The well-formed entries in the order in which they came.
    pub entries: Vec<Entry>,
    /// How many records were refused, by code, in the order of the codes.
    pub refused: Vec<(Code, u64)>,
    /// The refused records, scrubbed.
    pub dead: Vec<DeadLetter>,
}

/// The answer to a submission that is durable and decided upon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    /// The id under which [`Journal::batch`] finds it again.
    pub batch: u64,
    /// One for each entry, in their order.
    pub outcomes: Vec<Outcome>,
}

/// What became of one entry, as far as it is known when the call is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It counts.
    Accepted,
    /// The same was known before.
    Duplicate,
    /// It waits for a household's profile.
    Parked,
    /// It was refused behind the door, such as with `id.conflict`.
    Refused(Code),
}

/// Why a submission was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubmitError {
    /// More waits than is allowed.
    #[error("overload.busy: send again in {retry_after_s} s")]
    Busy {
        /// Seconds after which sending again is sensible.
        retry_after_s: u32,
    },
    /// The disk is full.
    #[error("storage.full: nothing was taken")]
    Full,
    /// The state is being restored.
    #[error("service.starting: the state is being restored")]
    Starting,
    /// No watcher that was reached carries the partition that is asked about.
    #[error("partition.uncarried: no watcher that was reached carries this partition now")]
    Uncarried,
    /// What became of the batch that is asked about is not known yet.
    #[error("batch.undecided: what became of the batch is not known yet")]
    Undecided,
    /// Something broke; whether it was taken is not known, sending again is safe.
    #[error("service.fault: the submission failed")]
    Fault,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn none(count: &u64) -> bool {
    *count == 0
}

/// What became of a batch up to now.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct BatchReport {
    /// The id.
    pub batch: u64,
    /// Entries that were taken, parked ones not included.
    pub accepted: u64,
    /// Entries that were known before.
    pub duplicate: u64,
    /// Entries that wait for a household's profile now.
    pub parked: u64,
    /// Entries that waited and have been matched since.
    pub matched: u64,
    /// Entries that a decision has looked at.
    pub decided: u64,
    /// Records in the dead letters by the name of their code.
    pub dead_lettered: BTreeMap<String, u64>,
    /// Records that nothing is known of yet; only where a call is decided in several places.
    #[serde(skip_serializing_if = "none")]
    pub undecided: u64,
}
