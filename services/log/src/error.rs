//! The closed set of what can go wrong, with stable codes. Never holds a record's bytes.

use std::io;

/// Why a log call failed and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process or handle has the folder open.
    #[error("the log is open elsewhere; stop the other process or name another folder")]
    Locked,
    /// The disk has no room. Nothing of the append is in the log.
    #[error("the disk is full; free some space and append again, no restart is needed")]
    Full,
    /// Bytes that were durable no longer match their checksum or are gone.
    #[error(
        "partition {partition} is damaged in segment {segment} at byte {position}, \
         record offset {offset}; restore the segment from a backup and open the log again"
    )]
    Corrupt {
        /// Partition of the damage.
        partition: u32,
        /// Name of the segment file.
        segment: String,
        /// Byte position in that file.
        position: u64,
        /// Offset of the first record that cannot be given.
        offset: u64,
    },
    /// The header itself is damaged or missing beside segments.
    #[error("the log's header is damaged or missing; restore the header file from a backup")]
    CorruptHeader,
    /// The offset is outside of what is kept.
    #[error("offset {asked} is outside {start}..={end}; continue from the start or the end")]
    Offset {
        /// The offset asked for.
        asked: u64,
        /// First kept offset.
        start: u64,
        /// Offset of the next record.
        end: u64,
    },
    /// Opened with another number of partitions than the log was made with.
    #[error(
        "asked for {asked} partitions but the log has {found}, fixed when it was made; \
         set the partitions to {found} or use a new folder (1 to 4096)"
    )]
    Partitions {
        /// The number asked for.
        asked: u32,
        /// The number in the header, or the nearest one allowed when there is no header yet.
        found: u32,
    },
    /// The partition does not exist.
    #[error("partition {asked} does not exist; the log has {partitions}, counted from 0")]
    Partition {
        /// The partition asked for.
        asked: u32,
        /// How many there are.
        partitions: u32,
    },
    /// The header was written by a newer program.
    #[error("the log has format {found} but this program knows up to {known}; use a newer program")]
    Version {
        /// The header's version.
        found: u32,
        /// The largest version known here.
        known: u32,
    },
    /// The caller's key fingerprint is not the header's.
    #[error("the log belongs to another key; give the key that it was made with")]
    Key,
    /// The folder or broker does not hold this topic, or the name is not 1 to 249 bytes long.
    #[error("this topic is not here; check the folder or broker and the topic's name")]
    Topic,
    /// A topic that is planned is not there.
    #[error("topic {topic} is planned and not here; make it by `levee topics create`")]
    Missing {
        /// The topic.
        topic: String,
    },
    /// A topic's setting is not the planned one.
    #[error(
        "topic {topic} has {setting}={found}, planned is {planned}; compare with `levee topics check`"
    )]
    Setting {
        /// The topic.
        topic: String,
        /// Kafka's name of the setting.
        setting: String,
        /// The plan's value.
        planned: String,
        /// The topic's value.
        found: String,
    },
    /// A record or an append is larger than the limit.
    #[error("{bytes} bytes are more than the limit of {limit}; split the append or the record")]
    TooLarge {
        /// Size in bytes.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A record without bytes.
    #[error("a record needs at least one byte; leave empty records out")]
    Empty,
    /// Not known whether the records are or will be durable.
    #[error("it is not known whether the append is durable ({detail}); read back, then decide")]
    Unconfirmed {
        /// What the backend said.
        detail: String,
    },
    /// The system refused an operation.
    #[error("{action} failed: {detail}; check the disk or broker and the permissions, then retry")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the system said.
        detail: String,
    },
}

impl LogError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Locked => "log.locked",
            Self::Full => "log.full",
            Self::Corrupt { .. } | Self::CorruptHeader => "log.corrupt",
            Self::Offset { .. } => "log.offset",
            Self::Partitions { .. } => "log.partitions",
            Self::Partition { .. } => "log.partition",
            Self::Version { .. } => "log.version",
            Self::Key => "log.key",
            Self::Topic | Self::Missing { .. } => "log.topic",
            Self::Setting { .. } => "log.setting",
            Self::TooLarge { .. } => "log.too_large",
            Self::Empty => "log.empty",
            Self::Unconfirmed { .. } => "log.unconfirmed",
            Self::Io { .. } => "log.io",
        }
    }

    /// Maps what the system said while doing `action`.
    pub(crate) fn system(action: &'static str, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io { action, detail: error.to_string() },
        }
    }
}
