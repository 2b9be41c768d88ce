//! Which values of a level's condition are compared with which limits.

use std::collections::BTreeSet;

use crate::{
    expr::{
        names::Name,
        program::{Cmp, Expr, Node, Program, Type},
    },
    pack::{LevelExpr, Pack},
};

/// A comparison of a fact or `let` with a limit, as it counts towards its level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Threshold {
    /// What is compared.
    pub name: Name,
    /// Its value.
    pub value: Expr,
    /// What it is compared with.
    pub limit: Expr,
    /// Whether the value must lie above the limit; below it otherwise.
    pub above: bool,
    /// Whether lying on the limit is enough.
    pub inclusive: bool,
}

impl Threshold {
    /// How much is missing until the comparison holds; 0 where it does, nothing on overflow.
    #[must_use]
    pub fn missing(&self, value: i64, limit: i64) -> Option<i64> {
        let gap = if self.above { limit.checked_sub(value) } else { value.checked_sub(limit) }?;
        Some(gap.checked_add(i64::from(!self.inclusive))?.max(0))
    }
}

impl Pack {
    /// The thresholds of a level, a comparison once, in the order of its text; those between two numbers of
    /// which one is a fact or `let`. Of two such the one that looks at events is the value.
    #[must_use]
    pub fn thresholds(&self, level: &LevelExpr) -> Vec<Threshold> {
        let mut walk = Walk { p: self.program(), seen: BTreeSet::new(), found: Vec::new() };
        walk.collect(level.expr.root, false);
        walk.found
    }
}

/// A walk that meets each node once: a `let` may be named many times.
struct Walk<'p> {
    p: &'p Program,
    seen: BTreeSet<(u32, bool)>,
    found: Vec<Threshold>,
}

impl Walk<'_> {
    fn collect(&mut self, at: u32, negated: bool) {
        if !self.seen.insert((at, negated)) {
            return;
        }
        match self.p.nodes[at as usize] {
            Node::Not(a) => self.collect(a, !negated),
            Node::And(a, b) | Node::Or(a, b) | Node::Cond(_, a, b) => {
                self.collect(a, negated);
                self.collect(b, negated);
            }
            Node::Let(i) => self.collect(self.p.lets[i as usize].root, negated),
            Node::Compare(cmp, Type::Int, a, b) => {
                if let Some((above, inclusive)) = direction(cmp, negated) {
                    self.compare(a, b, above, inclusive);
                }
            }
            _ => {}
        }
    }

    fn compare(&mut self, a: u32, b: u32, above: bool, inclusive: bool) {
        let named = |at| name(self.p, at).is_some();
        let flips = named(b) && !(named(a) && (events(self.p, a) || !events(self.p, b)));
        let (value, limit, above) = if flips { (b, a, !above) } else { (a, b, above) };
        let Some(name) = name(self.p, value) else { return };
        let expr = |root| Expr { root, kind: Type::Int };
        let (value, limit) = (expr(value), expr(limit));
        self.found.push(Threshold { name, value, limit, above, inclusive });
    }
}

/// Whether the left side must be above, and whether equal is enough.
fn direction(cmp: Cmp, negated: bool) -> Option<(bool, bool)> {
    let (above, inclusive) = match cmp {
        Cmp::Gt => (true, false),
        Cmp::Ge => (true, true),
        Cmp::Lt => (false, false),
        Cmp::Le => (false, true),
        Cmp::Eq | Cmp::Ne => return None,
    };
    Some((above != negated, inclusive != negated))
}

fn name(p: &Program, at: u32) -> Option<Name> {
    match p.nodes[at as usize] {
        Node::Fact(i) => Some(Name::Fact(i as usize)),
        Node::Let(i) => Some(Name::Let(i as usize)),
        _ => None,
    }
}

/// Whether events are looked at, all the way down.
fn events(p: &Program, at: u32) -> bool {
    let (mut open, mut seen) = (vec![at], BTreeSet::new());
    while let Some(at) = open.pop() {
        let node = p.nodes[at as usize];
        if matches!(node, Node::Fact(_)) {
            return true;
        }
        if seen.insert(at) {
            open.extend(p.below(node));
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proto::catalogue::Catalogue;

    use super::*;

    fn thresholds(red: &str) -> Vec<(String, bool, bool)> {
        let yaml = format!(
            "pack: p\ntitle: {{zh: a, en: a}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
             facts:\n  oop: {{sum: medical.settlement.self_paid_fen}}\n\
             let:\n  line: 'household.size * 100'\n  left: line - oop\n\
             rules:\n  - {{id: r, risk: illness, red: '{red}'}}\n"
        );
        let pack = Pack::load("p.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
        let level = &pack.rules[0].levels[0];
        let found = pack.thresholds(level).into_iter();
        found.map(|t| (pack.name(t.name).to_owned(), t.above, t.inclusive)).collect()
    }

    #[test]
    fn the_side_that_looks_at_events_is_the_value() {
        let one = |name: &str, above, inclusive| vec![(name.to_owned(), above, inclusive)];
        assert_eq!(thresholds("oop > line"), one("oop", true, false));
        assert_eq!(thresholds("line <= oop"), one("oop", true, true));
        assert_eq!(thresholds("left < 5"), one("left", false, false));
        assert_eq!(thresholds("!(oop < line)"), one("oop", true, true));
        assert_eq!(thresholds("5 > line"), one("line", false, false));
        assert_eq!(thresholds("oop / 2 > 5 || oop == 3"), []);
        let both = thresholds("oop > 5 && (left < 0 || household.size > 3)");
        assert_eq!(both, [one("oop", true, false), one("left", false, false)].concat());
    }

    #[test]
    fn what_is_missing_counts_whole_steps() {
        let expr = Expr { root: 0, kind: Type::Int };
        let mut t = Threshold {
            name: Name::Fact(0),
            value: expr,
            limit: expr,
            above: true,
            inclusive: false,
        };
        assert_eq!(
            (t.missing(5, 5), t.missing(6, 5), t.missing(3, 5)),
            (Some(1), Some(0), Some(3))
        );
        t.inclusive = true;
        assert_eq!((t.missing(5, 5), t.missing(4, 5)), (Some(0), Some(1)));
        t.above = false;
        assert_eq!((t.missing(7, 5), t.missing(i64::MAX, -1)), (Some(2), None));
    }
}
