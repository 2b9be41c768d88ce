//! Evaluation: a decision asks a scope for facts and gets levels with the date they can turn.
//!
//! The scope supplies every value; this module refuses to know households, events and clocks.

use proto::date::Date;

use crate::{
    attr::{Attr, Part},
    expr::{
        program::{Arith, Cmp, Expr, Node, Program, Type},
        walk::{self, Machine},
    },
    gate::Gate,
    margin::{Bound, Horizon, Span},
    outlook::{self, Failed, Number, Outcome, Symbol, Text, Truth, chosen_number, chosen_text},
};

/// What a decision is made from. Each method is asked at most once per decision for a fact or a
/// table (the [`Memo`] keeps the answer), and any number of times for the rest.
pub trait Scope {
    /// The date of the decision.
    fn today(&self) -> Date;
    /// The value of the pack's fact at this place.
    fn fact(&mut self, fact: usize) -> Outcome;
    /// Whether there is surely no event that the pack's fact at this place looks at, so that its value
    /// is the one without any and stays until the household's data change.
    fn lacks(&self, _fact: usize) -> bool {
        false
    }
    /// Until when a gate surely stays shut, as long as no event comes that its fact looks at, and none
    /// goes that ended another; nothing where that is not known.
    fn shut(&mut self, gate: Gate) -> Option<Date> {
        self.lacks(gate.fact).then_some(Date::MAX)
    }
    /// Whether money that comes may add to the pack's fact at this place: then [`Scope::span`] says
    /// by how much.
    fn grows(&self, _fact: usize) -> bool {
        true
    }
    /// The values of the pack's fact at this place, a number, from today until before `end`; nothing
    /// where they are not known or it may fail.
    fn span(&mut self, _fact: usize, _end: Date) -> Option<Span> {
        None
    }
    /// The values that the pack's table at this place gives from today until before `end`; nothing
    /// where it may have no row. See [`crate::Table::span`].
    fn table_span(&mut self, _table: usize, _end: Date) -> Option<Span> {
        None
    }
    /// An attribute of the household; its kind must be [`Attr::kind`].
    fn attr(&mut self, attr: Attr) -> Outcome;
    /// Whether the household is in a category.
    fn is(&mut self, category: &str) -> Truth;
    /// Whether the household has a programme's aid.
    fn aid(&mut self, programme: &str) -> Truth;
    /// What the pack's table at this place gives; see [`crate::Table::outcome`].
    fn table(&mut self, table: usize) -> Outcome;
    /// The characters of a [`Symbol::Scope`] that this scope gave during this decision.
    fn text(&self, symbol: u32) -> &str;
}

/// What was computed during one decision of one pack; reusable, so that deciding allocates nothing.
#[derive(Debug, Default)]
pub struct Memo {
    stamp: u32,
    slots: Vec<(u32, Outcome)>,
    bounds: Vec<(u32, Horizon, Bound)>,
}

impl Memo {
    /// An empty memo.
    #[must_use]
    pub fn new() -> Memo {
        Memo::default()
    }

    /// Forgets everything: call it before each decision (each household, date or change of data).
    pub fn begin(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.slots.clear();
            self.bounds.clear();
            self.stamp = 1;
        }
    }

    fn get(&self, slot: usize) -> Option<&Outcome> {
        self.slots.get(slot).filter(|(stamp, _)| *stamp == self.stamp).map(|(_, known)| known)
    }

    fn set(&mut self, slot: usize, outcome: Outcome) {
        if slot >= self.slots.len() {
            let none = (self.stamp.wrapping_sub(1), Outcome::failed(Date::MAX));
            self.slots.resize(slot + 1, none);
        }
        self.slots[slot] = (self.stamp, outcome);
    }

    /// What is known of a value as far as a horizon.
    pub(crate) fn bound(&self, slot: usize, horizon: Horizon) -> Option<&Bound> {
        let known = self
            .bounds
            .get(way(slot, horizon))
            .filter(|(s, h, _)| (*s, *h) == (self.stamp, horizon));
        known.map(|(_, _, bound)| bound)
    }

    pub(crate) fn set_bound(&mut self, slot: usize, horizon: Horizon, bound: Bound) {
        let at = way(slot, horizon);
        if at >= self.bounds.len() {
            let none = (self.stamp.wrapping_sub(1), horizon, Bound::Number(None));
            self.bounds.resize(at + 1, none);
        }
        self.bounds[at] = (self.stamp, horizon, bound);
    }
}

/// Where what is known of a value as far as a horizon is kept: rules look to two or three dates, most
/// often one of them the end of time.
fn way(slot: usize, horizon: Horizon) -> usize {
    slot * 2 + usize::from(horizon.end == Date::MAX)
}

/// Evaluates any expression with its outlook.
pub(crate) fn outcome<S: Scope>(
    p: &Program,
    expr: Expr,
    scope: &mut S,
    memo: &mut Memo,
) -> Outcome {
    let mut machine = Outlooking { today: scope.today(), scope, memo };
    machine.outcome(p, expr)
}

/// Evaluates a condition with its outlook.
pub(crate) fn truth<S: Scope>(p: &Program, expr: Expr, scope: &mut S, memo: &mut Memo) -> Truth {
    let mut machine = Outlooking { today: scope.today(), scope, memo };
    walk::truth(&mut machine, p, expr.root)
}

struct Outlooking<'a, S> {
    today: Date,
    scope: &'a mut S,
    memo: &'a mut Memo,
}

type Valued<T> = Result<T, Failed>;

impl<S: Scope> Outlooking<'_, S> {
    fn outcome(&mut self, p: &Program, expr: Expr) -> Outcome {
        match expr.kind {
            Type::Int => {
                walk::number(self, p, expr.root).map_or_else(Outcome::Failed, Outcome::Number)
            }
            Type::Bool => Outcome::Truth(walk::truth(self, p, expr.root)),
            Type::Text => {
                walk::text(self, p, expr.root).map_or_else(Outcome::Failed, Outcome::Text)
            }
        }
    }

    /// Asks a leaf of any type that is not known yet.
    fn leaf(&mut self, p: &Program, leaf: Node) -> Outcome {
        let outcome = match leaf {
            Node::Fact(i) => self.scope.fact(i as usize),
            Node::Table(i) => self.scope.table(i as usize),
            Node::Let(i) => self.outcome(p, p.lets[i as usize]),
            Node::Attr(attr) => return self.scope.attr(attr),
            Node::Is(text) => return Outcome::Truth(self.scope.is(&p.texts[text as usize])),
            Node::Aid(text) => return Outcome::Truth(self.scope.aid(&p.texts[text as usize])),
            Node::Today(part) => return Outcome::Number(calendar(part, self.today)),
            _ => return Outcome::failed(self.today.plus(1)),
        };
        if let Some(slot) = leaf.slot() {
            self.memo.set(slot, outcome);
        }
        outcome
    }

    /// What a leaf was found to be before.
    fn known(&self, leaf: Node) -> Option<&Outcome> {
        self.memo.get(leaf.slot()?)
    }

    /// A scope that answers with another type than declared has failed, at least until tomorrow.
    fn mistyped(&self) -> Failed {
        Failed { until: self.today.plus(1) }
    }
}

/// A part of the date, with the day it changes.
fn calendar(part: Part, today: Date) -> Number {
    let next_month = today.month_start_plus(1);
    match part {
        Part::Year => {
            let next = Date::ymd(today.year() + 1, 1, 1).unwrap_or(Date::MAX);
            Number::stepping(today.year().into(), next, true, false).within(14)
        }
        Part::Month => Number::stepping(today.month().into(), next_month, true, true).within(4),
        Part::Day => Number::sloping(today.day().into(), 1, next_month, false, true).within(5),
    }
}

impl<S: Scope> Machine for Outlooking<'_, S> {
    type Number = Valued<Number>;
    type Truth = Truth;
    type Text = Valued<Text>;

    fn int(&self, value: i64) -> Self::Number {
        Ok(Number::steady(value))
    }

    fn bool(&self, value: bool) -> Truth {
        Truth::steady(value)
    }

    fn literal(&self, text: u32) -> Self::Text {
        Ok(Text { symbol: Symbol::Literal(text), until: Date::MAX, sure: Date::MAX })
    }

    fn leaf_number(&mut self, p: &Program, leaf: Node) -> Self::Number {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf)) {
            Outcome::Number(number) => Ok(number),
            Outcome::Failed(failed) => Err(failed),
            _ => Err(self.mistyped()),
        }
    }

    fn leaf_truth(&mut self, p: &Program, leaf: Node) -> Truth {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf)) {
            Outcome::Truth(truth) => truth,
            Outcome::Failed(failed) => Truth::failed(failed.until),
            _ => Truth::failed(self.mistyped().until),
        }
    }

    fn leaf_text(&mut self, p: &Program, leaf: Node) -> Self::Text {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf)) {
            Outcome::Text(text) => Ok(text),
            Outcome::Failed(failed) => Err(failed),
            _ => Err(self.mistyped()),
        }
    }

    fn neg(&self, a: Self::Number) -> Self::Number {
        outlook::neg(a, self.today)
    }

    fn arith(&self, op: Arith, a: Self::Number, b: Self::Number) -> Self::Number {
        outlook::arith(op, a, b, self.today)
    }

    fn compare(&self, op: Cmp, a: Self::Number, b: Self::Number) -> Truth {
        outlook::compare(op, a, b, self.today)
    }

    fn compare_text(&self, p: &Program, op: Cmp, a: Self::Text, b: Self::Text) -> Truth {
        outlook::compare_text(op, a, b, |a, b| {
            let spell = |text: Text| match text.symbol {
                Symbol::Literal(at) => &*p.texts[at as usize],
                Symbol::Scope(at) => self.scope.text(at),
            };
            spell(a).cmp(spell(b))
        })
    }

    fn compare_truth(&self, op: Cmp, a: Truth, b: Truth) -> Truth {
        let same = a.same(b);
        if op == Cmp::Eq { same } else { same.not() }
    }

    fn not(&self, a: Truth) -> Truth {
        a.not()
    }

    fn settled_and(&self, a: Truth) -> Option<Truth> {
        a.settles_and().then_some(a)
    }

    fn and(&self, a: Truth, b: Truth) -> Truth {
        a.and(b)
    }

    fn settled_or(&self, a: Truth) -> Option<Truth> {
        a.settles_or().then_some(a)
    }

    fn or(&self, a: Truth, b: Truth) -> Truth {
        a.or(b)
    }

    fn either(&self, a: Truth, b: Truth) -> Truth {
        a.either(b)
    }

    fn branch(&self, test: Truth) -> Option<bool> {
        test.now()
    }

    fn chosen_number(&self, test: Truth, branch: Option<Self::Number>) -> Self::Number {
        chosen_number(test, branch)
    }

    fn chosen_truth(&self, test: Truth, branch: Option<Truth>) -> Truth {
        Truth::chosen(test, branch)
    }

    fn chosen_text(&self, test: Truth, branch: Option<Self::Text>) -> Self::Text {
        chosen_text(test, branch)
    }
}
