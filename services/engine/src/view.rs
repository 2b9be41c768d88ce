//! A household as expressions see it on one date: the scope of a decision.

use std::{borrow::Cow, cell::Cell};

use proto::{
    alert::Evidence,
    catalogue::{EventType, Kind, TypeId},
    date::Date,
    fields::{Packed, find},
};
use rules::{Attr, Fact, Gate, Number, Outcome, Pack, Record as Fields, Scope, Span, Text, Truth};

use crate::{
    facts::Gathered,
    household::{AWAY, ILL, INSURED, Known, STUDENT},
    record::WATCHED_DAYS,
    rows::{Row, Rows},
    words::{Word, Words},
};

/// Symbols from here on are places in the table of words, below it in the view's own texts.
const WORDS: u32 = 1 << 20;

/// What expressions may see of a household on a date, whatever pack they are of.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    pub(crate) known: &'a Known,
    pub(crate) words: &'a Words,
    pub(crate) rows: &'a Rows<'a>,
    pub(crate) today: Date,
    /// The first date on which the household is no longer watched for relapse.
    pub(crate) watched_until: Date,
}

/// The scope of one pack's rules for one household on one date.
pub(crate) struct View<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) sight: Sight<'a>,
    /// One bit for each type of the household's own events, types 64 apart sharing theirs.
    types: u64,
    /// Of which facts with a `where` it is known whether they look at any row, and which do.
    held: Cell<(u64, u64)>,
    texts: Vec<Cow<'a, str>>,
    pub(crate) gathered: Gathered,
}

impl<'a> View<'a> {
    pub(crate) fn new(pack: &'a Pack, sight: Sight<'a>, mut gathered: Gathered) -> View<'a> {
        gathered.begin(pack.facts.len());
        let types = sight.rows.own().iter().fold(0, |bits, row| bits | bit(row.type_id));
        View { pack, sight, types, held: Cell::default(), texts: Vec::new(), gathered }
    }

    /// Whether there are events that the fact at a place looks at, whenever they happened; those on
    /// which its `where` fails are among them.
    pub(crate) fn may_hold(&self, at: usize) -> bool {
        let fact = &self.pack.facts[at];
        let own = fact.types.iter().any(|type_id| self.types & bit(*type_id) != 0);
        if !own && !fact.of_areas {
            return false;
        }
        if own && fact.filter.is_none() {
            return true;
        }
        let (asked, held) = self.held.get();
        // Facts beyond the bits are looked at each time.
        let bit = if at < 64 { 1 << at } else { 0 };
        if asked & bit != 0 {
            return held & bit != 0;
        }
        let looks = |row: &Row<'a>| fact.types.contains(&row.type_id);
        let mut rows = self.sight.rows.placed(fact.of_areas).map(|(_, row)| row);
        let holds = rows.any(|row| looks(row) && self.passes(fact, row) != Some(false));
        self.held.set((asked | bit, if holds { held | bit } else { held }));
        holds
    }

    /// Whether an event passes a fact's `where`; nothing where that fails.
    pub(crate) fn passes(&self, fact: &Fact, row: &Row<'a>) -> Option<bool> {
        if fact.filter.is_none() {
            return Some(true);
        }
        let kind = self.pack.catalogue.get(row.type_id);
        self.pack.passes(fact, &EventFields { kind, bytes: row.record.fields() })
    }

    /// A number field of the row at a place; 0 where it is no number or absent.
    pub(crate) fn int(&self, row: usize, field: usize) -> i64 {
        let row = self.sight.rows.at(row);
        let (known, value) = row.int.get();
        if known == field {
            return value;
        }
        let value = match find(row.record.fields(), field) {
            Some(Packed::Int(n)) => n,
            _ => 0,
        };
        row.int.set((field, value));
        value
    }

    pub(crate) fn spell(&mut self, text: Cow<'a, str>, until: Date) -> Outcome {
        let symbol = u32::try_from(self.texts.len()).unwrap_or(0);
        self.texts.push(text);
        Outcome::Text(Text::scope(symbol, until))
    }

    /// The text of a field as expressions read it.
    pub(crate) fn field_text(&self, row: &Row<'a>, field: usize) -> &'a str {
        let kind = self.pack.catalogue.get(row.type_id);
        field_text(kind, row.record.fields(), field)
    }

    fn word(word: Word) -> Outcome {
        Outcome::Text(Text::scope(WORDS + u32::from(word.0), Date::MAX))
    }

    /// The date on which the year of birth next matters.
    fn coming_of_age(&self) -> Date {
        let year = self.sight.known.next_coming_of_age(self.sight.today.year());
        year.and_then(|year| Date::ymd(year, 1, 1)).unwrap_or(Date::MAX)
    }

    fn members_with(&self, flag: u8) -> i64 {
        count(self.sight.known.members.iter().filter(|m| m.flags & flag != 0).count())
    }
}

fn bit(type_id: TypeId) -> u64 {
    1 << (type_id.0 % 64)
}

/// The evidence of an event.
pub(crate) fn evidence<'a>(row: &Row<'a>, feeds: &'a Words) -> Evidence<'a> {
    let source = feeds.text(Word(row.record.source().0));
    Evidence { source, id: row.record.id(), occurred_on: row.occurred_on }
}

pub(crate) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn field_text<'a>(kind: &'a EventType, bytes: &'a [u8], field: usize) -> &'a str {
    match (find(bytes, field), kind.fields.get(field).map(|f| &f.kind)) {
        (Some(Packed::Text(text)), _) => text,
        (Some(Packed::Word(at)), Some(Kind::Enum(words))) => words.get(at).map_or("", |w| w),
        _ => "",
    }
}

/// The packed fields of an event as a `where` reads them.
pub(crate) struct EventFields<'a> {
    pub(crate) kind: &'a EventType,
    pub(crate) bytes: &'a [u8],
}

impl Fields for EventFields<'_> {
    fn int(&self, field: usize) -> i64 {
        match find(self.bytes, field) {
            Some(Packed::Int(n)) => n,
            _ => 0,
        }
    }

    fn bool(&self, field: usize) -> bool {
        self.int(field) != 0
    }

    fn text(&self, field: usize) -> &str {
        field_text(self.kind, self.bytes, field)
    }

    fn word(&self, field: usize) -> Option<usize> {
        match find(self.bytes, field) {
            Some(Packed::Word(at)) => Some(at),
            _ => None,
        }
    }
}

impl Scope for View<'_> {
    fn today(&self) -> Date {
        self.sight.today
    }

    fn fact(&mut self, fact: usize) -> Outcome {
        crate::facts::outcome(self, fact)
    }

    fn lacks(&self, fact: usize) -> bool {
        !self.may_hold(fact)
    }

    fn shut(&mut self, gate: Gate) -> Option<Date> {
        crate::facts::shut(self, gate)
    }

    fn grows(&self, fact: usize) -> bool {
        self.pack.facts[fact].grows
    }

    fn span(&mut self, fact: usize, end: Date) -> Option<Span> {
        crate::facts::span(self, fact, end)
    }

    fn table_span(&mut self, table: usize, end: Date) -> Option<Span> {
        let class = self.sight.words.text(self.sight.known.class);
        self.pack.tables[table].span(self.sight.known.region, class, self.sight.today, end)
    }

    fn attr(&mut self, attr: Attr) -> Outcome {
        let known = self.sight.known;
        let year = || self.sight.today.year();
        match attr {
            Attr::Class => View::word(known.class),
            Attr::Housing => View::word(known.housing),
            Attr::Water => View::word(known.water),
            Attr::Region => self.spell(known.region.to_string().into(), Date::MAX),
            Attr::Site => self.spell(known.site.as_deref().unwrap_or_default().into(), Date::MAX),
            Attr::Labour => {
                let (word, until) = (known.labour(year()).word(), self.coming_of_age());
                self.spell(word.into(), until)
            }
            Attr::Workers => {
                let workers = count(known.workers(year()));
                let until = self.coming_of_age();
                Outcome::Number(Number::stepping(workers, until, true, true).within(8))
            }
            Attr::Size => Outcome::int(known.size.into()),
            Attr::NetIncome => Outcome::int(known.net_income_fen),
            Attr::Savings => Outcome::int(known.savings_fen),
            Attr::Support => Outcome::int(known.support_fen),
            Attr::Members => Outcome::int(count(known.members.len())),
            Attr::Away => Outcome::int(self.members_with(AWAY)),
            Attr::Students => Outcome::int(self.members_with(STUDENT)),
            Attr::Chronic => Outcome::int(self.members_with(ILL)),
            Attr::Insured => {
                let all = known.members.iter().all(|m| m.flags & INSURED != 0);
                Outcome::Truth(Truth::steady(all))
            }
            Attr::Disabled => {
                let grades = known.members.iter().map(|m| m.disability_grade).filter(|g| *g > 0);
                Outcome::int(grades.min().unwrap_or(0).into())
            }
            Attr::AgeDays => {
                let days = i64::from(self.sight.today.0) - i64::from(known.updated_at.date().0);
                Outcome::Number(Number::sloping(days, 1, Date::MAX, false, false))
            }
            Attr::WatchDays => {
                let left = i64::from(self.sight.watched_until.0) - i64::from(self.sight.today.0);
                if left <= 0 {
                    return Outcome::int(-1);
                }
                let days = i64::from(WATCHED_DAYS) - left;
                let until = self.sight.watched_until;
                Outcome::Number(Number::sloping(days, 1, until, false, true).within(8))
            }
        }
    }

    fn is(&mut self, category: &str) -> Truth {
        if category == "relapse_watch" && self.sight.today < self.sight.watched_until {
            return Truth::until(true, self.sight.watched_until);
        }
        let word = self.sight.words.find(category);
        Truth::steady(word.is_some_and(|word| self.sight.known.categories.contains(&word)))
    }

    fn aid(&mut self, programme: &str) -> Truth {
        let word = self.sight.words.find(programme);
        Truth::steady(word.is_some_and(|word| self.sight.known.aid.contains(&word)))
    }

    fn table(&mut self, table: usize) -> Outcome {
        let class = self.sight.words.text(self.sight.known.class);
        self.pack.tables[table].outcome(self.sight.known.region, class, self.sight.today)
    }

    fn text(&self, symbol: u32) -> &str {
        match symbol.checked_sub(WORDS) {
            Some(word) => self.sight.words.text(Word(u16::try_from(word).unwrap_or(u16::MAX))),
            None => self.texts.get(symbol as usize).map_or("", |text| text),
        }
    }
}
