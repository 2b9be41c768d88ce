//! Which events are live: corrections in any order, forks, chains, withdrawals.
//!
//! A pure function of the set of events of one feed about one subject; the order in which they
//! became known cannot change its answer.

use proto::{catalogue::TypeId, date::Instant};

/// What decides liveness about one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    /// The feed's id, unique within the feed and subject.
    pub id: &'a str,
    /// The id it takes the place of.
    pub supersedes: Option<&'a str>,
    /// Its type.
    pub type_id: TypeId,
    /// When it was observed.
    pub time: Instant,
    /// Whether it only withdraws.
    pub void: bool,
}

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// It counts.
    pub live: bool,
    /// It names an event of another type, and so corrects nothing.
    pub unmatched: bool,
}

/// The standing of each event of one feed about one subject.
///
/// A correction of itself corrects nothing. Corrections in a circle supersede each other, so that
/// none of them counts.
#[must_use]
pub(crate) fn standings(nodes: &[Node<'_>]) -> Vec<Standing> {
    let unmatched = |node: &Node<'_>| {
        let named = nodes.iter().find(|n| Some(n.id) == node.supersedes);
        named.is_some_and(|n| n.type_id != node.type_id)
    };
    let stray: Vec<bool> = nodes.iter().map(unmatched).collect();
    let corrects = |i: usize| {
        let node = &nodes[i];
        node.supersedes.filter(|id| !stray[i] && *id != node.id)
    };
    let winner = |target: &str, type_id: TypeId| {
        (0..nodes.len())
            .filter(|i| nodes[*i].type_id == type_id && corrects(*i) == Some(target))
            .max_by_key(|i| (nodes[*i].time, nodes[*i].id))
    };
    let effective = |start: usize| {
        let mut at = start;
        // A chain longer than the number of events goes in a circle.
        for _ in 0..=nodes.len() {
            let Some(target) = corrects(at) else { return true };
            if winner(target, nodes[at].type_id) != Some(at) {
                return false;
            }
            match nodes.iter().position(|n| n.id == target) {
                Some(next) => at = next,
                None => return true,
            }
        }
        false
    };
    let standing = |i: usize| Standing {
        live: !nodes[i].void && winner(nodes[i].id, nodes[i].type_id).is_none() && effective(i),
        unmatched: stray[i],
    };
    (0..nodes.len()).map(standing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: &'static str, supersedes: Option<&'static str>, time: i64) -> Node<'static> {
        Node { id, supersedes, type_id: TypeId(0), time: Instant(time), void: false }
    }

    fn live(nodes: &[Node<'_>]) -> Vec<String> {
        let mut forward: Vec<String> = ids(nodes);
        let mut reversed = nodes.to_vec();
        reversed.reverse();
        let mut backward = ids(&reversed);
        forward.sort();
        backward.sort();
        assert_eq!(forward, backward, "the order of arrival must not matter");
        forward
    }

    fn ids(nodes: &[Node<'_>]) -> Vec<String> {
        let standings = standings(nodes);
        nodes.iter().zip(standings).filter(|(_, s)| s.live).map(|(n, _)| n.id.to_owned()).collect()
    }

    #[test]
    fn a_correction_takes_the_place_and_chains_are_followed() {
        assert_eq!(live(&[node("a", None, 1), node("b", Some("a"), 2)]), ["b"]);
        assert_eq!(
            live(&[node("a", None, 1), node("b", Some("a"), 2), node("c", Some("b"), 3)]),
            ["c"]
        );
        assert_eq!(live(&[node("b", Some("a"), 2)]), ["b"]);
    }

    #[test]
    fn of_a_fork_the_later_wins_and_the_losers_heirs_count_for_nothing() {
        let fork = [
            node("a", None, 1),
            node("b", Some("a"), 3),
            node("c", Some("a"), 2),
            node("d", Some("c"), 9),
        ];
        assert_eq!(live(&fork), ["b"]);
        let tie = [node("a", None, 1), node("b", Some("a"), 3), node("c", Some("a"), 3)];
        assert_eq!(live(&tie), ["c"]);
    }

    #[test]
    fn a_withdrawal_leaves_nothing() {
        let void = Node { void: true, ..node("b", Some("a"), 2) };
        assert!(live(&[node("a", None, 1), void]).is_empty());
        assert_eq!(live(&[node("a", None, 1), void, node("c", Some("b"), 3)]), ["c"]);
    }

    #[test]
    fn a_correction_of_another_type_corrects_nothing() {
        let other = Node { type_id: TypeId(1), ..node("b", Some("a"), 2) };
        assert_eq!(live(&[node("a", None, 1), other]), ["a", "b"]);
        assert!(standings(&[node("a", None, 1), other])[1].unmatched);
        assert_eq!(live(&[node("a", Some("a"), 1)]), ["a"]);
        assert!(live(&[node("a", Some("b"), 1), node("b", Some("a"), 2)]).is_empty());
    }
}
