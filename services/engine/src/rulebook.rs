//! The packs in force together, linked so that a decision asks only the rules it must.

use std::sync::Arc;

use proto::{
    catalogue::{Catalogue, TypeId},
    date::Date,
    ids::hex,
    region::Region,
};
use rules::{Calendar, Evaluate, FactKind, Pack, Rule};

use crate::{
    ledger::Record,
    margin::{Addition, kinds},
    view::EventFields,
    words::{Word, Words},
};

/// A rule of a pack by their places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RuleAt {
    /// The pack's place in [`Rulebook::packs`].
    pub pack: u16,
    /// The rule's place in its pack.
    pub rule: u16,
}

/// One rule id and the packs that define it, longest scope first.
#[derive(Clone, Debug)]
struct RuleSlot {
    id: Word,
    packs: Vec<RuleAt>,
}

/// One generation of rule packs.
#[derive(Debug)]
pub(crate) struct Rulebook {
    /// The packs, in the order in which they came into force.
    pub packs: Vec<Arc<Pack>>,
    pack_ids: Vec<Word>,
    /// The digest of each pack as alerts show it.
    digests: Vec<String>,
    /// The event types of all of them.
    pub catalogue: Catalogue,
    slots: Vec<RuleSlot>,
    all: Vec<u16>,
    by_type: Vec<Vec<u16>>,
    additions: Vec<Addition>,
    /// By rule, the [`kinds`] of the types whose every event it may have to be asked about.
    asked: Vec<u64>,
    /// By rule, what an event that can end its rest is looked at by: its type, and the pack and place
    /// of the fact.
    waking: Vec<Vec<(TypeId, u16, usize)>>,
    waking_kinds: Vec<u64>,
    resting: Vec<(u16, u64)>,
    /// By rule, the types of the events that end what it may rest for.
    closing: Vec<Vec<TypeId>>,
    on_event: Vec<u16>,
    /// Whether any fact looks at events about areas.
    pub reads_areas: bool,
    /// The longest look back of a fact, at least 400 days.
    pub reach_days: i32,
    /// How long an unmatched event waits for its profile, in days.
    pub retain_days: i32,
}

impl Rulebook {
    /// Links packs; `ids` keeps one place for each id of a rule or pack for ever.
    #[must_use]
    pub(crate) fn link(packs: Vec<Arc<Pack>>, shipped: &Catalogue, ids: &mut Words) -> Rulebook {
        let catalogue = packs
            .iter()
            .map(|pack| &pack.catalogue)
            .max_by_key(|catalogue| catalogue.iter().count())
            .unwrap_or(shipped)
            .clone();
        let pack_ids = packs.iter().map(|pack| ids.place(&pack.id)).collect();
        let digests = packs.iter().map(|p| format!("sha256:{}", hex(&p.digest))).collect();
        let mut slots: Vec<RuleSlot> = Vec::new();
        for (p, pack) in (0u16..).zip(&packs) {
            for (r, rule) in (0u16..).zip(&pack.rules) {
                let id = ids.place(&rule.id);
                let at = RuleAt { pack: p, rule: r };
                match slots.iter_mut().find(|slot| slot.id == id) {
                    Some(slot) => slot.packs.push(at),
                    None => slots.push(RuleSlot { id, packs: vec![at] }),
                }
            }
        }
        for slot in &mut slots {
            slot.packs.sort_by_key(|at| u8::MAX - packs[usize::from(at.pack)].scope.digits());
        }
        let days = |least: u32, of: fn(&Pack) -> u32| {
            let longest = packs.iter().map(|p| of(p)).max().unwrap_or(0).max(least);
            i32::try_from(longest).unwrap_or(i32::MAX)
        };
        let mut book = Rulebook {
            catalogue,
            all: (0u16..).zip(&slots).map(|(n, _)| n).collect(),
            by_type: Vec::new(),
            additions: Vec::new(),
            asked: Vec::new(),
            waking: Vec::new(),
            waking_kinds: Vec::new(),
            resting: Vec::new(),
            closing: Vec::new(),
            on_event: Vec::new(),
            slots,
            reads_areas: false,
            reach_days: days(400, |p| p.reach_days),
            retain_days: days(400, |p| p.retain_days),
            packs,
            pack_ids,
            digests,
        };
        book.index();
        book
    }

    fn index(&mut self) {
        self.by_type = vec![Vec::new(); self.catalogue.iter().count()];
        for (n, slot) in (0u16..).zip(&self.slots) {
            for at in &slot.packs {
                let pack = &self.packs[usize::from(at.pack)];
                let rule = &pack.rules[usize::from(at.rule)];
                let until = rule.reads.facts.iter().filter_map(|fact| pack.facts[*fact].until);
                for type_id in rule.reads.types.iter().copied().chain(until) {
                    self.reads_areas |= self.catalogue.get(type_id).area;
                    let list = &mut self.by_type[usize::from(type_id.0)];
                    if list.last() != Some(&n) {
                        list.push(n);
                    }
                }
                if pack.evaluate == Evaluate::OnEvent && self.on_event.last() != Some(&n) {
                    self.on_event.push(n);
                }
            }
        }
        for list in &mut self.by_type {
            list.dedup();
        }
        let slots = 0..u16::try_from(self.slots.len()).unwrap_or(u16::MAX);
        self.waking = slots.map(|slot| self.gating(slot)).collect();
        let until = |(_, pack, fact): &(TypeId, u16, usize)| {
            self.packs[usize::from(*pack)].facts[*fact].until
        };
        let closing = |facts: &Vec<_>| facts.iter().filter_map(until).collect();
        self.closing = self.waking.iter().map(closing).collect();
        let types = 0..u16::try_from(self.by_type.len()).unwrap_or(u16::MAX);
        self.additions = types.map(|at| Addition::of(self, TypeId(at))).collect();
        self.asked = vec![0; self.slots.len()];
        for (at, addition) in (0u16..).zip(&self.additions) {
            for slot in &addition.asks {
                self.asked[usize::from(*slot)] |= kinds(TypeId(at));
            }
        }
        let of = |facts: &Vec<(TypeId, _, _)>| facts.iter().fold(0, |all, f| all | kinds(f.0));
        let both = self.waking.iter().zip(&self.asked);
        self.waking_kinds = both.map(|(waking, asked)| of(waking) & asked).collect();
        let all = (0..).zip(self.waking_kinds.iter().copied());
        self.resting = all.filter(|(_, kinds)| *kinds != 0).collect();
    }

    /// The facts that look at no event while a rule is at rest; see [`Pack::rests`].
    fn gating(&self, slot: u16) -> Vec<(TypeId, u16, usize)> {
        let mut found = Vec::new();
        for (at, rule) in self.rules(slot) {
            let pack = self.pack(at);
            for fact in pack.rest_gates(rule) {
                found.extend(pack.facts[fact].types.iter().map(|kind| (*kind, at.pack, fact)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What events of a type add to, where they do nothing else.
    #[must_use]
    pub(crate) fn addition(&self, type_id: TypeId) -> Option<&Addition> {
        self.additions.get(usize::from(type_id.0))
    }

    /// Whether events of a type end others.
    #[must_use]
    pub(crate) fn ends(&self, type_id: TypeId) -> bool {
        self.closing.iter().any(|types| types.contains(&type_id))
    }

    /// Whether an event about an area can make a difference to the level of any household.
    #[must_use]
    pub(crate) fn heeds(&self, record: Record<'_>) -> bool {
        let type_id = record.type_id();
        let kind = self.catalogue.get(type_id);
        let fields = EventFields { kind, bytes: record.fields() };
        let heeding = |pack: &Pack, at: usize| {
            let fact = &pack.facts[at];
            if fact.until == Some(type_id) {
                return true;
            }
            if !fact.types.contains(&type_id) || pack.passes(fact, &fields) == Some(false) {
                return false;
            }
            let low = match (fact.kind, fact.field, &fact.default) {
                (FactKind::Max, Some(field), None) => Some(rules::Record::int(&fields, field)),
                _ => None,
            };
            low.is_none_or(|value| pack.floor(at).is_none_or(|floor| value >= floor))
        };
        let read = |pack: &Pack| -> Vec<usize> {
            pack.rules.iter().flat_map(|rule| rule.reads.facts.iter().copied()).collect()
        };
        !self.on_event.is_empty()
            || self.packs.iter().any(|pack| read(pack).into_iter().any(|at| heeding(pack, at)))
    }

    /// All rules.
    #[must_use]
    pub(crate) fn all(&self) -> &[u16] {
        &self.all
    }

    /// The rules that read events of a type.
    #[must_use]
    pub(crate) fn reading(&self, type_id: TypeId) -> &[u16] {
        self.by_type.get(usize::from(type_id.0)).map_or(&[], |list| list)
    }

    /// The rules that some pack decides only on events.
    #[must_use]
    pub(crate) fn on_event(&self) -> &[u16] {
        &self.on_event
    }

    /// The [`kinds`] of the types whose events a rule reads by more than sums and maxima of money.
    #[must_use]
    pub(crate) fn asked(&self, slot: u16) -> u64 {
        self.asked[usize::from(slot)]
    }

    /// Whether an event of a type, where they are known with these fields, can end a rule's rest.
    /// An event that ends another can do so by going, which it may have where its fields are not
    /// known or it `replaces` one.
    #[must_use]
    pub(crate) fn wakes(
        &self,
        slot: u16,
        type_id: TypeId,
        fields: Option<&[u8]>,
        replaces: bool,
    ) -> bool {
        if (fields.is_none() || replaces) && self.closing[usize::from(slot)].contains(&type_id) {
            return true;
        }
        let kind = self.catalogue.get(type_id);
        let looks = |pack: u16, fact: usize| {
            let pack = &self.packs[usize::from(pack)];
            let passes = |bytes| pack.passes(&pack.facts[fact], &EventFields { kind, bytes });
            fields.is_none_or(|bytes| passes(bytes) != Some(false))
        };
        let waking = &self.waking[usize::from(slot)];
        waking.iter().any(|(of, pack, fact)| *of == type_id && looks(*pack, *fact))
    }

    /// The [`kinds`] of the types of which an event can end a rule's rest whatever it adds.
    pub(crate) fn waking(&self, slot: u16) -> u64 {
        self.waking_kinds[usize::from(slot)]
    }

    /// The rules that rest until such an event comes, with [`Rulebook::waking`] of each.
    pub(crate) fn resting(&self) -> &[(u16, u64)] {
        &self.resting
    }

    /// The rules of an id, with their places.
    pub(crate) fn rules(&self, slot: u16) -> impl Iterator<Item = (RuleAt, &Rule)> {
        let rule = |at: &RuleAt| &self.packs[usize::from(at.pack)].rules[usize::from(at.rule)];
        self.slots[usize::from(slot)].packs.iter().map(move |at| (*at, rule(at)))
    }

    /// The rule of an id that one pack alone defines.
    #[must_use]
    pub(crate) fn only(&self, slot: u16) -> Option<RuleAt> {
        match self.slots[usize::from(slot)].packs.as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The id of a rule.
    #[must_use]
    pub(crate) fn id(&self, slot: u16) -> Word {
        self.slots[usize::from(slot)].id
    }

    /// The place of a rule id.
    #[must_use]
    pub(crate) fn slot(&self, id: Word) -> Option<u16> {
        let at = self.slots.iter().position(|slot| slot.id == id)?;
        u16::try_from(at).ok()
    }

    /// The pack of a rule.
    #[must_use]
    pub(crate) fn pack(&self, at: RuleAt) -> &Arc<Pack> {
        &self.packs[usize::from(at.pack)]
    }

    /// The digest of the pack of a rule, as alerts show it.
    #[must_use]
    pub(crate) fn digest(&self, at: RuleAt) -> &str {
        &self.digests[usize::from(at.pack)]
    }

    /// The id of the pack of a rule.
    #[must_use]
    pub(crate) fn pack_id(&self, at: RuleAt) -> Word {
        self.pack_ids[usize::from(at.pack)]
    }

    /// The calendar of a pack by its id.
    #[must_use]
    pub(crate) fn calendar(&self, id: Word) -> Option<&Calendar> {
        let at = self.pack_ids.iter().position(|known| *known == id)?;
        self.packs.get(at).map(|pack| &pack.calendar)
    }

    /// Which pack's rule holds for a region on a date, and the next date on which that can change.
    #[must_use]
    pub(crate) fn holds(&self, slot: u16, region: Region, today: Date) -> (Option<RuleAt>, Date) {
        let mut found = None;
        let mut until = Date::MAX;
        for at in &self.slots[usize::from(slot)].packs {
            let pack = self.pack(*at);
            if !pack.covers(region) {
                continue;
            }
            if pack.from > today {
                until = until.min(pack.from);
            } else if let Some(to) = pack.to.filter(|to| *to >= today) {
                until = until.min(to.plus(1));
            }
            if found.is_none() && pack.in_force(today) {
                found = Some(*at);
            }
        }
        (found, until)
    }
}
