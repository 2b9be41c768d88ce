//! Facts: sums, counts and dates over a household's live events, each with its outlook.
//!
//! An event is inside a window from one date to another; everything a fact will ever be follows
//! from those two dates of its events, as long as no event comes or goes.

use proto::date::Date;
use rules::{Fact, FactKind, Literal, Number, Outcome, Type, Window};

use crate::{
    rows::Row,
    view::{View, count},
};

mod shut;
mod span;

pub(crate) use shut::shut;
pub(crate) use span::span;

/// The fact's value on the view's date.
pub(crate) fn outcome(view: &mut View<'_>, fact: usize) -> Outcome {
    let (pack, at) = (view.pack, fact);
    let fact = &pack.facts[at];
    if !view.may_hold(at) {
        return absent(view, fact, &Turn { until: Date::MAX, coming: false });
    }
    let found = with_inside(view, at, |view, events| {
        let seen = Seen::new(view, fact, events);
        match fact.kind {
            FactKind::Sum => sum(view, fact, &seen),
            FactKind::Max => largest(view, fact, &seen),
            FactKind::Count => counted(view, fact, &seen),
            FactKind::Last => last(view, fact, &seen),
            FactKind::Distinct => distinct(view, fact, &seen),
            FactKind::DaysSince => days_since(view, fact, &seen),
            FactKind::OpenDays => open_days(view, fact, &seen),
            FactKind::Active => active(view, fact, &seen),
        }
    });
    found.unwrap_or_else(|| Outcome::failed(view.sight.today.plus(1)))
}

/// An event that is or will be inside the fact's window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside {
    /// The place of its row.
    at: usize,
    /// When it happened.
    on: Date,
    /// The fact's field, if it is a number.
    value: i64,
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

/// The events inside of each fact, gathered when one first asks for them.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    events: Vec<Inside>,
    /// By fact: which of the events are its own, or that its `where` fails.
    places: Vec<Option<Result<(u32, u32), Fails>>>,
}

impl Gathered {
    /// Forgets all of it, for a pack of so many facts.
    pub(crate) fn begin(&mut self, facts: usize) {
        self.events.clear();
        self.places.clear();
        self.places.resize(facts, None);
    }
}

/// A `where` fails.
#[derive(Clone, Copy, Debug)]
struct Fails;

/// Does something with the events that the fact at a place looks at and that are inside or will be;
/// nothing where its `where` fails.
fn with_inside<'a, T>(
    view: &mut View<'a>,
    fact: usize,
    work: impl FnOnce(&mut View<'a>, &[Inside]) -> T,
) -> Option<T> {
    let known = view.gathered.places.get(fact).copied().flatten();
    let (first, end) = known.unwrap_or_else(|| gather(view, fact)).ok()?;
    let events = std::mem::take(&mut view.gathered.events);
    let done = work(view, events.get(first as usize..end as usize).unwrap_or_default());
    view.gathered.events = events;
    Some(done)
}

fn gather(view: &mut View<'_>, at: usize) -> Result<(u32, u32), Fails> {
    let fact = &view.pack.facts[at];
    let (oldest, _) = fact.window.start(view.sight.today);
    let mut events = std::mem::take(&mut view.gathered.events);
    let place = |events: &Vec<Inside>| u32::try_from(events.len()).unwrap_or(u32::MAX);
    let first = place(&events);
    let mut found = Ok(());
    for (at, row) in view.sight.rows.placed(fact.of_areas) {
        if row.occurred_on < oldest || !fact.types.contains(&row.type_id) {
            continue;
        }
        match view.passes(fact, row) {
            Some(true) => {
                let value = fact.field.map_or(0, |field| view.int(at, field));
                events.push(Inside { at, on: row.occurred_on, value });
            }
            Some(false) => {}
            None => found = Err(Fails),
        }
    }
    let found = found.map(|()| (first, place(&events)));
    view.gathered.events = events;
    if let Some(place) = view.gathered.places.get_mut(at) {
        *place = Some(found);
    }
    found
}

/// The events that the fact looked at on the view's date, by the places of their rows.
pub(crate) fn looked_at(view: &mut View<'_>, fact: usize, places: &mut Vec<usize>) {
    let (today, of) = (view.sight.today, &view.pack.facts[fact]);
    with_inside(view, fact, |view, events| {
        let seen = Seen::new(view, of, events);
        places.extend(seen.present().map(|event| event.at));
        let first = seen.present().map(|event| event.on).min();
        if let (Some(until), Some(_)) = (of.until, first) {
            let ending = |(_, row): &(usize, &Row<'_>)| {
                row.type_id == until && row.occurred_on <= today && Some(row.occurred_on) >= first
            };
            let rows = view.sight.rows.placed(of.of_areas);
            places.extend(rows.filter(ending).map(|(at, _)| at));
        }
    });
}

/// When the set of events inside changes next, and whether one is still to come.
struct Turn {
    until: Date,
    coming: bool,
}

/// The events of a fact as seen on a date.
struct Seen<'e> {
    events: &'e [Inside],
    window: Window,
    /// What happened later is still to come.
    last: Date,
}

impl<'e> Seen<'e> {
    fn new(view: &View<'_>, fact: &Fact, events: &'e [Inside]) -> Seen<'e> {
        Seen { events, window: fact.window, last: fact.window.start(view.sight.today).1 }
    }

    /// What is inside.
    fn present(&self) -> impl Iterator<Item = &'e Inside> {
        let last = self.last;
        self.events.iter().filter(move |event| event.on <= last)
    }

    /// When the next event comes in.
    fn comes(&self) -> Option<Date> {
        let next = self.events.iter().map(|event| event.on).filter(|on| *on > self.last).min();
        next.map(|on| stay(self.window, on).0)
    }

    /// Events go in the order in which they happened, and come so.
    fn turn(&self) -> Turn {
        let oldest = self.present().map(|event| event.on).min();
        let goes = oldest.map_or(Date::MAX, |on| stay(self.window, on).1);
        let comes = self.comes();
        Turn { until: goes.min(comes.unwrap_or(Date::MAX)), coming: comes.is_some() }
    }
}

/// The fact without any event inside.
fn absent<'a>(view: &mut View<'a>, fact: &Fact, turn: &Turn) -> Outcome {
    match (&fact.default, fact.value_type) {
        (Some(Literal::Int(n)), _) => Outcome::Number(without(*n, turn)),
        (Some(Literal::Bool(b)), _) => Outcome::Truth(rules::Truth::until(*b, turn.until)),
        (Some(Literal::Text(text)), _) => view.spell(text.clone().into(), turn.until),
        (None, Type::Int) => {
            let since = matches!(fact.kind, FactKind::DaysSince | FactKind::OpenDays);
            Outcome::Number(without(if since { -1 } else { 0 }, turn))
        }
        (None, Type::Bool) => Outcome::Truth(rules::Truth::until(false, turn.until)),
        (None, Type::Text) => view.spell("".into(), turn.until),
    }
}

fn without(value: i64, turn: &Turn) -> Number {
    Number::stepping(value, turn.until, true, true)
}

fn sum(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let turn = seen.turn();
    let (mut total, mut size, mut any) = (0i128, 0i128, false);
    let (mut rise, mut fall) = (turn.coming, turn.coming);
    for event in seen.events {
        let value = event.value;
        size += i128::from(value.unsigned_abs());
        if event.on <= seen.last {
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

fn counted(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let turn = seen.turn();
    let n = seen.present().count();
    if n == 0 {
        return absent(view, fact, &turn);
    }
    let rise = turn.coming || fact.default.is_some();
    Outcome::Number(Number::stepping(count(n), turn.until, rise, true))
}

fn largest(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let Some(value) = seen.present().map(|e| e.value).max() else {
        return absent(view, fact, &seen.turn());
    };
    let comes = seen.comes();
    // Without events it reads as 0, which is no rise only where the value was not below.
    let rise = comes.is_some() || fact.default.is_some() || value < 0;
    let holders = seen.present().filter(|e| e.value == value);
    let held = holders.map(|e| e.on).max().map_or(Date::MAX, |on| stay(seen.window, on).1);
    let until = comes.map_or(held, |date| date.min(held));
    Outcome::Number(Number::stepping(value, until, rise, true))
}

fn last(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let turn = seen.turn();
    let recency = |event: &&Inside| view.sight.rows.at(event.at).recency();
    let Some(newest) = seen.present().max_by_key(recency) else {
        return absent(view, fact, &turn);
    };
    let field = fact.field.unwrap_or(0);
    match fact.value_type {
        Type::Int => Outcome::Number(Number::stepping(newest.value, turn.until, true, true)),
        Type::Bool => {
            let value = newest.value != 0;
            Outcome::Truth(rules::Truth::until(value, turn.until))
        }
        Type::Text => {
            let text = view.field_text(view.sight.rows.at(newest.at), field);
            view.spell(text.into(), turn.until)
        }
    }
}

fn distinct(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let turn = seen.turn();
    let has = |t: &&proto::catalogue::TypeId| {
        seen.present().any(|event| view.sight.rows.at(event.at).type_id == **t)
    };
    let n = fact.types.iter().filter(has).count();
    if n == 0 {
        return absent(view, fact, &turn);
    }
    let rise = turn.coming || fact.default.is_some();
    Outcome::Number(Number::stepping(count(n), turn.until, rise, true))
}

fn days_since(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let Some(newest) = seen.present().map(|event| event.on).max() else {
        return absent(view, fact, &seen.turn());
    };
    let ends = stay(seen.window, newest).1;
    let until = seen.comes().map_or(ends, |date| date.min(ends));
    let days = i64::from(view.sight.today.0) - i64::from(newest.0);
    Outcome::Number(Number::sloping(days, 1, until, true, true))
}

fn open_days(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let today = view.sight.today;
    let mut until = seen.turn().until;
    let mut oldest: Option<Date> = None;
    for event in seen.present() {
        let mut open = true;
        let slot = view.sight.rows.at(event.at).slot;
        let rows = view.sight.rows.placed(fact.of_areas).map(|(_, row)| row);
        let ends = rows.filter(|row| {
            Some(row.type_id) == fact.until && row.slot == slot && row.occurred_on >= event.on
        });
        for end in ends {
            if end.occurred_on <= today {
                open = false;
            } else {
                until = until.min(end.occurred_on);
            }
        }
        if open {
            oldest = Some(oldest.map_or(event.on, |date| date.min(event.on)));
        }
    }
    let Some(oldest) = oldest else { return absent(view, fact, &Turn { until, coming: false }) };
    let days = i64::from(today.0) - i64::from(oldest.0);
    Outcome::Number(Number::sloping(days, 1, until, true, true))
}

fn active(view: &mut View<'_>, fact: &Fact, seen: &Seen<'_>) -> Outcome {
    let today = view.sight.today;
    let mut until = seen.turn().until;
    let mut on = false;
    for event in seen.events {
        let row = view.sight.rows.at(event.at);
        let kind = view.pack.catalogue.get(row.type_id);
        let text = |name: &str| {
            let field = kind.field(name)?;
            Some(view.field_text(row, field)).filter(|text| !text.is_empty())
        };
        if text("status").is_some_and(|status| status != "actual") {
            continue;
        }
        let date = |name: &str| text(name).and_then(Date::parse);
        let onset = date("onset").unwrap_or(event.on);
        let expires = date("expires").unwrap_or(onset);
        let (begins, ends) = stay(seen.window, event.on);
        let (first, end) = (onset.max(begins), expires.plus(1).min(ends));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_inside_on_the_dates_between_which_it_stays() {
        let windows = [
            Window::Days(1),
            Window::Days(90),
            Window::Retain(400),
            Window::Months(1),
            Window::Months(14),
            Window::CalendarYear,
            Window::CalendarMonth,
            Window::SchoolYear,
            Window::LastCalendarYear,
        ];
        for window in windows {
            for on in (19_000..20_100).step_by(7).map(Date) {
                let (begins, ends) = stay(window, on);
                for today in (18_950..20_900).step_by(3).map(Date) {
                    let (first, last) = window.start(today);
                    assert_eq!(begins <= today && today < ends, first <= on && on <= last);
                    assert_eq!(ends > today, on >= first, "{window:?} {on} {today}");
                }
            }
        }
    }
}
