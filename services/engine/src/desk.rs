//! What a decision is made on: the packs of a generation with what their expressions see of one
//! household on one date.

use std::cell::Cell;

use proto::date::Date;
use rules::{Memo, Pack, Rule};

use crate::{
    facts::Gathered,
    rulebook::{RuleAt, Rulebook},
    view::{Sight, View},
};

/// Memory that every decision is made with again.
#[derive(Debug, Default)]
pub(crate) struct Kit {
    /// What was computed, by pack.
    memos: Vec<Memo>,
    gathered: Gathered,
}

/// The views of all packs of a generation on one date, made when first asked for.
pub(crate) struct Desk<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) sight: Sight<'a>,
    /// Of the first pack, which most often is the only one.
    first: Option<View<'a>>,
    others: Vec<Option<View<'a>>>,
    kit: Kit,
    /// The pack asked for last, whether it is in force here, and until when that is sure.
    force: Cell<Option<(u16, bool, Date)>>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(book: &'a Rulebook, sight: Sight<'a>, mut kit: Kit) -> Desk<'a> {
        kit.memos.resize_with(kit.memos.len().max(book.packs.len()), Memo::new);
        let others = book.packs.iter().skip(1).map(|_| None).collect();
        let force = Cell::new(None);
        Desk { book, sight, first: None, others, kit, force }
    }

    /// The kit it was given.
    pub(crate) fn finish(mut self) -> Kit {
        if let Some(view) = self.first {
            self.kit.gathered = view.gathered;
        }
        self.kit
    }

    /// A pack with what is needed to evaluate its expressions.
    pub(crate) fn pack(&mut self, at: u16) -> (&'a Pack, &mut View<'a>, &mut Memo) {
        let at = usize::from(at);
        let pack: &'a Pack = &self.book.packs[at];
        let Kit { memos, gathered } = &mut self.kit;
        let memo = &mut memos[at];
        let view = match at.checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        };
        let view = view.get_or_insert_with(|| {
            memo.begin();
            View::new(pack, self.sight, std::mem::take(gathered))
        });
        (pack, view, memo)
    }

    /// Which pack's rule holds here today, and the next date on which that can change.
    pub(crate) fn holds(&self, slot: u16) -> (Option<RuleAt>, Date) {
        let Some(only) = self.book.only(slot) else {
            return self.book.holds(slot, self.sight.known.region, self.sight.today);
        };
        let known = self.force.get().filter(|(pack, ..)| *pack == only.pack);
        let (_, in_force, until) = known.unwrap_or_else(|| {
            let (holds, until) = self.book.holds(slot, self.sight.known.region, self.sight.today);
            (only.pack, holds.is_some(), until)
        });
        self.force.set(Some((only.pack, in_force, until)));
        (in_force.then_some(only), until)
    }

    pub(crate) fn rule(&self, at: RuleAt) -> &'a Rule {
        &self.book.packs[usize::from(at.pack)].rules[usize::from(at.rule)]
    }
}
