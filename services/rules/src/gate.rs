//! Facts without which a level cannot be: what lets most rules be passed over for most households.
//!
//! A conjunction with a false part is false whatever the other parts are, failures included.

use std::collections::BTreeSet;

use crate::{
    expr::program::{Cmp, Expr, Node, Program, Type},
    pack::Fact,
    template::Literal,
};

/// The facts of which one without any event makes the condition false for as long as there is none.
pub(crate) fn gates(p: &Program, facts: &[Fact], condition: Expr) -> Vec<usize> {
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
fn closed(facts: &[Fact], fact: u32, cmp: Cmp, limit: i64) -> Option<usize> {
    let at = usize::try_from(fact).ok()?;
    match facts.get(at)?.absent() {
        Literal::Int(absent) => (!cmp.holds(absent.cmp(&limit))).then_some(at),
        Literal::Bool(_) | Literal::Text(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proto::catalogue::Catalogue;

    use crate::Pack;

    fn gates(red: &str) -> Vec<usize> {
        let yaml = format!(
            "pack: p\ntitle: {{zh: a, en: a}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
             facts:\n  oop: {{sum: medical.settlement.self_paid_fen}}\n\
             \x20 idle: {{open_days: employment.loss, until: employment.start}}\n\
             \x20 many: {{count: civil.birth, default: 5}}\n\
             let:\n  both: oop > 3 && household.size > 1\n\
             rules:\n  - {{id: r, risk: illness, red: '{red}'}}\n"
        );
        let pack = Pack::load("p.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
        pack.rules[0].levels[0].gates.clone()
    }

    #[test]
    fn a_fact_is_a_gate_where_its_absence_settles_all() {
        assert_eq!(gates("oop > 0"), [0]);
        assert_eq!(gates("1 <= oop && idle >= 0 && household.size / 0 > 1"), [0, 1]);
        assert_eq!(gates("both"), [0]);
        assert_eq!(gates("oop >= 0 || idle > 3"), [] as [usize; 0]);
        assert_eq!(gates("oop >= 0"), [] as [usize; 0]);
        assert_eq!(gates("idle < 3"), [] as [usize; 0]);
        assert_eq!(gates("!(oop > 3)"), [] as [usize; 0]);
        assert_eq!(gates("many > 3"), [] as [usize; 0]);
        assert_eq!(gates("many > 5"), [2]);
        assert_eq!(gates("oop != 0"), [0]);
    }
}
