//! What all partitions share and none of them changes while events are applied.

use std::{collections::BTreeMap, sync::Arc};

use proto::{
    alert::Feed,
    catalogue::TypeId,
    date::{Date, Instant},
    region::{Area, Region},
};
use serde::{Deserialize, Serialize};

use crate::{
    area::Areas,
    ledger::Source,
    margin::kinds,
    rulebook::Rulebook,
    words::{Word, Words},
};

/// Something that touches many households at one instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Change {
    /// 1, 2, …
    pub(crate) number: u32,
    /// When.
    pub(crate) at: Instant,
    /// The area whose live events of a type changed; nothing where rule packs changed.
    pub(crate) area: Option<(Area, TypeId)>,
}

impl Change {
    pub(crate) fn touches(&self, region: Region, site: Option<&str>) -> bool {
        self.area.as_ref().is_none_or(|(area, _)| area.holds(region, site))
    }
}

/// How far each feed was seen, and which types it sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Marks(pub(crate) BTreeMap<Source, (Instant, Vec<TypeId>)>);

impl Marks {
    /// Notes an accepted event.
    pub(crate) fn note(&mut self, source: Source, time: Instant, type_id: TypeId) {
        let (seen, types) = self.0.entry(source).or_insert_with(|| (time, Vec::new()));
        *seen = time.max(*seen);
        if let Err(at) = types.binary_search(&type_id) {
            types.insert(at, type_id);
        }
    }

    /// Takes over what others were noted.
    pub(crate) fn take(&mut self, others: &Marks) {
        for (source, (time, types)) in &others.0 {
            types.iter().for_each(|type_id| self.note(*source, *time, *type_id));
        }
    }

    /// The feeds that send any of the types, by name.
    pub(crate) fn of<'f>(&self, types: &[TypeId], feeds: &'f Words) -> Vec<Feed<'f>> {
        let any = types.iter().fold(0, |all, type_id| all | kinds(*type_id));
        let sends = |(_, (_, sent)): &(_, &(_, Vec<TypeId>))| {
            sent.iter().any(|sent| any & kinds(*sent) != 0 && types.contains(sent))
        };
        let mut found: Vec<Feed<'_>> = self
            .0
            .iter()
            .filter(sends)
            .map(|(source, (seen, _))| Feed {
                source: feeds.text(Word(source.0)),
                seen_to: seen.date(),
            })
            .collect();
        found.sort_by_key(|feed| feed.source);
        found
    }
}

/// Rule packs, area events, feeds and the changes that are still being carried to households.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// Generations of rule packs with the change that brought each.
    pub(crate) books: Vec<(u32, Arc<Rulebook>)>,
    /// Area events.
    pub(crate) areas: Areas,
    /// The changes that some household may not have met yet, oldest first.
    pub(crate) changes: Vec<Change>,
    /// The number of the last change.
    pub(crate) number: u32,
    /// The names of feeds.
    pub(crate) feeds: Words,
    /// The ids of rules.
    pub(crate) rule_ids: Words,
    /// Feed marks with the instant from which each holds, oldest first.
    pub(crate) marks: Vec<(Instant, Arc<Marks>)>,
    /// The largest instant so far.
    pub(crate) clock: Instant,
    /// Whether alerts are made from a past that is being folded in.
    pub(crate) history: bool,
}

impl World {
    /// The generation of rule packs as of a change.
    pub(crate) fn generation(&self, as_of: u32) -> u32 {
        let later = self.books.iter().rposition(|(since, _)| *since <= as_of);
        u32::try_from(later.unwrap_or(0)).unwrap_or(0)
    }

    /// The packs of a generation.
    pub(crate) fn book(&self, generation: u32) -> &Arc<Rulebook> {
        let last = self.books.len() - 1;
        &self.books[last.min(generation as usize)].1
    }

    /// The packs in force now.
    #[must_use]
    pub(crate) fn present(&self) -> &Arc<Rulebook> {
        self.book(u32::MAX)
    }

    /// The first change after `seen` that is not met yet.
    pub(crate) fn next_change(&self, seen: u32) -> Option<&Change> {
        if seen >= self.number {
            return None;
        }
        self.changes.iter().find(|change| change.number > seen)
    }

    /// How far the feeds were seen as of an instant.
    pub(crate) fn marks(&self, at: Instant) -> Option<&Marks> {
        let upto = self.marks.iter().rfind(|(since, _)| *since <= at);
        upto.or(self.marks.first()).map(|(_, marks)| &**marks)
    }

    /// Today on the engine's clock.
    #[must_use]
    pub(crate) fn today(&self) -> Date {
        self.clock.date()
    }
}
