//! Fills an empty journal with a past: one clock over all lines, up to now.
//!
//! The same order as `levee backtest`, so the same levels. It refuses to know where lines come from.

use std::collections::BTreeMap;

use chassis::Failure;
use engine::{Past, Stamped, Verdict};
use intake::{DeadLetter, dead_letter::scrub};
use proto::{
    codes::Code,
    date::Instant,
    event::{Event, Refusal},
    frame::Entry,
    household::Profile,
    json::Json,
    person::{Persons, TokenKey},
};
use tokio::sync::oneshot;
use watcher::{Submission, SubmitError, Watcher};

use crate::packs::{self, Packs};

/// Entries of one frame.
const FRAME: usize = 5_000;
/// Frames whose answers are not waited for yet.
const AHEAD: usize = 8;

type Answer = oneshot::Receiver<Result<watcher::Receipt, SubmitError>>;

/// A past on its way into the journal.
pub(crate) struct Filler<'f> {
    watcher: &'f Watcher,
    key: &'f TokenKey,
    packs: Packs,
    now: Instant,
    past: Past,
    began: bool,
    waiting: Vec<Stamped>,
    refused: Vec<(Code, u64)>,
    dead: Vec<Vec<u8>>,
    answers: std::collections::VecDeque<Answer>,
    counts: Counts,
}

/// What became of the lines.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    pub(crate) profiles: u64,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) left_out: u64,
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl<'f> Filler<'f> {
    /// A past up to `now` with these packs in force from its beginning. The watcher takes it
    /// between `begin_past` and `end_past`.
    pub(crate) fn new(
        watcher: &'f Watcher,
        key: &'f TokenKey,
        packs: Packs,
        now: Instant,
    ) -> Filler<'f> {
        Filler {
            watcher,
            key,
            packs,
            now,
            past: Past::new(Some(now.date())),
            began: false,
            waiting: Vec::new(),
            refused: Vec::new(),
            dead: Vec::new(),
            answers: std::collections::VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// A line of households; all of them before the first event. `false`: it is not JSON.
    pub(crate) fn profile(&mut self, index: u64, line: &[u8]) -> bool {
        let Ok(json) = Json::parse(line) else { return false };
        let persons = Persons::Tokens(self.key);
        match Profile::parse(&json, Instant::EPOCH_SHANGHAI, persons) {
            Ok((profile, _)) => {
                self.counts.profiles += 1;
                self.past.profile(profile);
            }
            Err(refusal) => self.refuse(index, line.len(), &json, refusal),
        }
        true
    }

    /// A line of events, in the order of arrival. `false`: it is not JSON.
    pub(crate) fn event(&mut self, index: u64, line: &[u8]) -> Result<bool, Failure> {
        let Ok(json) = Json::parse(line) else { return Ok(false) };
        let persons = Persons::Tokens(self.key);
        match Event::parse(&json, &self.packs.catalogue, persons) {
            Ok((event, _)) => {
                self.counts.events += 1;
                match self.past.event(event, &mut self.waiting) {
                    Verdict::Taken => {}
                    Verdict::Duplicate => self.counts.duplicates += 1,
                    Verdict::LeftOut => self.counts.left_out += 1,
                    Verdict::Refused(code) => {
                        self.refuse(index, line.len(), &json, Refusal::new(code, ""));
                    }
                }
            }
            Err(refusal) => self.refuse(index, line.len(), &json, refusal),
        }
        self.send(FRAME)?;
        Ok(true)
    }

    fn refuse(&mut self, index: u64, length: usize, json: &Json<'_>, refusal: Refusal) {
        *self.counts.refused.entry(refusal.code.name()).or_default() += 1;
        let at = self.refused.binary_search_by_key(&refusal.code, |(code, _)| *code);
        match at {
            Ok(at) => self.refused[at].1 += 1,
            Err(at) => self.refused.insert(at, (refusal.code, 1)),
        }
        let (body, altered) = scrub(json, Persons::Tokens(self.key));
        let letter = DeadLetter {
            code: refusal.code,
            pointer: Some(refusal.pointer),
            received_at: self.now,
            index,
            length: u64::try_from(length).unwrap_or(u64::MAX),
            body: Some(body),
            altered,
            origin: None,
        };
        self.dead.push(letter.to_json().into_bytes());
    }

    /// Runs the clock up to now and waits until all of it is decided upon.
    pub(crate) fn finish(mut self) -> Result<Counts, Failure> {
        self.past.finish(&mut self.waiting);
        let now = self.now;
        self.waiting.push(Stamped::new(now, Entry::Tick));
        self.send(1)?;
        while let Some(answer) = self.answers.pop_front() {
            settled(answer)?;
        }
        Ok(self.counts)
    }

    /// Sends what waits, once it is at least so much.
    fn send(&mut self, least: usize) -> Result<(), Failure> {
        if self.waiting.len() < least {
            return Ok(());
        }
        if !self.began {
            self.began = true;
            self.send_packs()?;
        }
        // What the last day still brings lies in the future of the wall clock, not of the past.
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        while waiting.peek().is_some() {
            let some: Vec<Stamped> = waiting.by_ref().take(FRAME).collect();
            self.frame(some)?;
        }
        Ok(())
    }

    fn frame(&mut self, entries: Vec<Stamped>) -> Result<(), Failure> {
        let now = self.now;
        let (past, entries) = entries.into_iter().map(|s| (s.at.min(now), s.entry)).unzip();
        let submission = Submission {
            entries,
            refused: std::mem::take(&mut self.refused),
            dead: std::mem::take(&mut self.dead),
            past: Some(past),
        };
        self.answers.push_back(self.watcher.enqueue(submission)?);
        if self.answers.len() > AHEAD
            && let Some(answer) = self.answers.pop_front()
        {
            settled(answer)?;
        }
        Ok(())
    }

    /// The packs enter alone: what follows may be of types that they define.
    fn send_packs(&mut self) -> Result<(), Failure> {
        let first = self.waiting.first().map_or(self.now, |stamped| stamped.at.min(self.now));
        let entries: Vec<Entry> = self.packs.packs.iter().map(|pack| packs::entry(pack)).collect();
        let past = Some(vec![first; entries.len()]);
        let submission = Submission { entries, past, ..Submission::default() };
        settled(self.watcher.enqueue(submission)?)
    }
}

fn settled(answer: Answer) -> Result<(), Failure> {
    let gone = |_| Failure::new(1, "the fold ended before the past was complete");
    answer.blocking_recv().map_err(gone)??;
    Ok(())
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { profiles, events, duplicates, left_out, refused } = self;
        write!(f, "profiles {profiles}, events {events}, duplicates {duplicates}, ")?;
        write!(f, "left out {left_out}, refused {}", refused.values().sum::<u64>())?;
        refused.iter().try_for_each(|(code, n)| write!(f, "\n  {code} {n}"))
    }
}
