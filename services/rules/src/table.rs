//! Tables of the pack: a value by region, class and year.
//!
//! Rows of later years than today's are not looked at, nor rows of another class; then the longest
//! prefix wins, a row with class before one without, the largest year.

use std::collections::{BTreeMap, BTreeSet};

use proto::{
    date::Date,
    region::{Level, Prefix, Region},
};

use crate::{
    margin::Span,
    outlook::{Number, Outcome},
};

/// Years of rows that are looked through for a span.
const YEARS: usize = 8;

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The area it holds for.
    pub region: Prefix,
    /// The class it holds for; every class without one.
    pub class: Option<String>,
    /// The year from which it holds.
    pub year: i32,
    /// The value.
    pub value: i64,
}

/// What a table answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// The value; nothing where no row fits.
    pub value: Option<i64>,
    /// The first later date on which the answer can differ.
    pub until: Date,
}

/// A table, ready for looking up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    name: String,
    rows: Vec<Row>,
    classes: Vec<String>,
    /// The lengths of prefix in use, longest first.
    lengths: Vec<u8>,
    /// (area, class + 1 or 0 without) → years and values, by year.
    groups: BTreeMap<(Prefix, usize), Vec<(i32, i64)>>,
    bits: u8,
}

impl Table {
    pub(crate) fn new(name: String, rows: Vec<Row>) -> Table {
        let classes: BTreeSet<&String> = rows.iter().filter_map(|row| row.class.as_ref()).collect();
        let classes: Vec<String> = classes.into_iter().cloned().collect();
        let mut groups: BTreeMap<(Prefix, usize), Vec<(i32, i64)>> = BTreeMap::new();
        for row in &rows {
            let class = row.class.as_ref().and_then(|class| classes.binary_search(class).ok());
            let key = (row.region, class.map_or(0, |class| class + 1));
            groups.entry(key).or_default().push((row.year, row.value));
        }
        groups.values_mut().for_each(|years| years.sort_unstable());
        let lengths: BTreeSet<u8> = rows.iter().map(|row| row.region.digits()).collect();
        let lengths = lengths.into_iter().rev().collect();
        let bits = rows.iter().map(|row| crate::outlook::bits_of(row.value)).max().unwrap_or(0);
        Table { name, rows, classes, lengths, groups, bits }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rows in the order of the file.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row for a household, and the first date on which another may hold.
    #[must_use]
    pub fn lookup(&self, region: Region, class: &str, today: Date) -> Answer {
        let class = self.classes.binary_search_by(|c| c.as_str().cmp(class)).ok();
        let year = today.year();
        let mut answer = Answer { value: None, until: Date::MAX };
        for length in &self.lengths {
            let Some(level) = Level::of_digits(usize::from(*length)) else { continue };
            let area = region.prefix(level);
            for key in class.map(|class| class + 1).into_iter().chain([0]) {
                let Some(years) = self.groups.get(&(area, key)) else { continue };
                let later = years.partition_point(|(y, _)| *y <= year);
                if let Some((next, _)) = years.get(later) {
                    let from = Date::ymd(*next, 1, 1).unwrap_or(Date::MAX);
                    answer.until = answer.until.min(from);
                }
                if let Some((_, value)) = later.checked_sub(1).and_then(|i| years.get(i)) {
                    answer.value = Some(*value);
                    // Shorter prefixes and rows without class cannot win from here on.
                    return answer;
                }
            }
        }
        answer
    }

    /// The same as an [`Outcome`] for [`crate::Scope::table`].
    #[must_use]
    pub fn outcome(&self, region: Region, class: &str, today: Date) -> Outcome {
        let Answer { value, until } = self.lookup(region, class, today);
        value.map_or(Outcome::failed(until), |value| {
            Outcome::Number(Number::stepping(value, until, true, true).within(self.bits))
        })
    }

    /// The values that it gives from `today` until before `end`; nothing where it may have no row,
    /// or rows of too many years.
    #[must_use]
    pub fn span(&self, region: Region, class: &str, today: Date, end: Date) -> Option<Span> {
        let first = self.lookup(region, class, today);
        let (low, high) = (first.value?, first.value?);
        let (mut span, mut from) = (Span { low, high, grows: false }, first.until);
        for _ in 0..YEARS {
            if from >= end {
                return Some(span);
            }
            let answer = self.lookup(region, class, from);
            let value = answer.value?;
            span.low = span.low.min(value);
            span.high = span.high.max(value);
            from = answer.until;
        }
        None
    }

    /// Whether any household in `scope` can ever find a row.
    pub(crate) fn meets(&self, scope: Prefix) -> bool {
        self.rows.iter().any(|row| row.region.covers(scope) || scope.covers(row.region))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The contract's sentence, word by word.
    fn slow(rows: &[Row], region: Region, class: &str, year: i32) -> Option<i64> {
        rows.iter()
            .filter(|row| row.year <= year && row.region.contains(region))
            .filter(|row| row.class.as_deref().is_none_or(|c| c == class))
            .max_by_key(|row| (row.region.digits(), row.class.is_some(), row.year))
            .map(|row| row.value)
    }

    fn row() -> impl Strategy<Value = Row> {
        let region = prop::sample::select(vec!["99", "9901", "9902", "990102", "990102003"]);
        let class = prop::option::of(prop::sample::select(vec!["a", "b"]));
        (region, class, 2020i32..2030, any::<i64>()).prop_map(|(region, class, year, value)| Row {
            region: Prefix::parse(region).unwrap(),
            class: class.map(str::to_owned),
            year,
            value,
        })
    }

    proptest! {
        #[test]
        fn looking_up_is_what_the_contract_says_and_stays_until_it_says(
            rows in prop::collection::vec(row(), 1..20),
            class in prop::sample::select(vec!["a", "b", "c"]),
            start in 2018i32..2031,
        ) {
            let mut rows = rows;
            rows.sort_by_key(|r| (r.region, r.class.clone(), r.year));
            rows.dedup_by_key(|r| (r.region, r.class.clone(), r.year));
            let region = Region::parse("990102003004").unwrap();
            let table = Table::new("t".into(), rows.clone());
            let today = Date::ymd(start, 6, 1).unwrap();
            let answer = table.lookup(region, class, today);
            prop_assert_eq!(answer.value, slow(&rows, region, class, start));
            prop_assert!(answer.until > today);
            let far = Date::ymd(2033, 7, 1).unwrap();
            let seen = (start..2034).map(|y| Date::ymd(y, if y == start { 6 } else { 1 }, 1).unwrap());
            let seen: Vec<Option<i64>> =
                seen.filter(|d| *d < far).map(|d| table.lookup(region, class, d).value).collect();
            let span = table.span(region, class, today, far);
            if let Some(span) = span {
                prop_assert_eq!(Some(span.low), seen.iter().min().copied().unwrap());
                prop_assert_eq!(Some(span.high), seen.iter().max().copied().unwrap());
            }
            for year in start..2035 {
                let date = Date::ymd(year, 12, 31).unwrap();
                if date < answer.until {
                    prop_assert_eq!(table.lookup(region, class, date).value, answer.value);
                }
            }
        }
    }
}
