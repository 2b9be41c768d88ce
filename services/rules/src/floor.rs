//! From which value on a fact can matter: what lets events about areas be noted without asking each
//! household.

use std::collections::BTreeSet;

use crate::{
    expr::program::{Cmp, Node, Type},
    pack::Pack,
};

impl Pack {
    /// The least value of a fact that any level or material value of the pack can tell from 0, if
    /// the fact is only compared with numbers above 0: below it all values are one.
    #[must_use]
    pub fn floor(&self, fact: usize) -> Option<i64> {
        let p = self.program();
        let levels = self.rules.iter().flat_map(|rule| &rule.levels).map(|level| level.expr.root);
        let materials = self.rules.iter().filter_map(|rule| rule.material);
        let mut open: Vec<u32> = levels.chain(materials.map(|m| m.value.root)).collect();
        let (mut seen, mut floor) = (BTreeSet::new(), i64::MAX);
        while let Some(at) = open.pop() {
            if !seen.insert(at) {
                continue;
            }
            let node = p.nodes[at as usize];
            let is_fact = |at: u32| {
                p.nodes[at as usize] == Node::Fact(u32::try_from(fact).unwrap_or(u32::MAX))
            };
            match node {
                Node::Compare(cmp, Type::Int, a, b) if is_fact(a) || is_fact(b) => {
                    let least = match (p.nodes[a as usize], p.nodes[b as usize]) {
                        (_, Node::Int(limit)) => least(cmp, limit),
                        (Node::Int(limit), _) => least(cmp.turned(), limit),
                        _ => None,
                    };
                    floor = floor.min(least.filter(|least| *least > 0)?);
                }
                _ if is_fact(at) => return None,
                node => open.extend(p.below(node)),
            }
        }
        Some(floor)
    }
}

/// The least value for which a comparison with a limit can be other than for all smaller ones.
fn least(cmp: Cmp, limit: i64) -> Option<i64> {
    match cmp {
        Cmp::Ge | Cmp::Lt | Cmp::Eq | Cmp::Ne => Some(limit),
        Cmp::Gt | Cmp::Le => limit.checked_add(1),
    }
}

#[cfg(test)]
mod tests {
    use proto::catalogue::Catalogue;

    use crate::Pack;

    fn floor(red: &str) -> Option<i64> {
        let yaml = format!(
            "pack: p\ntitle: {{zh: a, en: a}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
             facts:\n  drop: {{max: market.price_drop.drop_permille, over: 90d}}\n\
             let:\n  much: drop > 500\n  twice: drop * 2\n\
             rules:\n  - {{id: r, risk: industry, red: '{red}'}}\n"
        );
        let pack = Pack::load("p.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
        pack.floor(0)
    }

    #[test]
    fn a_fact_matters_from_the_least_limit_it_is_compared_with() {
        assert_eq!(floor("drop >= 300"), Some(300));
        assert_eq!(floor("300 < drop && household.size > 2"), Some(301));
        assert_eq!(floor("drop >= 300 || much || !(drop <= 400)"), Some(300));
        assert_eq!(floor("much"), Some(501));
        assert_eq!(floor("household.size > 2"), Some(i64::MAX));
        assert_eq!(floor("drop > household.size"), None);
        assert_eq!(floor("twice > 600"), None);
        assert_eq!(floor("drop >= 0"), None);
        assert_eq!(floor("drop > -1 && drop > 300"), None);
        assert_eq!(floor("drop in [300, 400]"), None);
    }
}
