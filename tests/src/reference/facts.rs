//! Facts: one number, truth or word from a household's live events, by plain loops. Knows nothing
//! of rules and levels.

use super::catalogue::Catalogue;
use super::civil::{Day, civil, day_of, first_of_month, parse_date};
use super::coverage::Coverage;
use super::event::Event;
use super::expression::{Fail, Scope, Val};
use super::pack::{Fact, Window};

/// What facts are computed from.
pub(crate) struct Evidence<'a> {
    pub(crate) live: &'a [&'a Event],
    pub(crate) today: Day,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) coverage: &'a Coverage,
}

/// The fields of one event, for `where`.
struct Fields<'a>(&'a Event, &'a Evidence<'a>);

impl Scope for Fields<'_> {
    fn name(&self, name: &str) -> Result<Val, Fail> {
        self.1.field(self.0, name)
    }
    fn member(&self, _: &str, _: &str) -> Result<Val, Fail> {
        Err(Fail::Unchecked)
    }
    fn ask(&self, _: &str, _: &str) -> Result<Val, Fail> {
        Err(Fail::Unchecked)
    }
    fn table(&self, _: &str) -> Result<Val, Fail> {
        Err(Fail::Unchecked)
    }
}

/// The first and the last day of a window.
pub(crate) fn bounds(window: Window, today: Day) -> (Day, Day) {
    let (year, month, _) = civil(today);
    match window {
        Window::Days(n) | Window::Kept(n) => (today - n + 1, today),
        Window::Months(n) => (first_of_month(year, month - n), first_of_month(year, month) - 1),
        Window::CalendarYear => (day_of(year, 1, 1), today),
        Window::CalendarMonth => (day_of(year, month, 1), today),
        Window::SchoolYear => (day_of(if month >= 9 { year } else { year - 1 }, 9, 1), today),
        Window::LastCalendarYear => (day_of(year - 1, 1, 1), day_of(year, 1, 1) - 1),
    }
}

impl Evidence<'_> {
    /// A field of an event; one that it lacks reads as 0, false or "".
    fn field(&self, e: &Event, name: &str) -> Result<Val, Fail> {
        if let Some(v) = e.fields.get(name) {
            return Ok(v.clone());
        }
        self.coverage.hit("fact.optional_absent");
        self.declared(&e.kind, name)
    }

    fn declared(&self, kind: &str, name: &str) -> Result<Val, Fail> {
        let field = self.catalogue.get(kind).and_then(|t| t.fields.get(name));
        field.map(super::catalogue::Field::absent).ok_or(Fail::Unchecked)
    }

    /// Whether the window holds a day that is not after today.
    fn within(&self, fact: &Fact, day: Day) -> bool {
        let (first, last) = bounds(fact.over, self.today);
        let leap = first <= day && day <= last && civil(day).1 == 2 && civil(day).2 == 29;
        self.coverage.hit_if(leap, "window.leap_day");
        let kept = matches!(fact.over, Window::Kept(_));
        self.coverage.hit_if(kept && day < first, "fact.retain_cut");
        first <= day && day <= last && day <= self.today
    }

    /// The live events of the fact's types that its window holds and its `where` lets through.
    pub(crate) fn looked_at(&self, fact: &Fact) -> Result<Vec<&Event>, Fail> {
        let mut out = Vec::new();
        for e in self.live.iter().copied() {
            if !fact.types.contains(&e.kind) || !self.within(fact, e.occurred_on) {
                continue;
            }
            let passes = match &fact.filter {
                None => true,
                Some(filter) => filter.holds(&Fields(e, self))?,
            };
            self.coverage.hit_if(!passes, "fact.where_rejects");
            self.coverage.hit_if(passes && e.subject.starts_with("area/"), "fact.area_event");
            if passes {
                out.push(e);
            }
        }
        Ok(out)
    }

    /// The value of a fact.
    pub(crate) fn value(&self, fact: &Fact) -> Result<Val, Fail> {
        self.count_shape(fact);
        let events = self.looked_at(fact)?;
        let number = |n: usize| Ok(Val::Int(i64::try_from(n).map_err(|_| Fail::Overflow)?));
        let found = match fact.verb {
            "open_days" => self.open_days(fact, &events).map(Val::Int),
            "active" => events.iter().any(|e| self.is_active(e)).then_some(Val::Int(1)),
            _ if events.is_empty() => None,
            "count" => Some(number(events.len())?),
            "distinct" => Some(number(
                fact.types.iter().filter(|t| events.iter().any(|e| e.kind == **t)).count(),
            )?),
            "days_since" => events.iter().map(|e| self.today - e.occurred_on).min().map(Val::Int),
            "sum" => Some(self.sum(fact, &events)?),
            "max" => self.numbers(fact, &events)?.into_iter().max().map(Val::Int),
            _ => self.last(fact, &events)?,
        };
        match (found, &fact.default) {
            (Some(v), _) => Ok(v),
            (None, Some(v)) => {
                self.coverage.hit("fact.default");
                Ok(v.clone())
            }
            (None, None) => self.nothing(fact),
        }
    }

    /// The value without any event and without `default`.
    fn nothing(&self, fact: &Fact) -> Result<Val, Fail> {
        match (fact.verb, &fact.field) {
            ("days_since" | "open_days", _) => Ok(Val::Int(-1)),
            ("last", Some(field)) => {
                self.declared(fact.types.first().ok_or(Fail::Unchecked)?, field)
            }
            _ => Ok(Val::Int(0)),
        }
    }

    fn numbers(&self, fact: &Fact, events: &[&Event]) -> Result<Vec<i64>, Fail> {
        let field = fact.field.as_ref().ok_or(Fail::Unchecked)?;
        let int = |e: &&Event| match self.field(e, field)? {
            Val::Int(n) => Ok(n),
            _ => Err(Fail::Unchecked),
        };
        events.iter().map(int).collect()
    }

    fn sum(&self, fact: &Fact, events: &[&Event]) -> Result<Val, Fail> {
        let total: i128 = self.numbers(fact, events)?.into_iter().map(i128::from).sum();
        let fits = i64::try_from(total);
        self.coverage.hit_if(fits.is_err(), "fact.sum_overflow");
        fits.map(Val::Int).map_err(|_| Fail::Overflow)
    }

    fn last(&self, fact: &Fact, events: &[&Event]) -> Result<Option<Val>, Fail> {
        let field = fact.field.as_ref().ok_or(Fail::Unchecked)?;
        let Some(newest) = events.iter().max_by_key(|e| recency(e)) else { return Ok(None) };
        let ties = events.iter().filter(|e| e.occurred_on == newest.occurred_on).count();
        self.coverage.hit_if(ties > 1, "fact.last_tie");
        self.field(newest, field).map(Some)
    }

    /// The `until` events that `open_days` looks at.
    fn ends(&self, fact: &Fact) -> Vec<&Event> {
        let until = fact.until.as_ref();
        self.live
            .iter()
            .copied()
            .filter(|e| until == Some(&e.kind) && e.occurred_on <= self.today)
            .collect()
    }

    /// The `until` events inside the window, as evidence.
    pub(crate) fn ends_looked_at(&self, fact: &Fact) -> Vec<&Event> {
        self.ends(fact).into_iter().filter(|e| self.within(fact, e.occurred_on)).collect()
    }

    fn open_days(&self, fact: &Fact, events: &[&Event]) -> Option<i64> {
        let ends = self.ends(fact);
        let open = events.iter().filter(|e| {
            let closed =
                ends.iter().any(|end| who(end) == who(e) && end.occurred_on >= e.occurred_on);
            self.coverage.hit_if(closed, "fact.open_closed");
            self.coverage.hit_if(!closed && who(e).is_none(), "fact.open_household");
            !closed
        });
        open.map(|e| self.today - e.occurred_on).max()
    }

    fn is_active(&self, e: &Event) -> bool {
        if let Some(status) = e.fields.get("status")
            && *status != Val::Text("actual".into())
        {
            self.coverage.hit("fact.active_status");
            return false;
        }
        let date = |name: &str| match e.fields.get(name) {
            Some(Val::Text(t)) => parse_date(t),
            _ => None,
        };
        let onset = date("onset").unwrap_or(e.occurred_on);
        let expires = date("expires").unwrap_or(onset);
        let inside = onset <= self.today && self.today <= expires;
        self.coverage.hit_if(!inside, "fact.active_outside");
        inside
    }

    fn count_shape(&self, fact: &Fact) {
        self.coverage.hit(match fact.verb {
            "sum" => "fact.sum",
            "max" => "fact.max",
            "count" => "fact.count",
            "last" => "fact.last",
            "distinct" => "fact.distinct",
            "days_since" => "fact.days_since",
            "open_days" => "fact.open_days",
            _ => "fact.active",
        });
        self.coverage.hit(match fact.over {
            Window::Days(_) => "window.days",
            Window::Months(_) => "window.months",
            Window::CalendarYear => "window.calendar_year",
            Window::CalendarMonth => "window.calendar_month",
            Window::SchoolYear => "window.school_year",
            Window::LastCalendarYear => "window.last_calendar_year",
            Window::Kept(_) => "window.none",
        });
    }
}

/// Later is greater: `occurred_on`, then `time`, then id.
pub(crate) fn recency<'a>(e: &&'a Event) -> (Day, i64, &'a str) {
    (e.occurred_on, e.time, &e.id)
}

/// The person of an event; events on the household itself and on its areas count as one more
/// person.
fn who(e: &Event) -> Option<&str> {
    e.subject_of("person")
}
