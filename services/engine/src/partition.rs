//! The fold of one partition of a journal that has several: its own households, and the persons
//! that it is told belong to them.
//!
//! Whose a person is depends on households of other partitions, so it is decided in the person log
//! ([`PersonFold`](crate::PersonFold)). What this partition's profiles say about persons leaves as
//! claims; what is decided comes back as adopts and releases. Of these the largest turn holds, and
//! the events of one turn add up, so they may come late, twice and in any order. Everything else is
//! the engine's, with one fold in it. This file refuses to know who else claims a person.

use proto::{
    alert::Severity,
    belonging::{Adopt, Claim, Release},
    catalogue::Catalogue,
    codes::Code,
    date::Instant,
    frame::Entry,
    household::Profile,
    ids::HouseholdKey,
};
use serde::{Deserialize, Serialize};

use crate::{
    Engine, Hands, Outcome, Output, Stamped,
    decide::Cause,
    fold::oldest_kept,
    household::Person,
    ledger::Offered,
    snapshot::{read, write},
};

/// What is known of a person here.
#[derive(Clone, Copy, Default, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    /// The largest turn that was told.
    turn: u64,
    /// The household in which the person's events count in that turn.
    holder: Option<u32>,
}

/// The fold of one partition.
#[derive(Debug)]
pub struct Partition {
    engine: Engine,
    /// By the place of the person in the engine's table.
    told: Vec<Told>,
    /// Claims that were made so far.
    claims: u64,
}

#[derive(Serialize, Deserialize)]
struct Form {
    told: Vec<Told>,
    claims: u64,
}

impl Default for Partition {
    fn default() -> Partition {
        let mut engine = Engine::new(1);
        engine.set_minute_marks(true);
        Partition { engine, told: Vec::new(), claims: 0 }
    }
}

impl Partition {
    /// Applies entries in order and appends what they gave to `out`. A person's own events do not
    /// come here; one that does waits as if nobody named the person.
    pub fn apply<H: Hands>(&mut self, hands: &H, batch: &[Stamped], out: &mut Output) {
        let mut rest = batch;
        while let Some(first) = rest.first() {
            let plain = rest.iter().take_while(|stamped| !moves_persons(&stamped.entry)).count();
            if plain > 0 {
                let (now, later) = rest.split_at(plain);
                self.engine.apply(hands, now, out);
                rest = later;
                continue;
            }
            self.engine.advance(hands, first.at, out);
            let outcome = self.enter(first, out);
            out.outcomes.push(outcome);
            rest = &rest[1..];
        }
        self.engine.take_alerts(out);
    }

    /// Does pending work for at most `budget` households; says whether some is left.
    pub fn work<H: Hands>(&mut self, hands: &H, budget: usize, out: &mut Output) -> bool {
        self.engine.work(hands, budget, out)
    }

    /// The largest instant so far.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.engine.clock()
    }

    /// When the next clock of a case runs out, after [`Partition::clock`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.engine.next_deadline()
    }

    /// Every event type known so far.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        self.engine.catalogue()
    }

    /// The packs in force or to come.
    #[must_use]
    pub fn packs(&self) -> &[std::sync::Arc<rules::Pack>] {
        self.engine.packs()
    }

    /// The state of this partition's households, for those who ask about them.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Marks the alerts made from now on as made from a past that is being folded in.
    pub fn set_history(&mut self, history: bool) {
        self.engine.set_history(history);
        self.engine.set_eager(history);
    }

    /// Whether an alert of this household's episode and revision was made.
    #[must_use]
    pub fn made(&self, household: &str, episode: u32, revision: u32) -> bool {
        let fold = &self.engine.folds[0];
        let Some(ix) = fold.find(HouseholdKey::of(household), household) else { return false };
        let household = &fold.households[ix as usize];
        let open = household.case.as_deref().filter(|case| case.level > Severity::None);
        let last = open.map_or(u32::MAX, |case| case.revision);
        episode < household.episode || (episode == household.episode && revision <= last)
    }

    /// The state now. Nothing while what it gave was not taken.
    #[must_use]
    pub fn snapshot<H: Hands>(&self, hands: &H) -> Option<Vec<Vec<u8>>> {
        let mut sections = self.engine.snapshot(hands)?;
        sections.push(write(&Form { told: self.told.clone(), claims: self.claims })?);
        Some(sections)
    }

    /// The partition of sections that [`Partition::snapshot`] of the same version gave; nothing for
    /// others.
    #[must_use]
    pub fn restore<H: Hands>(hands: &H, sections: &[Vec<u8>]) -> Option<Partition> {
        let (form, sections) = sections.split_last()?;
        let Form { told, claims } = read(form)?;
        let mut engine = Engine::restore(hands, sections)?;
        if engine.folds.len() != 1 || told.len() > engine.resolver.persons.len() {
            return None;
        }
        engine.set_minute_marks(true);
        Some(Partition { engine, told, claims })
    }

    fn enter(&mut self, stamped: &Stamped, out: &mut Output) -> Outcome {
        let at = stamped.at;
        match &stamped.entry {
            Entry::Profile(profile) => self.profile(stamped.key, profile, at, &mut out.told),
            Entry::Removal { household, updated_at } => {
                self.removal(stamped.key, household, *updated_at, at, &mut out.told)
            }
            Entry::Adopt(adopt) => self.adopt(stamped.key, adopt, at, &mut out.refused),
            Entry::Release(release) => self.release(release, at),
            _ => Outcome::Duplicate,
        }
    }

    fn profile(
        &mut self,
        key: HouseholdKey,
        profile: &Profile,
        at: Instant,
        told: &mut Vec<Stamped>,
    ) -> Outcome {
        let ix = self.engine.home(key, &profile.household).household;
        let Engine { world, folds, resolver, .. } = &mut self.engine;
        let fold = &mut folds[0];
        if !fold.expects(world, ix, profile, at) {
            return Outcome::Duplicate;
        }
        let named: Box<[Person]> = profile.persons().map(|p| resolver.place(p)).collect();
        let before = fold.households[ix as usize].known.as_deref();
        let left: Vec<Person> = before.map_or_else(Vec::new, |known| {
            known.named.iter().filter(|p| !named.contains(p)).copied().collect()
        });
        fold.learn(ix, profile, named.clone());
        let household = &profile.household;
        for person in left {
            self.part(person, ix);
            told.push(self.claim(person, household, profile.updated_at, true, at));
        }
        for person in named {
            told.push(self.claim(person, household, profile.updated_at, false, at));
        }
        let Engine { world, folds, .. } = &mut self.engine;
        folds[0].decide(world, ix, at, Cause::Data);
        Outcome::Accepted
    }

    fn removal(
        &mut self,
        key: HouseholdKey,
        household: &str,
        updated_at: Instant,
        at: Instant,
        told: &mut Vec<Stamped>,
    ) -> Outcome {
        let ix = self.engine.home(key, household).household;
        let Engine { world, folds, .. } = &mut self.engine;
        let fold = &mut folds[0];
        fold.catch_up(world, ix, at);
        let known = &mut fold.households[ix as usize];
        let Some(present) = known.known.as_deref() else {
            let later = known.removed_at.as_deref().is_none_or(|removed| updated_at > *removed);
            if later {
                known.removed_at = Some(Box::new(updated_at));
            }
            return if later { Outcome::Accepted } else { Outcome::Duplicate };
        };
        if updated_at < present.updated_at {
            return Outcome::Duplicate;
        }
        let named = present.named.clone();
        for person in named {
            self.part(person, ix);
            told.push(self.claim(person, household, updated_at, true, at));
        }
        // What is left in the ledger now are the household's own events.
        let Engine { world, folds, .. } = &mut self.engine;
        folds[0].forget_profile(world, ix, at, updated_at);
        Outcome::Accepted
    }

    /// A profile names a person no longer: the events leave at once, and what is told of this turn
    /// from now on comes too late.
    fn part(&mut self, person: Person, from: u32) {
        let told = self.told(person);
        if told.holder == Some(from) {
            told.holder = None;
            self.engine.folds[0].release(from, person);
        }
    }

    fn claim(
        &mut self,
        person: Person,
        household: &str,
        updated_at: Instant,
        removed: bool,
        at: Instant,
    ) -> Stamped {
        self.claims += 1;
        let claim = Claim {
            person: self.engine.resolver.get(person).token.clone(),
            household: household.into(),
            updated_at,
            removed,
            number: self.claims,
        };
        Stamped::new(at, Entry::Claim(Box::new(claim)))
    }

    fn adopt(
        &mut self,
        key: HouseholdKey,
        adopt: &Adopt,
        at: Instant,
        refused: &mut Vec<(Code, Stamped)>,
    ) -> Outcome {
        let ix = self.engine.home(key, &adopt.household).household;
        let person = self.engine.resolver.place(&adopt.person);
        let before = *self.told(person);
        if adopt.turn < before.turn {
            return Outcome::Duplicate;
        }
        if adopt.turn > before.turn {
            self.leave(person, at);
            let Engine { world, folds, .. } = &mut self.engine;
            folds[0].catch_up(world, ix, at);
            let known = folds[0].households[ix as usize].known.as_deref();
            // Where the profile no longer names the person, that claim is on its way to be ended.
            let holder = known.is_some_and(|known| known.named.contains(&person)).then_some(ix);
            *self.told(person) = Told { turn: adopt.turn, holder };
        }
        if self.told(person).holder != Some(ix) {
            return Outcome::Duplicate;
        }
        self.take_in(ix, person, adopt, at, refused)
    }

    fn take_in(
        &mut self,
        ix: u32,
        person: Person,
        adopt: &Adopt,
        at: Instant,
        refused: &mut Vec<(Code, Stamped)>,
    ) -> Outcome {
        let Engine { world, folds, .. } = &mut self.engine;
        folds[0].catch_up(world, ix, at);
        let (mut taken, mut changes) = (false, Vec::new());
        for event in &adopt.events {
            let source = self.engine.feed(&event.source);
            let household = &mut self.engine.folds[0].households[ix as usize];
            let slot = household.seat(person);
            match household.ledger.offer(event, source, slot) {
                Offered::Taken { changed, .. } => {
                    taken = true;
                    changes.extend(changed.then_some(event.type_id));
                    self.engine.marks.note(source, event.time, event.type_id);
                }
                Offered::Duplicate | Offered::Conflict => {}
                Offered::Full => {
                    let stamped = Stamped::new(at, Entry::Event(Box::new(event.clone())));
                    refused.push((Code::LimitHousehold, stamped));
                }
            }
        }
        let Engine { world, folds, .. } = &mut self.engine;
        let cause = match changes[..] {
            [] => return if taken { Outcome::Accepted } else { Outcome::Duplicate },
            [one] => Cause::Event(one, None),
            _ => Cause::Data,
        };
        folds[0].households[ix as usize].ledger.forget(oldest_kept(world, at));
        folds[0].decide(world, ix, at, cause);
        Outcome::Accepted
    }

    fn release(&mut self, release: &Release, at: Instant) -> Outcome {
        let person = self.engine.resolver.place(&release.person);
        let before = *self.told(person);
        if release.turn < before.turn {
            return Outcome::Duplicate;
        }
        self.leave(person, at);
        *self.told(person) = Told { turn: release.turn, holder: None };
        let ended = release.turn > before.turn || before.holder.is_some();
        if ended { Outcome::Accepted } else { Outcome::Duplicate }
    }

    /// Takes the person's events out of the household in which they count, and decides it.
    fn leave(&mut self, person: Person, at: Instant) {
        let Some(holder) = self.told(person).holder.take() else { return };
        let Engine { world, folds, .. } = &mut self.engine;
        folds[0].catch_up(world, holder, at);
        let (_, live) = folds[0].release(holder, person);
        if live {
            folds[0].decide(world, holder, at, Cause::Data);
        }
    }

    fn told(&mut self, person: Person) -> &mut Told {
        let at = person.0 as usize;
        if self.told.len() <= at {
            self.told.resize(at + 1, Told::default());
        }
        &mut self.told[at]
    }
}

fn moves_persons(entry: &Entry) -> bool {
    matches!(entry, Entry::Profile(_) | Entry::Removal { .. } | Entry::Adopt(_) | Entry::Release(_))
}

#[cfg(test)]
mod tests;
