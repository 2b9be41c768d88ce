//! Which households must be looked at on which date.
//!
//! An entry may be stale: the household knows its own due date, the calendar only wakes it.

use std::collections::{BTreeMap, VecDeque};

use proto::date::Date;

/// Households by the date on which they are due, and those whose date has come.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Calendar {
    days: BTreeMap<Date, Vec<u32>>,
    ready: VecDeque<(Date, Vec<u32>)>,
}

impl Calendar {
    /// Notes a household under a date.
    pub(crate) fn note(&mut self, due: Date, household: u32) {
        if due != Date::MAX {
            self.days.entry(due).or_default().push(household);
        }
    }

    /// Makes everything up to `today` ready.
    pub(crate) fn reach(&mut self, today: Date) {
        while let Some(first) = self.days.first_entry().filter(|e| *e.key() <= today) {
            self.ready.push_back(first.remove_entry());
        }
    }

    /// The next household whose date has come, with that date.
    pub(crate) fn next(&mut self) -> Option<(Date, u32)> {
        loop {
            let (date, households) = self.ready.front_mut()?;
            if let Some(household) = households.pop() {
                return Some((*date, household));
            }
            self.ready.pop_front();
        }
    }

    /// The households that come after the last one on its date, the next one last.
    pub(crate) fn coming(&self) -> &[u32] {
        self.ready.front().map_or(&[], |(_, households)| households)
    }

    /// How many entries are ready.
    #[must_use]
    pub(crate) fn backlog(&self) -> usize {
        self.ready.iter().map(|(_, households)| households.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_has_come_is_worked_off_one_by_one() {
        let mut calendar = Calendar::default();
        for (due, household) in [(3, 1), (2, 2), (2, 3), (i32::MAX, 4)] {
            calendar.note(Date(due), household);
        }
        assert_eq!(calendar.next(), None);
        calendar.reach(Date(2));
        assert_eq!(calendar.backlog(), 2);
        assert_eq!(
            (calendar.next(), calendar.next(), calendar.next()),
            (Some((Date(2), 3)), Some((Date(2), 2)), None)
        );
    }
}
