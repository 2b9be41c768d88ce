//! Facts without which a level cannot be: what lets most rules be passed over for most households.
//!
//! A conjunction with a false part is false whatever the other parts are, failures included.

use std::collections::BTreeSet;

use crate::{
    expr::program::{Cmp, Expr, Node, Program, Type},
    pack::Fact,
    template::Literal,
};

/// A fact that makes a condition false for as long as it looks at no event, or stays below a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Gate {
    /// The fact's place in its pack.
    pub fact: usize,
    /// The value below which it makes the condition false as well; nothing where any event may do.
    pub least: Option<i64>,
}

/// The facts of which one alone makes the condition false.
pub(crate) fn gates(p: &Program, facts: &[Fact], condition: Expr) -> Vec<Gate> {
    let (mut open, mut seen, mut found) = (vec![condition.root], BTreeSet::new(), BTreeSet::new());
    while let Some(at) = open.pop() {
        if !seen.insert(at) {
            continue;
        }
        match p.nodes[at as usize] {
            Node::And(a, b) => open.extend([a, b]),
            Node::Let(i) => open.push(p.lets[i as usize].root),
            Node::Compare(cmp, Type::Int, a, b) => {
                let gate = match (p.nodes[a as usize], p.nodes[b as usize]) {
                    (Node::Fact(fact), Node::Int(limit)) => closed(facts, fact, cmp, limit),
                    (Node::Int(limit), Node::Fact(fact)) => {
                        closed(facts, fact, cmp.turned(), limit)
                    }
                    _ => None,
                };
                found.extend(gate);
            }
            _ => {}
        }
    }
    found.into_iter().collect()
}

/// The fact, if the comparison with its value without events is false.
fn closed(facts: &[Fact], fact: u32, cmp: Cmp, limit: i64) -> Option<Gate> {
    let at = usize::try_from(fact).ok()?;
    let least = match cmp {
        Cmp::Ge => Some(limit),
        Cmp::Gt => limit.checked_add(1),
        _ => None,
    };
    match facts.get(at)?.absent() {
        Literal::Int(absent) => {
            (!cmp.holds(absent.cmp(&limit))).then_some(Gate { fact: at, least })
        }
        Literal::Bool(_) | Literal::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proto::catalogue::Catalogue;

    use crate::Pack;

    fn gates(red: &str) -> Vec<(usize, Option<i64>)> {
        let yaml = format!(
            "pack: p\ntitle: {{zh: a, en: a}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
             facts:\n  oop: {{sum: medical.settlement.self_paid_fen}}\n\
             \x20 idle: {{open_days: employment.loss, until: employment.start}}\n\
             \x20 many: {{count: civil.birth, default: 5}}\n\
             let:\n  both: oop > 3 && household.size > 1\n\
             rules:\n  - {{id: r, risk: illness, red: '{red}'}}\n"
        );
        let pack = Pack::load("p.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
        pack.rules[0].levels[0].gates.iter().map(|gate| (gate.fact, gate.least)).collect()
    }

    #[test]
    fn a_fact_is_a_gate_where_its_absence_settles_all() {
        assert_eq!(gates("oop > 0"), [(0, Some(1))]);
        assert_eq!(
            gates("1 <= oop && idle >= 0 && household.size / 0 > 1"),
            [(0, Some(1)), (1, Some(0))]
        );
        assert_eq!(gates("both"), [(0, Some(4))]);
        assert_eq!(gates("idle > 2 && idle >= 9"), [(1, Some(3)), (1, Some(9))]);
        assert_eq!(gates("oop >= 0 || idle > 3"), []);
        assert_eq!(gates("oop >= 0"), []);
        assert_eq!(gates("idle < 3"), []);
        assert_eq!(gates("!(oop > 3)"), []);
        assert_eq!(gates("many > 3"), []);
        assert_eq!(gates("many > 5"), [(2, Some(6))]);
        assert_eq!(gates("oop != 0"), [(0, None)]);
    }
}
