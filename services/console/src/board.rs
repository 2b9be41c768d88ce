//! The read model: alerts folded, in the order of their log, into cases that can be listed.
//!
//! The same log gives the same board. It keeps what lists and streams ask for and no alert in
//! full: those are read from the log by number. It knows neither the clock nor a caller.

mod line;
mod list;
mod queue;
mod texts;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use proto::alert::Severity;
use proto::date::Instant;
use proto::region::{Prefix, Region};

pub use line::{About, CaseLine, Key, Line, LineError};
pub use list::{Cursor, Filter, Item, Page, State};
pub use queue::{Budget, By, Group, Queue, Sought, Stand, Visit, Waiting, Week, monday};
use texts::Texts;

/// Cases and alerts of one alerts log.
#[derive(Debug, Default)]
pub struct Board {
    next: u64,
    last_id: Option<Key>,
    entries: Vec<Entry>,
    by_id: Index,
    rows: Vec<Row>,
    by_case: Index,
    /// Closed cases, then open ones by level: green, yellow, red.
    shelves: [BTreeSet<Place>; 4],
    by_region: BTreeSet<(u64, u32)>,
    texts: Texts,
}

type Index = HashMap<Key, u32, BuildHasherDefault<Spread>>;

/// Takes eight bytes of a key: keys are digests and already evenly spread.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        let mut half = [0; 8];
        for (to, from) in half.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.0 = u64::from_le_bytes(half);
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// No row, no earlier entry.
const NONE: u32 = u32::MAX;

/// One alert of the log.
#[derive(Debug, Clone, Copy)]
struct Entry {
    seq: u64,
    region: u64,
    row: u32,
    /// The entry before it of the same case.
    earlier: u32,
    level: Severity,
}

/// One case.
#[derive(Debug)]
struct Row {
    case: Key,
    household: Box<str>,
    region: u64,
    opened_at: Instant,
    changed_at: Instant,
    episode: u32,
    revision: u32,
    latest: u32,
    site: u32,
    risks: u32,
    rules: u32,
    level: Severity,
    closed: bool,
    priority: i64,
    visit_by: Option<Instant>,
}

/// Where a case stands in the lists: the newest change first, then by case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    newest: std::cmp::Reverse<Instant>,
    case: Key,
    row: u32,
}

impl Row {
    fn place(&self, row: u32) -> Place {
        Place { newest: std::cmp::Reverse(self.changed_at), case: self.case, row }
    }

    fn shelf(&self) -> usize {
        if self.closed { 0 } else { shelf(self.level) }
    }
}

fn shelf(level: Severity) -> usize {
    match level {
        Severity::None => 0,
        Severity::Green => 1,
        Severity::Yellow => 2,
        Severity::Red => 3,
    }
}

/// The board holds as many alerts as it can number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The line is not an alert; it is passed over.
    #[error(transparent)]
    Line(#[from] LineError),
    /// More than 4,294,967,294 alerts.
    #[error("the board is full")]
    Full,
}

impl Board {
    /// Folds the alert with number `seq` of the log. A number below [`Board::end`] and an id that
    /// came before change nothing.
    ///
    /// # Errors
    /// [`FoldError`]; the number counts as folded nevertheless.
    pub fn fold(&mut self, seq: u64, line: &[u8]) -> Result<(), FoldError> {
        if seq < self.next {
            return Ok(());
        }
        self.next = seq.saturating_add(1);
        let line = Line::parse(line)?;
        if self.by_id.contains_key(&line.id) {
            return Ok(());
        }
        let ordinal = number(self.entries.len())?;
        let entry = match line.about {
            About::Case(case) => {
                let region = case.region.number();
                let level = case.level;
                let row = self.row_of(&case, line.time)?;
                let earlier = self
                    .rows
                    .get_mut(row as usize)
                    .map_or(NONE, |found| std::mem::replace(&mut found.latest, ordinal));
                Entry { seq, region, row, earlier, level }
            }
            About::Other { .. } => {
                Entry { seq, region: 0, row: NONE, earlier: NONE, level: Severity::None }
            }
        };
        self.entries.push(entry);
        self.by_id.insert(line.id, ordinal);
        self.last_id = Some(line.id);
        Ok(())
    }

    /// The number after the last one folded.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.next
    }

    /// Declares everything before `seq` gone: where the log begins later than at 0.
    pub fn begin_at(&mut self, seq: u64) {
        self.next = self.next.max(seq);
    }

    /// The number of the alert with this id.
    #[must_use]
    pub fn seq_of(&self, alert: Key) -> Option<u64> {
        let ordinal = *self.by_id.get(&alert)?;
        self.entries.get(ordinal as usize).map(|e| e.seq)
    }

    /// How many cases are known.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.rows.len()
    }

    /// A case as the lists show it.
    #[must_use]
    pub fn case(&self, case: Key) -> Option<Item> {
        let row = *self.by_case.get(&case)?;
        self.rows.get(row as usize).map(|r| self.item(r))
    }

    /// The numbers of a case's alerts, oldest first, at most the latest `limit`.
    #[must_use]
    pub fn revisions(&self, case: Key, limit: usize) -> Vec<u64> {
        let row = self.by_case.get(&case).and_then(|row| self.rows.get(*row as usize));
        let first = row.and_then(|r| self.entries.get(r.latest as usize));
        let chain = std::iter::successors(first, |entry| self.entries.get(entry.earlier as usize));
        let mut seqs: Vec<u64> = chain.take(limit).map(|e| e.seq).collect();
        seqs.reverse();
        seqs
    }

    /// Numbers of household alerts in `area` (and of the household's present `site`) at `level`
    /// or above, newest first, below `before`.
    /// The second part is where the next page goes on, if there is more.
    #[must_use]
    pub fn newest(
        &self,
        area: Prefix,
        site: Option<&str>,
        level: Severity,
        before: Option<u64>,
        limit: usize,
    ) -> (Vec<u64>, Option<u64>) {
        let upto =
            before.map_or(self.entries.len(), |b| self.entries.partition_point(|e| e.seq < b));
        let inside = area.numbers();
        let mut seqs: Vec<u64> = self.entries[..upto]
            .iter()
            .rev()
            .filter(|e| e.row != NONE && e.level >= level && inside.contains(&e.region))
            .filter(|e| site.is_none_or(|site| self.site_of(e.row) == Some(site)))
            .map(|e| e.seq)
            .take(limit.saturating_add(1))
            .collect();
        let more = seqs.len() > limit;
        seqs.truncate(limit);
        let next = seqs.last().copied().filter(|_| more);
        (seqs, next)
    }

    /// The id of the last alert folded.
    #[must_use]
    pub fn last_id(&self) -> Option<Key> {
        self.last_id
    }

    fn site_of(&self, row: u32) -> Option<&str> {
        self.rows.get(row as usize).and_then(|row| self.texts.get_one(row.site))
    }

    /// Finds or makes the row of a case and brings it up to this revision.
    fn row_of(&mut self, line: &CaseLine<'_>, time: Instant) -> Result<u32, FoldError> {
        if let Some(row) = self.by_case.get(&line.case).copied() {
            self.update(row, line, time);
            return Ok(row);
        }
        let row = number(self.rows.len())?;
        let made = Row {
            case: line.case,
            household: Box::from(&*line.household),
            region: line.region.number(),
            opened_at: time,
            changed_at: time,
            episode: line.episode,
            revision: line.revision,
            latest: NONE,
            site: self.texts.one(line.site.as_deref()),
            risks: self.texts.list(&line.risks),
            rules: self.texts.list(&line.rules),
            level: line.level,
            closed: ends(line),
            priority: line.priority,
            visit_by: line.visit_by,
        };
        self.shelves[made.shelf()].insert(made.place(row));
        self.by_region.insert((made.region, row));
        self.by_case.insert(line.case, row);
        self.rows.push(made);
        Ok(row)
    }

    fn update(&mut self, row: u32, line: &CaseLine<'_>, time: Instant) {
        let Some(kept) = self.rows.get_mut(row as usize).filter(|r| r.revision < line.revision)
        else {
            return;
        };
        self.shelves[kept.shelf()].remove(&kept.place(row));
        if kept.region != line.region.number() {
            self.by_region.remove(&(kept.region, row));
            kept.region = line.region.number();
            self.by_region.insert((kept.region, row));
        }
        kept.changed_at = time;
        kept.revision = line.revision;
        kept.level = line.level;
        kept.closed = ends(line);
        kept.priority = line.priority;
        kept.visit_by = line.visit_by;
        kept.site = self.texts.one(line.site.as_deref());
        kept.risks = self.texts.list(&line.risks);
        kept.rules = self.texts.list(&line.rules);
        self.shelves[kept.shelf()].insert(kept.place(row));
    }

    fn item(&self, row: &Row) -> Item {
        Item {
            case: row.case.to_string(),
            household: row.household.to_string(),
            region: Region::from_number(row.region).map_or_else(String::new, |r| r.to_string()),
            site: self.texts.get_one(row.site).map(str::to_owned),
            level: row.level,
            episode: row.episode,
            revision: row.revision,
            state: if row.closed { State::Closed } else { State::Open },
            risks: self.texts.get_list(row.risks),
            rules: self.texts.get_list(row.rules),
            opened_at: row.opened_at.to_string(),
            changed_at: row.changed_at.to_string(),
        }
    }
}

/// A case also ends where its level is none, whatever word the change has.
fn ends(line: &CaseLine<'_>) -> bool {
    line.closed || line.level == Severity::None
}

fn number(length: usize) -> Result<u32, FoldError> {
    u32::try_from(length).ok().filter(|n| *n != NONE).ok_or(FoldError::Full)
}

#[cfg(test)]
mod tests;
