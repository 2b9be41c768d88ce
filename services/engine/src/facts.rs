//! Facts: sums, counts and dates over a household's live events, each with its outlook.
//!
//! An event is inside a window from one date to another; everything a fact will ever be follows
//! from those two dates of its events, as long as no event comes or goes.

use proto::date::Date;
use rules::{Fact, FactKind, Literal, Number, Outcome, Span, Type, Window};

use crate::view::{Row, View, count};

/// The fact's value on the view's date.
pub(crate) fn outcome(view: &mut View<'_>, fact: usize) -> Outcome {
    let pack = view.pack;
    let fact = &pack.facts[fact];
    if !view.may_hold(fact) {
        return absent(view, fact, &Turn { until: Date::MAX, coming: false });
    }
    let events = std::mem::take(&mut view.spare);
    match inside(view, fact, events) {
        Ok(events) => {
            let outcome = match fact.kind {
                FactKind::Sum => sum(view, fact, &events),
                FactKind::Max => largest(view, fact, &events),
                FactKind::Count => counted(view, fact, &events),
                FactKind::Last => last(view, fact, &events),
                FactKind::Distinct => distinct(view, fact, &events),
                FactKind::DaysSince => days_since(view, fact, &events),
                FactKind::OpenDays => open_days(view, fact, &events),
                FactKind::Active => active(view, fact, &events),
            };
            view.spare = events;
            outcome
        }
        Err(Fails) => Outcome::failed(view.today.plus(1)),
    }
}

/// The fact's values from the view's date until before `end`, as long as no event comes or goes.
pub(crate) fn span(view: &mut View<'_>, fact: usize, end: Date) -> Option<Span> {
    let at = fact;
    let fact = &view.pack.facts[at];
    let counted = matches!(fact.kind, FactKind::Sum | FactKind::Max | FactKind::Count);
    if !counted || fact.default.is_some() {
        let outcome = outcome(view, at);
        return Span::of(outcome, view.today, end);
    }
    if !view.may_hold(fact) {
        return Some(Span { low: 0, high: 0, grows: fact.grows });
    }
    let spare = std::mem::take(&mut view.spare);
    let events = inside(view, fact, spare).ok()?;
    let today = view.today;
    let stays = |event: &Inside<'_>| event.begins <= today && event.ends >= end;
    let meets = |event: &&Inside<'_>| event.begins < end;
    let values = events.iter().filter(meets).map(|event| {
        let one = fact.kind == FactKind::Count;
        (if one { 1 } else { event.value }, stays(event))
    });
    let span = match fact.kind {
        FactKind::Max => {
            // Whatever stays keeps it from falling further; without any it may read as 0.
            let (mut least, mut low, mut high) = (None, 0, None);
            for (value, stays) in values {
                low = low.min(value);
                high = high.max(Some(value));
                least = if stays { least.max(Some(value)) } else { least };
            }
            let high = if least.is_some() { high } else { high.max(Some(0)) };
            let span =
                Span { low: least.unwrap_or(low), high: high.unwrap_or(0), grows: fact.grows };
            // From below zero what comes could lift it by more than its amount.
            Some(span).filter(|span| !span.grows || span.low >= 0)
        }
        _ => {
            let (mut low, mut high) = (0i128, 0i128);
            for (value, stays) in values {
                let value = i128::from(value);
                low += if stays { value } else { value.min(0) };
                high += if stays { value } else { value.max(0) };
            }
            let ends = i64::try_from(low).ok().zip(i64::try_from(high).ok());
            ends.map(|(low, high)| Span { low, high, grows: fact.grows })
        }
    };
    view.spare = events;
    span
}

/// A `where` fails.
struct Fails;

/// An event that is or will be inside the fact's window: from `begins` until before `ends`.
#[derive(Clone, Copy)]
pub(crate) struct Inside<'a> {
    row: Row<'a>,
    /// The fact's field, if it is a number.
    value: i64,
    begins: Date,
    ends: Date,
}

/// The dates between which an event is inside a window.
fn stay(window: Window, occurred_on: Date) -> (Date, Date) {
    let days = |n: u32| occurred_on.plus(i32::try_from(n).unwrap_or(i32::MAX));
    let months = |n: u32| i32::try_from(n).unwrap_or(i32::MAX - 1);
    match window {
        Window::Days(n) | Window::Retain(n) => (occurred_on, days(n)),
        Window::Months(n) => {
            (occurred_on.month_start_plus(1), occurred_on.month_start_plus(months(n) + 1))
        }
        Window::CalendarMonth => (occurred_on, occurred_on.month_start_plus(1)),
        Window::CalendarYear => (occurred_on, occurred_on.year_start().month_start_plus(12)),
        Window::SchoolYear => {
            let september = occurred_on.year_start().month_start_plus(8);
            let ends =
                if occurred_on < september { september } else { september.month_start_plus(12) };
            (occurred_on, ends)
        }
        Window::LastCalendarYear => {
            let year = occurred_on.year_start();
            (year.month_start_plus(12), year.month_start_plus(24))
        }
    }
}

/// The events of the fact's types that are inside or will be, in `events`.
fn inside<'a>(
    view: &View<'a>,
    fact: &Fact,
    mut events: Vec<Inside<'a>>,
) -> Result<Vec<Inside<'a>>, Fails> {
    events.clear();
    for (at, row) in
        view.rows.iter().enumerate().filter(|(_, row)| fact.types.contains(&row.type_id))
    {
        let (begins, ends) = stay(fact.window, row.occurred_on);
        if ends > view.today && view.passes(fact, row).ok_or(Fails)? {
            let value = fact.field.map_or(0, |field| view.int(at, field));
            events.push(Inside { row: *row, value, begins, ends });
        }
    }
    Ok(events)
}

/// The events that the fact looked at on the view's date.
pub(crate) fn looked_at<'a>(view: &View<'a>, fact: &Fact) -> Vec<Row<'a>> {
    let today = view.today;
    let mut rows: Vec<Row<'a>> = inside(view, fact, Vec::new())
        .unwrap_or_default()
        .into_iter()
        .filter(|e| e.begins <= today)
        .map(|e| e.row)
        .collect();
    if let Some(until) = fact.until {
        let first = rows.iter().map(|row| row.occurred_on).min();
        let ending = |row: &&Row<'a>| {
            row.type_id == until && row.occurred_on <= today && Some(row.occurred_on) >= first
        };
        if first.is_some() {
            rows.extend(view.rows.iter().filter(ending));
        }
    }
    rows
}

/// When the set of events inside changes next, and whether one is still to come.
struct Turn {
    until: Date,
    coming: bool,
}

fn turn(today: Date, events: &[Inside<'_>]) -> Turn {
    let mut turn = Turn { until: Date::MAX, coming: false };
    for event in events {
        let begun = event.begins <= today;
        turn.coming |= !begun;
        turn.until = turn.until.min(if begun { event.ends } else { event.begins });
    }
    turn
}

fn present<'e, 'a>(today: Date, events: &'e [Inside<'a>]) -> impl Iterator<Item = &'e Inside<'a>> {
    events.iter().filter(move |e| e.begins <= today)
}

/// The fact without any event inside.
fn absent<'a>(view: &mut View<'a>, fact: &Fact, turn: &Turn) -> Outcome {
    match fact.absent() {
        Literal::Int(n) => Outcome::Number(Number::stepping(n, turn.until, true, true)),
        Literal::Bool(b) => Outcome::Truth(rules::Truth::until(b, turn.until)),
        Literal::Text(text) => view.spell(text.into(), turn.until),
    }
}

fn sum(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let turn = turn(view.today, events);
    let (mut total, mut size, mut any) = (0i128, 0i128, false);
    let (mut rise, mut fall) = (turn.coming, turn.coming);
    for event in events {
        let value = event.value;
        size += i128::from(value.unsigned_abs());
        if event.begins <= view.today {
            any = true;
            total += i128::from(value);
            rise |= value < 0;
            fall |= value > 0;
        }
    }
    if !any {
        return absent(view, fact, &turn);
    }
    if fact.default.is_some() {
        (rise, fall) = (true, true);
    }
    let Ok(value) = i64::try_from(total) else { return Outcome::failed(turn.until) };
    let mut number = Number::stepping(value, turn.until, rise, fall);
    if size > i128::from(i64::MAX) {
        number.sure = turn.until;
    } else if fact.default.is_none() {
        let bits = u128::BITS - size.unsigned_abs().leading_zeros();
        number = number.within(u8::try_from(bits).unwrap_or(u8::MAX));
    }
    Outcome::Number(number)
}

fn counted(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let turn = turn(view.today, events);
    let n = present(view.today, events).count();
    if n == 0 {
        return absent(view, fact, &turn);
    }
    let rise = turn.coming || fact.default.is_some();
    Outcome::Number(Number::stepping(count(n), turn.until, rise, true))
}

fn largest(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let turn = turn(view.today, events);
    let values = present(view.today, events).map(|e| e.value);
    let Some(value) = values.max() else { return absent(view, fact, &turn) };
    // Without events it reads as 0, which is no rise only where the value was not below.
    let rise = turn.coming || fact.default.is_some() || value < 0;
    let holders = present(view.today, events).filter(|e| e.value == value);
    let held = holders.map(|e| e.ends).max().unwrap_or(turn.until);
    let coming = events.iter().filter(|e| e.begins > view.today).map(|e| e.begins).min();
    let until = coming.map_or(held, |date| date.min(held));
    Outcome::Number(Number::stepping(value, until, rise, true))
}

fn last<'a>(view: &mut View<'a>, fact: &Fact, events: &[Inside<'a>]) -> Outcome {
    let turn = turn(view.today, events);
    let newest =
        present(view.today, events).max_by(|a, b| a.row.recency().cmp(&b.row.recency())).copied();
    let Some(newest) = newest else { return absent(view, fact, &turn) };
    let field = fact.field.unwrap_or(0);
    match fact.value_type {
        Type::Int => Outcome::Number(Number::stepping(newest.value, turn.until, true, true)),
        Type::Bool => {
            let value = newest.value != 0;
            Outcome::Truth(rules::Truth::until(value, turn.until))
        }
        Type::Text => {
            let text = view.field_text(&newest.row, field);
            view.spell(text.into(), turn.until)
        }
    }
}

fn distinct(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let turn = turn(view.today, events);
    let has =
        |t: &&proto::catalogue::TypeId| present(view.today, events).any(|e| e.row.type_id == **t);
    let n = fact.types.iter().filter(has).count();
    if n == 0 {
        return absent(view, fact, &turn);
    }
    let rise = turn.coming || fact.default.is_some();
    Outcome::Number(Number::stepping(count(n), turn.until, rise, true))
}

fn days_since(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let turn = turn(view.today, events);
    let newest = present(view.today, events).max_by_key(|e| e.row.occurred_on);
    let Some(newest) = newest else { return absent(view, fact, &turn) };
    let coming = events.iter().filter(|e| e.begins > view.today).map(|e| e.begins).min();
    let until = coming.map_or(newest.ends, |date| date.min(newest.ends));
    let days = i64::from(view.today.0) - i64::from(newest.row.occurred_on.0);
    Outcome::Number(Number::sloping(days, 1, until, true, true))
}

fn open_days(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let today = view.today;
    let mut until = turn(today, events).until;
    let mut oldest: Option<Date> = None;
    for event in present(today, events) {
        let mut open = true;
        let ends = view.rows.iter().filter(|row| {
            Some(row.type_id) == fact.until
                && row.slot == event.row.slot
                && row.occurred_on >= event.row.occurred_on
        });
        for end in ends {
            if end.occurred_on <= today {
                open = false;
            } else {
                until = until.min(end.occurred_on);
            }
        }
        if open {
            let since = event.row.occurred_on;
            oldest = Some(oldest.map_or(since, |date| date.min(since)));
        }
    }
    let Some(oldest) = oldest else { return absent(view, fact, &Turn { until, coming: false }) };
    let days = i64::from(today.0) - i64::from(oldest.0);
    Outcome::Number(Number::sloping(days, 1, until, true, true))
}

fn active(view: &mut View<'_>, fact: &Fact, events: &[Inside<'_>]) -> Outcome {
    let today = view.today;
    let mut until = turn(today, events).until;
    let mut on = false;
    for event in events {
        let kind = view.pack.catalogue.get(event.row.type_id);
        let text = |name: &str| {
            let field = kind.field(name)?;
            Some(view.field_text(&event.row, field)).filter(|text| !text.is_empty())
        };
        if text("status").is_some_and(|status| status != "actual") {
            continue;
        }
        let date = |name: &str| text(name).and_then(Date::parse);
        let onset = date("onset").unwrap_or(event.row.occurred_on);
        let expires = date("expires").unwrap_or(onset);
        let (first, end) = (onset.max(event.begins), expires.plus(1).min(event.ends));
        if first > today {
            until = until.min(first);
        } else if end > today {
            until = until.min(end);
            on = true;
        }
    }
    if !on {
        return absent(view, fact, &Turn { until, coming: false });
    }
    Outcome::Number(Number::stepping(1, until, true, true))
}
