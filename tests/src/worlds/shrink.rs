//! Makes a world smaller while it still fails: drops packs, rules, facts, lets, lines, in ever
//! smaller pieces. Knows no reason for a failure.

use super::World;
use super::render::yaml_text;
use crate::reference::yaml;
use serde_json::Value;

/// The smallest world that greedy dropping finds and `fails` still holds for. A world that does not
/// fail comes back as it is.
pub fn shrink(world: &World, mut fails: impl FnMut(&World) -> bool) -> World {
    let mut best = world.clone();
    if !fails(&best) {
        return best;
    }
    loop {
        let before = best.clone();
        best = drop_lines(best, |w| &mut w.events, 1, &mut fails);
        best = drop_lines(best, |w| &mut w.outcomes, 0, &mut fails);
        best = drop_lines(best, |w| &mut w.packs, 1, &mut fails);
        best = drop_lines(best, |w| &mut w.households, 1, &mut fails);
        best = drop_parts(best, &mut fails);
        if best == before {
            return best;
        }
    }
}

fn drop_lines(
    mut best: World,
    lines: impl Fn(&mut World) -> &mut Vec<String>,
    keep: usize,
    fails: &mut impl FnMut(&World) -> bool,
) -> World {
    let mut piece = lines(&mut best).len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < lines(&mut best).len() {
            let mut smaller = best.clone();
            let all = lines(&mut smaller);
            let end = (at + piece).min(all.len());
            all.drain(at..end);
            if lines(&mut smaller).len() >= keep && fails(&smaller) {
                best = smaller;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    best
}

fn drop_parts(mut best: World, fails: &mut impl FnMut(&World) -> bool) -> World {
    for at in 0..best.packs.len() {
        let Some(pack) = yaml(&best.packs[at]) else { continue };
        let mut pack = pack;
        let mut again = true;
        while again {
            again = false;
            for candidate in smaller_packs(&pack) {
                let mut smaller = best.clone();
                smaller.packs[at] = yaml_text(&candidate);
                if fails(&smaller) {
                    best = smaller;
                    pack = candidate;
                    again = true;
                    break;
                }
            }
        }
    }
    best
}

/// Every pack that lacks one part of this one and is still well formed.
fn smaller_packs(pack: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    let rules = pack["rules"].as_array().map_or(0, Vec::len);
    for at in 0..rules {
        let mut smaller = pack.clone();
        if let Some(list) = smaller["rules"].as_array_mut() {
            list.remove(at);
        }
        if rules > 1 {
            out.push(smaller);
        }
        for part in ["red", "yellow", "material", "why"] {
            let mut smaller = pack.clone();
            let dropped = smaller["rules"][at].as_object_mut().and_then(|r| r.remove(part));
            out.extend(dropped.map(|_| smaller));
        }
    }
    for section in ["clocks", "chain", "green_channel", "quiet_days", "calendar"] {
        let mut smaller = pack.clone();
        let dropped = smaller.as_object_mut().and_then(|pack| pack.remove(section));
        out.extend(dropped.map(|_| smaller));
    }
    for section in ["let", "facts", "tables", "event_types"] {
        for name in pack[section].as_object().into_iter().flatten().map(|(k, _)| k) {
            let mut smaller = pack.clone();
            if let Some(map) = smaller[section].as_object_mut() {
                map.remove(name);
            }
            if !mentions(&smaller, name) {
                out.push(smaller);
            }
        }
    }
    out
}

/// Whether a pack's text still uses a name.
fn mentions(pack: &Value, name: &str) -> bool {
    let text = yaml_text(pack);
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(name).any(|(at, _)| {
        !part(text[..at].chars().next_back()) && !part(text[at + name.len()..].chars().next())
    })
}
