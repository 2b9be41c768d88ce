//! The compiled form: one flat arena of small typed nodes for all expressions of a pack.
//!
//! Node indices only point backwards, so evaluation always ends. It refuses to know any text but
//! the literals.

use std::fmt;

use crate::attr::{Attr, Part};

/// The type of an expression.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// A 64-bit signed number.
    Int,
    /// True or false.
    Bool,
    /// A string.
    Text,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Type::Int => "int",
            Type::Bool => "bool",
            Type::Text => "string",
        })
    }
}

/// A compiled expression: a place in its pack's program. Only the pack that made it can run it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Expr {
    pub(crate) root: u32,
    pub(crate) kind: Type,
}

impl Expr {
    /// The type of its value.
    #[must_use]
    pub fn kind(self) -> Type {
        self.kind
    }
}

/// An operator over two numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arith {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Min,
    Max,
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cmp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Cmp {
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Cmp::Eq => order.is_eq(),
            Cmp::Ne => order.is_ne(),
            Cmp::Lt => order.is_lt(),
            Cmp::Le => order.is_le(),
            Cmp::Gt => order.is_gt(),
            Cmp::Ge => order.is_ge(),
        }
    }

    /// The comparison with its sides exchanged.
    pub(crate) fn turned(self) -> Cmp {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same @ (Cmp::Eq | Cmp::Ne) => same,
        }
    }
}

/// One step; operands are earlier places in the arena.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Node {
    Int(i64),
    Bool(bool),
    Text(u32),
    Fact(u32),
    Let(u32),
    Table(u32),
    Attr(Attr),
    Today(Part),
    Is(u32),
    Aid(u32),
    Field(u16),
    Neg(u32),
    Not(u32),
    Arith(Arith, u32, u32),
    Compare(Cmp, Type, u32, u32),
    And(u32, u32),
    Or(u32, u32),
    /// Needle, and its items in [`Program::items`]: the first and how many.
    In(Type, u16, u32, u32),
    Cond(u32, u32, u32),
}

impl Node {
    /// Where what a fact, table or `let` was found to be is remembered: they are interleaved.
    pub(crate) fn slot(self) -> Option<usize> {
        match self {
            Node::Fact(i) => Some(i as usize * 3),
            Node::Table(i) => Some(i as usize * 3 + 1),
            Node::Let(i) => Some(i as usize * 3 + 2),
            _ => None,
        }
    }
}

/// All expressions of a pack.
#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) nodes: Vec<Node>,
    pub(crate) items: Vec<u32>,
    pub(crate) texts: Vec<Box<str>>,
    pub(crate) lets: Vec<Expr>,
    /// One node for each fact, so that a fact is an expression too.
    pub(crate) facts: Vec<Expr>,
    heights: Vec<u16>,
}

impl Program {
    /// Adds a node and says where it stands and how many operators hang below it.
    pub(crate) fn add(&mut self, node: Node) -> (u32, usize) {
        let below = self.below(node).map(|at| usize::from(self.heights[at as usize])).max();
        let height = 1 + below.unwrap_or(0);
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(node);
        self.heights.push(u16::try_from(height).unwrap_or(u16::MAX));
        (at, height)
    }

    /// The place of a literal.
    pub(crate) fn text(&mut self, text: &str) -> u32 {
        let known = self.texts.iter().rev().take(64).position(|t| **t == *text);
        let at = known.map_or(self.texts.len(), |back| self.texts.len() - 1 - back);
        if known.is_none() {
            self.texts.push(text.into());
        }
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The nodes that `node` asks, a `let`'s expression included.
    pub(crate) fn below(&self, node: Node) -> impl Iterator<Item = u32> + '_ {
        let (fixed, list) = match node {
            Node::Neg(a) | Node::Not(a) => ([Some(a), None, None], &[][..]),
            Node::Arith(_, a, b) | Node::Compare(_, _, a, b) | Node::And(a, b) | Node::Or(a, b) => {
                ([Some(a), Some(b), None], &[][..])
            }
            Node::Cond(a, b, c) => ([Some(a), Some(b), Some(c)], &[][..]),
            Node::In(_, count, needle, start) => {
                let (start, count) = (start as usize, usize::from(count));
                ([Some(needle), None, None], &self.items[start..start + count])
            }
            Node::Let(i) => ([Some(self.lets[i as usize].root), None, None], &[][..]),
            _ => ([None; 3], &[][..]),
        };
        fixed.into_iter().flatten().chain(list.iter().copied())
    }

    /// Whether some step of an expression can overflow or divide by zero.
    pub(crate) fn may_fail(&self, expr: Expr) -> bool {
        let mut open = vec![expr.root];
        while let Some(at) = open.pop() {
            match self.nodes[at as usize] {
                Node::Neg(_) => return true,
                Node::Arith(op, ..) if !matches!(op, Arith::Min | Arith::Max) => return true,
                node => open.extend(self.below(node)),
            }
        }
        false
    }

    /// The expression that is just this fact.
    pub(crate) fn fact_expr(&self, fact: usize) -> Option<Expr> {
        self.facts.get(fact).copied()
    }
}
