//! What waits to be appended to a topic, and what was already published before a restart.
//!
//! An append that was not confirmed is looked for in the topic before it is made again, so nothing
//! is missing and nothing stands there twice. It knows records as bytes.

use std::{collections::VecDeque, sync::Arc};

use log::{Batch, Log, LogError};

/// Bytes of one append; far below the log's own limit.
const APPEND: usize = 16 << 20;
/// Bytes of one read.
const READ: usize = 4 << 20;

/// The way into one topic.
pub(crate) struct Outlet {
    log: Arc<dyn Log>,
    partition: u32,
    pending: VecDeque<Vec<u8>>,
    /// Everything of ours before this is known to be there.
    known: u64,
    unsure: bool,
}

impl Outlet {
    pub(crate) fn new(log: Arc<dyn Log>) -> Result<Outlet, LogError> {
        Outlet::of(log, 0)
    }

    /// The way into one partition of a topic that others may write too.
    pub(crate) fn of(log: Arc<dyn Log>, partition: u32) -> Result<Outlet, LogError> {
        let known = log.end(partition)?;
        Ok(Outlet { log, partition, pending: VecDeque::new(), known, unsure: false })
    }

    pub(crate) fn put(&mut self, record: Vec<u8>) {
        self.pending.push_back(record);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// Appends what waits; after an error it still waits.
    pub(crate) fn flush(&mut self) -> Result<(), LogError> {
        if self.unsure {
            self.look()?;
        }
        while !self.pending.is_empty() {
            let mut bytes = 0;
            let fits = |record: &&[u8]| {
                bytes += record.len();
                bytes <= APPEND || bytes == record.len()
            };
            let records: Vec<&[u8]> =
                self.pending.iter().map(Vec::as_slice).take_while(fits).collect();
            let count = records.len();
            match self.log.append(self.partition, &records) {
                Ok(range) => {
                    self.known = range.end;
                    self.pending.drain(..count);
                }
                Err(error) => {
                    self.unsure = matches!(error, LogError::Unconfirmed { .. });
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Takes off what arrived after all.
    fn look(&mut self) -> Result<(), LogError> {
        let pending = &mut self.pending;
        let from = self.known;
        let end = each_record_of(&*self.log, self.partition, from, |_, record| {
            if let Some(at) = pending.iter().position(|waiting| waiting == record) {
                pending.remove(at);
            }
        })?;
        self.known = end;
        self.unsure = false;
        Ok(())
    }
}

/// Calls `seen` with every record from `from` to the end; gives the end.
pub(crate) fn each_record(
    log: &dyn Log,
    from: u64,
    seen: impl FnMut(u64, &[u8]),
) -> Result<u64, LogError> {
    each_record_of(log, 0, from, seen)
}

fn each_record_of(
    log: &dyn Log,
    partition: u32,
    from: u64,
    mut seen: impl FnMut(u64, &[u8]),
) -> Result<u64, LogError> {
    let mut next = from;
    let mut batch = Batch::new();
    loop {
        log.read(partition, next, READ, &mut batch)?;
        batch.iter().for_each(|(offset, record)| seen(offset, record));
        match batch.next_offset() {
            Some(further) => next = further,
            None => return Ok(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use log::{Faults, Settings, SimulatedDisk, SimulatedLog};

    use super::*;

    #[test]
    fn every_record_arrives_once_whatever_answers_are_lost() {
        for seed in 0..50 {
            let disk = SimulatedDisk::new(seed);
            let faults = Faults { refused: 200, ack_lost: 300, late: 0 };
            let log = SimulatedLog::open(&disk, &Settings::new("alerts", 1), faults).unwrap();
            let log: Arc<dyn Log> = Arc::new(log);
            let mut outlet = Outlet::new(Arc::clone(&log)).unwrap();
            for n in 0..60u32 {
                outlet.put(format!("alert {n}").into_bytes());
                let _ = outlet.flush();
            }
            while outlet.flush().is_err() {}
            let mut there = Vec::new();
            each_record(&*log, 0, |_, r| there.push(String::from_utf8(r.to_vec()).unwrap()))
                .unwrap();
            let sent: Vec<String> = (0..60).map(|n| format!("alert {n}")).collect();
            assert_eq!(there, sent, "seed {seed}");
        }
    }
}
