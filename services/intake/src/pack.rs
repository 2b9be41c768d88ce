//! Entries as frames for the partitions of a journal. It decides where an entry goes and refuses to
//! know how frames become durable.
//!
//! What is a household's goes to the household's partition of the journal, a person's events to the
//! person log, what concerns areas and how far feeds were seen to every partition of the journal, and
//! packs to every partition of both.

use proto::{
    belonging::person_key,
    catalogue::Catalogue,
    date::Instant,
    event::{Event, Subject},
    frame::{Entry, FrameWriter, subject_key},
    ids::HouseholdKey,
};

/// Frames by partition, for one append.
pub type Frames = Vec<(u32, Vec<u8>)>;

/// Collects entries until they are packed.
#[derive(Debug)]
pub struct Packer {
    journal: Vec<FrameWriter>,
    persons: Vec<FrameWriter>,
    last_at: Instant,
}

impl Packer {
    /// For a journal and a person log of so many partitions.
    #[must_use]
    pub fn new(journal: u32, persons: u32) -> Packer {
        let writers = |n| (0..n).map(|_| FrameWriter::default()).collect();
        Packer { journal: writers(journal), persons: writers(persons), last_at: Instant(i64::MIN) }
    }

    /// Adds an entry.
    pub fn add(&mut self, entry: &Entry, catalogue: &Catalogue) {
        if let Entry::Event(event) = entry {
            return self.add_event(event, catalogue);
        }
        self.each(home(entry), |writer| writer.add(entry, catalogue));
    }

    /// As [`Packer::add`], for an event.
    pub fn add_event(&mut self, event: &Event, catalogue: &Catalogue) {
        let home = event_home(event);
        // Hashing costs as much as half of the parsing: once is enough.
        let key = match home {
            Home::Household(key) | Home::Person(key) => Some(key),
            Home::Areas | Home::All => None,
        };
        self.each(home, |writer| writer.add_keyed(event, key, catalogue));
    }

    fn each(&mut self, home: Home, add: impl FnMut(&mut FrameWriter)) {
        match home {
            Home::Household(key) => at(&mut self.journal, key).into_iter().for_each(add),
            Home::Person(key) => at(&mut self.persons, key).into_iter().for_each(add),
            Home::Areas => self.journal.iter_mut().for_each(add),
            Home::All => self.persons.iter_mut().chain(&mut self.journal).for_each(add),
        }
    }

    /// The frames of everything added, stamped with an instant that never goes back: those for the
    /// journal, those for the person log.
    pub fn pack(&mut self, now: Instant) -> (Frames, Frames) {
        self.last_at = now.max(self.last_at);
        let at = self.last_at;
        let frames = |writers: &mut Vec<FrameWriter>| {
            let filled = (0..).zip(writers.iter_mut()).filter(|(_, writer)| !writer.is_empty());
            filled.map(|(partition, writer)| (partition, writer.finish(at))).collect()
        };
        (frames(&mut self.journal), frames(&mut self.persons))
    }
}

/// Where an entry is decided.
enum Home {
    /// In the household's partition of the journal.
    Household(HouseholdKey),
    /// In the person's partition of the person log.
    Person(HouseholdKey),
    /// In every partition of the journal.
    Areas,
    /// In every partition of both.
    All,
}

fn home(entry: &Entry) -> Home {
    let household = |id: &str| Home::Household(HouseholdKey::of(id));
    match entry {
        Entry::Profile(profile) => household(&profile.household),
        Entry::Removal { household: id, .. } => household(id),
        Entry::Event(event) => event_home(event),
        Entry::Claim(claim) => Home::Person(person_key(&claim.person)),
        Entry::Outcome(outcome) => household(&outcome.household),
        Entry::Adopt(adopt) => household(&adopt.household),
        Entry::Release(release) => household(&release.household),
        Entry::Marks(_) => Home::Areas,
        Entry::Pack { .. } | Entry::Tick | Entry::FoldVersion(_) => Home::All,
    }
}

fn event_home(event: &Event) -> Home {
    match (subject_key(&event.subject), &event.subject) {
        (Some(key), Subject::Person(_)) => Home::Person(key),
        (Some(key), _) => Home::Household(key),
        (None, _) => Home::Areas,
    }
}

fn at(writers: &mut [FrameWriter], key: HouseholdKey) -> Option<&mut FrameWriter> {
    let partition = key.partition(writers.len() as u32);
    writers.get_mut(partition as usize)
}
