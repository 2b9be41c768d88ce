//! Order: submissions become frames, stamped and durable. Knows no fold and no thread.

use std::{ops::Range, sync::Arc};

use log::{Log, LogError};
use proto::{catalogue::Catalogue, codes::Code, date::Instant, frame::Entry};

use crate::frames::Framed;

/// What one call brought.
#[derive(Debug, Default)]
pub struct Submission {
    /// The well-formed entries, in order.
    pub entries: Vec<Entry>,
    /// How many records were refused at the door, by code.
    pub refused: Vec<(Code, u64)>,
    /// The refused records as records of the dead letters.
    pub dead: Vec<Vec<u8>>,
    /// Of a past that is being filled in: each entry's instant, never smaller than the one before.
    pub past: Option<Vec<Instant>>,
}

/// The answer to a call that is durable and decided upon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The journal record that the call became.
    pub batch: u64,
    /// What came of each entry.
    pub outcomes: Vec<engine::Outcome>,
}

/// Why a call was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// More waits than is allowed.
    #[error("overload.busy: too much is waiting")]
    Busy,
    /// The disk is full; nothing was taken.
    #[error("storage.full: the disk is full")]
    Full,
    /// The state is being restored, or a past is being filled in.
    #[error("service.starting: the state is being restored")]
    Starting,
    /// It is not known whether it was taken; sending it again is safe.
    #[error("service.fault: the submission failed")]
    Fault,
}

impl Submission {
    /// Roughly its bytes in memory, for limits.
    pub(crate) fn weight(&self) -> usize {
        let entry = |entry: &Entry| match entry {
            Entry::Profile(profile) => 200 + 2 * profile.canonical.len(),
            Entry::Event(event) => 300 + event.fields.bytes().len(),
            Entry::Pack { yaml, .. } => 100 + yaml.len(),
            Entry::Outcome(outcome) => 300 + 60 * outcome.measures.len(),
            Entry::Adopt(adopt) => 200 + 300 * adopt.events.len(),
            Entry::Removal { .. }
            | Entry::Tick
            | Entry::FoldVersion(_)
            | Entry::Claim(_)
            | Entry::Release(_) => 100,
            Entry::Marks(marks) => 200 * marks.len(),
        };
        let dead: usize = self.dead.iter().map(Vec::len).sum();
        100 + dead + self.entries.iter().map(entry).sum::<usize>()
    }
}

/// Stamps and appends.
pub(crate) struct Sequencer {
    journal: Arc<dyn Log>,
    dead: Arc<dyn Log>,
    last_at: Instant,
}

/// Frames that are durable: the journal records from `records.start` on.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) records: Range<u64>,
    pub(crate) frames: Vec<Framed>,
}

impl Sequencer {
    /// Goes on after the journal's largest instant.
    pub(crate) fn new(journal: Arc<dyn Log>, dead: Arc<dyn Log>, last_at: Instant) -> Sequencer {
        Sequencer { journal, dead, last_at }
    }

    /// The largest instant that was stamped.
    pub(crate) fn last_at(&self) -> Instant {
        self.last_at
    }

    /// Makes a group durable with one append; its dead letters before it.
    ///
    /// # Errors
    /// After `log.unconfirmed` the group may be in the journal, now or later; after any other error
    /// none of it is.
    pub(crate) fn commit(
        &mut self,
        group: Vec<Submission>,
        now: Instant,
        catalogue: &Catalogue,
    ) -> Result<Committed, LogError> {
        let letters: Vec<&[u8]> =
            group.iter().flat_map(|s| s.dead.iter().map(Vec::as_slice)).collect();
        if !letters.is_empty() {
            self.dead.append(0, &letters)?;
        }
        let mut last_at = self.last_at;
        let frames: Vec<Framed> =
            group.into_iter().map(|submission| frame(submission, now, &mut last_at)).collect();
        let records: Vec<Vec<u8>> = frames.iter().map(|frame| frame.encode(catalogue)).collect();
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let records = self.journal.append(0, &records)?;
        self.last_at = last_at;
        Ok(Committed { records, frames })
    }

    /// Makes a frame durable in which only the clock moves.
    ///
    /// # Errors
    /// As [`Sequencer::commit`].
    pub(crate) fn tick(
        &mut self,
        now: Instant,
        catalogue: &Catalogue,
    ) -> Result<Committed, LogError> {
        self.commit(vec![Submission::default()], now, catalogue)
    }
}

/// Stamps a call; no instant is smaller than the one before.
fn frame(submission: Submission, now: Instant, last_at: &mut Instant) -> Framed {
    let Submission { entries, refused, past, .. } = submission;
    let history = past.is_some();
    let entries: Vec<(Instant, Entry)> = match past {
        None => {
            *last_at = now.max(*last_at);
            let at = *last_at;
            entries.into_iter().map(|entry| (at, entry)).collect()
        }
        Some(instants) => instants
            .into_iter()
            .zip(entries)
            .map(|(at, entry)| {
                *last_at = at.max(*last_at);
                (*last_at, entry)
            })
            .collect(),
    };
    let at = entries.first().map_or(*last_at, |(at, _)| *at);
    Framed { at, history, entries, refused }
}

#[cfg(test)]
mod tests {
    use log::{Settings, SimulatedDisk, SimulatedLog};

    use super::*;

    fn sequencer(last_at: i64) -> Sequencer {
        let open = || {
            let disk = SimulatedDisk::new(1);
            let log = SimulatedLog::open(&disk, &Settings::new("journal", 1), Default::default());
            Arc::new(log.unwrap())
        };
        Sequencer::new(open(), open(), Instant(last_at))
    }

    #[test]
    fn instants_never_go_back_with_the_wall_clock() {
        let known = Catalogue::shipped();
        let mut sequencer = sequencer(50);
        let mut ats = Vec::new();
        for now in [60, 40, 61] {
            let committed = sequencer.tick(Instant(now), &known).unwrap();
            ats.push(committed.frames[0].at.0);
        }
        assert_eq!(ats, [60, 60, 61]);
    }

    #[test]
    fn a_past_keeps_its_instants_and_the_present_follows_it() {
        let known = Catalogue::shipped();
        let mut sequencer = sequencer(i64::MIN);
        let entries = vec![Entry::Tick, Entry::Tick];
        let past = Some(vec![Instant(5), Instant(9)]);
        let group = vec![
            Submission { entries, past, ..Submission::default() },
            Submission { entries: vec![Entry::Tick], ..Submission::default() },
        ];
        let committed = sequencer.commit(group, Instant(7), &known).unwrap();
        assert_eq!(committed.records, 0..2);
        let ats = |frame: &Framed| frame.entries.iter().map(|(at, _)| at.0).collect::<Vec<_>>();
        assert_eq!(committed.frames.iter().map(ats).collect::<Vec<_>>(), [vec![5, 9], vec![9]]);
        assert!(committed.frames[0].history && !committed.frames[1].history);
        assert_eq!(sequencer.last_at(), Instant(9));
    }
}
