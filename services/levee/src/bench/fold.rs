//! The fold alone: a year of a province's events over resident households, midnights included.
//!
//! Lines are made and parsed outside the measured time, a month at a time. The fold is driven as
//! the live one is: entries in groups, timer work between them in small portions; what is left of a
//! midnight is worked off before the next day's first entry.

use std::time::Duration;

use backtest::Threads;
use chassis::{Clock, Failure, SystemClock};
use engine::{Engine, Outcome, Output, Past, Prepared, Stamped, Verdict};
use indicatif::ProgressBar;
use proto::{
    date::{Date, Instant},
    event::Event,
    household::Profile,
    json::Json,
    person::Persons,
};
use simulate::{Province, Scale};

use super::row::{Row, rss};
use crate::packs::{self, Packs};

/// Partitions of the fold.
const PARTITIONS: u32 = 32;
/// Entries of one group: what arrives while a group is made durable under load.
const GROUP: usize = 4_096;
/// Lines that are parsed before their entries are folded.
const AT_ONCE: usize = 500_000;
/// Households of each partition that timer work touches before entries have their turn.
const HOUSEHOLDS: usize = 16;

/// The fold of a year of events over resident households, every midnight included
#[derive(clap::Args)]
pub(super) struct Args {
    /// Households that are resident
    #[arg(long, default_value_t = 1_000_000)]
    households: u32,
    /// Months of events
    #[arg(long, default_value_t = 12)]
    months: u32,
    /// The province's seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// 20,000 households
    #[arg(long)]
    quick: bool,
}

/// The engine with what was measured so far.
struct Measured {
    engine: Engine,
    hands: Threads,
    clock: SystemClock,
    out: Output,
    day: Date,
    year: i32,
    spent: Duration,
    midnights: Duration,
    year_turn: Duration,
    longest: Duration,
    events: u64,
    alerts: u64,
    refused: u64,
}

pub(super) fn run(args: &Args) -> Result<Row, Failure> {
    let households = if args.quick { 20_000 } else { args.households };
    let until = Date::ymd(2026, 5, 31).unwrap_or(Date::MAX);
    let scale = Scale { households, months: args.months, seed: args.seed, until, credits: false };
    let province = Province::new(scale)?;
    let packs = packs::shipped()?;
    let bar = ProgressBar::new(u64::from(args.months) + 1);
    let mut past = Past::new(None);
    for line in province.profiles() {
        profile(&mut past, &line?)?;
    }
    let mut measured = Measured::new(&packs, province.from());
    let mut batch = Vec::new();
    // The first event brings the profiles before it.
    let first: Vec<String> = province.events(0)?.into_iter().take(1).collect();
    for event in parsed(&first, &packs, 1)? {
        past.event(event, &mut batch);
    }
    measured.households(&batch);
    batch = Vec::new();
    for month in 0..args.months {
        let lines = province.events(month)?;
        for some in lines.chunks(AT_ONCE) {
            for event in parsed(some, &packs, measured.hands.count())? {
                let taken = past.event(event, &mut batch) == Verdict::Taken;
                measured.events += u64::from(taken);
            }
            measured.entries(&batch);
            batch.clear();
        }
        bar.inc(1);
    }
    past.finish(&mut batch);
    measured.entries(&batch);
    measured.finish_day();
    drop((batch, past));
    bar.finish_and_clear();
    Ok(measured.row(args.seed, u64::from(households)))
}

fn profile(past: &mut Past, line: &str) -> Result<(), Failure> {
    let json = Json::parse(line.as_bytes()).map_err(|e| Failure::new(1, e.to_string()))?;
    // Mistakes that the province makes on purpose are left out.
    if let Ok((profile, _)) = Profile::parse(&json, Instant::EPOCH_SHANGHAI, Persons::AsGiven) {
        past.profile(profile);
    }
    Ok(())
}

/// Events that are well-formed, in their order.
fn parsed(lines: &[String], packs: &Packs, threads: usize) -> Result<Vec<Prepared>, Failure> {
    let share = lines.len().div_ceil(threads.max(1)).max(1);
    let parse = |lines: &[String]| -> Vec<Prepared> {
        let event = |line: &String| {
            let json = Json::parse(line.as_bytes()).ok()?;
            let event = Event::parse(&json, &packs.catalogue, Persons::AsGiven).ok()?.0;
            Some(Prepared::from(event))
        };
        lines.iter().filter_map(event).collect()
    };
    let parts = std::thread::scope(|scope| {
        let parts: Vec<_> =
            lines.chunks(share).map(|lines| scope.spawn(move || parse(lines))).collect();
        parts.into_iter().map(|part| part.join().ok()).collect::<Option<Vec<_>>>()
    });
    let parts = parts.ok_or_else(|| Failure::new(1, "a parser ended early"))?;
    Ok(parts.into_iter().flatten().collect())
}

impl Measured {
    fn new(packs: &Packs, day: Date) -> Measured {
        let mut engine = Engine::new(PARTITIONS);
        let hands = Threads::available();
        let mut out = Output::default();
        let first = day.midnight();
        let entry = |pack: &std::sync::Arc<rules::Pack>| Stamped::new(first, packs::entry(pack));
        let entries: Vec<Stamped> = packs.packs.iter().map(entry).collect();
        engine.apply(&hands, &entries, &mut out);
        Measured {
            engine,
            hands,
            clock: SystemClock::new(),
            out,
            day,
            year: day.year(),
            spent: Duration::ZERO,
            midnights: Duration::ZERO,
            year_turn: Duration::ZERO,
            longest: Duration::ZERO,
            events: 0,
            alerts: 0,
            refused: 0,
        }
    }

    /// Takes the profiles and the first event, unmeasured.
    fn households(&mut self, batch: &[Stamped]) {
        for some in batch.chunks(GROUP) {
            self.engine.apply(&self.hands, some, &mut self.out);
            self.settle();
        }
        if let Some(last) = batch.last() {
            self.day = last.at.date();
            self.year = self.day.year();
        }
        while self.engine.work(&self.hands, HOUSEHOLDS, &mut self.out) {}
        self.settle();
    }

    fn entries(&mut self, batch: &[Stamped]) {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            let day = first.at.date();
            if day > self.day {
                self.finish_day();
                self.midnight(day);
            }
            let same = rest.iter().take(GROUP).take_while(|s| s.at.date() == day).count();
            let (group, further) = rest.split_at(same);
            let begun = self.clock.monotonic();
            self.engine.apply(&self.hands, group, &mut self.out);
            self.settle();
            self.spent += self.clock.monotonic().saturating_sub(begun);
            self.work();
            rest = further;
        }
    }

    /// The clock passes midnight without an entry.
    fn midnight(&mut self, day: Date) {
        for today in self.day.0 + 1..=day.0 {
            self.day = Date(today);
            let turns = self.day.year() != self.year;
            self.year = self.day.year();
            let begun = self.clock.monotonic();
            self.engine.advance(&self.hands, self.day.midnight(), &mut self.out);
            self.settle();
            let spent = self.clock.monotonic().saturating_sub(begun);
            self.took(spent);
            if turns {
                let before = self.midnights;
                self.finish_day();
                self.year_turn = spent + self.midnights.saturating_sub(before);
            } else if today < day.0 {
                self.finish_day();
            }
        }
    }

    fn finish_day(&mut self) {
        while self.work() {}
    }

    /// One portion of timer work; an entry that arrives with it waits for all of it.
    fn work(&mut self) -> bool {
        let begun = self.clock.monotonic();
        let left = self.engine.work(&self.hands, HOUSEHOLDS, &mut self.out);
        self.settle();
        let spent = self.clock.monotonic().saturating_sub(begun);
        self.took(spent);
        left
    }

    fn took(&mut self, spent: Duration) {
        self.spent += spent;
        self.midnights += spent;
        self.longest = self.longest.max(spent);
    }

    /// Counts what was given; alerts are bytes already, as they are published.
    fn settle(&mut self) {
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
        self.refused += self.out.outcomes.drain(..).filter(refused).count() as u64;
        self.alerts += self.out.alerts.len() as u64;
        self.out.alerts.clear();
    }

    fn row(self, seed: u64, households: u64) -> Row {
        let after = rss(None).unwrap_or(0);
        let mut row = Row { name: "fold", n: self.events, elapsed: self.spent, ..Row::default() };
        row.seed = Some(seed);
        row.rss_bytes = Some(after);
        row.note("households", households);
        row.note("alerts", self.alerts);
        row.note("refused", self.refused);
        row.note_seconds("midnights_seconds", self.midnights);
        row.note_seconds("year_turn_seconds", self.year_turn);
        row.note_ms("longest_wait_ms", self.longest);
        let events = self.engine.event_bytes();
        row.note("bytes_per_household", after.saturating_sub(events) / households.max(1));
        row.note("bytes_per_event", events / self.events.max(1));
        row
    }
}
