//! Until when a fact stays below a value, whatever it does not look at comes.
//!
//! This is what lets a rule rest through the first days without work, or through one misfortune
//! where it asks for two. It refuses to guess: a fact that it does not know stays nowhere.

use proto::date::Date;
use rules::{Fact, FactKind, Gate};

use super::{Inside, with_inside};
use crate::view::View;

/// Until when the gate surely stays shut; see [`rules::Scope::shut`].
pub(crate) fn shut(view: &mut View<'_>, gate: Gate) -> Option<Date> {
    if !view.may_hold(gate.fact) {
        return Some(Date::MAX);
    }
    let (pack, least) = (view.pack, gate.least?);
    let fact = &pack.facts[gate.fact];
    if !matches!(fact.kind, FactKind::Count | FactKind::Distinct | FactKind::OpenDays) {
        return None;
    }
    let few = |most: usize| i64::try_from(most).ok().filter(|n| *n < least).map(|_| Date::MAX);
    // Windows move on: what is neither inside nor will be never comes in again.
    let until = with_inside(view, gate.fact, |view, events| match fact.kind {
        FactKind::Count => few(events.len()),
        FactKind::Distinct => {
            let of = |type_id| events.iter().any(|e| view.sight.rows.at(e.at).type_id == type_id);
            few(fact.types.iter().filter(|type_id| of(**type_id)).count())
        }
        _ => still_short(view, fact, least, events),
    });
    until.flatten()
}

/// The first date on which an event that nothing has ended is open for `least` days.
fn still_short(view: &View<'_>, fact: &Fact, least: i64, events: &[Inside]) -> Option<Date> {
    let today = view.sight.today;
    let days = i32::try_from(least).ok()?;
    let ended = |event: &&Inside| {
        let slot = view.sight.rows.at(event.at).slot;
        let mut rows = view.sight.rows.placed(fact.of_areas).map(|(_, row)| row);
        rows.any(|row| {
            Some(row.type_id) == fact.until
                && row.slot == slot
                && (event.on..=today).contains(&row.occurred_on)
        })
    };
    let open = events.iter().filter(|event| !ended(event)).map(|event| event.on.plus(days));
    open.min().or(Some(Date::MAX)).filter(|until| *until > today)
}
