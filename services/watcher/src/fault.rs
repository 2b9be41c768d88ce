//! What stops the fold, by name. Never holds a record's content.

use log::LogError;
use proto::frame::FrameError;

use crate::{partition::passes, store::StoreError};

/// Why the fold cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A published alert is not what the journal gives.
    #[error(
        "log.diverged: {count} published alerts differ from what the journal gives, first {id}; \
         restore the folder from a backup or use the program that wrote it"
    )]
    Diverged {
        /// The first alert's id.
        id: String,
        /// How many.
        count: usize,
    },
    /// A topic cannot be read or written.
    #[error("{}: topic {topic}: {error}", .error.code())]
    Log {
        /// Which topic.
        topic: &'static str,
        /// Why.
        error: LogError,
    },
    /// A journal record that this binary cannot apply.
    #[error("journal record {offset}: {error}")]
    Frame {
        /// Its offset.
        offset: u64,
        /// Why.
        error: FrameError,
    },
    /// The journal begins behind every sound snapshot.
    #[error("journal.gap: the journal begins at {start} and no sound snapshot reaches it")]
    Gap {
        /// First kept offset.
        start: u64,
    },
    /// The snapshots' folder cannot be used.
    #[error("the snapshots cannot be used: {0}")]
    Snapshots(#[from] std::io::Error),
    /// The store of snapshots cannot be used.
    #[error("snapshot.io: the snapshots cannot be used: {0}")]
    Store(StoreError),
    /// Another member has taken the partition over; it goes on there.
    #[error("partition.superseded: another member has taken the partition over")]
    Superseded,
    /// The same metric is registered twice, or the system gives no thread.
    #[error("the watcher cannot start: {0}")]
    Start(String),
}

impl Fault {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Fault::Diverged { .. } => "log.diverged",
            Fault::Log { error, .. } => error.code(),
            Fault::Frame { error, .. } => match error {
                FrameError::Malformed => "frame.malformed",
                FrameError::Version(_) => "frame.version",
                FrameError::UnknownType => "frame.unknown_type",
                FrameError::Sealed(_) => "frame.sealed",
            },
            Fault::Gap { .. } => "journal.gap",
            Fault::Snapshots(_) | Fault::Store(_) => "snapshot.io",
            Fault::Superseded => "partition.superseded",
            Fault::Start(_) => "service.fault",
        }
    }

    /// Whether the same step may succeed later, so that trying again is right.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Fault::Log { error, .. } => passes(error),
            Fault::Store(error) => matches!(error, StoreError::Failed(_)),
            _ => false,
        }
    }

    pub(crate) fn log(topic: &'static str) -> impl Fn(LogError) -> Fault {
        move |error| Fault::Log { topic, error }
    }
}
