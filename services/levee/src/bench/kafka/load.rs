//! What is streamed: profiles and events as platforms write them, and which alerts must come of
//! them, found by a way of their own that shares no code with the fold.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
};

use chassis::{Clock, Failure};
use proto::{
    date::{Date, Instant},
    event::Event,
    frame::Entry,
    json::Json,
    person::Persons,
};
use serde::Deserialize;

use super::{Args, Bench};

/// Days over which the events' times are spread.
const DAYS: u64 = 400;
const DAY_US: u64 = 86_400_000_000;
/// The days that the pack's sum looks back.
const WINDOW: i32 = 365;

/// A record of a topic: key and value.
pub(super) type Line = (String, String);

/// Profiles and events, in the order in which they arrive.
pub(super) struct Work {
    pub(super) profiles: Vec<Line>,
    pub(super) events: Vec<Line>,
}

#[derive(Deserialize)]
struct Profile<'a> {
    household: &'a str,
    class: &'a str,
    size: i64,
    net_income_fen: i64,
}

#[derive(Deserialize)]
struct Seen<'a> {
    id: &'a str,
    subject: &'a str,
    supersedes: Option<&'a str>,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    occurred_on: &'a str,
    self_paid_fen: i64,
}

/// A household as the plain way sees it.
struct Home {
    low: bool,
    size: i64,
    income: i64,
    level: &'static str,
    /// Day and amount of each bill, by the id of its first version.
    bills: HashMap<String, (i32, i64)>,
}

impl Work {
    /// From files, or made up.
    ///
    /// # Errors
    /// 64 for files that cannot be read, 65 for lines without a household.
    pub(super) fn new(args: &Args, now_us: i64) -> Result<Work, Failure> {
        if let Some(folder) = &args.data {
            let profiles = lines(&folder.join("profiles.ndjson"), "\"household\":\"")?;
            let events = lines(&folder.join("events.ndjson"), "\"subject\":\"household/")?;
            return Ok(Work { profiles, events });
        }
        Ok(Work {
            profiles: (0..args.households).map(|n| (name(n), profile(n))).collect(),
            events: (0..args.events).map(|n| event(args, now_us, n)).collect(),
        })
    }

    /// Household and level of every alert that must be there, sorted; the levels of one household
    /// in their order. Only for the pack that is taken where none is named.
    pub(super) fn alerts(&self, today: Date) -> Result<Vec<(String, Vec<&'static str>)>, Failure> {
        let strange = |_| Failure::new(65, "a line of the workload cannot be read");
        let mut homes = HashMap::new();
        for (_, line) in &self.profiles {
            let Profile { household, class, size, net_income_fen: income } =
                serde_json::from_str(line).map_err(strange)?;
            let low = class == "low_income";
            let home = Home { low, size, income, level: "none", bills: HashMap::new() };
            homes.insert(household.to_owned(), home);
        }
        let mut seen = HashSet::new();
        let mut alerts: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for (household, line) in &self.events {
            let Seen { id, subject, supersedes, data } =
                serde_json::from_str(line).map_err(strange)?;
            debug_assert_eq!(subject.strip_prefix("household/"), Some(household.as_str()));
            let Some(home) = homes.get_mut(household).filter(|_| seen.insert(id.to_owned())) else {
                continue;
            };
            let day = Date::parse(data.occurred_on).unwrap_or(Date::MAX).0;
            let bill = supersedes.unwrap_or(id).to_owned();
            home.bills.insert(bill, (day, data.self_paid_fen));
            let level = home.look(today.0);
            if level != home.level {
                home.level = level;
                alerts.entry(household.clone()).or_default().push(level);
            }
        }
        Ok(alerts.into_iter().collect())
    }
}

impl Home {
    fn look(&self, today: i32) -> &'static str {
        let inside = self.bills.values().filter(|(day, _)| today - WINDOW < *day && *day <= today);
        let sum: i64 = inside.map(|(_, fen)| fen).sum();
        if sum <= if self.low { 1_000_000 } else { 2_600_000 } {
            "none"
        } else if (self.income - sum) / self.size < 880_000 {
            "red"
        } else {
            "yellow"
        }
    }
}

/// The lines of a file; the key is what stands between `before` and the next quotation mark.
fn lines(file: &Path, before: &str) -> Result<Vec<Line>, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|e| Failure::new(64, format!("{}: {e}", file.display())))?;
    let key = |line: &str| {
        let from = line.find(before)? + before.len();
        Some(line[from..].split('"').next()?.to_owned())
    };
    let line = |line: &str| {
        let key = key(line).ok_or_else(|| Failure::new(65, "a line without a household"))?;
        Ok((key, line.to_owned()))
    };
    text.lines().filter(|line| !line.is_empty()).map(line).collect()
}

/// The name of a household.
pub(super) fn name(n: u64) -> String {
    format!("H{n:08}")
}

/// The profile of a household.
pub(super) fn profile(n: u64) -> String {
    let class = if n.is_multiple_of(12) { "low_income" } else { "ordinary" };
    let (village, size) = (1 + n % 250, 1 + n % 6);
    let income = (900_000 + mixed(n) % 2_400_000) * size;
    format!(
        r#"{{"household":"{}","region":"990102003{village:03}","class":"{class}","size":{size},"net_income_fen":{income}}}"#,
        name(n)
    )
}

fn mixed(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (n ^ (n >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 20
}

/// The n-th event; one of 50 is the one 7 before once more, one of 67 corrects the one 11 before.
fn event(args: &Args, now_us: i64, n: u64) -> Line {
    let first = if n % 50 == 49 { n - 7 } else { n };
    let corrects = (first % 67 == 66).then(|| first - 11);
    let about = corrects.unwrap_or(first);
    let household = name(mixed(about) % args.households.max(1));
    let span = DAYS * DAY_US;
    let begin = now_us.cast_unsigned().saturating_sub(span);
    let at = |n: u64| Instant((begin + span / args.events.max(1) * n).cast_signed());
    let supersedes =
        corrects.map_or_else(String::new, |n| format!(r#""supersedes":"99-ybj-{n:012}","#));
    let inpatient = about.is_multiple_of(12);
    let own = if inpatient { 80_000 + mixed(first) % 900_000 } else { 2_000 + first % 613 * 10 };
    let setting = if inpatient { "inpatient" } else { "outpatient" };
    let value = format!(
        r#"{{"specversion":"1.0","id":"99-ybj-{first:012}","source":"99/ybj","type":"medical.settlement","time":"{}","subject":"household/{household}",{supersedes}"data":{{"occurred_on":"{}","setting":"{setting}","total_fen":{},"fund_paid_fen":{own},"self_paid_fen":{own}}}}}"#,
        at(first),
        at(about).date(),
        2 * own,
    );
    (household, value)
}

/// A bill of a household as an entry, some days ago.
pub(super) fn bill(bench: &Bench<'_>, n: u64, number: u64) -> Result<Entry, Failure> {
    let ago = DAY_US * (1 + (mixed(n) + 97 * number) % (DAYS - 1));
    entry(bench, n, number, 40_000, ago)
}

/// A bill of this amount as an entry, of now.
pub(super) fn amount(bench: &Bench<'_>, n: u64, number: u64, fen: i64) -> Result<Entry, Failure> {
    entry(bench, n, number, fen, 0)
}

fn entry(bench: &Bench<'_>, n: u64, number: u64, fen: i64, ago: u64) -> Result<Entry, Failure> {
    let strange = || Failure::new(1, "an event of the workload cannot be read");
    let time = Instant(bench.clock.now_unix_micros().saturating_sub(ago.cast_signed()));
    let line = format!(
        r#"{{"specversion":"1.0","id":"99-ybj-{n:09}-{number}","source":"99/ybj","type":"medical.settlement","time":"{time}","subject":"household/{}","data":{{"setting":"inpatient","total_fen":{fen},"self_paid_fen":{fen}}}}}"#,
        name(n)
    );
    let json = Json::parse(line.as_bytes()).map_err(|_| strange())?;
    let read = Event::parse(&json, &bench.pack.catalogue, Persons::AsGiven);
    let (event, _) = read.map_err(|_| strange())?;
    Ok(Entry::Event(Box::new(event)))
}
