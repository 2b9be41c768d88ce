//! A fact's values over a span of dates, as long as no event comes or goes.

use proto::date::Date;
use rules::{Fact, FactKind, Span};

use super::{Inside, outcome, with_inside};
use crate::view::{View, count};

/// The fact's values from the view's date until before `end`, as long as no event comes or goes.
pub(crate) fn span(view: &mut View<'_>, at: usize, end: Date) -> Option<Span> {
    let pack = view.pack;
    let fact = &pack.facts[at];
    let counted =
        matches!(fact.kind, FactKind::Sum | FactKind::Count | FactKind::Max | FactKind::Distinct);
    if !counted || fact.default.is_some() {
        return Span::of(outcome(view, at), view.sight.today, end);
    }
    if !view.may_hold(at) {
        return Some(Span { low: 0, high: 0, grows: fact.grows });
    }
    with_inside(view, at, |view, events| within(view, fact, events, end)).flatten()
}

fn within(view: &View<'_>, fact: &Fact, events: &[Inside], end: Date) -> Option<Span> {
    let (_, today_last) = fact.window.start(view.sight.today);
    let (then_first, then_last) = fact.window.start(end.plus(-1).min(Date::LAST));
    // What is inside today and on the last date is inside on every date between.
    let stays = |on: Date| on <= today_last && on >= then_first;
    let meets = events.iter().filter(|event| event.on <= then_last);
    let meeting = meets.map(|event| Meeting { event, stays: stays(event.on) });
    match fact.kind {
        FactKind::Distinct => Some(distinct(view, fact, &meeting)),
        FactKind::Max => largest(fact, &meeting),
        _ => total(fact, meeting),
    }
}

/// An event that is inside on some date of the span.
#[derive(Clone, Copy)]
struct Meeting<'e> {
    event: &'e Inside,
    /// Whether it is inside on all of them.
    stays: bool,
}

fn total<'e>(fact: &Fact, events: impl Iterator<Item = Meeting<'e>>) -> Option<Span> {
    let (mut low, mut high) = (0i128, 0i128);
    for Meeting { event, stays } in events {
        let value = if fact.kind == FactKind::Count { 1 } else { i128::from(event.value) };
        low += if stays { value } else { value.min(0) };
        high += if stays { value } else { value.max(0) };
    }
    let (low, high) = (i64::try_from(low).ok()?, i64::try_from(high).ok()?);
    Some(Span { low, high, grows: fact.grows })
}

fn largest<'e>(fact: &Fact, events: &(impl Iterator<Item = Meeting<'e>> + Clone)) -> Option<Span> {
    // Whatever stays keeps it from falling further; without any it may read as 0.
    let least = events.clone().filter(|e| e.stays).map(|e| e.event.value).max();
    let values = || events.clone().map(|e| e.event.value);
    let low = least.unwrap_or_else(|| values().min().unwrap_or(0).min(0));
    let high = values().max().max(if least.is_some() { None } else { Some(0) });
    let span = Span { low, high: high.unwrap_or(0), grows: fact.grows };
    // From below zero what comes could lift it by more than its amount.
    Some(span).filter(|span| !span.grows || span.low >= 0)
}

fn distinct<'e>(
    view: &View<'_>,
    fact: &Fact,
    events: &(impl Iterator<Item = Meeting<'e>> + Clone),
) -> Span {
    let of = |type_id, stays: bool| {
        let is = |e: Meeting<'e>| {
            view.sight.rows.at(e.event.at).type_id == type_id && (e.stays || !stays)
        };
        events.clone().any(is)
    };
    let kinds = |stays| count(fact.types.iter().filter(|t| of(**t, stays)).count());
    Span { low: kinds(true), high: kinds(false), grows: false }
}
