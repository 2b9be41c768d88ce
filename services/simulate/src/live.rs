//! Events without end, for a demonstration: ordinary days with more misfortune than is usual.
//!
//! It refuses to read a clock: every event is given its time.

use proto::date::Instant;

use crate::{
    Error, Province, accidents, bills, clues, disability,
    draw::{Draw, Topic},
    education,
    event::{Body, Department, Event, Subject},
    household::Household,
    industry,
    population::{Health, Person, School},
    storms,
};

/// An endless stream of events of one province.
pub struct Live<'a> {
    province: &'a Province,
    draw: Draw,
    run: u32,
    seq: u16,
}

impl<'a> Live<'a> {
    pub(crate) fn new(province: &'a Province, now: u32) -> Live<'a> {
        let draw = Draw::new(province.scale.seed, Topic::Live, u64::from(now));
        Live { province, draw, run: now.max(1), seq: 0 }
    }

    /// The next event, seen at `time`, as JSON without a line end. After 65,535 events the ids go
    /// on under the next second's run, which is why a stream should not be started anew within a
    /// day.
    ///
    /// # Errors
    /// [`Error::Json`], which memory does not cause.
    pub fn next_at(&mut self, time: Instant) -> Result<String, Error> {
        let scale = &self.province.scale;
        let index = 1 + self.draw.below(scale.households);
        let home = Household::new(scale.seed, index, self.province.from(), &self.province.layout);
        let person = &home.people[self.draw.below(home.people.len() as u32) as usize];
        let (department, subject, body) = self.happening(&home, person);
        (self.run, self.seq) = match self.seq.checked_add(1) {
            Some(seq) => (self.run, seq),
            None => (self.run.wrapping_add(1).max(1), 1),
        };
        let event = Event {
            at: time,
            household: index,
            seq: self.seq,
            copy: 0,
            run: self.run,
            department,
            subject,
            occurred: time.date().plus(-self.draw.whole(0, 3)),
            supersedes: None,
            body,
        };
        let mut line = Vec::with_capacity(400);
        event.write(&mut line)?;
        Ok(String::from_utf8(line).unwrap_or_default())
    }

    fn happening(&mut self, home: &Household, person: &Person) -> (Department, Subject, Body) {
        let draw = &mut self.draw;
        let (own, subject) = (Subject::Household, person.subject());
        match draw.weighted(&[0.62, 0.14, 0.05, 0.04, 0.03, 0.02, 0.03, 0.02, 0.05]) {
            0 => (Department::Ybj, subject, Body::Medical(bills::visit(person.health, draw))),
            1 => (Department::Ybj, subject, Body::Medical(bills::stay(person.health, draw))),
            2 => {
                let stay = bills::stay(Health::Catastrophic, draw);
                (Department::Ybj, subject, Body::Medical(stay))
            }
            3 if person.wage_worker() => {
                let monthly_wage_fen = person.wage_fen;
                let body = Body::JobLost { reason: "layoff", monthly_wage_fen, work_region: "99" };
                (Department::Rsj, subject, body)
            }
            4 => (Department::Yjj, own, storms::impact("flood", draw)),
            5 => (Department::Gaj, subject, accidents::injury(person, draw)),
            6 if !home.livelihoods.is_empty() => {
                (Department::Nyj, own, industry::failure(home.livelihoods[0], draw))
            }
            7 => (Department::Cl, subject, disability::certificate(draw)),
            8 if person.school != School::None => {
                (Department::Jyj, subject, education::cost(person.school, draw))
            }
            _ => (Department::Xfj, own, clues::clue(draw)),
        }
    }
}
