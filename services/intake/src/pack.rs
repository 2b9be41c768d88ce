//! Entries as frames for the partitions of a journal. It decides where an entry goes and refuses to
//! know how frames become durable.
//!
//! What is a household's goes to the household's partition of the journal, a person's events to the
//! person log, and what concerns areas or rules to every partition of the journal.

use proto::{
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
        let household = |id: &str| Some(HouseholdKey::of(id));
        let key = match entry {
            Entry::Event(event) => return self.add_event(event, catalogue),
            Entry::Profile(profile) => household(&profile.household),
            Entry::Removal { household: id, .. } => household(id),
            Entry::Outcome(outcome) => household(&outcome.household),
            Entry::Adopt(adopt) => household(&adopt.household),
            Entry::Release(release) => household(&release.household),
            Entry::Claim(claim) => {
                let key = proto::belonging::person_key(&claim.person);
                at(&mut self.persons, key).add(entry, catalogue);
                return;
            }
            Entry::Pack { .. } | Entry::Tick | Entry::FoldVersion(_) => None,
        };
        match key {
            Some(key) => at(&mut self.journal, key).add(entry, catalogue),
            None => self.journal.iter_mut().for_each(|writer| writer.add(entry, catalogue)),
        }
    }

    /// As [`Packer::add`], for an event.
    pub fn add_event(&mut self, event: &Event, catalogue: &Catalogue) {
        match (subject_key(&event.subject), &event.subject) {
            (Some(key), Subject::Person(_)) => {
                at(&mut self.persons, key).add_event(event, catalogue);
            }
            (Some(key), _) => at(&mut self.journal, key).add_event(event, catalogue),
            (None, _) => {
                self.journal.iter_mut().for_each(|writer| writer.add_event(event, catalogue));
            }
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

fn at(writers: &mut [FrameWriter], key: HouseholdKey) -> &mut FrameWriter {
    let partition = key.partition(writers.len() as u32);
    &mut writers[partition as usize]
}
