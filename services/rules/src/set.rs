//! Several packs together: what they must not contradict, and which rule holds where.

use std::{collections::BTreeMap, sync::Arc};

use proto::{catalogue::EventType, date::Date, region::Region};

use crate::{
    error::{PackCode, PackError},
    near::shown,
    pack::Pack,
};

/// Packs that do not contradict each other.
#[derive(Clone, Debug, Default)]
pub struct PackSet {
    packs: Vec<Arc<Pack>>,
}

/// A rule of a set: the places of its pack and of the rule in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleRef {
    /// The place in [`PackSet::packs`].
    pub pack: usize,
    /// The place in [`Pack::rules`].
    pub rule: usize,
}

impl PackSet {
    /// Puts packs together; the same file twice counts once.
    ///
    /// # Errors
    /// [`PackCode::Conflict`] where two packs of one scope and overlapping `effective` share a rule
    /// id, where two files share a pack id, and where two define one event type differently.
    pub fn new(packs: Vec<Arc<Pack>>) -> Result<PackSet, Vec<PackError>> {
        let mut errors = Vec::new();
        let mut kept: Vec<Arc<Pack>> = Vec::new();
        for pack in packs {
            if kept.iter().any(|known| known.id == pack.id && known.digest == pack.digest) {
                continue;
            }
            kept.iter().for_each(|known| contradictions(known, &pack, &mut errors));
            kept.push(pack);
        }
        if errors.is_empty() { Ok(PackSet { packs: kept }) } else { Err(errors) }
    }

    /// The packs in the order given.
    #[must_use]
    pub fn packs(&self) -> &[Arc<Pack>] {
        &self.packs
    }

    /// The rules that hold for a registered region on a date, by rule id: for each id that of the
    /// longest matching scope.
    #[must_use]
    pub fn in_force(&self, region: Region, date: Date) -> Vec<RuleRef> {
        let mut found: BTreeMap<&str, RuleRef> = BTreeMap::new();
        for (at, pack) in self.packs.iter().enumerate() {
            if !pack.in_force(date) || !pack.covers(region) {
                continue;
            }
            for (rule, known) in pack.rules.iter().enumerate() {
                let held = found.get(&*known.id);
                let longer = held
                    .is_none_or(|held| self.packs[held.pack].scope.digits() < pack.scope.digits());
                if longer {
                    found.insert(&known.id, RuleRef { pack: at, rule });
                }
            }
        }
        found.into_values().collect()
    }
}

fn contradictions(known: &Pack, new: &Pack, errors: &mut Vec<PackError>) {
    let mut add = |message: String, hint: &str| {
        errors.push(PackError {
            code: PackCode::Conflict,
            file: new.file.clone(),
            line: 1,
            column: 1,
            message,
            hint: Some(hint.to_owned()),
        });
    };
    if known.id == new.id {
        let message = format!("another file is pack {} too", shown(&new.id));
        add(message, "a changed pack replaces the old one, or has another id");
    }
    let overlap = known.in_force(new.from) || new.in_force(known.from);
    if known.scope == new.scope && overlap {
        for rule in &new.rules {
            if known.rules.iter().any(|other| other.id == rule.id) {
                let message = format!(
                    "rule {} stands in pack {} of the same scope and time",
                    shown(&rule.id),
                    shown(&known.id)
                );
                add(message, "end one pack before the other begins, or narrow its scope");
            }
        }
    }
    let differs = |a: &&EventType| new.event_types.iter().any(|b| a.name == b.name && *a != b);
    for event in known.event_types.iter().filter(differs) {
        let message =
            format!("pack {} defines {} differently", shown(&known.id), shown(&event.name));
        add(message, "use the same definition or another name");
    }
}
