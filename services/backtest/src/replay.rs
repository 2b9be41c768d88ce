//! One run: lines in, one clock, the fold, alerts out.

use std::{collections::BTreeMap, slice};

use engine::{Engine, Outcome, Output, Past, Prepared, PreparedProfile, Stamped, Verdict};
use indicatif::ProgressBar;
use proto::{
    alert::Alert,
    codes::Code,
    date::{Date, Instant},
    event::Event,
    frame::Entry,
    household::Profile,
    json::Json,
    person::Persons,
};

use crate::{Error, Options, Threads, lines, packs::Packs, tally::Tally};

/// Partitions of the fold; more than cores, so that hands share them evenly.
const PARTITIONS: u32 = 32;
/// Entries applied at a time.
const BATCH: usize = 8192;

/// What a run counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) profiles: u64,
    pub(crate) events: u64,
    pub(crate) duplicates: u64,
    pub(crate) parked: u64,
    pub(crate) unmatched: u64,
    pub(crate) left_out: u64,
    pub(crate) refused: BTreeMap<&'static str, u64>,
    pub(crate) failed: BTreeMap<String, u64>,
    /// The first and the last day of the clock.
    pub(crate) days: Option<(Date, Date)>,
}

/// A run under way.
pub(crate) struct Replay<'r, A> {
    hands: Threads,
    packs: &'r Packs,
    past: Past,
    engine: Engine,
    batch: Vec<Stamped>,
    out: Output,
    counts: Counts,
    tally: Tally,
    alert: A,
}

impl<'r, A: FnMut(&Alert) -> Result<(), Error>> Replay<'r, A> {
    /// A run with these packs; each alert is shown to `alert` in order.
    pub(crate) fn new(packs: &'r Packs, until: Option<Date>, alert: A) -> Replay<'r, A> {
        let mut engine = Engine::new(PARTITIONS);
        engine.set_eager(true);
        Replay {
            hands: Threads::available(),
            packs,
            past: Past::new(until),
            engine,
            batch: Vec::with_capacity(BATCH * 2),
            out: Output::default(),
            counts: Counts::default(),
            tally: Tally::default(),
            alert,
        }
    }

    /// Replays the files.
    pub(crate) fn run(
        mut self,
        options: &Options,
        bar: &ProgressBar,
    ) -> Result<(Counts, Tally), Error> {
        let workers = self.hands.count();
        let packs = self.packs;
        let catalogue = &packs.catalogue;
        let profile = |line: &[u8]| {
            let json = Json::parse(line).map_err(|error| error.code)?;
            let read = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven);
            read.map(|(profile, _)| profile.into()).map_err(|refusal| refusal.code)
        };
        let files = slice::from_ref(&options.households);
        lines::each(files, workers, bar, profile, |batch| {
            self.profiles(batch.read);
            self.refuse(&batch.refused);
            Ok(())
        })?;
        let event = |line: &[u8]| {
            if let Some(event) = Event::plain(line, catalogue, Persons::AsGiven) {
                return Ok(event.into());
            }
            let json = Json::parse(line).map_err(|error| error.code)?;
            let read = Event::parse(&json, catalogue, Persons::AsGiven);
            read.map(|(event, _)| event.into()).map_err(|refusal| refusal.code)
        };
        lines::each(&options.events, workers, bar, event, |batch| {
            self.refuse(&batch.refused);
            self.events(batch.read)
        })?;
        self.finish()
    }

    fn profiles(&mut self, profiles: Vec<PreparedProfile>) {
        for profile in profiles {
            self.counts.profiles += 1;
            let region = profile.profile().region;
            if self.past.profile(profile) {
                self.tally.visits.household(region.to_string());
            }
        }
    }

    fn events(&mut self, events: Vec<Prepared>) -> Result<(), Error> {
        for event in events {
            self.counts.events += 1;
            match self.past.event(event, &mut self.batch) {
                Verdict::Taken => {}
                Verdict::Duplicate => self.counts.duplicates += 1,
                Verdict::LeftOut => self.counts.left_out += 1,
                Verdict::Refused(code) => self.refuse(&[code]),
            }
            if self.batch.len() >= BATCH {
                self.apply()?;
            }
        }
        Ok(())
    }

    fn refuse(&mut self, codes: &[Code]) {
        for code in codes {
            *self.counts.refused.entry(code.name()).or_default() += 1;
        }
    }

    fn apply(&mut self) -> Result<(), Error> {
        let Some(first) = self.batch.first() else { return Ok(()) };
        if self.counts.days.is_none() {
            let at = first.at;
            self.counts.days = Some((at.date(), at.date()));
            let entries: Vec<Stamped> =
                self.packs.packs.iter().map(|pack| Stamped::new(at, entry(pack))).collect();
            self.engine.apply(&self.hands, &entries, &mut self.out);
        }
        self.engine.apply(&self.hands, &self.batch, &mut self.out);
        self.batch.clear();
        self.settle()
    }

    fn settle(&mut self) -> Result<(), Error> {
        for outcome in std::mem::take(&mut self.out.outcomes) {
            match outcome {
                Outcome::Accepted => {}
                Outcome::Unmatched => self.counts.unmatched += 1,
                Outcome::Duplicate => self.counts.duplicates += 1,
                Outcome::Parked => self.counts.parked += 1,
                Outcome::Refused(code) => self.refuse(&[code]),
            }
        }
        for alert in std::mem::take(&mut self.out.alerts) {
            self.tally.note(&alert);
            (self.alert)(&alert)?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(Counts, Tally), Error> {
        let end = self.past.finish(&mut self.batch);
        self.apply()?;
        if let (Some(end), Some((first, _))) = (end, self.counts.days) {
            self.engine.advance(&self.hands, end, &mut self.out);
            self.settle()?;
            self.counts.days = Some((first, end.date()));
        }
        self.counts.failed = self.engine.failed_expressions().into_iter().collect();
        Ok((self.counts, self.tally))
    }
}

fn entry(pack: &rules::Pack) -> Entry {
    Entry::Pack {
        name: pack.file.as_str().into(),
        yaml: pack.source.as_slice().into(),
        withdrawn: false,
    }
}
