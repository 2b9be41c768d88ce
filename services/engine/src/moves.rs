//! Profiles come and go, and persons move with them.

use proto::{date::Instant, household::Profile, ids::HouseholdKey};

use crate::{
    decide::Cause,
    engine::Engine,
    fold::Outcome,
    household::Person,
    ledger::Ledger,
    resolver::{Claim, Home, Waiting},
};

impl Engine {
    /// Applies a profile, moves the persons whose belonging it changes, and decides the households
    /// whose data changed: its own, and those that a person left or came to.
    pub(crate) fn profile(&mut self, key: HouseholdKey, profile: &Profile, at: Instant) -> Outcome {
        let home = self.home(key, &profile.household);
        let fold = &mut self.folds[home.partition as usize];
        if !fold.expects(&self.world, home.household, profile, at) {
            return Outcome::Duplicate;
        }
        let named: Box<[Person]> = profile.persons().map(|p| self.resolver.place(p)).collect();
        let fold = &mut self.folds[home.partition as usize];
        let before = fold.households[home.household as usize].known.as_deref();
        let left: Vec<Person> = before.map_or_else(Vec::new, |known| {
            known.named.iter().filter(|p| !named.contains(p)).copied().collect()
        });
        fold.learn(home.household, profile, named.clone());
        let mut touched = vec![home];
        for person in left {
            let was = self.resolver.get(person).home();
            self.resolver.get_mut(person).unclaim(home);
            self.relocate(person, was, at, &mut touched);
        }
        for person in named {
            let was = self.resolver.get(person).home();
            self.resolver.get_mut(person).claim(Claim {
                home,
                updated_at: profile.updated_at,
                household: profile.household.clone(),
            });
            self.relocate(person, was, at, &mut touched);
        }
        self.decide_touched(touched, at);
        Outcome::Accepted
    }

    /// Applies a removal unless a later profile is known.
    pub(crate) fn removal(
        &mut self,
        key: HouseholdKey,
        household: &str,
        updated_at: Instant,
        at: Instant,
    ) -> Outcome {
        let home = self.home(key, household);
        let fold = &mut self.folds[home.partition as usize];
        fold.catch_up(&self.world, home.household, at);
        let known = &mut fold.households[home.household as usize];
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
        let mut touched = Vec::new();
        // The case closes with the data it was opened on; persons leave after it.
        let mut pieces = Vec::new();
        for person in named {
            let was = self.resolver.get(person).home();
            self.resolver.get_mut(person).unclaim(home);
            if was == Some(home) {
                let fold = &mut self.folds[home.partition as usize];
                pieces.push((person, fold.release(home.household, person).0));
            }
        }
        let fold = &mut self.folds[home.partition as usize];
        fold.forget_profile(&self.world, home.household, at, updated_at);
        for (person, piece) in pieces {
            self.settle_person(person, piece, at, &mut touched);
        }
        self.decide_touched(touched, at);
        Outcome::Accepted
    }

    /// Moves a person's events from where the person was to where the claims now say.
    fn relocate(
        &mut self,
        person: Person,
        was: Option<Home>,
        at: Instant,
        touched: &mut Vec<Home>,
    ) {
        let now = self.resolver.get(person).home();
        if was == now {
            return;
        }
        let piece = match was {
            Some(home) => {
                let fold = &mut self.folds[home.partition as usize];
                fold.catch_up(&self.world, home.household, at);
                let (piece, live) = fold.release(home.household, person);
                if live && !touched.contains(&home) {
                    touched.push(home);
                }
                piece
            }
            None => self.take_waiting(person, at),
        };
        self.settle_person(person, piece, at, touched);
    }

    /// Puts a person's events where the claims say, or lets them wait.
    fn settle_person(
        &mut self,
        person: Person,
        piece: Ledger,
        at: Instant,
        touched: &mut Vec<Home>,
    ) {
        match self.resolver.get(person).home() {
            Some(home) => {
                let fold = &mut self.folds[home.partition as usize];
                fold.catch_up(&self.world, home.household, at);
                if fold.adopt(home.household, person, &piece) && !touched.contains(&home) {
                    touched.push(home);
                }
            }
            None if piece.is_empty() => {}
            None => {
                let since = vec![at.date(); piece.len()];
                let waiting = Waiting { ledger: piece, since };
                self.resolver.get_mut(person).waiting = Some(Box::new(waiting));
            }
        }
    }

    fn decide_touched(&mut self, touched: Vec<Home>, at: Instant) {
        for home in touched {
            let fold = &mut self.folds[home.partition as usize];
            fold.decide(&self.world, home.household, at, Cause::Data);
        }
    }
}

#[cfg(test)]
mod tests;
