//! What happens to one household, collected: numbers the events, sets when a department sees them.
//!
//! It refuses to know any single phenomenon.

use proto::date::{Date, Instant};

use crate::{
    calendar::{Calendar, office_hour},
    draw::Draw,
    event::{Body, Department, Event, Subject},
    lateness,
    population::Person,
};

/// An event that was told: what a correction needs to name it.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) seq: u16,
    pub(crate) at: Instant,
    pub(crate) occurred: Date,
}

/// The events of one household, or of the areas (household 0).
pub(crate) struct Story<'a> {
    pub(crate) calendar: &'a Calendar,
    household: u32,
    seq: u16,
    pub(crate) events: Vec<Event>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(calendar: &'a Calendar, household: u32) -> Story<'a> {
        Story { calendar, household, seq: 0, events: Vec::new() }
    }

    /// An event that happened on `occurred`; the department sees it after its usual delay.
    pub(crate) fn tell(
        &mut self,
        department: Department,
        subject: Subject,
        occurred: Date,
        draw: &mut Draw,
        body: Body,
    ) -> Told {
        let seen = lateness::seen(department, occurred, draw);
        self.tell_at(department, subject, occurred, office_hour(seen, draw), body)
    }

    /// An event that happened on `occurred` and was seen at `at`, never before.
    pub(crate) fn tell_at(
        &mut self,
        department: Department,
        subject: Subject,
        occurred: Date,
        at: Instant,
        body: Body,
    ) -> Told {
        self.push(department, subject, occurred, at, None, body)
    }

    /// An event that takes the place of `old`, seen at `at`.
    pub(crate) fn correct(
        &mut self,
        old: Told,
        department: Department,
        subject: Subject,
        at: Instant,
        body: Body,
    ) -> Told {
        self.push(department, subject, old.occurred, at, Some(old.seq), body)
    }

    fn push(
        &mut self,
        department: Department,
        subject: Subject,
        occurred: Date,
        at: Instant,
        supersedes: Option<u16>,
        body: Body,
    ) -> Told {
        let at = at.max(occurred.midnight());
        self.seq = self.seq.saturating_add(1);
        // What is seen outside the span has its number all the same: ids do not depend on the
        // span's end.
        if self.calendar.holds(at.date()) && self.seq < 10_000 {
            self.events.push(Event {
                at,
                household: self.household,
                seq: self.seq,
                copy: 0,
                run: 0,
                department,
                subject,
                occurred,
                supersedes,
                body,
            });
        }
        Told { seq: self.seq, at, occurred }
    }
}

impl Person {
    /// This person as the subject of an event.
    pub(crate) fn subject(&self) -> Subject {
        let (slot, birth_year, bad_number) = (self.slot, self.birth_year, self.bad_number);
        Subject::Person { slot, birth_year, bad_number }
    }
}
