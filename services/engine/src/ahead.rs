//! Reading ahead: what the next entries meet is read for many of them, one step of all after the
//! other, so that their cache misses overlap. Nothing but time depends on it.

use std::hint::black_box;

use proto::{
    event::{Event, Subject},
    frame::Entry,
    ids::HouseholdKey,
};

use crate::{
    engine::{Engine, Stamped},
    fold::{Fold, Routed, What},
    world::World,
};

/// Entries whose cache misses overlap.
pub(crate) const TOGETHER: usize = 32;
/// Households whose pending work is seen coming.
pub(crate) const AHEAD: usize = 16;

impl Engine {
    /// Reads what looking the entries up will read: one step of all of them after the other, so that
    /// their cache misses overlap.
    pub(crate) fn bring_near(&self, entries: &[Stamped], hashes: [u64; TOGETHER]) {
        let mut persons = [None; TOGETHER];
        let mut households = [None; TOGETHER];
        for (at, (stamped, hash)) in entries.iter().zip(hashes).enumerate() {
            let Entry::Event(event) = &stamped.entry else { continue };
            match &event.subject {
                Subject::Person(_) => persons[at] = self.resolver.guess(hash),
                Subject::Household(_) => {
                    let fold = self.fold_of(stamped.key);
                    households[at] = fold.guess(stamped.key).map(|ix| (fold, ix));
                }
                Subject::Area(_) => {}
            }
        }
        let persons = || persons.iter().flatten();
        let households = || households.iter().flatten();
        let near = persons().fold(0, |all, person| all ^ self.resolver.near(*person));
        black_box(households().fold(near, |all, (fold, ix)| all ^ fold.near(*ix)));
        let near = persons().fold(0, |all, person| all ^ self.resolver.touch(*person));
        black_box(households().fold(near, |all, (fold, ix)| all ^ fold.touch(*ix)));
    }
}

impl Fold {
    /// The household of a key: nearly always the one that is looked for.
    pub(crate) fn guess(&self, key: HouseholdKey) -> Option<u32> {
        self.by_hash.find(key.hash64(), |_| true).copied()
    }

    /// Reads something of a household.
    pub(crate) fn near(&self, ix: u32) -> usize {
        self.households[ix as usize].id.len()
    }

    /// Reads something of a household's id.
    pub(crate) fn touch(&self, ix: u32) -> usize {
        let id = self.households[ix as usize].id.as_bytes();
        id.first().map_or(0, |byte| usize::from(*byte))
    }

    /// Reads what events of these households meet: one step of all of them after the other, so that
    /// their cache misses overlap.
    pub(crate) fn bring_near(&self, places: impl Iterator<Item = u32> + Clone) {
        let household = |ix: u32| &self.households[ix as usize];
        black_box(places.clone().fold(0, |all, ix| all ^ household(ix).near()));
        black_box(places.fold(0, |all, ix| all ^ household(ix).touch()));
    }

    /// The same of what their decisions meet besides.
    pub(crate) fn bring_all(&self, places: impl Iterator<Item = u32>) {
        black_box(places.fold(0, |all, ix| all ^ self.households[ix as usize].touch_all()));
    }

    /// Whether an entry is likely to have its household decided.
    pub(crate) fn may_decide(&self, world: &World, routed: &Routed<'_>) -> bool {
        match &routed.what {
            What::Event { event, .. } => {
                let margin = self.households[routed.household as usize].margin;
                !margin.takes(world.present(), routed.at.date(), event)
            }
            What::Profile(_) => true,
        }
    }
}

/// Reads something of whom events are about.
pub(crate) fn bring_subjects(entries: &[Stamped]) {
    let events = entries.iter().filter_map(|stamped| match &stamped.entry {
        Entry::Event(event) => Some(&**event),
        _ => None,
    });
    let token = |event: &Event| match &event.subject {
        Subject::Person(token) => token.as_bytes().first().map_or(0, |byte| usize::from(*byte)),
        Subject::Household(_) | Subject::Area(_) => 0,
    };
    black_box(events.clone().fold(0, |all, event| all ^ event.id.len()));
    black_box(events.fold(0, |all, event| all ^ token(event)));
}

/// Reads something of all that events bring with them.
pub(crate) fn bring_events(entries: &[Routed<'_>]) {
    let events = entries.iter().filter_map(|routed| match &routed.what {
        What::Event { event, .. } => Some(*event),
        What::Profile(_) => None,
    });
    black_box(events.clone().fold(0, |all, event| all ^ event.id.len()));
    let byte = |bytes: &[u8]| bytes.first().map_or(0, |byte| usize::from(*byte));
    let both = |event: &Event| byte(event.id.as_bytes()) ^ byte(event.fields.bytes());
    black_box(events.fold(0, |all, event| all ^ both(event)));
}
