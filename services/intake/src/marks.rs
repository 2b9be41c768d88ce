//! How far feeds were seen at this door, and at which pace every partition of the journal is told.
//!
//! A partition sees only what its own households' feeds bring. Where there are several of them the
//! door tells each how far all feeds are: what is new, at most once a minute, and once more shortly
//! before midnight, so that the day that ends is told whole. Several doors may tell: the largest
//! instant holds. What a fold refuses later counts here as seen. This file refuses to read a clock
//! and to write.

use proto::{catalogue::TypeId, date::Instant, event::Event, frame::Entry, mark::Mark};

/// The time between two tellings.
const MINUTE_US: i64 = 60_000_000;
/// So long before midnight what is new is told out of turn.
const EVE_US: i64 = 5_000_000;
/// Feeds that are followed; a further one is known to the partitions of its own events alone.
const FEEDS: usize = 10_000;
/// Feeds in one entry.
const TOGETHER: usize = 500;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    source: Box<str>,
    to: Instant,
    types: Vec<TypeId>,
}

/// How far feeds were seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// By source.
    feeds: Vec<Seen>,
    /// The place of the feed that came last: most events come from the feed of the event before.
    last: usize,
}

impl Marks {
    /// Notes an event.
    pub fn note(&mut self, event: &Event) {
        self.see(&event.source, event.time, event.type_id);
    }

    /// Notes what others saw.
    pub fn take(&mut self, other: &Marks) {
        for Seen { source, to, types } in &other.feeds {
            types.iter().for_each(|type_id| self.see(source, *to, *type_id));
        }
    }

    /// Whether no feed was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feeds.is_empty()
    }

    fn see(&mut self, source: &str, to: Instant, type_id: TypeId) {
        let Some(seen) = self.feed(source, to) else { return };
        seen.to = to.max(seen.to);
        if let Err(at) = seen.types.binary_search(&type_id) {
            seen.types.insert(at, type_id);
        }
    }

    fn feed(&mut self, source: &str, to: Instant) -> Option<&mut Seen> {
        if self.feeds.get(self.last).is_none_or(|seen| *seen.source != *source) {
            let found = self.feeds.binary_search_by(|seen| (*seen.source).cmp(source));
            if let Err(at) = found {
                if self.feeds.len() >= FEEDS {
                    return None;
                }
                self.feeds.insert(at, Seen { source: source.into(), to, types: Vec::new() });
            }
            self.last = found.unwrap_or_else(|at| at);
        }
        self.feeds.get_mut(self.last)
    }

    /// Whether all of this was seen here as well.
    fn holds(&self, other: &Seen) -> bool {
        let found = self.feeds.binary_search_by(|seen| seen.source.cmp(&other.source));
        let known = found.ok().and_then(|at| self.feeds.get(at));
        known.is_some_and(|known| {
            known.to >= other.to && other.types.iter().all(|t| known.types.contains(t))
        })
    }

    /// As entries for every partition of the journal.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mark = |seen: &Seen| Mark {
            source: seen.source.clone(),
            seen: seen.to,
            types: seen.types.as_slice().into(),
        };
        let entry = |some: &[Seen]| Entry::Marks(some.iter().map(mark).collect());
        self.feeds.chunks(TOGETHER).map(entry).collect()
    }
}

/// What was seen, what every partition was told of it, and when.
#[derive(Debug)]
pub struct Telling {
    seen: Marks,
    told: Marks,
    at: Instant,
}

impl Default for Telling {
    fn default() -> Telling {
        Telling { seen: Marks::default(), told: Marks::default(), at: Instant(i64::MIN) }
    }
}

impl Telling {
    /// Notes what is durable.
    pub fn note(&mut self, seen: &Marks) {
        self.seen.take(seen);
    }

    /// What every partition is to be told now; nothing where nothing is new or it is too early.
    /// `over`: nobody tells later.
    #[must_use]
    pub fn due(&self, now: Instant, over: bool) -> Marks {
        let minute = now.0 >= self.at.0.saturating_add(MINUTE_US);
        let ends = now.plus_us(EVE_US).date();
        let eve = ends > now.date() && self.at < ends.midnight().plus_us(-EVE_US);
        if !(minute || eve || over) {
            return Marks::default();
        }
        let new = self.seen.feeds.iter().filter(|seen| !self.told.holds(seen));
        Marks { feeds: new.cloned().collect(), last: 0 }
    }

    /// Every partition was told.
    pub fn told(&mut self, marks: &Marks, now: Instant) {
        self.told.take(marks);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use proto::{catalogue::Catalogue, json::Json, person::Persons};

    use super::*;

    fn event(source: &str, kind: &str, time: &str) -> Event {
        let data = match kind {
            "clue.reported" => r#"{"channel":"self"}"#,
            _ => r#"{"severity":"severe"}"#,
        };
        let text = format!(
            r#"{{"specversion":"1.0","id":"a","source":"{source}","type":"{kind}","time":"2026-03-04T{time}+08:00","subject":"household/H1","data":{data}}}"#
        );
        let json = Json::parse(text.as_bytes()).unwrap();
        Event::parse(&json, &Catalogue::shipped(), Persons::AsGiven).unwrap().0
    }

    fn at(time: &str) -> Instant {
        Instant::parse(&format!("2026-03-04T{time}+08:00")).unwrap()
    }

    /// Source and instant of each mark, and how many types.
    fn shown(marks: &Marks) -> Vec<(String, Instant, usize)> {
        let marks = marks.entries().into_iter().flat_map(|entry| match entry {
            Entry::Marks(marks) => marks.into_vec(),
            other => panic!("{other:?}"),
        });
        marks.map(|mark| (mark.source.to_string(), mark.seen, mark.types.len())).collect()
    }

    #[test]
    fn what_is_new_is_told_once_a_minute_and_before_midnight() {
        let mut telling = Telling::default();
        assert!(telling.due(at("10:00:00"), false).is_empty(), "nothing was seen");
        let mut seen = Marks::default();
        seen.note(&event("99/ybj", "medical.diagnosis", "09:00:00"));
        seen.note(&event("99/zxb", "clue.reported", "08:00:00"));
        seen.note(&event("99/ybj", "clue.reported", "08:30:00"));
        telling.note(&seen);
        let due = telling.due(at("10:00:00"), false);
        let both =
            [("99/ybj".to_owned(), at("09:00:00"), 2), ("99/zxb".to_owned(), at("08:00:00"), 1)];
        assert_eq!(shown(&due), both);
        // What could not be told is due again.
        assert_eq!(telling.due(at("10:00:01"), false), due);
        telling.told(&due, at("10:00:01"));
        telling.note(&seen);
        assert!(telling.due(at("10:05:00"), false).is_empty(), "all of it is known");
        let mut later = Marks::default();
        later.note(&event("99/zxb", "clue.reported", "09:59:00"));
        telling.note(&later);
        assert!(telling.due(at("10:01:00"), false).is_empty(), "it is too early");
        let one = [("99/zxb".to_owned(), at("09:59:00"), 1)];
        assert_eq!(shown(&telling.due(at("10:01:00"), true)), one, "nobody tells later");
        assert_eq!(shown(&telling.due(at("10:01:01"), false)), one);
        telling.told(&telling.due(at("23:59:30"), false), at("23:59:30"));
        let mut last = Marks::default();
        last.note(&event("99/zxb", "clue.reported", "23:59:50"));
        telling.note(&last);
        assert!(telling.due(at("23:59:54"), false).is_empty());
        let eve = telling.due(at("23:59:56"), false);
        assert_eq!(eve, last);
        telling.told(&eve, at("23:59:56"));
        later.note(&event("99/zxb", "clue.reported", "23:59:58"));
        telling.note(&later);
        assert!(telling.due(at("23:59:59"), false).is_empty(), "once");
    }

    #[test]
    fn feeds_are_found_in_any_order_and_bounded() {
        let mut marks = Marks::default();
        for n in (0..FEEDS + 5).rev() {
            marks.see(&format!("99/{n:05}"), Instant(n as i64), TypeId(1));
            marks.see("99/00100", Instant(3), TypeId(2));
        }
        assert_eq!(marks.feeds.len(), FEEDS);
        let entries = marks.entries();
        assert_eq!(entries.len(), FEEDS.div_ceil(TOGETHER));
        let known = marks.feeds.iter().find(|seen| *seen.source == *"99/00100").unwrap();
        assert_eq!((known.to, known.types.as_slice()), (Instant(100), &[TypeId(1), TypeId(2)][..]));
    }
}
