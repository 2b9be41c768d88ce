//! The fold of one partition of the person log: whose each person is, and the events of persons.
//!
//! It keeps every claim of a profile on a person, newest per household, and the person's accepted
//! events. The winning claim's household is told of the events ([`Adopt`]), and of the end when
//! another wins ([`Release`]). Both are functions of what was read, so telling them again after a
//! restart is harmless. Events of persons whom no profile names wait, as they do in the engine;
//! packs, feeds and the clock are the engine's too, with no household in it. This file refuses to
//! know what a household decides.

use proto::{
    belonging::{Adopt, Claim, Release},
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    event::{Event, Subject},
    frame::Entry,
};
use serde::{Deserialize, Serialize};

use crate::{
    Engine, Hands, Outcome, Output, Stamped,
    fold::oldest_kept,
    household::Person,
    ledger::{Ledger, Offered},
    resolver::Waiting,
    snapshot::{read, write},
    words::Word,
};

/// Bytes of events in one adopt; one event may be larger.
const PORTION: usize = 256 << 10;

/// The newest claim of one household.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Claimed {
    household: Box<str>,
    updated_at: Instant,
    number: u64,
    removed: bool,
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Owned {
    claims: Vec<Claimed>,
    /// The household of the present turn.
    owner: Option<Box<str>>,
    turn: u64,
    /// Whether the owner was told of any event in this turn.
    told: bool,
    /// The accepted events while there is an owner; else they wait in the engine.
    ledger: Ledger,
}

/// The fold of one partition of the person log.
#[derive(Debug)]
pub struct PersonFold {
    engine: Engine,
    /// By the place of the person in the engine's table.
    owned: Vec<Owned>,
    turns: u64,
}

#[derive(Serialize, Deserialize)]
struct Form {
    owned: Vec<Owned>,
    turns: u64,
}

impl Default for PersonFold {
    fn default() -> PersonFold {
        PersonFold { engine: Engine::new(1), owned: Vec::new(), turns: 0 }
    }
}

impl PersonFold {
    /// Applies entries in order and appends what they gave to `out`: what came of each, what
    /// households' partitions must be told, and what waited too long.
    pub fn apply<H: Hands>(&mut self, hands: &H, batch: &[Stamped], out: &mut Output) {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            let plain = rest.iter().take_while(|stamped| self.owner(stamped).is_none()).count();
            if plain > 0 {
                let (now, later) = rest.split_at(plain);
                self.engine.apply(hands, now, out);
                rest = later;
                continue;
            }
            self.engine.advance(hands, first.at, out);
            let outcome = match &first.entry {
                Entry::Claim(claim) => self.claim(claim, first.at, &mut out.told),
                Entry::Event(event) => self.event(event, first.at, &mut out.told),
                _ => Outcome::Duplicate,
            };
            out.outcomes.push(outcome);
            rest = &rest[1..];
        }
        self.engine.take_alerts(out);
    }

    /// Does pending work; says whether some is left.
    pub fn work<H: Hands>(&mut self, hands: &H, budget: usize, out: &mut Output) -> bool {
        self.engine.work(hands, budget, out)
    }

    /// The largest instant so far.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.engine.clock()
    }

    /// Every event type known so far.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        self.engine.catalogue()
    }

    /// The state now. Nothing while what it gave was not taken.
    #[must_use]
    pub fn snapshot<H: Hands>(&self, hands: &H) -> Option<Vec<Vec<u8>>> {
        let mut sections = self.engine.snapshot(hands)?;
        sections.push(write(&Form { owned: self.owned.clone(), turns: self.turns })?);
        Some(sections)
    }

    /// The fold of sections that [`PersonFold::snapshot`] of the same version gave; nothing for
    /// others.
    #[must_use]
    pub fn restore<H: Hands>(hands: &H, sections: &[Vec<u8>]) -> Option<PersonFold> {
        let (form, sections) = sections.split_last()?;
        let Form { owned, turns } = read(form)?;
        let engine = Engine::restore(hands, sections)?;
        let fits = engine.folds.len() == 1 && owned.len() <= engine.resolver.persons.len();
        fits.then_some(PersonFold { engine, owned, turns })
    }

    /// Whether the entry is this fold's to apply: a claim, or an event of a person with an owner.
    fn owner(&self, stamped: &Stamped) -> Option<()> {
        match &stamped.entry {
            Entry::Claim(_) => Some(()),
            Entry::Event(event) => match &event.subject {
                Subject::Person(token) => {
                    let person = self.engine.resolver.find(token)?;
                    self.owned.get(person.0 as usize)?.owner.as_ref().map(|_| ())
                }
                Subject::Household(_) | Subject::Area(_) => None,
            },
            _ => None,
        }
    }

    fn owned(&mut self, person: Person) -> &mut Owned {
        let at = person.0 as usize;
        if self.owned.len() <= at {
            self.owned.resize(at + 1, Owned::default());
        }
        &mut self.owned[at]
    }

    fn event(&mut self, event: &Event, at: Instant, told: &mut Vec<Stamped>) -> Outcome {
        let Subject::Person(token) = &event.subject else { return Outcome::Duplicate };
        let person = self.engine.resolver.place(token);
        let source = self.engine.feed(&event.source);
        let oldest = oldest_kept(&self.engine.world, at);
        let owned = self.owned(person);
        let unmatched = match owned.ledger.offer(event, source, 0) {
            Offered::Duplicate => return Outcome::Duplicate,
            Offered::Conflict => return Outcome::Refused(Code::IdConflict),
            Offered::Full => return Outcome::Refused(Code::LimitHousehold),
            Offered::Taken { unmatched, .. } => unmatched,
        };
        owned.ledger.forget(oldest);
        let adopt = owned.adopt(token, vec![event.clone()]);
        told.extend(adopt.map(|adopt| Stamped::new(at, Entry::Adopt(Box::new(adopt)))));
        if unmatched { Outcome::Unmatched } else { Outcome::Accepted }
    }

    fn claim(&mut self, claim: &Claim, at: Instant, told: &mut Vec<Stamped>) -> Outcome {
        let person = self.engine.resolver.place(&claim.person);
        let owned = self.owned(person);
        if !owned.note(claim) {
            return Outcome::Duplicate;
        }
        let winner = owned.winner().map(|winner| winner.household.clone());
        if winner == owned.owner {
            return Outcome::Accepted;
        }
        let release = owned.release(&claim.person);
        told.extend(release.map(|release| Stamped::new(at, Entry::Release(Box::new(release)))));
        let had = std::mem::replace(&mut owned.owner, winner).is_some();
        let has = owned.owner.is_some();
        self.turns += 1;
        let turn = self.turns;
        let owned = self.owned(person);
        (owned.turn, owned.told) = (turn, false);
        match (had, has) {
            (true, false) => {
                let ledger = std::mem::take(&mut owned.ledger);
                self.park(person, ledger, at);
            }
            (false, true) => self.take_parked(person, &claim.person, at),
            _ => {}
        }
        for events in portions(self.events(person, &claim.person)) {
            let adopt = self.owned(person).adopt(&claim.person, events);
            told.extend(adopt.map(|adopt| Stamped::new(at, Entry::Adopt(Box::new(adopt)))));
        }
        Outcome::Accepted
    }

    fn park(&mut self, person: Person, ledger: Ledger, at: Instant) {
        if !ledger.is_empty() {
            let since = vec![at.date(); ledger.len()];
            let waiting = Box::new(Waiting { ledger, since });
            self.engine.resolver.get_mut(person).waiting = Some(waiting);
        }
    }

    fn take_parked(&mut self, person: Person, token: &str, at: Instant) {
        let days = self.engine.world.present().retain_days;
        let (ledger, expired) = self.engine.resolver.take_waiting(person, at.date(), days);
        self.engine.let_go(at, Subject::Person(token.into()), &expired);
        self.owned(person).ledger = ledger;
    }

    fn events(&mut self, person: Person, token: &str) -> Vec<Event> {
        let at = person.0 as usize;
        let feeds = &self.engine.world.feeds;
        let event = |record: crate::ledger::Record<'_>| {
            record.event(feeds.text(Word(record.source().0)), Subject::Person(token.into()))
        };
        self.owned[at].ledger.records().filter_map(event).collect()
    }
}

/// Parts of bounded size: the events of one turn add up.
fn portions(events: Vec<Event>) -> Vec<Vec<Event>> {
    let mut portions: Vec<Vec<Event>> = Vec::new();
    let mut room = 0;
    for event in events {
        let bytes = 300 + event.fields.bytes().len();
        match portions.last_mut().filter(|_| bytes <= room) {
            Some(last) => last.push(event),
            None => {
                portions.push(vec![event]);
                room = PORTION;
            }
        }
        room = room.saturating_sub(bytes);
    }
    portions
}

impl Owned {
    /// Notes a claim; says whether it is newer than what the household said before.
    fn note(&mut self, claim: &Claim) -> bool {
        let Claim { household, updated_at, removed, number, .. } = claim;
        let claimed = Claimed {
            household: household.clone(),
            updated_at: *updated_at,
            number: *number,
            removed: *removed,
        };
        match self.claims.iter_mut().find(|known| known.household == *household) {
            Some(known) if known.number >= *number => return false,
            Some(known) => *known = claimed,
            None => self.claims.push(claimed),
        }
        true
    }

    /// The later `updated_at`, then the smaller id.
    fn winner(&self) -> Option<&Claimed> {
        let named = self.claims.iter().filter(|claimed| !claimed.removed);
        named.max_by(|a, b| {
            a.updated_at.cmp(&b.updated_at).then_with(|| b.household.cmp(&a.household))
        })
    }

    fn updated_at(&self, household: &str) -> Instant {
        let claimed = self.claims.iter().find(|claimed| &*claimed.household == household);
        claimed.map_or(Instant(0), |claimed| claimed.updated_at)
    }

    fn adopt(&mut self, person: &str, events: Vec<Event>) -> Option<Adopt> {
        let household = self.owner.clone()?;
        self.told = true;
        let updated_at = self.updated_at(&household);
        Some(Adopt { person: person.into(), household, updated_at, turn: self.turn, events })
    }

    /// The end of the present turn; nothing where the owner was told nothing in it.
    fn release(&self, person: &str) -> Option<Release> {
        let household = self.owner.clone().filter(|_| self.told)?;
        let updated_at = self.updated_at(&household);
        Some(Release { person: person.into(), household, updated_at, turn: self.turn })
    }
}

#[cfg(test)]
mod tests;
