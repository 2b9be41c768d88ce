//! The queue of visits: who waits for one in each village or township, in the order of priority,
//! and who is inside the week's budget.
//!
//! A case waits while it stands at yellow or red and nobody was there. The larger priority comes
//! first, then the higher level, then what is due earlier, then what was opened earlier. A visit of
//! this week takes a place of the budget; whoever is outside it is next. Nothing is dropped: the
//! budget orders and hides nobody, and clocks run outside it as well. It refuses to know who visits.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;

use proto::alert::Severity;
use proto::date::{Date, Instant};
use proto::region::{Level, Prefix, Region};

use super::{Board, Item, Key, Row};

/// Whose week a budget is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum By {
    /// A village's.
    #[default]
    Village,
    /// A township's.
    Township,
}

impl By {
    /// The word in queries.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            By::Village => "village",
            By::Township => "township",
        }
    }

    /// The whose of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<By> {
        [By::Village, By::Township].into_iter().find(|by| by.word() == word)
    }

    /// The level of its desks.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            By::Village => Level::Village,
            By::Township => Level::Township,
        }
    }

    /// The region codes of the desk that a region belongs to.
    fn desk(self, region: u64) -> std::ops::Range<u64> {
        let region = Region::from_number(region);
        region.map_or(0..0, |region| region.prefix(self.level()).numbers())
    }

    fn name(self, desk: u64) -> String {
        let region = Region::from_number(desk);
        region.map_or_else(String::new, |region| region.prefix(self.level()).to_string())
    }
}

/// Visits that can be made in a week, from Monday on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// In a village: one to two households a week and village worker are what is useful.
    pub village: u32,
    /// In a township: nothing is known of it; two people, one household on each working day.
    pub township: u32,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { village: 2, township: 10 }
    }
}

impl Budget {
    /// Of a desk.
    #[must_use]
    pub fn of(self, by: By) -> u32 {
        match by {
            By::Village => self.village,
            By::Township => self.township,
        }
    }
}

/// That a case's wish for a visit has its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// The case.
    pub case: Key,
    /// When somebody was there; nothing where another outcome answers it.
    pub on: Option<Date>,
}

/// What a queue is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// The registered region lies in it.
    pub area: Prefix,
    /// The site is this one: its households are one desk.
    pub site: Option<String>,
    /// Whose budget counts.
    pub by: By,
    /// The Monday of the week.
    pub monday: Date,
    /// Visits a week of each desk.
    pub budget: u32,
}

/// The cases of a desk before it is known who was visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    number: u64,
    rows: Vec<u32>,
    /// The households of its cases, each once.
    pub households: Vec<String>,
}

/// A case that waits for a visit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Waiting {
    /// The village's or township's code, or the site.
    pub desk: String,
    /// 1, 2, … at its desk.
    pub place: usize,
    /// Whether it is inside the week's budget.
    pub inside: bool,
    /// Of its latest alert.
    pub priority: i64,
    /// Until when a visit was due by its latest alert, RFC 3339.
    pub visit_by: Option<String>,
    /// The case.
    #[serde(flatten)]
    pub item: Item,
}

/// A desk's week.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Week {
    /// The village's or township's code, or the site.
    pub desk: String,
    /// Visits that can be made.
    pub budget: u32,
    /// Visits that were made since Monday.
    pub made: u32,
    /// Cases that wait for one.
    pub waiting: usize,
}

/// The order of a queue: what is smaller is visited earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    priority: Reverse<i64>,
    level: Reverse<Severity>,
    visit_by: Instant,
    opened_at: Instant,
    case: Key,
}

impl Rank {
    /// After everybody who waits.
    const LAST: Rank = Rank {
        priority: Reverse(i64::MIN),
        level: Reverse(Severity::None),
        visit_by: Instant(i64::MAX),
        opened_at: Instant(i64::MAX),
        case: Key([0xff; 16]),
    };
}

/// Where a page ended: a place of a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    desk: u64,
    rank: Rank,
}

impl fmt::Display for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rank { priority, level, visit_by, opened_at, case } = self.rank;
        let (priority, level) = (priority.0, level.0.word());
        write!(f, "{}.{priority}.{level}.{}.{}.{case}", self.desk, visit_by.0, opened_at.0)
    }
}

impl Stand {
    /// Reads what [`Stand`]'s `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Stand> {
        let mut parts = text.split('.');
        let mut next = || parts.next();
        let desk = next()?.parse().ok()?;
        let rank = Rank {
            priority: Reverse(next()?.parse().ok()?),
            level: Reverse(Severity::parse(next()?)?),
            visit_by: Instant(next()?.parse().ok()?),
            opened_at: Instant(next()?.parse().ok()?),
            case: Key::parse(next()?)?,
        };
        next().is_none().then_some(Stand { desk, rank })
    }
}

/// A page of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// The desks on it, by code.
    pub weeks: Vec<Week>,
    /// Who waits, desk by desk.
    pub places: Vec<Waiting>,
    /// Where to go on; nothing at the end.
    pub next: Option<Stand>,
}

/// The Monday of a date's week.
#[must_use]
pub fn monday(date: Date) -> Date {
    // 1970-01-01 was a Thursday.
    date.plus(-(date.0.saturating_add(3).rem_euclid(7)))
}

impl Row {
    fn waits(&self) -> bool {
        !self.closed && self.level >= Severity::Yellow
    }

    fn rank(&self) -> Rank {
        Rank {
            priority: Reverse(self.priority),
            level: Reverse(self.level),
            visit_by: self.visit_by.unwrap_or(Instant(i64::MAX)),
            opened_at: self.opened_at,
            case: self.case,
        }
    }
}

impl Board {
    /// The desks from a place on, as many as `limit` waiting cases need and at least one: with them
    /// whoever may have been visited this week. The second part says whether more desks follow.
    #[must_use]
    pub fn groups(&self, sought: &Sought, from: Option<Stand>, limit: usize) -> (Vec<Group>, bool) {
        let numbers = sought.area.numbers();
        let first = match from.filter(|_| sought.site.is_none()) {
            Some(Stand { desk, rank: Rank::LAST }) => sought.by.desk(desk).end,
            Some(Stand { desk, .. }) => desk,
            None => numbers.start,
        };
        let within = (first.clamp(numbers.start, numbers.end), 0)..(numbers.end, 0);
        let changed = sought.monday.midnight();
        let mut desks: Vec<Group> = Vec::new();
        let mut waiting = 0_usize;
        for (region, number) in self.by_region.range(within) {
            let Some(row) = self.rows.get(*number as usize) else { continue };
            let elsewhere = |site: &str| self.texts.get_one(row.site) != Some(site);
            if !(row.waits() || row.changed_at >= changed)
                || sought.site.as_deref().is_some_and(elsewhere)
            {
                continue;
            }
            // The households of a site are one desk wherever they are registered.
            let desk = if sought.site.is_some() { 0 } else { sought.by.desk(*region).start };
            if desks.last().is_none_or(|last| last.number != desk) {
                if waiting >= limit && !desks.is_empty() {
                    return (desks, true);
                }
                desks.push(Group { number: desk, rows: Vec::new(), households: Vec::new() });
            }
            waiting = waiting.saturating_add(usize::from(row.waits()));
            if let Some(last) = desks.last_mut() {
                last.rows.push(*number);
                last.households.push(row.household.to_string());
            }
        }
        (desks, false)
    }

    /// Ranks desks that [`Board::groups`] gave: at most `limit` places after `from`. `visits` are
    /// those of the desks' households; another order of them changes nothing.
    #[must_use]
    pub fn rank(
        &self,
        sought: &Sought,
        (desks, more): (Vec<Group>, bool),
        visits: &[Visit],
        from: Option<Stand>,
        limit: usize,
    ) -> Queue {
        let answered = answered(visits, sought.monday);
        let mut queue = Queue { weeks: Vec::new(), places: Vec::new(), next: None };
        for desk in desks {
            let rows = desk.rows.iter().filter_map(|number| self.rows.get(*number as usize));
            let rows: Vec<&Row> = rows.collect();
            let made = rows.iter().filter_map(|row| answered.get(&row.case));
            let made = made.fold(0_u32, |sum, made| sum.saturating_add(*made));
            let waits = |row: &&&Row| row.waits() && !answered.contains_key(&row.case);
            let mut waiting: Vec<&Row> = rows.iter().filter(waits).copied().collect();
            if waiting.is_empty() && made == 0 {
                queue.next = Some(Stand { desk: desk.number, rank: Rank::LAST });
                continue;
            }
            waiting.sort_by_cached_key(|row| row.rank());
            let named = sought.site.clone();
            let name = named.unwrap_or_else(|| sought.by.name(desk.number));
            let (budget, waits) = (sought.budget, waiting.len());
            queue.weeks.push(Week { desk: name.clone(), budget, made, waiting: waits });
            let left = budget.saturating_sub(made) as usize;
            for (index, row) in waiting.iter().enumerate() {
                let stand = Stand { desk: desk.number, rank: row.rank() };
                if from.is_some_and(|f| f.desk == desk.number && stand.rank <= f.rank) {
                    continue;
                }
                if queue.places.len() >= limit {
                    return queue;
                }
                queue.next = Some(stand);
                queue.places.push(Waiting {
                    desk: name.clone(),
                    place: index.saturating_add(1),
                    inside: index < left,
                    priority: row.priority,
                    visit_by: row.visit_by.map(|by| by.to_string()),
                    item: self.item(row),
                });
            }
            queue.next = Some(Stand { desk: desk.number, rank: Rank::LAST });
        }
        queue.next = queue.next.filter(|_| more);
        queue
    }
}

/// The cases whose wish for a visit has its answer, with the visits made in a week.
fn answered(visits: &[Visit], monday_of: Date) -> HashMap<Key, u32> {
    let mut answered: HashMap<Key, u32> = HashMap::new();
    for visit in visits {
        let made = answered.entry(visit.case).or_default();
        let this_week = visit.on.is_some_and(|on| monday(on) == monday_of);
        *made = made.saturating_add(u32::from(this_week));
    }
    answered
}
