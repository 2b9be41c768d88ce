//! All partitions of one journal, the resolver before them and the clock over them.
//!
//! Entries are applied in order; what only concerns one household waits in its partition's queue,
//! so that partitions can be folded side by side. The answer does not depend on how entries are
//! batched, nor on how many hands fold.

use std::sync::Arc;

use proto::{
    alert::Alert,
    belonging::person_key,
    catalogue::{Catalogue, TypeId},
    codes::Code,
    date::{DAY_US, Instant},
    event::{Event, REMEMBERED_DAYS, Subject},
    frame::Entry,
    ids::HouseholdKey,
    region::Area,
};
use rules::{Pack, PackSet};

use crate::{
    fold::{Fold, Outcome},
    hands::Hands,
    ledger::{Ledger, Offered, Record, Source},
    resolver::Resolver,
    route::Queues,
    rulebook::Rulebook,
    words::Word,
    world::{Change, Marks, World},
};

/// How often feed marks are taken while the clock is the wall clock.
const MARK_US: i64 = 60_000_000;

/// An entry with its instant on the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// Never smaller than that of the entry before.
    pub at: Instant,
    /// The key of the household that the entry names, or of a claim's person; of nothing otherwise.
    pub key: HouseholdKey,
    /// What entered.
    pub entry: Entry,
}

impl Stamped {
    /// Stamps an entry; hashes the household's id, which is why this is done by who reads.
    #[must_use]
    pub fn new(at: Instant, entry: Entry) -> Stamped {
        let key = match &entry {
            Entry::Profile(profile) => HouseholdKey::of(&profile.household),
            Entry::Removal { household, .. } => HouseholdKey::of(household),
            Entry::Outcome(outcome) => HouseholdKey::of(&outcome.household),
            Entry::Event(event) => match &event.subject {
                Subject::Household(id) => HouseholdKey::of(id),
                Subject::Person(_) | Subject::Area(_) => HouseholdKey::default(),
            },
            Entry::Claim(claim) => person_key(&claim.person),
            Entry::Adopt(adopt) => HouseholdKey::of(&adopt.household),
            Entry::Release(release) => HouseholdKey::of(&release.household),
            Entry::Pack { .. } | Entry::Tick | Entry::FoldVersion(_) | Entry::Marks(_) => {
                HouseholdKey::default()
            }
        };
        Stamped { at, key, entry }
    }
}

/// What a batch gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// What came of each entry, in order.
    pub outcomes: Vec<Outcome>,
    /// Alerts, by time, household and revision.
    pub alerts: Vec<Alert>,
    /// Events that stayed unmatched for too long, with the instant at which they were let go.
    pub expired: Vec<Stamped>,
    /// What other partitions must be told: claims for the person log, adopts and releases for the
    /// journal. Their keys say for which partition.
    pub told: Vec<Stamped>,
    /// Events that a partition was handed and does not take.
    pub refused: Vec<(Code, Stamped)>,
}

/// The whole fold.
#[derive(Debug)]
pub struct Engine {
    pub(crate) world: World,
    pub(crate) folds: Vec<Fold>,
    pub(crate) resolver: Resolver,
    pub(crate) marks: Marks,
    pub(crate) catalogue: Catalogue,
    /// Whether midnights and fan-outs are worked off at once instead of in the caller's time.
    pub(crate) eager: bool,
    pub(crate) marked: Instant,
    minutes: bool,
    pub(crate) last_feed: (Box<str>, Source),
    pub(crate) gone: Vec<Stamped>,
}

impl Engine {
    /// An engine without households and packs.
    #[must_use]
    pub fn new(partitions: u32) -> Engine {
        let mut world = World::default();
        let catalogue = Catalogue::shipped();
        let book = Rulebook::link(Vec::new(), &catalogue, &mut world.rule_ids);
        world.books.push((0, Arc::new(book)));
        world.clock = Instant(i64::MIN);
        Engine {
            world,
            folds: (0..partitions.max(1)).map(|_| Fold::default()).collect(),
            resolver: Resolver::default(),
            marks: Marks::default(),
            catalogue,
            eager: false,
            marked: Instant(i64::MIN),
            minutes: false,
            last_feed: (Box::default(), Source(0)),
            gone: Vec::new(),
        }
    }

    /// Works midnights and fan-outs off at once: for replays that no one waits for.
    pub fn set_eager(&mut self, eager: bool) {
        self.eager = eager;
    }

    /// Takes feed marks each minute, not only at midnight: for a clock that is the wall clock.
    pub fn set_minute_marks(&mut self, minutes: bool) {
        self.minutes = minutes;
    }

    /// Marks the alerts made from now on as made from a past that is being folded in.
    pub fn set_history(&mut self, history: bool) {
        self.world.history = history;
    }

    /// The largest instant so far.
    #[must_use]
    pub fn clock(&self) -> Instant {
        self.world.clock
    }

    /// Every event type known so far; types keep their ids.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The packs in force or to come.
    #[must_use]
    pub fn packs(&self) -> &[Arc<Pack>] {
        &self.world.present().packs
    }

    /// The memory that the events of all households take, in bytes, room to grow included.
    #[must_use]
    pub fn event_bytes(&self) -> u64 {
        self.folds.iter().flat_map(|f| &f.households).map(|h| h.ledger.room()).sum()
    }

    /// Applies entries in order and appends what they gave to `out`.
    pub fn apply<H: Hands>(&mut self, hands: &H, batch: &[Stamped], out: &mut Output) {
        let first = out.outcomes.len();
        out.outcomes.resize(first + batch.len(), Outcome::Accepted);
        let found = self.look_up(hands, batch);
        let mut queues = Queues::new(self.folds.len(), batch, &mut out.outcomes[first..]);
        for ((n, stamped), found) in (0u32..).zip(batch).zip(found) {
            if stamped.at > self.world.clock {
                self.move_clock(hands, stamped.at, &mut queues);
            }
            let outcome = match &stamped.entry {
                Entry::Event(event) => self.route(hands, n, event, found, &mut queues),
                Entry::Profile(profile) => self.route_profile(hands, n, profile, &mut queues),
                Entry::Tick | Entry::FoldVersion(_) => Some(Outcome::Accepted),
                other => {
                    self.flush(hands, &mut queues);
                    queues.moved |= matches!(other, Entry::Removal { .. });
                    Some(self.enter(hands, stamped, other))
                }
            };
            if let Some(outcome) = outcome {
                queues.outcomes[n as usize] = outcome;
                self.note_mark(stamped, outcome);
            }
        }
        self.flush(hands, &mut queues);
        self.hurry(hands);
        self.take_alerts(out);
    }

    /// Moves the clock without any entry.
    pub fn advance<H: Hands>(&mut self, hands: &H, at: Instant, out: &mut Output) {
        if at > self.world.clock {
            let mut queues = Queues::new(self.folds.len(), &[], &mut []);
            self.move_clock(hands, at, &mut queues);
        }
        self.hurry(hands);
        self.take_alerts(out);
    }

    fn move_clock<H: Hands>(&mut self, hands: &H, at: Instant, queues: &mut Queues<'_>) {
        let before = self.world.clock.date();
        let midnight = at.date() > before;
        let minute =
            self.minutes && !self.world.history && at.0 >= self.marked.0.saturating_add(MARK_US);
        if !midnight && !minute {
            // Clocks that run out meanwhile concern one household each, which meets them in order.
            self.world.clock = at;
            return;
        }
        self.flush(hands, queues);
        if midnight || minute {
            self.marked = at;
            let since = if midnight { at.date().midnight() } else { at };
            self.world.marks.push((since, Arc::new(self.marks.clone())));
        }
        self.world.clock = at;
        if midnight {
            let today = at.date();
            for fold in &mut self.folds {
                fold.calendar.reach(today);
            }
            if today.month() != before.month() {
                let days = self.world.present().retain_days;
                for (token, gone) in self.resolver.expire(today, days) {
                    self.let_go(today.midnight(), Subject::Person(token), &gone);
                }
                self.world.areas.forget(at.plus_us(-i64::from(REMEMBERED_DAYS) * DAY_US));
            }
        }
        self.hurry(hands);
        self.prune();
    }

    pub(crate) fn area_event<H: Hands>(
        &mut self,
        hands: &H,
        area: &Area,
        event: &Event,
        source: Source,
        at: Instant,
    ) -> Outcome {
        let next = self.world.number + 1;
        let book = Arc::clone(self.world.present());
        let heeded = |record: Record<'_>| book.heeds(record);
        let (offered, matters) = self.world.areas.offer(area, event, source, next, heeded);
        match offered {
            Offered::Duplicate => Outcome::Duplicate,
            Offered::Conflict => Outcome::Refused(Code::IdConflict),
            Offered::Full => Outcome::Refused(Code::LimitHousehold),
            Offered::Taken { changed, unmatched, .. } => {
                // A household whose watch for relapse begins today is decided on any change.
                if changed && !matters && !self.watch_begins(at.date()) {
                    // Seen from now on, but no household need be asked.
                    self.world.number = next;
                } else if changed {
                    self.change(hands, at, Some((area.clone(), event.type_id)));
                }
                if unmatched { Outcome::Unmatched } else { Outcome::Accepted }
            }
        }
    }

    /// Begins to carry a change to all households that it touches.
    fn change<H: Hands>(&mut self, hands: &H, at: Instant, area: Option<(Area, TypeId)>) {
        self.world.number += 1;
        let number = self.world.number;
        self.world.changes.push(Change { number, at, area });
        let world = &self.world;
        hands.each(&mut self.folds, |fold| fold.begin_fan_out(world, number));
        self.hurry(hands);
        self.prune();
    }

    fn enter<H: Hands>(&mut self, hands: &H, stamped: &Stamped, entry: &Entry) -> Outcome {
        match entry {
            Entry::Removal { household, updated_at } => {
                self.removal(stamped.key, household, *updated_at, stamped.at)
            }
            Entry::Pack { name, yaml, withdrawn } => {
                self.pack(hands, stamped.at, name, yaml, *withdrawn)
            }
            // What partitions tell each other is told where there are several.
            Entry::Claim(_) | Entry::Adopt(_) | Entry::Release(_) => Outcome::Duplicate,
            Entry::Outcome(outcome) => self.outcome(stamped.key, outcome, stamped.at),
            Entry::Marks(marks) => self.seen_elsewhere(marks, stamped.at),
            Entry::Profile(_) | Entry::Event(_) | Entry::Tick | Entry::FoldVersion(_) => {
                Outcome::Accepted
            }
        }
    }

    fn pack<H: Hands>(
        &mut self,
        hands: &H,
        at: Instant,
        name: &str,
        yaml: &[u8],
        withdrawn: bool,
    ) -> Outcome {
        let Ok(pack) = Pack::load(name, yaml, &self.catalogue) else {
            return Outcome::Refused(Code::PackInvalid);
        };
        let present = &self.world.present().packs;
        let same = present.iter().find(|p| p.id == pack.id);
        let known = same.is_some_and(|p| p.digest == pack.digest);
        if known != withdrawn {
            return Outcome::Duplicate;
        }
        let mut packs: Vec<Arc<Pack>> =
            present.iter().filter(|p| p.id != pack.id).cloned().collect();
        if !withdrawn {
            self.catalogue = pack.catalogue.clone();
            packs.push(Arc::new(pack));
        }
        if PackSet::new(packs.clone()).is_err() {
            return Outcome::Refused(Code::PackConflict);
        }
        let mut book = Rulebook::link(packs, &self.catalogue, &mut self.world.rule_ids);
        book.catalogue = self.catalogue.clone();
        self.world.books.push((self.world.number + 1, Arc::new(book)));
        self.change(hands, at, None);
        Outcome::Accepted
    }

    /// Notes events that stayed unmatched for too long.
    pub(crate) fn let_go(&mut self, at: Instant, subject: Subject, events: &Ledger) {
        self.gone.extend(events.records().filter_map(|record| {
            let source = self.world.feeds.text(Word(record.source().0));
            let event = record.event(source, subject.clone())?;
            Some(Stamped::new(at, Entry::Event(Box::new(event))))
        }));
    }

    pub(crate) fn take_alerts(&mut self, out: &mut Output) {
        for at in 0..self.folds.len() {
            for (at, id, events) in std::mem::take(&mut self.folds[at].gone) {
                self.let_go(at, Subject::Household(id), &events);
            }
        }
        out.expired.append(&mut self.gone);
        let first = out.alerts.len();
        for fold in &mut self.folds {
            out.alerts.append(&mut fold.alerts);
        }
        out.alerts[first..].sort_by(|a, b| {
            let key = |alert: &Alert| (alert.episode, alert.revision);
            a.time
                .cmp(&b.time)
                .then_with(|| a.household.cmp(&b.household))
                .then_with(|| key(a).cmp(&key(b)))
        });
    }
}
