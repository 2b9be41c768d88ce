//! Headers of topics: an append-only topic of its own whose first record about a topic counts for
//! ever. It knows what a header says and how it is agreed upon.
//!
//! A topic's own configuration has no room for a key's fingerprint, and a first record in the topic
//! itself would shift its offsets. So the headers stand in the topic [`HEADERS`], one partition,
//! nothing ever deleted: whoever opens a topic first appends its header, and reads which one came
//! first. Two who differ therefore cannot both go on.

use std::sync::Arc;

use log::{Batch, Header, Log, LogError};

use crate::{Cluster, Dress, KafkaLog};

/// The topic of the headers.
pub const HEADERS: &str = "levee_headers";

/// Bytes of one read.
const READ: usize = 1 << 20;

/// What a topic says about itself; nothing when nobody has opened it yet.
///
/// # Errors
/// `log.topic` where the headers' topic is missing, `log.corrupt`, `log.version`, `log.io`.
pub fn header_of(cluster: &Arc<Cluster>, topic: &str) -> Result<Option<Header>, LogError> {
    first(&open(cluster)?, topic)
}

/// Makes `wanted` the header of its topic if it has none, and compares.
pub(crate) fn agree(cluster: &Arc<Cluster>, wanted: &Header) -> Result<(), LogError> {
    wanted.fits()?;
    let headers = open(cluster)?;
    let found = match first(&headers, &wanted.topic)? {
        Some(found) => found,
        None => {
            headers.append(0, &[&wanted.encode()])?;
            first(&headers, &wanted.topic)?.ok_or(LogError::CorruptHeader)?
        }
    };
    found.expect(&wanted.topic, wanted.key, Some(wanted.partitions))
}

fn open(cluster: &Arc<Cluster>) -> Result<KafkaLog, LogError> {
    let partitions = cluster.partitions_of(HEADERS)?;
    if partitions != 1 {
        return Err(LogError::Partitions { asked: 1, found: partitions });
    }
    Ok(KafkaLog::unchecked(cluster, HEADERS, 1, Dress::Bare))
}

fn first(headers: &KafkaLog, topic: &str) -> Result<Option<Header>, LogError> {
    let mut batch = Batch::new();
    let mut next = 0;
    loop {
        headers.read(0, next, READ, &mut batch)?;
        for (_, record) in batch.iter() {
            let header = Header::decode(record)?;
            if header.topic == topic {
                return Ok(Some(header));
            }
        }
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(None),
        }
    }
}
