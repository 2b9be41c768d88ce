//! What an expression needs: facts, `let`s, tables, attributes, all the way down.
//!
//! It refuses to know values; sets are kept per `let`, so that a pack is analysed in one pass.

use proto::catalogue::TypeId;

use crate::{
    attr::Attr,
    expr::{
        names::Name,
        program::{Expr, Node, Program},
    },
};

/// What must be looked at again before an expression can change, besides the calendar's `until`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reads {
    /// Places of the pack's facts, ascending.
    pub facts: Vec<usize>,
    /// Places of the pack's lets, ascending.
    pub lets: Vec<usize>,
    /// Places of the pack's tables, ascending.
    pub tables: Vec<usize>,
    /// Attributes of the household.
    pub attrs: Vec<Attr>,
    /// Event types behind the facts, ascending.
    pub types: Vec<TypeId>,
    /// Whether `household.is` is asked.
    pub categories: bool,
    /// Whether `household.aid` is asked.
    pub programmes: bool,
    /// Whether the date itself is read: `today`, `age_days`, `watch_days`, or what depends on the year of birth.
    pub today: bool,
}

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn extend(&mut self, other: &Bits) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn to_vec(&self) -> Vec<usize> {
        (0..self.0.len() * 64).filter(|at| self.0[at / 64] >> (at % 64) & 1 == 1).collect()
    }
}

/// The needs of one expression while they are collected.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    facts: Bits,
    lets: Bits,
    tables: Bits,
    attrs: Bits,
    categories: bool,
    programmes: bool,
    today: bool,
}

impl Needs {
    /// The needs of `expr`, given those of the `let`s before it.
    pub(crate) fn of(program: &Program, expr: Expr, lets: &[Needs]) -> Needs {
        let mut needs = Needs::default();
        let mut open = vec![expr.root];
        while let Some(at) = open.pop() {
            match program.nodes[at as usize] {
                Node::Fact(i) => needs.facts.insert(i as usize),
                Node::Table(i) => needs.tables.insert(i as usize),
                Node::Attr(attr) => needs.attrs.insert(attr as usize),
                Node::Is(_) => needs.categories = true,
                Node::Aid(_) => needs.programmes = true,
                Node::Today(_) => needs.today = true,
                Node::Let(i) => {
                    needs.lets.insert(i as usize);
                    if let Some(below) = lets.get(i as usize) {
                        needs.extend(below);
                    }
                }
                node => open.extend(program.below(node)),
            }
        }
        needs
    }

    pub(crate) fn extend(&mut self, other: &Needs) {
        self.facts.extend(&other.facts);
        self.lets.extend(&other.lets);
        self.tables.extend(&other.tables);
        self.attrs.extend(&other.attrs);
        self.categories |= other.categories;
        self.programmes |= other.programmes;
        self.today |= other.today;
    }

    /// The names among them: facts, then lets, each in the order of the file.
    pub(crate) fn names(&self) -> Vec<Name> {
        let facts = self.facts.to_vec().into_iter().map(Name::Fact);
        facts.chain(self.lets.to_vec().into_iter().map(Name::Let)).collect()
    }

    /// The finished list; `types` gives the event types of a fact.
    pub(crate) fn finish(&self, types: impl Fn(usize) -> Vec<TypeId>) -> Reads {
        let facts = self.facts.to_vec();
        let mut types: Vec<TypeId> = facts.iter().flat_map(|fact| types(*fact)).collect();
        types.sort_unstable();
        types.dedup();
        let attrs = self.attrs.to_vec();
        let attrs: Vec<Attr> = attrs.iter().filter_map(|at| Attr::ALL.get(*at).copied()).collect();
        let aging = [Attr::AgeDays, Attr::Labour, Attr::WatchDays, Attr::Workers];
        let today = self.today || attrs.iter().any(|attr| aging.contains(attr));
        Reads {
            facts,
            lets: self.lets.to_vec(),
            tables: self.tables.to_vec(),
            attrs,
            types,
            categories: self.categories,
            programmes: self.programmes,
            today,
        }
    }
}
