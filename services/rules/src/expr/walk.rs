//! One walk over the program for every way of evaluating it.
//!
//! A [`Machine`] says what numbers, truths and strings are (a plain value, or a value with its
//! outlook); the walk says in which order they are asked. It refuses to know either.

use super::program::{Arith, Cmp, Node, Program, Type};

/// A way of evaluating.
pub(crate) trait Machine {
    type Number: Copy;
    type Truth: Copy;
    type Text: Copy;

    fn int(&self, value: i64) -> Self::Number;
    fn bool(&self, value: bool) -> Self::Truth;
    fn literal(&self, text: u32) -> Self::Text;

    /// Whatever is not an operator: facts, lets, attributes, fields…
    fn leaf_number(&mut self, program: &Program, leaf: Node) -> Self::Number;
    fn leaf_truth(&mut self, program: &Program, leaf: Node) -> Self::Truth;
    fn leaf_text(&mut self, program: &Program, leaf: Node) -> Self::Text;

    fn neg(&self, a: Self::Number) -> Self::Number;
    fn arith(&self, op: Arith, a: Self::Number, b: Self::Number) -> Self::Number;
    fn compare(&self, op: Cmp, a: Self::Number, b: Self::Number) -> Self::Truth;
    fn compare_text(&self, program: &Program, op: Cmp, a: Self::Text, b: Self::Text)
    -> Self::Truth;
    fn compare_truth(&self, op: Cmp, a: Self::Truth, b: Self::Truth) -> Self::Truth;
    fn not(&self, a: Self::Truth) -> Self::Truth;
    /// The result of `a && …` where what follows cannot matter.
    fn settled_and(&self, a: Self::Truth) -> Option<Self::Truth>;
    fn and(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth;
    /// The result of `a || …` where what follows cannot matter.
    fn settled_or(&self, a: Self::Truth) -> Option<Self::Truth>;
    fn or(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth;
    /// Either, where a failure of one is a failure of both.
    fn either(&self, a: Self::Truth, b: Self::Truth) -> Self::Truth;
    /// The branch a condition takes now; none if it failed.
    fn branch(&self, test: Self::Truth) -> Option<bool>;
    /// What `?:` is, given its condition and the branch taken; without branch a failure.
    fn chosen_number(&self, test: Self::Truth, branch: Option<Self::Number>) -> Self::Number;
    fn chosen_truth(&self, test: Self::Truth, branch: Option<Self::Truth>) -> Self::Truth;
    fn chosen_text(&self, test: Self::Truth, branch: Option<Self::Text>) -> Self::Text;
}

pub(crate) fn number<M: Machine>(m: &mut M, p: &Program, at: u32) -> M::Number {
    match p.nodes[at as usize] {
        Node::Int(value) => m.int(value),
        Node::Neg(a) => {
            let a = number(m, p, a);
            m.neg(a)
        }
        Node::Arith(op, a, b) => {
            let a = number(m, p, a);
            let b = number(m, p, b);
            m.arith(op, a, b)
        }
        Node::Cond(test, yes, no) => {
            let test = truth(m, p, test);
            let branch = m.branch(test).map(|t| number(m, p, if t { yes } else { no }));
            m.chosen_number(test, branch)
        }
        leaf => m.leaf_number(p, leaf),
    }
}

pub(crate) fn truth<M: Machine>(m: &mut M, p: &Program, at: u32) -> M::Truth {
    match p.nodes[at as usize] {
        Node::Bool(value) => m.bool(value),
        Node::Not(a) => {
            let a = truth(m, p, a);
            m.not(a)
        }
        Node::And(a, b) => {
            let a = truth(m, p, a);
            m.settled_and(a).unwrap_or_else(|| {
                let b = truth(m, p, b);
                m.and(a, b)
            })
        }
        Node::Or(a, b) => {
            let a = truth(m, p, a);
            m.settled_or(a).unwrap_or_else(|| {
                let b = truth(m, p, b);
                m.or(a, b)
            })
        }
        Node::Compare(op, kind, a, b) => compare(m, p, op, kind, a, b),
        Node::In(kind, count, needle, start) => {
            let items = start as usize..start as usize + usize::from(count);
            contained(m, p, kind, needle, &p.items[items])
        }
        Node::Cond(test, yes, no) => {
            let test = truth(m, p, test);
            let branch = m.branch(test).map(|t| truth(m, p, if t { yes } else { no }));
            m.chosen_truth(test, branch)
        }
        leaf => m.leaf_truth(p, leaf),
    }
}

pub(crate) fn text<M: Machine>(m: &mut M, p: &Program, at: u32) -> M::Text {
    match p.nodes[at as usize] {
        Node::Text(literal) => m.literal(literal),
        Node::Cond(test, yes, no) => {
            let test = truth(m, p, test);
            let branch = m.branch(test).map(|t| text(m, p, if t { yes } else { no }));
            m.chosen_text(test, branch)
        }
        leaf => m.leaf_text(p, leaf),
    }
}

fn compare<M: Machine>(m: &mut M, p: &Program, op: Cmp, kind: Type, a: u32, b: u32) -> M::Truth {
    match kind {
        Type::Int => {
            let a = number(m, p, a);
            let b = number(m, p, b);
            m.compare(op, a, b)
        }
        Type::Text => {
            let a = text(m, p, a);
            let b = text(m, p, b);
            m.compare_text(p, op, a, b)
        }
        Type::Bool => {
            let a = truth(m, p, a);
            let b = truth(m, p, b);
            m.compare_truth(op, a, b)
        }
    }
}

/// `needle in [items]`; a needle or item that fails makes the whole fail, as building a list does.
fn contained<M: Machine>(
    m: &mut M,
    p: &Program,
    kind: Type,
    needle: u32,
    items: &[u32],
) -> M::Truth {
    // A needle never differs from itself, unless it failed: so an empty list has its answer too.
    match kind {
        Type::Int => {
            let needle = number(m, p, needle);
            let first = m.compare(Cmp::Ne, needle, needle);
            items.iter().fold(first, |found, item| {
                let item = number(m, p, *item);
                m.either(found, m.compare(Cmp::Eq, needle, item))
            })
        }
        Type::Text => {
            let needle = text(m, p, needle);
            let first = m.compare_text(p, Cmp::Ne, needle, needle);
            items.iter().fold(first, |found, item| {
                let item = text(m, p, *item);
                m.either(found, m.compare_text(p, Cmp::Eq, needle, item))
            })
        }
        Type::Bool => {
            let needle = truth(m, p, needle);
            let first = m.compare_truth(Cmp::Ne, needle, needle);
            items.iter().fold(first, |found, item| {
                let item = truth(m, p, *item);
                m.either(found, m.compare_truth(Cmp::Eq, needle, item))
            })
        }
    }
}
