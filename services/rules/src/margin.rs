//! How much money may still come before a level can change.
//!
//! Money *comes* when an event with no negative amount is added: on every date each sum or maximum
//! over it then lies between what it would be otherwise and that plus the amount. A number is known
//! as a [`Reach`]: its bounds over all dates of a span without anything coming, and by how much what
//! comes can move them. A comparison whose sides stay apart has a margin; joined, the margins tell
//! how much may come without any level expression changing or failing. What cannot be told has none.
//!
//! It refuses to know which amounts come, and to guess: a margin may be smaller than the truth,
//! never larger.

use proto::{alert::Severity, date::Date};

use crate::{
    attr::Part,
    eval::{Memo, Scope},
    expr::{
        program::{Arith, Cmp, Expr, Node, Program, Type},
        walk::{self, Machine},
    },
    gate::Gate,
    outlook::{Outcome, Symbol, Truth},
    pack::{Fact, Material, Pack, Rule},
};

mod reach;

use reach::Reach;

/// What may come and go, besides money, without a margin being lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    /// Nothing.
    Nothing,
    /// Events about areas.
    Areas,
    /// Any event.
    Everything,
}

/// How far a margin looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Horizon {
    /// It is to hold before this date.
    pub end: Date,
    /// Whatever of this comes and goes.
    pub open: Open,
}

impl Horizon {
    /// Whether nothing is said of a fact's value.
    fn hides(self, fact: &Fact) -> bool {
        match self.open {
            Open::Nothing => false,
            Open::Areas => fact.of_areas,
            Open::Everything => true,
        }
    }
}

/// The values of a number on every date of a span of dates, while no event comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// The least.
    pub low: i64,
    /// The greatest.
    pub high: i64,
    /// Whether money that comes adds to it, at most its amount and at least nothing.
    pub grows: bool,
}

impl Span {
    /// The values from `today` until before `end` of a number to which nothing is added.
    #[must_use]
    pub fn of(outcome: Outcome, today: Date, end: Date) -> Option<Span> {
        let Outcome::Number(number) = outcome else { return None };
        if number.sure < end {
            return None;
        }
        let last = |until: Date| i128::from(until.0) - 1 - i128::from(today.0);
        let line = |days: i128| i128::from(number.value) + i128::from(number.slope) * days.max(0);
        let (first, then) = (line(0), line(last(end)));
        let (mut low, mut high) = (first.min(then), first.max(then));
        if number.until < end && (number.rise || number.fall) {
            if number.bits > 62 {
                return None;
            }
            low = if number.fall { -(1 << number.bits) } else { low };
            high = if number.rise { 1 << number.bits } else { high };
        }
        Some(Span { low: i64::try_from(low).ok()?, high: i64::try_from(high).ok()?, grows: false })
    }
}

/// What may come, and whether money may go, while something stays as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leeway {
    /// How much may come, in fen.
    pub fen: u32,
    /// Whether any of the money that came may go again, whatever else comes within `fen`.
    pub eases: bool,
}

/// What is known of a value over the whole span; nothing where it may vary or fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    Number(Option<Reach>),
    Truth(Option<Sure>),
    Text(Option<Symbol>),
}

/// A condition that is the same on all dates and does not fail while no more than the margin comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sure {
    value: bool,
    leeway: Leeway,
}

/// The greatest margin that is told: amounts beyond it are decided upon one by one.
const MOST: u32 = u32::MAX;

impl Leeway {
    const ANY: Leeway = Leeway { fen: MOST, eases: true };

    /// What both leave.
    #[must_use]
    pub fn and(self, other: Leeway) -> Leeway {
        Leeway { fen: self.fen.min(other.fen), eases: self.eases && other.eases }
    }
}

impl Sure {
    fn always(value: bool) -> Option<Sure> {
        Some(Sure { value, leeway: Leeway::ANY })
    }

    fn within(self, leeway: Leeway) -> Sure {
        Sure { leeway: self.leeway.and(leeway), ..self }
    }
}

impl Pack {
    /// How much money may come, with the household's data otherwise unchanged, before a rule that
    /// now stands at `level` can be found at another one, or one of its level expressions can
    /// fail, on any date before the horizon. Nothing where that is not known. What is `enough` is not
    /// made more by looking further: any margin told is true, whatever was asked for.
    pub fn margin<S: Scope>(
        &self,
        rule: &Rule,
        level: Severity,
        horizon: Horizon,
        enough: u32,
        scope: &mut S,
        memo: &mut Memo,
    ) -> Option<Leeway> {
        let mut leeway = Leeway::ANY;
        let today = scope.today();
        for expr in rule.levels.iter().take_while(|l| l.severity >= level) {
            let closed = |gate: &Gate| {
                let hidden = horizon.hides(&self.facts[gate.fact]);
                !hidden && scope.lacks(gate.fact) && !scope.grows(gate.fact)
            };
            if expr.gates.iter().any(closed) {
                continue;
            }
            let facts = &self.facts;
            let mut machine = Bounding { today, horizon, enough, facts, scope, memo };
            let sure = walk::truth(&mut machine, self.program(), expr.expr.root)?;
            if sure.value != (expr.severity == level) {
                return None;
            }
            leeway = leeway.and(sure.leeway);
        }
        Some(leeway)
    }

    /// How much money may come before a material value can be found grown past `baseline` steps, on
    /// any date before the horizon. Nothing where that is not known.
    pub fn material_margin<S: Scope>(
        &self,
        material: Material,
        baseline: i64,
        horizon: Horizon,
        scope: &mut S,
        memo: &mut Memo,
    ) -> Option<Leeway> {
        let today = scope.today();
        let facts = &self.facts;
        let mut machine = Bounding { today, horizon, enough: MOST, facts, scope, memo };
        let reach = walk::number(&mut machine, self.program(), material.value.root)?;
        // Quotients are truncated: from below zero all of a step has the quotient nearer to zero.
        let (baseline, step) = (i128::from(baseline), i128::from(material.step));
        let most = if baseline < 0 { baseline * step } else { (baseline + 1) * step - 1 };
        reach.below(most)
    }
}

struct Bounding<'a, S> {
    today: Date,
    horizon: Horizon,
    /// A margin that need not be made greater.
    enough: u32,
    facts: &'a [Fact],
    scope: &'a mut S,
    memo: &'a mut Memo,
}

impl<S: Scope> Bounding<'_, S> {
    /// What a leaf was found to be before.
    fn known(&self, leaf: Node) -> Option<&Bound> {
        self.memo.bound(leaf.slot()?, self.horizon)
    }

    /// Asks a leaf of any type that is not known yet.
    fn leaf(&mut self, p: &Program, leaf: Node, kind: Type) -> Bound {
        let bound = match leaf {
            Node::Attr(attr) => {
                let outcome = self.scope.attr(attr);
                return self.bound(outcome, kind);
            }
            Node::Is(text) => {
                let is = self.scope.is(&p.texts[text as usize]);
                return self.truth(is);
            }
            Node::Aid(text) => {
                let has = self.scope.aid(&p.texts[text as usize]);
                return self.truth(has);
            }
            Node::Today(part) => return Bound::Number(self.calendar(part)),
            Node::Fact(i) if self.horizon.hides(&self.facts[i as usize]) => unknown(kind),
            Node::Fact(i) if kind == Type::Int => {
                let span = self.scope.span(i as usize, self.horizon.end);
                Bound::Number(span.and_then(Reach::of))
            }
            Node::Fact(i) => {
                let outcome = self.scope.fact(i as usize);
                self.bound(outcome, kind)
            }
            Node::Table(i) => {
                let span = self.scope.table_span(i as usize, self.horizon.end);
                Bound::Number(span.and_then(Reach::of))
            }
            Node::Let(i) => self.expr(p, p.lets[i as usize]),
            _ => return Bound::Number(None),
        };
        if let Some(slot) = leaf.slot() {
            self.memo.set_bound(slot, self.horizon, bound);
        }
        bound
    }

    fn expr(&mut self, p: &Program, expr: Expr) -> Bound {
        match expr.kind {
            Type::Int => Bound::Number(walk::number(self, p, expr.root)),
            Type::Bool => Bound::Truth(walk::truth(self, p, expr.root)),
            Type::Text => Bound::Text(walk::text(self, p, expr.root)),
        }
    }

    fn truth(&self, truth: Truth) -> Bound {
        let stays = truth.changes() >= self.horizon.end;
        Bound::Truth(truth.now().filter(|_| stays).and_then(Sure::always))
    }

    fn bound(&self, outcome: Outcome, kind: Type) -> Bound {
        match (outcome, kind) {
            (Outcome::Number(number), Type::Int) if number.fixed() => {
                Bound::Number(self.int(number.value))
            }
            (Outcome::Number(_), Type::Int) => {
                Bound::Number(Span::of(outcome, self.today, self.horizon.end).and_then(Reach::of))
            }
            (Outcome::Truth(truth), Type::Bool) => self.truth(truth),
            (Outcome::Text(text), Type::Text) => {
                let stays = text.until.min(text.sure) >= self.horizon.end;
                Bound::Text(stays.then_some(text.symbol))
            }
            (_, kind) => unknown(kind),
        }
    }

    fn calendar(&self, part: Part) -> Option<Reach> {
        let last = self.horizon.end.plus(-1);
        let (year, month) = (self.today.year(), self.today.month());
        let same_year = last.year() == year;
        let same_month = same_year && last.month() == month;
        let (low, high) = match part {
            Part::Year if same_year => (year.into(), year.into()),
            Part::Year => (year.into(), 10_000_000),
            Part::Month if same_month => (month.into(), month.into()),
            Part::Month => (1, 12),
            Part::Day => (1, 31),
        };
        Reach::of(Span { low, high, grows: false })
    }
}

fn unknown(kind: Type) -> Bound {
    match kind {
        Type::Int => Bound::Number(None),
        Type::Bool => Bound::Truth(None),
        Type::Text => Bound::Text(None),
    }
}

impl<S: Scope> Machine for Bounding<'_, S> {
    type Number = Option<Reach>;
    type Truth = Option<Sure>;
    type Text = Option<Symbol>;

    fn int(&self, value: i64) -> Self::Number {
        Reach::of(Span { low: value, high: value, grows: false })
    }

    fn bool(&self, value: bool) -> Self::Truth {
        Sure::always(value)
    }

    fn literal(&self, text: u32) -> Self::Text {
        Some(Symbol::Literal(text))
    }

    fn leaf_number(&mut self, p: &Program, leaf: Node) -> Self::Number {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf, Type::Int)) {
            Bound::Number(number) => number,
            _ => None,
        }
    }

    fn leaf_truth(&mut self, p: &Program, leaf: Node) -> Self::Truth {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf, Type::Bool)) {
            Bound::Truth(truth) => truth,
            _ => None,
        }
    }

    fn leaf_text(&mut self, p: &Program, leaf: Node) -> Self::Text {
        match self.known(leaf).copied().unwrap_or_else(|| self.leaf(p, leaf, Type::Text)) {
            Bound::Text(text) => text,
            _ => None,
        }
    }

    fn neg(&self, a: Self::Number) -> Self::Number {
        self.arith(Arith::Sub, self.int(0), a)
    }

    fn arith(&self, op: Arith, a: Self::Number, b: Self::Number) -> Self::Number {
        reach::arith(op, a?, b?)
    }

    fn compare(&self, op: Cmp, a: Self::Number, b: Self::Number) -> Self::Truth {
        let (value, leeway) = reach::compare(op, a?, b?)?;
        Some(Sure { value, leeway })
    }

    fn compare_text(&self, p: &Program, op: Cmp, a: Self::Text, b: Self::Text) -> Self::Truth {
        let spell = |symbol: Symbol| match symbol {
            Symbol::Literal(at) => &*p.texts[at as usize],
            Symbol::Scope(at) => self.scope.text(at),
        };
        Sure::always(op.holds(spell(a?).cmp(spell(b?))))
    }

    fn compare_truth(&self, op: Cmp, a: Self::Truth, b: Self::Truth) -> Self::Truth {
        let (a, b) = (a?, b?);
        Some(Sure { value: op.holds(a.value.cmp(&b.value)), leeway: a.leeway.and(b.leeway) })
    }

    fn not(&self, a: Self::Truth) -> Self::Truth {
        a.map(|a| Sure { value: !a.value, ..a })
    }

    fn settled_and(&self, a: Self::Truth) -> Option<Self::Truth> {
        a.is_some_and(|a| !a.value && a.leeway.fen >= self.enough).then_some(a)
    }

    fn and(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth {
        joined(false, a, b)
    }

    fn settled_or(&self, a: Self::Truth) -> Option<Self::Truth> {
        a.is_some_and(|a| a.value && a.leeway.fen >= self.enough).then_some(a)
    }

    fn or(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth {
        joined(true, a, b)
    }

    fn either(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth {
        let (a, b) = (a?, b?);
        Some(Sure { value: a.value | b.value, leeway: a.leeway.and(b.leeway) })
    }

    fn branch(&self, test: Self::Truth) -> Option<bool> {
        test.map(|test| test.value)
    }

    fn chosen_number(&self, test: Self::Truth, branch: Option<Self::Number>) -> Self::Number {
        Some(branch??.within(test?.leeway))
    }

    fn chosen_truth(&self, test: Self::Truth, branch: Option<Self::Truth>) -> Self::Truth {
        Some(branch??.within(test?.leeway))
    }

    fn chosen_text(&self, test: Self::Truth, branch: Option<Self::Text>) -> Self::Text {
        test.filter(|test| test.leeway == Leeway::ANY).and(branch?)
    }
}

/// `&&` (decided by a false part) or `||` (by a true one): one deciding part is enough, whatever
/// becomes of the other; undecided, both must stay.
fn joined(decides: bool, a: Option<Sure>, b: Option<Sure>) -> Option<Sure> {
    let rank = |part: Sure| (part.leeway.fen, part.leeway.eases);
    let deciding = |part: Option<Sure>| part.filter(|p| p.value == decides);
    match (deciding(a), deciding(b)) {
        (Some(a), Some(b)) => Some(if rank(a) >= rank(b) { a } else { b }),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => Some(a?.within(b?.leeway)),
    }
}
