//! What a decision is made on: the packs of a generation with what their expressions see of one
//! household on one date.

use std::cell::Cell;

use proto::date::Date;
use rules::{Memo, Pack, Rule};

use crate::{
    rulebook::{RuleAt, Rulebook},
    view::{Sight, View},
};

/// The views of all packs of a generation on one date, made when first asked for.
pub(crate) struct Desk<'a> {
    pub(crate) book: &'a Rulebook,
    pub(crate) sight: Sight<'a>,
    views: Vec<Option<View<'a>>>,
    /// What was computed, by pack.
    memos: Vec<Memo>,
    /// The pack asked for last, whether it is in force here, and until when that is sure.
    force: Cell<Option<(u16, bool, Date)>>,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(book: &'a Rulebook, sight: Sight<'a>, mut memos: Vec<Memo>) -> Desk<'a> {
        memos.resize_with(memos.len().max(book.packs.len()), Memo::new);
        let views = book.packs.iter().map(|_| None).collect();
        let force = Cell::new(None);
        Desk { book, sight, views, memos, force }
    }

    /// The memos it was given: they are used again, so that deciding allocates little.
    pub(crate) fn finish(self) -> Vec<Memo> {
        self.memos
    }

    /// A pack with what is needed to evaluate its expressions.
    pub(crate) fn pack(&mut self, at: u16) -> (&'a Pack, &mut View<'a>, &mut Memo) {
        let at = usize::from(at);
        let pack: &'a Pack = &self.book.packs[at];
        let memo = &mut self.memos[at];
        let view = self.views[at].get_or_insert_with(|| {
            memo.begin();
            View::new(pack, self.sight)
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
