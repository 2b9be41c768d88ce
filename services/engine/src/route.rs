//! Whose an entry is, and the queues in which entries wait for their partition.
//!
//! Persons and households are looked up side by side, before anything of a batch is applied. Then
//! entries are sent to their partitions one after the other: that is where a profile changes whose a
//! person is. A profile waits in the queue like an event does, unless events of a person would have
//! to move from one household to another at once; what a person leaves behind is *in transit* until
//! the queues are worked off, and whoever asks for that person lets them be worked off first.

use hashbrown::HashSet;
use proto::{
    codes::Code,
    date::Instant,
    event::{Event, Subject},
    frame::Entry,
    household::Profile,
    ids::HouseholdKey,
};

use crate::{
    ahead::{TOGETHER, bring_subjects},
    engine::{Engine, Stamped},
    fold::{Fold, Learning, Outcome, Routed, What},
    hands::{Hands, OneHand},
    household::Person,
    ledger::{Ledger, Offered, Source},
    resolver::{Claim, Home, Waiting},
};

/// Entries that one hand looks up before it takes the next.
const SHARE: usize = 256;
/// Fewer waiting entries than this are folded by one hand: waking others takes longer.
const FEW: usize = 128;

/// Most persons in transit before the queues are worked off.
const TRANSIT: usize = 64;

/// What was found of an event's subject and feed before the batch was applied.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    person: Option<Person>,
    home: Option<Home>,
    source: Option<Source>,
}

/// The entries of a batch that wait for their partitions.
pub(crate) struct Queues<'e> {
    batch: &'e [Stamped],
    /// What came of each entry of the batch.
    pub(crate) outcomes: &'e mut [Outcome],
    routed: Vec<Vec<Routed<'e>>>,
    waiting: usize,
    /// The households whose profiles wait.
    learning: HashSet<Home, std::hash::BuildHasherDefault<std::hash::DefaultHasher>>,
    /// Persons whose events are on the way from a household to where persons without one wait.
    transit: Vec<Person>,
    /// Whether whose a person is may differ from what was found: a profile came or went.
    pub(crate) moved: bool,
}

impl<'e> Queues<'e> {
    pub(crate) fn new(
        partitions: usize,
        batch: &'e [Stamped],
        outcomes: &'e mut [Outcome],
    ) -> Queues<'e> {
        let usual = batch.len() / partitions.max(1) * 5 / 4;
        Queues {
            batch,
            outcomes,
            routed: (0..partitions).map(|_| Vec::with_capacity(usual)).collect(),
            waiting: 0,
            learning: HashSet::default(),
            transit: Vec::new(),
            moved: false,
        }
    }

    fn push(&mut self, home: Home, entry: u32, what: What<'e>) {
        let at = self.batch[entry as usize].at;
        self.routed[home.partition as usize].push(Routed {
            entry,
            household: home.household,
            at,
            what,
        });
        self.waiting += 1;
    }
}

impl Engine {
    /// Finds subjects and feeds side by side.
    pub(crate) fn look_up<H: Hands>(&self, hands: &H, batch: &[Stamped]) -> Vec<Found> {
        let mut found = vec![Found::default(); batch.len()];
        let mut shares: Vec<_> = batch.chunks(SHARE).zip(found.chunks_mut(SHARE)).collect();
        let look = |(entries, found): &mut (&[Stamped], &mut [Found])| {
            let some = entries.chunks(TOGETHER).zip(found.chunks_mut(TOGETHER));
            some.for_each(|(entries, found)| self.look_up_some(entries, found));
        };
        if shares.len() > 1 {
            hands.each(&mut shares, look);
        } else {
            OneHand.each(&mut shares, look);
        }
        found
    }

    fn look_up_some(&self, entries: &[Stamped], found: &mut [Found]) {
        bring_subjects(entries);
        let mut hashes = [0; TOGETHER];
        for (stamped, hash) in entries.iter().zip(&mut hashes) {
            if let Entry::Event(event) = &stamped.entry
                && let Subject::Person(token) = &event.subject
            {
                *hash = self.resolver.hash(token);
            }
        }
        self.bring_near(entries, hashes);
        let mut feed: (&str, Option<Source>) = ("", None);
        for ((stamped, hash), found) in entries.iter().zip(hashes).zip(found) {
            let Entry::Event(event) = &stamped.entry else { continue };
            if *feed.0 != *event.source {
                feed = (&event.source, self.world.feeds.find(&event.source).map(|w| Source(w.0)));
            }
            found.source = feed.1;
            match &event.subject {
                Subject::Person(token) => {
                    found.person = self.resolver.find_hashed(hash, token);
                    found.home = found.person.and_then(|person| self.resolver.get(person).home());
                }
                Subject::Household(id) => found.home = self.find_home(stamped.key, id),
                Subject::Area(_) => {}
            }
        }
    }

    fn partition_of(&self, key: HouseholdKey) -> u32 {
        key.partition(u32::try_from(self.folds.len()).unwrap_or(1))
    }

    pub(crate) fn fold_of(&self, key: HouseholdKey) -> &Fold {
        &self.folds[self.partition_of(key) as usize]
    }

    fn find_home(&self, key: HouseholdKey, id: &str) -> Option<Home> {
        let household = self.fold_of(key).find(key, id)?;
        Some(Home { partition: self.partition_of(key), household })
    }

    /// The place of a household, made if it is new.
    pub(crate) fn home(&mut self, key: HouseholdKey, id: &str) -> Home {
        let (partition, number) = (self.partition_of(key), self.world.number);
        Home { partition, household: self.folds[partition as usize].place(key, id, number) }
    }

    /// The place of a feed; most events come from the feed of the event before.
    pub(crate) fn feed(&mut self, name: &str) -> Source {
        if *self.last_feed.0 != *name {
            self.last_feed = (name.into(), Source(self.world.feeds.place(name).0));
        }
        self.last_feed.1
    }

    pub(crate) fn note_mark(&mut self, stamped: &Stamped, outcome: Outcome) {
        let Entry::Event(event) = &stamped.entry else { return };
        if outcome.counts() {
            let source = self.feed(&event.source);
            self.marks.note(source, event.time, event.type_id);
        }
    }

    /// Sends an event to its household's queue, or says at once what came of it.
    pub(crate) fn route<'e, H: Hands>(
        &mut self,
        hands: &H,
        entry: u32,
        event: &'e Event,
        found: Found,
        queues: &mut Queues<'e>,
    ) -> Option<Outcome> {
        if let (Some(home), Some(source), false) = (found.home, found.source, queues.moved) {
            // The event itself is far away: another hand has looked at it.
            queues.push(home, entry, What::Event { event, person: found.person, source });
            return None;
        }
        let batch = queues.batch;
        let stamped = &batch[entry as usize];
        let source = found.source.unwrap_or_else(|| self.feed(&event.source));
        let (home, person) = match &event.subject {
            Subject::Household(id) => {
                (found.home.unwrap_or_else(|| self.home(stamped.key, id)), None)
            }
            Subject::Person(token) => {
                let person = found.person.unwrap_or_else(|| self.resolver.place(token));
                if queues.transit.contains(&person) {
                    self.flush(hands, queues);
                }
                let known = found.home.filter(|_| !queues.moved);
                match known.or_else(|| self.resolver.get(person).home()) {
                    Some(home) => (home, Some(person)),
                    None => return Some(self.park(person, event, source, stamped.at)),
                }
            }
            Subject::Area(area) => {
                // What entered before must be decided before the area changes.
                self.flush(hands, queues);
                return Some(self.area_event(hands, area, event, source, stamped.at));
            }
        };
        queues.push(home, entry, What::Event { event, person, source });
        None
    }

    fn park(&mut self, person: Person, event: &Event, source: Source, at: Instant) -> Outcome {
        let waiting = self.resolver.get_mut(person).waiting.get_or_insert_default();
        match waiting.ledger.offer(event, source, 0) {
            Offered::Duplicate => Outcome::Duplicate,
            Offered::Conflict => Outcome::Refused(Code::IdConflict),
            Offered::Full => Outcome::Refused(Code::LimitHousehold),
            Offered::Taken { .. } => {
                waiting.since.push(at.date());
                waiting.forget(at);
                Outcome::Parked
            }
        }
    }

    /// Sends a profile to its household's queue with what its persons bring, or applies it at once.
    pub(crate) fn route_profile<'e, H: Hands>(
        &mut self,
        hands: &H,
        entry: u32,
        profile: &'e Profile,
        queues: &mut Queues<'e>,
    ) -> Option<Outcome> {
        let Stamped { at, key, .. } = queues.batch[entry as usize];
        let home = self.home(key, &profile.household);
        if queues.learning.contains(&home) || queues.transit.len() > TRANSIT {
            self.flush(hands, queues);
        }
        let household = &self.folds[home.partition as usize].households[home.household as usize];
        if !household.expects(profile) {
            return Some(Outcome::Duplicate);
        }
        let named: Box<[Person]> = profile.persons().map(|p| self.resolver.place(p)).collect();
        let before = household.known.as_deref().map_or(&[][..], |known| &known.named);
        let left: Vec<Person> = before.iter().filter(|p| !named.contains(p)).copied().collect();
        let claim =
            Claim { home, updated_at: profile.updated_at, household: profile.household.clone() };
        let still = |queues: &Queues<'_>, person: &Person| {
            let known = self.resolver.get(*person);
            let (was, now) =
                (known.home(), known.home_after(home, named.contains(person).then_some(&claim)));
            let here = [None, Some(home)];
            (was == now || here.contains(&was) && here.contains(&now))
                && !queues.transit.contains(person)
        };
        queues.moved = true;
        if !left.iter().chain(&*named).all(|person| still(queues, person)) {
            self.flush(hands, queues);
            return Some(self.profile(key, profile, at));
        }
        let learning = self.claim(home, profile, &claim, named, left, at);
        queues.transit.extend(&learning.leave);
        queues.learning.insert(home);
        queues.push(home, entry, What::Profile(Box::new(learning)));
        None
    }

    /// Changes the claims to a profile's persons, none of whom moves between households.
    fn claim<'e>(
        &mut self,
        home: Home,
        profile: &'e Profile,
        claim: &Claim,
        named: Box<[Person]>,
        left: Vec<Person>,
        at: Instant,
    ) -> Learning<'e> {
        let (mut leave, mut come) = (Vec::new(), Vec::new());
        for person in left {
            let known = self.resolver.get_mut(person);
            let was = known.home();
            known.unclaim(home);
            if was == Some(home) {
                leave.push(person);
            }
        }
        for person in &named {
            let known = self.resolver.get_mut(*person);
            let was = known.home();
            known.claim(claim.clone());
            if was.is_none() {
                come.push((*person, self.take_waiting(*person, at)));
            }
        }
        Learning { profile, named, leave, come }
    }

    /// Works the queues off.
    pub(crate) fn flush<H: Hands>(&mut self, hands: &H, queues: &mut Queues<'_>) {
        if queues.waiting == 0 {
            return;
        }
        let world = &self.world;
        let mut pairs: Vec<_> = self.folds.iter_mut().zip(&mut queues.routed).collect();
        let work =
            |(fold, routed): &mut (&mut Fold, &mut Vec<Routed<'_>>)| fold.apply(world, routed);
        if queues.waiting < FEW {
            OneHand.each(&mut pairs, work);
        } else {
            hands.each(&mut pairs, work);
        }
        queues.waiting = 0;
        queues.learning.clear();
        queues.transit.clear();
        for fold in &mut self.folds {
            for (entry, outcome) in fold.outcomes.drain(..) {
                queues.outcomes[entry as usize] = outcome;
            }
            for (person, piece, at) in fold.released.drain(..) {
                let waiting = Waiting { since: vec![at.date(); piece.len()], ledger: piece };
                self.resolver.get_mut(person).waiting = Some(Box::new(waiting));
            }
            self.marks.take(&fold.marks);
        }
    }

    /// Takes what waits for a person's profile and lets go what waited too long.
    pub(crate) fn take_waiting(&mut self, person: Person, at: Instant) -> Ledger {
        let days = self.world.present().retain_days;
        let (piece, expired) = self.resolver.take_waiting(person, at.date(), days);
        if !expired.is_empty() {
            let token = self.resolver.get(person).token.clone();
            self.let_go(at, Subject::Person(token), &expired);
        }
        piece
    }
}
