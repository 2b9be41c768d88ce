//! Finds `let`s that need each other, whatever their order in the file.

use std::collections::BTreeMap;

use super::load::Parsed;

/// Gives each `let` the number of its circle; alone it has one of its own.
///
/// Two passes over the graph of uses: the order in which searches end, then the reversed graph.
pub(super) fn circles(lets: &[Parsed<'_>]) -> BTreeMap<String, usize> {
    let places: BTreeMap<&str, usize> = lets.iter().zip(0..).map(|((n, _), i)| (*n, i)).collect();
    let uses: Vec<Vec<usize>> = lets
        .iter()
        .map(|(_, tree)| {
            let tree = tree.as_ref().and_then(|tree| tree.as_ref().ok());
            let mut used: Vec<usize> = tree
                .map(|tree| tree.names().filter_map(|name| places.get(name).copied()).collect())
                .unwrap_or_default();
            used.sort_unstable();
            used.dedup();
            used
        })
        .collect();
    let mut used_by = vec![Vec::new(); uses.len()];
    for (at, used) in uses.iter().enumerate() {
        used.iter().for_each(|to| used_by[*to].push(at));
    }
    let mut ended = Vec::new();
    let mut seen = vec![false; uses.len()];
    for start in 0..uses.len() {
        search(start, &uses, &mut seen, &mut ended);
    }
    let mut circle = vec![0; uses.len()];
    let mut seen = vec![false; uses.len()];
    for start in ended.into_iter().rev() {
        let mut members = Vec::new();
        search(start, &used_by, &mut seen, &mut members);
        members.into_iter().for_each(|member| circle[member] = start);
    }
    lets.iter().zip(circle).map(|((name, _), circle)| ((*name).to_owned(), circle)).collect()
}

/// Depth first from `start`; `ended` receives each place when all below it are done.
fn search(start: usize, edges: &[Vec<usize>], seen: &mut [bool], ended: &mut Vec<usize>) {
    if std::mem::replace(&mut seen[start], true) {
        return;
    }
    let mut open = vec![(start, 0)];
    while let Some((at, next)) = open.pop() {
        match edges[at].get(next) {
            Some(to) => {
                open.push((at, next + 1));
                if !std::mem::replace(&mut seen[*to], true) {
                    open.push((*to, 0));
                }
            }
            None => ended.push(at),
        }
    }
}
