//! Random expressions over two numbers `a` and `b` and a truth `t`, for comparing two evaluators.
//! Knows the grammar only.

use super::draw::Draw;

/// A well typed expression.
pub(crate) fn sentence(seed: u64) -> String {
    let mut d = Draw::new(seed);
    if d.chance(50) { truth(&mut d, 4) } else { number(&mut d, 4) }
}

fn number(d: &mut Draw, depth: usize) -> String {
    if depth == 0 || d.chance(15) {
        let literals =
            ["0", "1", "3", "-4", "a", "b", "9223372036854775807", "(-9223372036854775808)"];
        return d.pick(&literals).to_owned();
    }
    let (x, y) = (number(d, depth - 1), number(d, depth - 1));
    match d.below(9) {
        0 => format!("{x} + {y}"),
        1 => format!("{x} - {y}"),
        2 => format!("({x}) * ({y})"),
        3 => format!("({x}) / ({y})"),
        4 => format!("({x}) % ({y})"),
        5 => format!("min({x}, {y})"),
        6 => format!("max({x}, {y})"),
        7 => format!("-({x})"),
        _ => format!("(({}) ? {x} : {y})", truth(d, depth - 1)),
    }
}

fn truth(d: &mut Draw, depth: usize) -> String {
    if depth == 0 || d.chance(15) {
        return d.pick(&["t", "true", "false", "!t"]).to_owned();
    }
    match d.below(6) {
        0 | 1 => {
            let (x, y) = (number(d, depth - 1), number(d, depth - 1));
            format!("{x} {} {y}", d.pick(&["<", "<=", ">", ">=", "==", "!="]))
        }
        2 => format!("{} && {}", side(d, depth), side(d, depth)),
        3 => format!("{} || {}", side(d, depth), side(d, depth)),
        4 => format!("!({})", truth(d, depth - 1)),
        _ => format!("{} in [1, {}, a]", number(d, depth - 1), number(d, depth - 1)),
    }
}

fn side(d: &mut Draw, depth: usize) -> String {
    let inner = truth(d, depth - 1);
    if d.chance(50) { format!("({inner})") } else { inner }
}
