//! What can be offered to a family: by risk and labour, less what it has, and what contradicts a
//! risk in its profile.

use proto::alert::{Offer, Signal};
use rules::{Outcome, Pack};

use crate::decide::Desk;

/// What a pack's toolbox offers for a risk, each once, in its order; what the family has by a
/// programme of aid is left out.
pub(crate) fn measures(pack: &Pack, risk: &str, desk: &Desk<'_>) -> Vec<String> {
    let labour = desk.known.labour(desk.today.year()).word();
    let mut measures: Vec<String> = Vec::new();
    for tool in pack.toolbox.iter().filter(|t| t.risk == risk) {
        if tool.labour.as_deref().is_none_or(|l| l == labour) {
            for code in &tool.measures {
                if !measures.contains(code) && !has(pack, code, desk) {
                    measures.push(code.clone());
                }
            }
        }
    }
    measures
}

/// Whether the family has a measure already.
fn has(pack: &Pack, code: &str, desk: &Desk<'_>) -> bool {
    let receives = |programme: &str| {
        desk.words.find(programme).is_some_and(|word| desk.known.aid.contains(&word))
    };
    match pack.measures.iter().find(|measure| measure.code == code) {
        Some(measure) => measure.aid.iter().any(|programme| receives(programme)),
        None => receives(code),
    }
}

/// All measures of the signals with their titles, each once, in the order of the signals.
pub(crate) fn offers(signals: &[Signal], desk: &Desk<'_>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::new();
    for signal in signals {
        let pack = desk.book.packs.iter().find(|pack| pack.id == signal.pack);
        for code in &signal.measures {
            if offers.iter().any(|offer| offer.code == *code) {
                continue;
            }
            let known = pack.and_then(|pack| pack.measures.iter().find(|m| m.code == *code));
            let title = known.map_or_else(Default::default, |measure| measure.title.clone());
            offers.push(Offer { code: code.clone(), zh: title.zh, en: title.en });
        }
    }
    offers
}

/// The ids of what contradicts the risks of the signals, each once.
pub(crate) fn contradictions(signals: &[Signal], desk: &mut Desk<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for signal in signals {
        let at = desk.book.packs.iter().position(|pack| pack.id == signal.pack);
        let Some(at) = at.and_then(|at| u16::try_from(at).ok()) else { continue };
        let (pack, view, memo) = desk.pack(at);
        for contradiction in pack.contradictions.iter().filter(|c| c.risk == signal.risk) {
            let truth = match pack.evaluate(contradiction.when, view, memo) {
                Outcome::Truth(truth) => truth.now(),
                _ => None,
            };
            if truth == Some(true) && !found.contains(&contradiction.id) {
                found.push(contradiction.id.clone());
            }
        }
    }
    found
}
