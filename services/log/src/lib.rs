//! The log port: append records to a partition, learn their offsets once they are durable, and
//! read them back. A record is opaque here: this crate knows no household, event or frame.

mod batch;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod disk;
mod embedded;
mod error;
mod follow;
mod header;
mod port;
mod read_only;
mod simulated;
mod source;

pub use batch::Batch;
pub use disk::{Disk, DiskFile, RealDisk};
pub use embedded::{
    DEFAULT_PARTITIONS, DEFAULT_SEGMENT_BYTES, EmbeddedLog, Extent, Settings, Torn, Verify,
    check_sizes,
};
pub use error::LogError;
pub use follow::Follow;
pub use header::Header;
pub use port::{Answers, Log, MAX_APPEND, MAX_PARTITIONS, MAX_RECORD};
pub use read_only::ReadOnlyDisk;
pub use simulated::{DiskFaults, Faults, SimulatedDisk, SimulatedLog};
pub use source::{Position, Record, Source};
