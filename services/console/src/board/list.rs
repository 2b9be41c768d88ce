//! Lists of cases: filters, pages and the cursor that survives changes between pages.
//!
//! The order is the newest change first, then the case's id. A case that changes moves to the
//! front; all others keep their order, so a cursor never skips an unchanged one.

use std::collections::BTreeSet;
use std::fmt;
use std::iter::Peekable;
use std::ops::Bound;

use proto::alert::Severity;
use proto::date::Instant;
use proto::region::Prefix;
use serde::Serialize;

use super::{Board, Key, Place, Row, shelf};

/// An area with at most so many cases is sorted by itself; a larger one is met often enough while
/// walking through all cases in order.
const NARROW: usize = 20_000;

/// Whether a case still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Open,
    /// It has ended.
    Closed,
}

/// Which cases a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The registered region lies in it.
    pub area: Prefix,
    /// The site is this one.
    pub site: Option<String>,
    /// The level is exactly this one.
    pub level: Option<Severity>,
    /// Absent: open and closed.
    pub state: Option<State>,
    /// This rule stands.
    pub rule: Option<String>,
}

/// A case in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The case's id.
    pub case: String,
    /// Whom it concerns.
    pub household: String,
    /// The registered region, 12 digits.
    pub region: String,
    /// The resettlement site.
    pub site: Option<String>,
    /// The level of the latest revision.
    pub level: Severity,
    /// 1, 2, … of the household.
    pub episode: u32,
    /// The latest revision.
    pub revision: u32,
    /// Whether it runs.
    pub state: State,
    /// The risks of the latest revision.
    pub risks: Vec<String>,
    /// The rules that stood in the latest revision.
    pub rules: Vec<String>,
    /// The instant of the first revision that is kept, RFC 3339.
    pub opened_at: String,
    /// The instant of the latest revision.
    pub changed_at: String,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    changed_at: Instant,
    case: Key,
}

impl Cursor {
    /// Reads what [`Cursor`]'s `Display` wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Cursor> {
        let (micros, case) = text.split_at_checked(16)?;
        // The sign bit is turned around so that the text sorts like the instant.
        let micros = u64::from_str_radix(micros, 16).ok()? ^ (1 << 63);
        Some(Cursor { changed_at: Instant(micros.cast_signed()), case: Key::parse(case)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{}", self.changed_at.0.cast_unsigned() ^ (1 << 63), self.case)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The cases.
    pub items: Vec<Item>,
    /// Where to go on; nothing at the end.
    pub next: Option<Cursor>,
}

impl Board {
    /// The cases of a filter after a cursor, at most `limit`.
    #[must_use]
    pub fn list(&self, filter: &Filter, after: Option<Cursor>, limit: usize) -> Page {
        let wanted = Wanted::of(self, filter);
        let from = after.map(|cursor| Place {
            newest: std::cmp::Reverse(cursor.changed_at),
            case: cursor.case,
            row: u32::MAX,
        });
        let mut places = match self.narrow(filter.area) {
            Some(rows) => wanted.sorted(rows, from, limit.saturating_add(1)),
            None => wanted.walked(from, limit.saturating_add(1)),
        };
        let more = places.len() > limit;
        places.truncate(limit);
        let end = |p: &Place| Cursor { changed_at: p.newest.0, case: p.case };
        let next = places.last().filter(|_| more).map(end);
        let rows = places.iter().filter_map(|p| self.rows.get(p.row as usize));
        Page { items: rows.map(|row| self.item(row)).collect(), next }
    }

    /// The rows of an area, if they are few.
    fn narrow(&self, area: Prefix) -> Option<Vec<u32>> {
        if area.digits() == 0 {
            return None;
        }
        let numbers = area.numbers();
        let within = (numbers.start, 0)..(numbers.end, 0);
        let rows: Vec<u32> =
            self.by_region.range(within).map(|(_, row)| *row).take(NARROW + 1).collect();
        (rows.len() <= NARROW).then_some(rows)
    }
}

/// A filter made ready for one board.
struct Wanted<'a> {
    board: &'a Board,
    filter: &'a Filter,
    shelves: Vec<&'a BTreeSet<Place>>,
    rules: Option<Vec<bool>>,
}

impl<'a> Wanted<'a> {
    fn of(board: &'a Board, filter: &'a Filter) -> Wanted<'a> {
        let closed = filter.state != Some(State::Open);
        let open = filter.state != Some(State::Closed);
        let level = filter.level.map(shelf);
        let shelves = board.shelves.iter().enumerate();
        let shelves = shelves
            .filter(|(i, _)| if *i == 0 { closed } else { open && level.is_none_or(|l| l == *i) })
            .map(|(_, places)| places)
            .collect();
        let rules = filter.rule.as_deref().map(|rule| board.texts.holding(rule));
        Wanted { board, filter, shelves, rules }
    }

    fn takes(&self, row: &Row) -> bool {
        self.filter.area.numbers().contains(&row.region)
            && self.filter.level.is_none_or(|level| level == row.level)
            && self.filter.state.is_none_or(|state| (state == State::Closed) == row.closed)
            && self
                .filter
                .site
                .as_deref()
                .is_none_or(|s| self.board.texts.get_one(row.site) == Some(s))
            && self.rules.as_ref().is_none_or(|r| r.get(row.rules as usize) == Some(&true))
    }

    fn sorted(&self, rows: Vec<u32>, from: Option<Place>, limit: usize) -> Vec<Place> {
        let kept = rows.into_iter().filter_map(|number| {
            let row = self.board.rows.get(number as usize)?;
            let place = row.place(number);
            (from.is_none_or(|f| place > f) && self.takes(row)).then_some(place)
        });
        let mut places: Vec<Place> = kept.collect();
        if places.len() > limit {
            places.select_nth_unstable(limit);
            places.truncate(limit);
        }
        places.sort_unstable();
        places
    }

    fn walked(&self, from: Option<Place>, limit: usize) -> Vec<Place> {
        let begin = from.map_or(Bound::Unbounded, Bound::Excluded);
        let mut shelves: Vec<_> = self
            .shelves
            .iter()
            .map(|places| places.range((begin, Bound::Unbounded)).peekable())
            .collect();
        std::iter::from_fn(|| next(&mut shelves))
            .filter(|place| {
                self.board.rows.get(place.row as usize).is_some_and(|row| self.takes(row))
            })
            .take(limit)
            .collect()
    }
}

/// The first place of all shelves.
fn next<'p>(shelves: &mut [Peekable<impl Iterator<Item = &'p Place>>]) -> Option<Place> {
    let heads = shelves.iter_mut().enumerate();
    let heads = heads.filter_map(|(i, shelf)| shelf.peek().map(|place| (**place, i)));
    let (_, first) = heads.min()?;
    shelves.get_mut(first)?.next().copied()
}
