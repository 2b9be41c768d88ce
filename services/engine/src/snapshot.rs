//! The whole state as bytes, and back.
//!
//! Sections: the world, the persons, then one for each partition. What can be made again from the
//! rest (indexes, calendars, compiled packs) is not written. The bytes belong to one version of the
//! fold: who stores them keeps that version beside them and a checksum over them.

use std::sync::Arc;

use proto::{
    catalogue::Catalogue,
    date::{Date, Instant},
};
use rules::Pack;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    area::Areas,
    clocks::NEVER,
    engine::Engine,
    fold::{FanOut, Fold},
    hands::Hands,
    household::{Household, Place},
    resolver::{Named, Resolver},
    rulebook::Rulebook,
    words::Words,
    world::{Change, Marks, World},
};

/// A pack file as it entered.
#[derive(Serialize, Deserialize)]
struct File {
    name: String,
    #[serde(with = "serde_bytes")]
    yaml: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct WorldForm {
    files: Vec<File>,
    /// The change that brought each generation, and the places of its packs among the files.
    generations: Vec<(u32, Vec<u32>)>,
    areas: Areas,
    changes: Vec<Change>,
    number: u32,
    feeds: Words,
    rule_ids: Words,
    marks: Vec<(Instant, Marks)>,
    clock: Instant,
    history: bool,
    present_marks: Marks,
    marked: Instant,
}

/// What one partition holds, borrowed to be written.
#[derive(Serialize)]
struct FoldView<'f> {
    households: &'f [Household],
    hashes: &'f [u64],
    words: Words,
    words_of_route: Words,
    fan_outs: Vec<FanOut>,
    failed: &'f [u64],
}

/// The same, read.
#[derive(Deserialize)]
struct FoldForm {
    households: Vec<Household>,
    hashes: Vec<u64>,
    words: Words,
    words_of_route: Words,
    fan_outs: Vec<FanOut>,
    failed: Vec<u64>,
}

impl Engine {
    /// The state now, partitions written side by side. Nothing while alerts were not taken.
    #[must_use]
    pub fn snapshot<H: Hands>(&self, hands: &H) -> Option<Vec<Vec<u8>>> {
        let waits = |f: &Fold| !(f.alerts.is_empty() && f.outcomes.is_empty() && f.gone.is_empty());
        if self.folds.iter().any(waits) || !self.gone.is_empty() {
            return None;
        }
        let world = postcard::to_allocvec(&self.world_form()).ok()?;
        let persons = postcard::to_allocvec(&self.resolver.persons).ok()?;
        let mut written: Vec<(&Fold, Option<Vec<u8>>)> =
            self.folds.iter().map(|fold| (fold, None)).collect();
        hands.each(&mut written, |(fold, bytes)| *bytes = fold.write());
        let folds = written.into_iter().map(|(_, bytes)| bytes);
        [Some(world), Some(persons)].into_iter().chain(folds).collect()
    }

    /// The engine of sections that [`Engine::snapshot`] of the same version gave; nothing for
    /// others. It is not eager and takes no minute marks.
    #[must_use]
    pub fn restore<H: Hands>(hands: &H, sections: &[Vec<u8>]) -> Option<Engine> {
        let [world, persons, folds @ ..] = sections else { return None };
        if folds.is_empty() {
            return None;
        }
        let mut engine = Engine::new(u32::try_from(folds.len()).ok()?);
        engine.take_world(read(world)?)?;
        engine.resolver = Resolver::of(read::<Vec<Named>>(persons)?);
        let today = engine.world.today();
        let mut slots: Vec<(&Vec<u8>, Option<Fold>)> = folds.iter().map(|b| (b, None)).collect();
        hands.each(&mut slots, |(bytes, fold)| *fold = Fold::read(bytes, today));
        engine.folds = slots.into_iter().map(|(_, fold)| fold).collect::<Option<_>>()?;
        Some(engine)
    }

    fn world_form(&self) -> WorldForm {
        let world = &self.world;
        let mut packs: Vec<&Arc<Pack>> = Vec::new();
        let mut generations = Vec::new();
        for (since, book) in &world.books {
            let places = book.packs.iter().map(|pack| {
                let known = packs.iter().position(|known| Arc::ptr_eq(known, pack));
                let place = known.unwrap_or(packs.len());
                if known.is_none() {
                    packs.push(pack);
                }
                u32::try_from(place).unwrap_or(u32::MAX)
            });
            generations.push((*since, places.collect()));
        }
        let file = |p: &&Arc<Pack>| File { name: p.file.clone(), yaml: p.source.clone() };
        WorldForm {
            files: packs.iter().map(file).collect(),
            generations,
            areas: world.areas.clone(),
            changes: world.changes.clone(),
            number: world.number,
            feeds: world.feeds.clone(),
            rule_ids: world.rule_ids.clone(),
            marks: world.marks.iter().map(|(since, marks)| (*since, (**marks).clone())).collect(),
            clock: world.clock,
            history: world.history,
            present_marks: self.marks.clone(),
            marked: self.marked,
        }
    }

    fn take_world(&mut self, form: WorldForm) -> Option<()> {
        let mut rule_ids = form.rule_ids;
        let mut packs: Vec<Arc<Pack>> = Vec::new();
        let mut books = Vec::new();
        let mut catalogue = Catalogue::shipped();
        for (since, places) in form.generations {
            let mut present = Vec::new();
            for place in places {
                let place = usize::try_from(place).ok()?;
                if place == packs.len() {
                    let file = form.files.get(place)?;
                    let pack = Pack::load(&file.name, &file.yaml, &catalogue).ok()?;
                    catalogue = pack.catalogue.clone();
                    packs.push(Arc::new(pack));
                }
                present.push(Arc::clone(packs.get(place)?));
            }
            let mut book = Rulebook::link(present, &catalogue, &mut rule_ids);
            book.catalogue = catalogue.clone();
            books.push((since, Arc::new(book)));
        }
        let mut areas = form.areas;
        areas.index();
        self.world = World {
            books,
            areas,
            changes: form.changes,
            number: form.number,
            feeds: form.feeds,
            rule_ids,
            marks: form.marks.into_iter().map(|(at, marks)| (at, Arc::new(marks))).collect(),
            clock: form.clock,
            history: form.history,
        };
        self.catalogue = catalogue;
        self.marks = form.present_marks;
        self.marked = form.marked;
        (!self.world.books.is_empty()).then_some(())
    }
}

impl Fold {
    fn write(&self) -> Option<Vec<u8>> {
        let view = FoldView {
            households: &self.households,
            hashes: &self.hashes,
            words: self.words.clone(),
            words_of_route: self.words_of_route.clone(),
            fan_outs: self.fan_outs.iter().cloned().collect(),
            failed: &self.failed,
        };
        postcard::to_allocvec(&view).ok()
    }

    fn read(bytes: &[u8], today: Date) -> Option<Fold> {
        let form: FoldForm = read(bytes)?;
        let mut fold = Fold {
            households: form.households,
            hashes: form.hashes,
            words: form.words,
            words_of_route: form.words_of_route,
            fan_outs: form.fan_outs.into(),
            failed: form.failed,
            ..Fold::default()
        };
        let hashes = &fold.hashes;
        if hashes.len() != fold.households.len() {
            return None;
        }
        fold.by_hash.reserve(hashes.len(), |ix| hashes[*ix as usize]);
        for (ix, (hash, household)) in (0u32..).zip(hashes.iter().zip(&fold.households)) {
            fold.by_hash.insert_unique(*hash, ix, |ix| hashes[*ix as usize]);
            fold.calendar.note(household.armed, ix);
            let known = household.known.as_deref();
            fold.places.push(known.map_or_else(Place::default, |known| known.place(&fold.words)));
            if household.record.is_some() {
                fold.recorded.push(ix);
            }
            if household.alarm != NEVER {
                fold.alarms.insert((household.alarm, ix));
            }
        }
        fold.calendar.reach(today);
        Some(fold)
    }
}

pub(crate) fn write<T: Serialize>(form: &T) -> Option<Vec<u8>> {
    postcard::to_allocvec(form).ok()
}

pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((read, [])) => Some(read),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
