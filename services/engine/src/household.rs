//! What is held of one household: its profile, its events, its case and when to look again.

use proto::{
    date::{Date, Instant},
    household::{Labour, Profile},
    region::Region,
};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    case::Case,
    clocks::NEVER,
    ledger::{Ledger, Slot},
    margin::Margin,
    record::Record,
    view::Sight,
    watch::Watches,
    words::{Word, Words},
};

/// A person by the place in the resolver's table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub(crate) struct Person(pub u32);

impl Person {
    /// A slot without a person.
    pub(crate) const NOBODY: Person = Person(u32::MAX);
}

/// One household. Its place in its partition never changes, not even when its profile is removed.
///
/// Three lines of the cache: most events meet only the first two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[repr(C, align(64))]
pub(crate) struct Household {
    /// Its own events and those of its persons.
    pub ledger: Ledger,
    /// The persons that belong to it now; slot n + 1 of the ledger is the person at n.
    pub persons: Box<[Person]>,
    /// The open case, or the rules that people quieted.
    pub case: Option<Box<Case>>,
    /// How much may come before it must be decided again.
    #[serde(skip)]
    pub margin: Margin,
    /// When its next clock runs out.
    pub alarm: Instant,
    /// The first midnight at which it must be decided again.
    pub due: Date,
    /// The earliest date under which it stands in the calendar.
    pub armed: Date,
    /// The number of the last area or pack change that it has met.
    pub seen: u32,
    /// The date of the last change of its data.
    pub changed_on: Date,
    /// The generation of rule packs at the last change of its data.
    pub changed_under: u32,
    /// The end of the watch for relapse as of the last change of its data.
    pub changed_watch: Date,
    /// The first date on which it is no longer watched for relapse.
    pub watched_until: Date,
    /// The number of its last episode; survives removal.
    pub episode: u32,
    /// The present profile.
    pub known: Option<Box<Known>>,
    /// Its id.
    pub id: Box<str>,
    /// How long each rule stays; nothing while that is not known of all.
    #[serde(skip)]
    pub watches: Option<Watches>,
    /// Since when each own event waits for a profile, by its place in the ledger's order.
    pub parked: Option<Box<Parked>>,
    /// The `updated_at` of the last removal: an older profile does not return.
    pub removed_at: Option<Box<Instant>>,
    /// What people did about its cases.
    pub record: Option<Box<Record>>,
}

/// Since when each of several events waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parked {
    pub since: Vec<Date>,
}

impl Household {
    /// A household of which nothing is known but the id.
    #[must_use]
    pub(crate) fn new(id: &str, seen: u32) -> Household {
        Household {
            ledger: Ledger::default(),
            persons: Box::default(),
            case: None,
            margin: Margin::NONE,
            alarm: NEVER,
            due: Date::MAX,
            armed: Date::MAX,
            seen,
            changed_on: Date::MAX,
            changed_under: 0,
            changed_watch: Date(i32::MIN),
            watched_until: Date(i32::MIN),
            episode: 0,
            known: None,
            id: id.into(),
            watches: None,
            parked: None,
            removed_at: None,
            record: None,
        }
    }

    /// Forgets how long its rules stay: all are asked when it is decided next.
    pub(crate) fn doubt(&mut self) {
        self.margin = Margin::NONE;
        self.watches = None;
    }

    /// Notes that the data of a known household changed.
    pub(crate) fn note_change(&mut self, today: Date, generation: u32) {
        self.changed_on = today;
        self.changed_under = generation;
        self.changed_watch = self.watched_until;
    }

    /// What is seen of it as of the last change of its data: nothing changed since but the date.
    pub(crate) fn last_change<'a>(&self, now: &Sight<'a>) -> Sight<'a> {
        Sight { today: self.changed_on, watched_until: self.changed_watch, ..*now }
    }

    /// Whether a profile is newer than what is known and than a removal.
    #[must_use]
    pub(crate) fn expects(&self, profile: &Profile) -> bool {
        self.removed_at.as_deref().is_none_or(|removed| profile.updated_at > *removed)
            && self.known.as_ref().is_none_or(|known| known.yields_to(profile))
    }

    /// Reads something of each of its lines that an event meets. Of several households first this,
    /// then [`Household::touch`], then [`Household::touch_all`]: their cache misses overlap.
    #[must_use]
    pub(crate) fn near(&self) -> usize {
        self.ledger.len() + usize::from(self.margin.calm)
    }

    /// Reads something of all that an event meets behind that.
    #[must_use]
    pub(crate) fn touch(&self) -> usize {
        let case = self.case.as_deref().map_or(0, |case| case.standings.len());
        let persons = self.persons.first().map_or(0, |person| person.0 as usize);
        self.ledger.near().wrapping_add(case).wrapping_add(persons)
    }

    /// Reads something of all that a decision needs besides.
    #[must_use]
    pub(crate) fn touch_all(&self) -> usize {
        let known = self.known.as_deref().map_or(0, Known::touch);
        let case = self.case.as_deref().and_then(|case| case.standings.first());
        let standing = case.map_or(0, |standing| usize::from(standing.rule.0));
        let watches = self.watches.as_ref().map_or(0, Watches::touch);
        let known = known.wrapping_add(self.ledger.touch());
        known.wrapping_add(standing).wrapping_add(watches)
    }

    /// The slot of a person that belongs to it.
    #[must_use]
    pub(crate) fn slot(&self, person: Person) -> Option<Slot> {
        let at = self.persons.iter().position(|p| *p == person)?;
        Slot::try_from(at + 1).ok()
    }

    /// The slot of a person that comes to it.
    pub(crate) fn seat(&mut self, person: Person) -> Slot {
        if let Some(slot) = self.slot(person) {
            return slot;
        }
        let at = match self.slot(Person::NOBODY) {
            Some(free) => usize::from(free) - 1,
            None => {
                let before = self.persons.iter().copied();
                self.persons = before.chain([Person::NOBODY]).collect();
                self.persons.len() - 1
            }
        };
        self.persons[at] = person;
        // A profile names at most 64 persons, and a person leaves before another takes the seat.
        Slot::try_from(at + 1).unwrap_or(Slot::MAX)
    }
}

/// Where a household is and how vulnerable, kept apart so that an area's are found quickly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Nothing without a profile.
    pub region: Option<Region>,
    /// Whether it lives at a resettlement site.
    pub sited: bool,
    /// As [`Known::rank`] gives it.
    pub rank: u8,
}

/// What expressions may see of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberKnown {
    /// 0 when not said.
    pub birth_year: u16,
    /// Labour capacity.
    pub labour: Labour,
    /// [`AWAY`], [`IDLE`], [`STUDENT`], [`ILL`], [`INSURED`].
    pub flags: u8,
    /// 0 = none.
    pub disability_grade: u8,
}

/// Works away from home.
pub(crate) const AWAY: u8 = 1;
/// Is said not to work.
pub(crate) const IDLE: u8 = 2;
/// Goes to school.
pub(crate) const STUDENT: u8 = 4;
/// Has chronic or severe health.
pub(crate) const ILL: u8 = 8;
/// Has paid medical insurance.
pub(crate) const INSURED: u8 = 16;

/// What expressions may see of a profile, packed; the profile itself stands in the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Known {
    /// Later replaces earlier.
    pub updated_at: Instant,
    /// The first half of the profile's digest, for ties.
    pub digest: [u8; 16],
    /// The registered region.
    pub region: Region,
    /// Net income a year.
    pub net_income_fen: i64,
    /// Savings.
    pub savings_fen: i64,
    /// Support by relatives.
    pub support_fen: i64,
    /// The resettlement site.
    pub site: Option<Box<str>>,
    /// Members.
    pub members: SmallVec<[MemberKnown; 6]>,
    /// Persons named, each once.
    pub named: Box<[Person]>,
    /// Categories.
    pub categories: SmallVec<[Word; 4]>,
    /// Programmes of aid.
    pub aid: SmallVec<[Word; 4]>,
    /// Class.
    pub class: Word,
    /// State of the house.
    pub housing: Word,
    /// State of the water supply.
    pub water: Word,
    /// Persons.
    pub size: u8,
}

impl Known {
    /// Packs a profile whose persons are at `named`.
    pub(crate) fn pack(profile: &Profile, named: Box<[Person]>, words: &mut Words) -> Known {
        let mut digest = [0; 16];
        digest.copy_from_slice(&profile.digest[..16]);
        let mut word = |text: &str| words.place(text);
        Known {
            updated_at: profile.updated_at,
            digest,
            region: profile.region,
            net_income_fen: profile.net_income_fen,
            savings_fen: profile.savings_fen,
            support_fen: profile.support_fen,
            site: profile.site.clone(),
            members: profile.members.iter().map(member).collect(),
            named,
            categories: profile.categories.iter().map(|c| word(c)).collect(),
            aid: profile.aid.iter().map(|a| word(&a.programme)).collect(),
            class: word(&profile.class),
            housing: word(&profile.housing),
            water: word(&profile.water),
            size: profile.size,
        }
    }

    /// Reads something of each of its lines.
    fn touch(&self) -> usize {
        let member = self.members.first().map_or(0, |m| usize::from(m.flags));
        let words = self.categories.len() + self.aid.len() + self.named.len();
        member + words + usize::from(self.digest[0]) + usize::from(self.size)
    }

    /// Whether a profile takes the place of this one.
    #[must_use]
    pub(crate) fn yields_to(&self, profile: &Profile) -> bool {
        (profile.updated_at, &profile.digest[..16]) > (self.updated_at, &self.digest[..])
    }

    /// How vulnerable the family is, 0 most: who cannot bear a shock is looked at first.
    #[must_use]
    pub(crate) fn rank(&self, words: &Words) -> u8 {
        match words.text(self.class) {
            "tekun" | "dibao" => 0,
            "sudden_difficulty" | "marginal" | "unstable_lifted" => 1,
            "low_income" | "dibao_edge" => 2,
            "registered_poor" => 3,
            _ => 4,
        }
    }

    /// Where it is.
    #[must_use]
    pub(crate) fn place(&self, words: &Words) -> Place {
        let (region, sited) = (Some(self.region), self.site.is_some());
        Place { region, sited, rank: self.rank(words) }
    }

    /// The household's labour as seen in a year: the best of its members of working age.
    #[must_use]
    pub(crate) fn labour(&self, year: i32) -> Labour {
        if self.members.is_empty() {
            return Labour::Unknown;
        }
        let best = |a: Labour, b: Labour| if strength(b) > strength(a) { b } else { a };
        let working = self.members.iter().filter(|m| m.of_working_age(year));
        working.map(|m| m.labour).fold(Labour::None, best)
    }

    /// Members of working age whose labour and work are not `none`.
    #[must_use]
    pub(crate) fn workers(&self, year: i32) -> usize {
        let works = |m: &&MemberKnown| {
            m.of_working_age(year) && m.labour != Labour::None && m.flags & IDLE == 0
        };
        self.members.iter().filter(works).count()
    }

    /// The first year after `year` in which a member comes into or leaves working age.
    #[must_use]
    pub(crate) fn next_coming_of_age(&self, year: i32) -> Option<i32> {
        let years = self.members.iter().filter(|m| m.birth_year > 0);
        let turns = years.flat_map(|m| [16, 60].map(|age| i32::from(m.birth_year) + age));
        turns.filter(|turn| *turn > year).min()
    }
}

/// Someone whose labour nobody noted may well be able to work, so unknown is better than none.
fn strength(labour: Labour) -> u8 {
    match labour {
        Labour::None => 0,
        Labour::Unknown => 1,
        Labour::Weak => 2,
        Labour::Full => 3,
    }
}

impl MemberKnown {
    /// 16 to 59 by the year of birth; a member without one counts.
    #[must_use]
    pub(crate) fn of_working_age(&self, year: i32) -> bool {
        self.birth_year == 0 || (16..=59).contains(&(year - i32::from(self.birth_year)))
    }
}

fn member(m: &proto::household::Member) -> MemberKnown {
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    MemberKnown {
        birth_year: m.birth_year.unwrap_or(0),
        labour: m.labour,
        flags: flag(&*m.work == "away", AWAY)
            | flag(&*m.work == "none", IDLE)
            | flag(!matches!(&*m.student, "" | "none"), STUDENT)
            | flag(matches!(&*m.health, "chronic" | "severe"), ILL)
            | flag(m.insured, INSURED),
        disability_grade: m.disability_grade,
    }
}
