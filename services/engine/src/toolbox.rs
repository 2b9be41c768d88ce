//! What can be offered to a family: by risk and labour, less what it has, and what contradicts a
//! risk in its profile.

use proto::alert::{Offer, Signal};
use rules::{Outcome, Pack};

use crate::desk::Desk;

/// What a pack's toolbox offers for a risk, each once, in its order; what the family has by a
/// programme of aid is left out.
pub(crate) fn measures<'p>(pack: &'p Pack, risk: &str, desk: &Desk<'_>) -> Vec<&'p str> {
    let labour = desk.sight.known.labour(desk.sight.today.year()).word();
    let mut measures: Vec<&str> = Vec::new();
    for tool in pack.toolbox.iter().filter(|t| t.risk == risk) {
        if tool.labour.as_deref().is_none_or(|l| l == labour) {
            for code in &tool.measures {
                if !measures.contains(&code.as_str()) && !has(pack, code, desk) {
                    measures.push(code);
                }
            }
        }
    }
    measures
}

/// Whether the family has a measure already.
fn has(pack: &Pack, code: &str, desk: &Desk<'_>) -> bool {
    if desk.sight.known.aid.is_empty() {
        return false;
    }
    let receives = |programme: &str| {
        desk.sight.words.find(programme).is_some_and(|word| desk.sight.known.aid.contains(&word))
    };
    match pack.measures.iter().find(|measure| measure.code == code) {
        Some(measure) => measure.aid.iter().any(|programme| receives(programme)),
        None => receives(code),
    }
}

/// All measures of the signals with their titles, each once, in the order of the signals.
pub(crate) fn offers<'d>(signals: &[Signal<'d>], desk: &Desk<'d>) -> Vec<Offer<'d>> {
    let mut offers: Vec<Offer<'_>> = Vec::new();
    for signal in signals {
        let pack = desk.book.packs.iter().find(|pack| pack.id == signal.pack);
        for code in signal.measures.iter().copied() {
            if offers.iter().any(|offer| offer.code == code) {
                continue;
            }
            let known = pack.and_then(|pack| pack.measures.iter().find(|m| m.code == code));
            let (zh, en) = known.map_or(("", ""), |known| (&known.title.zh, &known.title.en));
            offers.push(Offer { code, zh, en });
        }
    }
    offers
}

/// The ids of what contradicts the risks of the signals, each once.
pub(crate) fn contradictions<'d>(signals: &[Signal<'d>], desk: &mut Desk<'d>) -> Vec<&'d str> {
    let mut found: Vec<&str> = Vec::new();
    for signal in signals {
        let at = desk.book.packs.iter().position(|pack| pack.id == signal.pack);
        let Some(at) = at.and_then(|at| u16::try_from(at).ok()) else { continue };
        let (pack, view, memo) = desk.pack(at);
        for contradiction in pack.contradictions.iter().filter(|c| c.risk == signal.risk) {
            let truth = match pack.evaluate(contradiction.when, view, memo) {
                Outcome::Truth(truth) => truth.now(),
                _ => None,
            };
            if truth == Some(true) && !found.contains(&contradiction.id.as_str()) {
                found.push(&contradiction.id);
            }
        }
    }
    found
}
