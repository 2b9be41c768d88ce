//! Whose is a person? The claims of profiles on persons, and the events of persons whom no
//! profile names.
//!
//! It refuses to know what an event means; it only says where it belongs.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use hashbrown::HashTable;
use proto::{
    date::{DAY_US, Date, Instant},
    event::REMEMBERED_DAYS,
};
use serde::{Deserialize, Serialize};

use crate::{household::Person, ledger::Ledger};

/// A household by its partition and its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Home {
    /// The partition.
    pub partition: u32,
    /// The place.
    pub household: u32,
}

/// A profile that names a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) home: Home,
    pub(crate) updated_at: Instant,
    /// For ties: the smaller id wins.
    pub(crate) household: Box<str>,
}

/// Events of a person whom no profile names, and since when each waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) ledger: Ledger,
    pub(crate) since: Vec<Date>,
}

/// One person, in one line of the cache.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(align(64))]
pub(crate) struct Named {
    pub(crate) token: Box<str>,
    claims: Vec<Claim>,
    pub(crate) waiting: Option<Box<Waiting>>,
    /// Whose claim wins.
    #[serde(skip)]
    home: Option<Home>,
}

impl Named {
    fn new(token: &str) -> Named {
        Named { token: token.into(), claims: Vec::new(), waiting: None, home: None }
    }

    /// The household that the person belongs to.
    pub(crate) fn home(&self) -> Option<Home> {
        self.home
    }

    /// The household it would belong to with this claim of a household or, without one, none of it.
    pub(crate) fn home_after(&self, home: Home, claim: Option<&Claim>) -> Option<Home> {
        winner(self.claims.iter().filter(|known| known.home != home).chain(claim))
    }

    /// Takes the claim of a household, instead of the one that it made before.
    pub(crate) fn claim(&mut self, claim: Claim) {
        self.claims.retain(|known| known.home != claim.home);
        self.claims.reserve_exact(1);
        self.claims.push(claim);
        self.home = winner(self.claims.iter());
    }

    /// Forgets the claim of a household.
    pub(crate) fn unclaim(&mut self, home: Home) {
        self.claims.retain(|claim| claim.home != home);
        self.home = winner(self.claims.iter());
    }
}

/// The later claim wins, of equal ones that of the smaller household id.
fn winner<'c>(claims: impl Iterator<Item = &'c Claim>) -> Option<Home> {
    let wins = |a: &&Claim, b: &&Claim| {
        a.updated_at.cmp(&b.updated_at).then_with(|| b.household.cmp(&a.household))
    };
    claims.max_by(wins).map(|claim| claim.home)
}

/// All persons that a profile or an event ever named.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    pub(crate) persons: Vec<Named>,
    by_token: HashTable<u32>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl Resolver {
    /// The place of a person, made if it is new.
    pub(crate) fn place(&mut self, token: &str) -> Person {
        let hash = self.hash(token);
        if let Some(person) = self.find_hashed(hash, token) {
            return person;
        }
        let ix = u32::try_from(self.persons.len()).unwrap_or(u32::MAX);
        self.persons.push(Named::new(token));
        let (persons, hasher) = (&self.persons, &self.hasher);
        self.by_token.insert_unique(hash, ix, |ix| hasher.hash_one(&*persons[*ix as usize].token));
        Person(ix)
    }

    /// The place of a person that is known.
    pub(crate) fn find(&self, token: &str) -> Option<Person> {
        self.find_hashed(self.hash(token), token)
    }

    /// The resolver of these persons.
    pub(crate) fn of(mut persons: Vec<Named>) -> Resolver {
        for named in &mut persons {
            named.home = winner(named.claims.iter());
        }
        let mut resolver = Resolver { persons, ..Resolver::default() };
        let (persons, hasher) = (&resolver.persons, &resolver.hasher);
        let hash = |ix: &u32| hasher.hash_one(&*persons[*ix as usize].token);
        resolver.by_token.reserve(persons.len(), hash);
        for (ix, named) in (0u32..).zip(persons) {
            resolver.by_token.insert_unique(hasher.hash_one(&*named.token), ix, hash);
        }
        resolver
    }

    /// The hash of a person's token.
    pub(crate) fn hash(&self, token: &str) -> u64 {
        self.hasher.hash_one(token)
    }

    /// The place of a known person.
    pub(crate) fn find_hashed(&self, hash: u64, token: &str) -> Option<Person> {
        let same = |ix: &u32| &*self.persons[*ix as usize].token == token;
        self.by_token.find(hash, same).map(|ix| Person(*ix))
    }

    /// The person of a hash: nearly always the one that is looked for. Of several persons first this,
    /// then [`Resolver::near`], then [`Resolver::touch`]: their cache misses overlap.
    pub(crate) fn guess(&self, hash: u64) -> Option<Person> {
        self.by_token.find(hash, |_| true).map(|ix| Person(*ix))
    }

    /// Reads something of a person.
    pub(crate) fn near(&self, person: Person) -> usize {
        self.get(person).token.len()
    }

    /// Reads something of a person's token.
    pub(crate) fn touch(&self, person: Person) -> usize {
        self.get(person).token.as_bytes().first().map_or(0, |byte| usize::from(*byte))
    }

    pub(crate) fn get(&self, person: Person) -> &Named {
        &self.persons[person.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, person: Person) -> &mut Named {
        &mut self.persons[person.0 as usize]
    }

    /// Takes the events that wait for a profile, and apart those that waited longer than `days`.
    pub(crate) fn take_waiting(
        &mut self,
        person: Person,
        today: Date,
        days: i32,
    ) -> (Ledger, Ledger) {
        let Some(mut waiting) = self.get_mut(person).waiting.take() else {
            return (Ledger::default(), Ledger::default());
        };
        let expired = waiting.expire(today, days);
        (waiting.ledger, expired)
    }

    /// Takes what waited too long, by person.
    pub(crate) fn expire(&mut self, today: Date, days: i32) -> Vec<(Box<str>, Ledger)> {
        let mut gone = Vec::new();
        for named in &mut self.persons {
            let expired = named.waiting.as_mut().map(|w| w.expire(today, days));
            if let Some(expired) = expired.filter(|expired| !expired.is_empty()) {
                gone.push((named.token.clone(), expired));
            }
        }
        gone
    }
}

impl Waiting {
    fn expire(&mut self, today: Date, days: i32) -> Ledger {
        let stays = |since: &Date| since.plus(days) >= today;
        if self.since.iter().all(stays) {
            return Ledger::default();
        }
        let since = &self.since;
        let gone = self.ledger.part(|n| !since.get(n).is_none_or(stays));
        self.since.retain(stays);
        gone
    }

    /// Forgets identities that are too old to be asked for.
    pub(crate) fn forget(&mut self, at: Instant) {
        let oldest = at.plus_us(-i64::from(REMEMBERED_DAYS) * DAY_US);
        if self.ledger.records().any(|r| r.time() < oldest) {
            let keep: Vec<bool> = self.ledger.records().map(|r| r.time() >= oldest).collect();
            self.ledger.retain(|n, _| keep[n]);
            let mut keep = keep.into_iter();
            self.since.retain(|_| keep.next().unwrap_or(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_profile_wins_then_the_smaller_id() {
        let claim = |household: &str, updated: i64, n| Claim {
            home: Home { partition: 0, household: n },
            updated_at: Instant(updated),
            household: household.into(),
        };
        let mut named = Named::new("t");
        named.claim(claim("B", 5, 1));
        named.claim(claim("A", 5, 2));
        assert_eq!(named.home().map(|h| h.household), Some(2));
        named.claim(claim("C", 6, 3));
        assert_eq!(named.home().map(|h| h.household), Some(3));
    }
}
