//! Bugs on purpose, as wrappers of the ports: each is one that a service could have. None of them
//! is in a program; a test shows that the oracle finds each.

use std::{
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use log::{Batch, Log, LogError};
use prost::Message;
use proto::frame::wire;
use watcher::{Store, StoreError};

use crate::broker::TopicLog;

/// A planted bug.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    /// Alerts count as published before the broker has them.
    AlertsNotAwaited,
    /// Dead letters count as written before the broker has them.
    LettersNotAwaited,
    /// Adopts and releases are sent once and forgotten.
    AdoptsNotAwaited,
    /// Claims are sent once and forgotten.
    ClaimsNotAwaited,
    /// A call is answered although its append may not have arrived.
    UnconfirmedIsSuccess,
    /// A call is answered although its append was refused.
    RefusedIsSuccess,
    /// A call is answered while its records wait in a buffer.
    AnswersBeforeDurable,
    /// Households go to the wrong partition now and then.
    WrongHouseholdPartition,
    /// Events of persons go to the wrong partition now and then.
    WrongPersonPartition,
    /// Only the first record of an append is written.
    CutsAppends,
    /// The read-back ends one record too early.
    ReadsBackOneTooFew,
    /// The read-back begins at the end of the topic.
    ReadsBackNothing,
    /// A new reader of the journal begins with the latest record.
    ResumesAtLatest,
    /// A reader's place moves past a record that it did not get.
    SkipsARecord,
    /// Entries get their instant when they are read.
    StampsWhenRead,
    /// Late events are dropped.
    DropsLate,
    /// Alerts are appended twice.
    AppendsTwice,
    /// The alert's bytes depend on who publishes it.
    AlertFromClock,
    /// Releases are never sent.
    NoReleases,
    /// Packs reach only some partitions.
    PackNotEverywhere,
    /// The pointer of a snapshot is written over whatever is there.
    PointerOverwrites,
    /// A snapshot of another partition is read.
    WrongSnapshot,
}

impl Bug {
    pub(crate) const ALL: &[Bug] = &[
        Bug::AlertsNotAwaited,
        Bug::LettersNotAwaited,
        Bug::AdoptsNotAwaited,
        Bug::ClaimsNotAwaited,
        Bug::UnconfirmedIsSuccess,
        Bug::RefusedIsSuccess,
        Bug::AnswersBeforeDurable,
        Bug::WrongHouseholdPartition,
        Bug::WrongPersonPartition,
        Bug::CutsAppends,
        Bug::ReadsBackOneTooFew,
        Bug::ReadsBackNothing,
        Bug::ResumesAtLatest,
        Bug::SkipsARecord,
        Bug::StampsWhenRead,
        Bug::DropsLate,
        Bug::AppendsTwice,
        Bug::AlertFromClock,
        Bug::NoReleases,
        Bug::PackNotEverywhere,
        Bug::PointerOverwrites,
        Bug::WrongSnapshot,
    ];

    /// Whether the bug shows only where former owners go on.
    pub(crate) fn needs_zombies(self) -> bool {
        self == Bug::PointerOverwrites
    }
}

pub(crate) fn intake_log(bug: Option<Bug>, topic: usize, log: Arc<TopicLog>) -> Arc<dyn Log> {
    let meant = |bug: Bug| match bug {
        Bug::UnconfirmedIsSuccess
        | Bug::RefusedIsSuccess
        | Bug::AnswersBeforeDurable
        | Bug::CutsAppends
        | Bug::PackNotEverywhere => true,
        Bug::WrongHouseholdPartition => topic == 0,
        Bug::WrongPersonPartition => topic == 1,
        _ => false,
    };
    wrap(bug.filter(|bug| meant(*bug)), log, 0)
}

pub(crate) fn watcher_log(
    bug: Option<Bug>,
    topic: usize,
    log: Arc<TopicLog>,
    number: u64,
) -> Arc<dyn Log> {
    let meant = |bug: Bug| match bug {
        Bug::AdoptsNotAwaited
        | Bug::NoReleases
        | Bug::ResumesAtLatest
        | Bug::SkipsARecord
        | Bug::StampsWhenRead
        | Bug::DropsLate => topic == 0,
        Bug::ClaimsNotAwaited => topic == 1,
        Bug::AlertsNotAwaited
        | Bug::ReadsBackOneTooFew
        | Bug::ReadsBackNothing
        | Bug::AppendsTwice
        | Bug::AlertFromClock => topic == 2,
        Bug::LettersNotAwaited => topic == 3,
        _ => false,
    };
    wrap(bug.filter(|bug| meant(*bug)), log, number)
}

fn wrap(bug: Option<Bug>, inner: Arc<TopicLog>, number: u64) -> Arc<dyn Log> {
    match bug {
        None => inner,
        Some(bug) => Arc::new(Wrong {
            inner,
            bug,
            number,
            calls: AtomicU64::new(0),
            buffer: Mutex::default(),
        }),
    }
}

struct Wrong {
    inner: Arc<TopicLog>,
    bug: Bug,
    /// Which process this is.
    number: u64,
    calls: AtomicU64,
    buffer: Mutex<Vec<(u32, Vec<Vec<u8>>)>>,
}

impl Wrong {
    /// True at every so many-th call.
    fn now_and_then(&self, times: u64) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed) % times == times - 1
    }

    fn said(&self, partition: u32, count: usize) -> Result<Range<u64>, LogError> {
        let end = self.inner.end(partition)?;
        Ok(end..end + count as u64)
    }

    /// Entries of a frame that stay.
    fn filtered(record: &[u8], stays: impl Fn(&wire::Entry, i64) -> bool) -> Vec<u8> {
        let Ok(mut frame) = wire::Frame::decode(record) else { return record.to_vec() };
        let at = frame.at_us;
        frame.entries.retain(|entry| stays(entry, at));
        frame.encode_to_vec()
    }

    fn altered(&self, record: &[u8]) -> Vec<u8> {
        match self.bug {
            Bug::NoReleases => Self::filtered(record, |entry, _| {
                entry.header.as_ref().is_none_or(|h| h.kind() != wire::Kind::Release)
            }),
            Bug::AlertFromClock => {
                let text = String::from_utf8_lossy(record);
                let mine = format!("\"source\":\"levee/99-{}\"", self.number);
                text.replacen("\"source\":\"levee/99\"", &mine, 1).into_bytes()
            }
            _ => record.to_vec(),
        }
    }

    fn read_wrongly(&self, record: &[u8]) -> Vec<u8> {
        match self.bug {
            Bug::StampsWhenRead => {
                let Ok(mut frame) = wire::Frame::decode(record) else { return record.to_vec() };
                let later = self.calls.fetch_add(1, Ordering::Relaxed) as i64;
                frame.at_us += later * 3_600_000_000;
                for header in frame.entries.iter_mut().filter_map(|e| e.header.as_mut()) {
                    header.at_us = 0;
                }
                frame.encode_to_vec()
            }
            Bug::DropsLate => Self::filtered(record, |entry, at| {
                let event = wire::Event::decode(&*entry.payload);
                let kind = entry.header.as_ref().map(|h| h.kind());
                let late = event.is_ok_and(|e| e.time_us < at - 5 * 24 * 3_600_000_000);
                kind != Some(wire::Kind::Event) || !late
            }),
            _ => record.to_vec(),
        }
    }

    fn append_later(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((partition, records)) = buffer.first() {
            let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
            self.inner.append(*partition, &records)?;
            buffer.remove(0);
        }
        buffer.push((partition, records.iter().map(|r| r.to_vec()).collect()));
        drop(buffer);
        self.said(partition, records.len())
    }
}

impl Log for Wrong {
    fn partitions(&self) -> u32 {
        self.inner.partitions()
    }

    fn append(&self, partition: u32, records: &[&[u8]]) -> Result<Range<u64>, LogError> {
        let other = (partition + 1) % self.partitions();
        match self.bug {
            Bug::AlertsNotAwaited
            | Bug::LettersNotAwaited
            | Bug::AdoptsNotAwaited
            | Bug::ClaimsNotAwaited => match self.inner.append(partition, records) {
                Err(_) => self.said(partition, records.len()),
                ok => ok,
            },
            Bug::UnconfirmedIsSuccess => match self.inner.append(partition, records) {
                Err(LogError::Unconfirmed { .. }) => self.said(partition, records.len()),
                other => other,
            },
            Bug::RefusedIsSuccess => match self.inner.append(partition, records) {
                Err(LogError::Io { .. }) => self.said(partition, records.len()),
                other => other,
            },
            Bug::AnswersBeforeDurable => self.append_later(partition, records),
            Bug::WrongHouseholdPartition | Bug::WrongPersonPartition if self.now_and_then(5) => {
                self.inner.append(other, records)
            }
            Bug::PackNotEverywhere if partition == 0 && self.partitions() > 1 => {
                let pack = |entry: &wire::Entry, _| {
                    entry.header.as_ref().is_none_or(|h| h.kind() != wire::Kind::Pack)
                };
                let records: Vec<Vec<u8>> =
                    records.iter().map(|r| Self::filtered(r, pack)).collect();
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                self.inner.append(partition, &records)
            }
            Bug::CutsAppends => {
                let cut: Vec<Vec<u8>> = records
                    .iter()
                    .map(|record| {
                        let Ok(mut frame) = wire::Frame::decode(*record) else {
                            return record.to_vec();
                        };
                        frame.entries.truncate(1);
                        frame.encode_to_vec()
                    })
                    .collect();
                let cut: Vec<&[u8]> = cut.iter().map(Vec::as_slice).collect();
                self.inner.append(partition, &cut)
            }
            Bug::AppendsTwice if self.now_and_then(7) => {
                self.inner.append(partition, records)?;
                self.inner.append(partition, records)
            }
            _ => {
                let altered: Vec<Vec<u8>> = records.iter().map(|r| self.altered(r)).collect();
                let altered: Vec<&[u8]> = altered.iter().map(Vec::as_slice).collect();
                self.inner.append(partition, &altered)
            }
        }
    }

    fn read(
        &self,
        partition: u32,
        from: u64,
        max_bytes: usize,
        into: &mut Batch,
    ) -> Result<(), LogError> {
        let from = match self.bug {
            Bug::ResumesAtLatest if self.calls.fetch_add(1, Ordering::Relaxed) == 0 => {
                self.inner.end(partition)?.saturating_sub(1).max(from)
            }
            _ => from,
        };
        let mut read = Batch::new();
        self.inner.read(partition, from, max_bytes, &mut read)?;
        into.clear();
        let skips = self.bug == Bug::SkipsARecord && read.len() > 1 && self.now_and_then(5);
        for (offset, record) in read.iter().skip(usize::from(skips)) {
            into.push(offset, &self.read_wrongly(record));
        }
        Ok(())
    }

    fn start(&self, partition: u32) -> Result<u64, LogError> {
        match self.bug {
            Bug::ReadsBackNothing => self.inner.end(partition),
            _ => self.inner.start(partition),
        }
    }

    fn end(&self, partition: u32) -> Result<u64, LogError> {
        let end = self.inner.end(partition)?;
        match self.bug {
            Bug::ReadsBackOneTooFew => Ok(end.saturating_sub(1)),
            _ => Ok(end),
        }
    }

    fn wait(&self, partition: u32, after: u64, timeout: Duration) -> Result<u64, LogError> {
        self.inner.wait(partition, after, timeout)
    }

    fn truncate_before(&self, partition: u32, offset: u64) -> Result<u64, LogError> {
        self.inner.truncate_before(partition, offset)
    }
}

pub(crate) fn store(bug: Option<Bug>, inner: Arc<dyn Store>) -> Arc<dyn Store> {
    match bug.filter(|bug| matches!(bug, Bug::PointerOverwrites | Bug::WrongSnapshot)) {
        None => inner,
        Some(bug) => Arc::new(WrongStore { inner, bug }),
    }
}

struct WrongStore {
    inner: Arc<dyn Store>,
    bug: Bug,
}

impl Store for WrongStore {
    fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.inner.list(folder)
    }

    fn get(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        if self.bug == Bug::WrongSnapshot && name.starts_with("snapshots/journal") {
            let folder = "snapshots/journal-0000";
            if let Some(first) = self.inner.list(folder)?.last() {
                return self.inner.get(&format!("{folder}/{first}"));
            }
        }
        self.inner.get(name)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        if self.bug == Bug::PointerOverwrites {
            self.inner.remove(name)?;
        }
        self.inner.create(name, bytes)
    }

    fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.inner.remove(name)
    }
}
