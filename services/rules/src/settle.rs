//! Which conditions a family's profile can settle by itself: a rule whose every level it can rule out
//! may be deaf to all events, and it is worth looking whether it is.

use crate::expr::program::{Node, Program};

/// What is known of the steps of a program, in their order.
pub(crate) struct Settling {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Default)]
struct Step {
    /// Whether a fact is in it.
    reads: bool,
    /// Whether it can be false whatever its facts are.
    falls: bool,
    /// Whether it can be true whatever its facts are.
    holds: bool,
}

impl Settling {
    pub(crate) fn of(p: &Program) -> Settling {
        let mut steps: Vec<Step> = Vec::with_capacity(p.nodes.len());
        for node in &p.nodes {
            // Nodes point backwards, so what is below is known.
            let below = |at: u32| steps.get(at as usize).copied().unwrap_or_default();
            let reads = matches!(node, Node::Fact(_)) || p.below(*node).any(|at| below(at).reads);
            let (falls, holds) = match *node {
                Node::And(a, b) => {
                    (below(a).falls || below(b).falls, below(a).holds && below(b).holds)
                }
                Node::Or(a, b) => {
                    (below(a).falls && below(b).falls, below(a).holds || below(b).holds)
                }
                Node::Not(a) => (below(a).holds, below(a).falls),
                Node::Let(at) => {
                    let body = p.lets.get(at as usize).map(|expr| below(expr.root));
                    body.map_or((false, false), |body| (body.falls, body.holds))
                }
                Node::Cond(..) => (true, true),
                _ => (!reads, !reads),
            };
            steps.push(Step { reads, falls, holds });
        }
        Settling { steps }
    }

    /// Whether a condition can be false whatever its facts are.
    pub(crate) fn falls(&self, root: u32) -> bool {
        self.steps.get(root as usize).is_some_and(|step| step.falls)
    }
}

#[cfg(test)]
mod tests {
    use proto::catalogue::Catalogue;

    use crate::Pack;

    fn settles(levels: &str) -> bool {
        let yaml = format!(
            "pack: p\ntitle: {{zh: a, en: a}}\nscope: \"99\"\neffective: {{from: 2026-01-01}}\n\
             facts:\n  oop: {{sum: medical.settlement.self_paid_fen}}\n\
             let:\n  big: household.size > 4\n  much: oop / 2 > 9\n\
             rules:\n  - {{id: r, risk: illness, {levels}}}\n"
        );
        let pack = Pack::load("p.yaml", yaml.as_bytes(), &Catalogue::shipped()).unwrap();
        pack.rules[0].settles
    }

    #[test]
    fn a_rule_is_settled_where_the_profile_can_rule_out_every_level() {
        for (levels, can) in [
            ("red: oop > 3", false),
            ("red: household.size > 3", true),
            ("red: 'oop > 3 && household.size > 3'", true),
            ("red: 'oop > 3 || household.size > 3'", false),
            ("red: 'household.is(\"x\") || household.size > 3'", true),
            ("red: '!(oop > 3 || !big)'", true),
            ("red: '!(oop > 3 && !big)'", false),
            ("red: 'much || big'", false),
            ("red: 'much && big'", true),
            ("red: 'oop > 3 ? big : much'", true),
            ("red: 'oop > household.size'", false),
            ("red: 'much && big', green: much", false),
            ("red: 'much && big', green: 'big && oop > 1'", true),
        ] {
            assert_eq!(settles(levels), can, "{levels}");
        }
    }
}
