//! The command: writes a province into a folder, in passes that fit into memory.
//!
//! It refuses to touch any file but its own four.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};
use proto::date::Date;

use crate::{Error, Province, Scale, event::Event, map};

/// Packed events held in memory at a time; a larger province is made in several passes.
const HELD_EVENTS: u64 = 4_000_000;
/// Core events a year and household, for the number of passes.
const EVENTS_A_YEAR: u64 = 14;
/// With monthly credits.
const EVENTS_A_YEAR_CREDITS: u64 = 28;
/// Households made between two looks at the progress bar.
const STEP: u32 = 4096;
/// The last day unless told otherwise.
const UNTIL: &str = "2026-05-31";

const EXAMPLES: &str = "\
Examples:
  levee simulate --households 2000 --months 12 --seed 1 --out province
  levee simulate --households 100000 --months 12 --seed 7 --until 2025-12-31 --out province
  levee backtest --households province/households.ndjson --events province/events.ndjson \\
      --rules deploy/packs/default.yaml";

/// Write a synthetic province: households.ndjson, events.ndjson, regions.csv and map.geojson
///
/// The same numbers give the same bytes on every machine. No person, place or number in it is
/// real: everything lies under region prefix 99.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// How many households
    #[arg(long, default_value_t = 2000)]
    pub households: u32,
    /// How many months, ending with --until
    #[arg(long, default_value_t = 12)]
    pub months: u32,
    /// Another seed is another province
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder to write into; made if it does not exist
    #[arg(long)]
    pub out: PathBuf,
    /// Last day, YYYY-MM-DD
    #[arg(long, default_value = UNTIL, value_parser = date)]
    pub until: Date,
    /// Also send pensions and allowances every month (doubles the events)
    #[arg(long)]
    pub credits: bool,
}

fn date(text: &str) -> Result<Date, Error> {
    Date::parse(text).ok_or(Error::Until)
}

/// Writes the province that the arguments name.
///
/// # Errors
/// As [`Province::new`]; [`Error::Io`] where the folder or a file cannot be written.
pub fn run(args: Args) -> Result<(), Error> {
    let Args { households, months, seed, until, credits, out } = args;
    let province = Province::new(Scale { households, months, seed, until, credits })?;
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    province.write(&out, &bar)?;
    bar.finish_and_clear();
    Ok(())
}

impl Province {
    /// Writes the four files into `out`, which is made if needed; the bar counts households.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder or a file cannot be written.
    pub fn write(&self, out: &Path, bar: &ProgressBar) -> Result<(), Error> {
        fs::create_dir_all(out)?;
        let passes = self.passes();
        bar.set_length(u64::from(self.households()) * (passes.len() as u64 + 1));
        self.write_to(&out.join("regions.csv"), |file| Ok(self.layout.write_csv(file)?))?;
        self.write_to(&out.join("map.geojson"), |file| Ok(map::write(&self.layout, file)?))?;
        bar.set_message("households");
        self.write_to(&out.join("households.ndjson"), |file| self.write_profiles(file, bar))?;
        bar.set_message("events");
        self.write_to(&out.join("events.ndjson"), |file| {
            for (first, last) in &passes {
                self.write_pass(file, *first, *last, bar)?;
            }
            Ok(())
        })
    }

    fn write_to(
        &self,
        path: &Path,
        content: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
        content(&mut file)?;
        Ok(file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?)
    }

    fn write_profiles(&self, file: &mut impl Write, bar: &ProgressBar) -> Result<(), Error> {
        for ranges in self.steps() {
            let parts = in_two(&ranges, |range| {
                let mut text = Vec::new();
                for household in range {
                    for line in self.profile_lines(household)? {
                        text.extend_from_slice(line.as_bytes());
                        text.push(b'\n');
                    }
                }
                Ok::<_, Error>(text)
            });
            for part in parts {
                file.write_all(&part?)?;
            }
            bar.inc(u64::from(ranges[1].end - ranges[0].start));
        }
        Ok(())
    }

    fn write_pass(
        &self,
        file: &mut impl Write,
        first: Date,
        last: Date,
        bar: &ProgressBar,
    ) -> Result<(), Error> {
        let mut events: Vec<Event> = Vec::new();
        for ranges in self.steps() {
            let areas = ranges[0].start == 1;
            let parts = in_two(&ranges, |range| {
                let with_areas = areas && range.start == 1;
                self.window(range, first, last, with_areas)
            });
            events.extend(parts.into_iter().flatten());
            bar.inc(u64::from(ranges[1].end - ranges[0].start));
        }
        events.sort_unstable_by_key(Event::key);
        for chunk in events.chunks(1 << 16) {
            let (a, b) = chunk.split_at(chunk.len() / 2);
            for part in in_two(&[a, b], |part| {
                let mut text = Vec::with_capacity(part.len() * 400);
                for event in part {
                    event.write(&mut text)?;
                    text.push(b'\n');
                }
                Ok::<_, Error>(text)
            }) {
                file.write_all(&part?)?;
            }
        }
        Ok(())
    }

    /// Days of each pass: as many as fit into memory.
    fn passes(&self) -> Vec<(Date, Date)> {
        let rate = if self.scale.credits { EVENTS_A_YEAR_CREDITS } else { EVENTS_A_YEAR };
        let a_day = u64::from(self.households()) * rate / 365 + 1;
        let days = i32::try_from((HELD_EVENTS / a_day).clamp(1, 100_000)).unwrap_or(1);
        let mut passes = Vec::new();
        let mut first = self.from();
        while first <= self.until() {
            let last = first.plus(days - 1).min(self.until());
            passes.push((first, last));
            first = last.plus(1);
        }
        passes
    }

    /// All households in steps, each in two halves.
    fn steps(&self) -> impl Iterator<Item = [std::ops::Range<u32>; 2]> + use<> {
        let end = self.households() + 1;
        (1..end).step_by(STEP as usize).map(move |start| {
            let stop = end.min(start + STEP);
            let middle = start + (stop - start) / 2;
            [start..middle, middle..stop]
        })
    }
}

/// Both halves at once, the results in their order.
fn in_two<I: Clone + Send, T: Send>(halves: &[I; 2], work: impl Fn(I) -> T + Sync) -> [T; 2] {
    let [a, b] = halves.clone();
    thread::scope(|scope| {
        let other = scope.spawn(|| work(b));
        let first = work(a);
        match other.join() {
            Ok(second) => [first, second],
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
