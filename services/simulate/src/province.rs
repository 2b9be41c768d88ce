//! The province: a pure function of its scale.
//!
//! Every household is made from the seed and its number alone, so any part of the province can be
//! made at any time, by any number of threads, and is the same. It refuses to read a clock.

use proto::date::Date;

use crate::{
    Error, accidents, aid, bills, calendar::Calendar, civil, clues, credits, disability,
    duplicates, education, employment, event::Event, household::Household, housing, industry,
    layout::Layout, live::Live, profile, storms::Storms, story::Story,
};

/// Most households a province can have: their numbers stay within event and household ids.
pub const MAX_HOUSEHOLDS: u32 = 89_999_999;
/// Most months a province can last.
pub const MAX_MONTHS: u32 = 60;

/// What a province is a function of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scale {
    /// How many households, 1 to [`MAX_HOUSEHOLDS`].
    pub households: u32,
    /// Length in whole months, 1 to [`MAX_MONTHS`], ending with `until`.
    pub months: u32,
    /// Another seed is another province.
    pub seed: u64,
    /// The last day.
    pub until: Date,
    /// Whether pensions and allowances arrive every month as events (doubles the volume).
    pub credits: bool,
}

/// A synthetic province.
pub struct Province {
    pub(crate) scale: Scale,
    pub(crate) layout: Layout,
    pub(crate) calendar: Calendar,
    storms: Storms,
    areas: Vec<Event>,
}

impl Province {
    /// Lays out the areas and draws the disasters; households are made when asked for.
    ///
    /// # Errors
    /// [`Error::Households`] and [`Error::Months`] outside their limits, [`Error::Until`] for a
    /// date before 2000 or after 2100.
    pub fn new(scale: Scale) -> Result<Province, Error> {
        if !(1..=MAX_HOUSEHOLDS).contains(&scale.households) {
            return Err(Error::Households);
        }
        if !(1..=MAX_MONTHS).contains(&scale.months) {
            return Err(Error::Months);
        }
        if !(2000..=2100).contains(&scale.until.year()) {
            return Err(Error::Until);
        }
        let calendar = Calendar::new(first_day(scale.until, scale.months), scale.until);
        let layout = Layout::new(scale.households, scale.seed);
        let storms = Storms::new(scale.seed, &layout, &calendar);
        let mut story = Story::new(&calendar, 0);
        storms.warn(scale.seed, &layout, &mut story);
        industry::prices(scale.seed, &layout, &mut story);
        let areas = story.events;
        Ok(Province { scale, layout, calendar, storms, areas })
    }

    /// The first day.
    #[must_use]
    pub fn from(&self) -> Date {
        self.calendar.from
    }

    /// The last day.
    #[must_use]
    pub fn until(&self) -> Date {
        self.calendar.until
    }

    /// How many households there are; they are numbered from 1.
    #[must_use]
    pub fn households(&self) -> u32 {
        self.scale.households
    }

    /// All profile lines of one household, oldest first, as JSON without line ends.
    ///
    /// # Errors
    /// [`Error::Json`], which memory does not cause.
    pub fn profile_lines(&self, household: u32) -> Result<Vec<String>, Error> {
        let (home, events) = self.life(household);
        let Scale { seed, households, .. } = self.scale;
        Ok(profile::lines(seed, households, self.calendar.from, &home, &events)?)
    }

    /// All profile lines, household by household.
    pub fn profiles(&self) -> impl Iterator<Item = Result<String, Error>> + '_ {
        (1..=self.scale.households).flat_map(|household| {
            let (lines, error) = match self.profile_lines(household) {
                Ok(lines) => (lines, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            lines.into_iter().map(Ok).chain(error)
        })
    }

    /// The event lines of month `month` (0 is the first) in order of `time`, as JSON without line
    /// ends. Makes every household once, so all months cost as many times one month.
    ///
    /// # Errors
    /// [`Error::Json`], which memory does not cause.
    pub fn events(&self, month: u32) -> Result<Vec<String>, Error> {
        let first = if month == 0 { self.from() } else { self.month_end(month - 1).plus(1) };
        let events = self.window(1..self.scale.households + 1, first, self.month_end(month), true);
        events
            .iter()
            .map(|event| {
                let mut line = Vec::with_capacity(400);
                event.write(&mut line)?;
                Ok(String::from_utf8(line).unwrap_or_default())
            })
            .collect()
    }

    /// The last day of month `month` of the span.
    fn month_end(&self, month: u32) -> Date {
        let left = self.scale.months.saturating_sub(month + 1);
        first_day(self.until(), left).plus(-1).min(self.until())
    }

    /// The events of these households seen from `first` to `last`, sorted; with the areas' own.
    pub(crate) fn window(
        &self,
        households: std::ops::Range<u32>,
        first: Date,
        last: Date,
        areas: bool,
    ) -> Vec<Event> {
        let inside = |event: &Event| (first..=last).contains(&event.at.date());
        let mut events = Vec::new();
        for household in households {
            events.extend(self.life(household).1.into_iter().filter(inside));
        }
        if areas {
            events.extend(self.areas.iter().filter(|e| inside(e)).cloned());
        }
        events.sort_unstable_by_key(Event::key);
        events
    }

    /// A household and all that happens to it.
    pub(crate) fn life(&self, index: u32) -> (Household, Vec<Event>) {
        let seed = self.scale.seed;
        let home = Household::new(seed, index, self.calendar.from, &self.layout);
        let mut story = Story::new(&self.calendar, index);
        let people = &home.people;
        bills::tell(seed, index, people, &mut story);
        employment::tell(seed, index, people, &mut story);
        self.storms.tell(seed, index, home.village, &mut story);
        accidents::tell(seed, index, people, &mut story);
        education::tell(seed, index, people, &mut story);
        civil::tell(seed, index, people, &mut story);
        disability::tell(seed, index, people, &mut story);
        housing::tell(seed, index, &mut story);
        aid::tell(seed, index, home.is_low(), people, &mut story);
        industry::tell(seed, index, &home.livelihoods, &mut story);
        clues::tell(seed, index, people.len(), &mut story);
        if self.scale.credits {
            credits::tell(seed, &home, &mut story);
        }
        let mut events = story.events;
        duplicates::add(seed, index, &mut events);
        (home, events)
    }

    /// Further events without end, for a demonstration: a function of the scale and `now`, the
    /// stream's start in seconds since 1970, which keeps its ids apart from those of another
    /// start.
    #[must_use]
    pub fn live(&self, now: u32) -> Live<'_> {
        Live::new(self, now)
    }
}

/// The day after the day `months` months before `until`, the end of a month counting as its last
/// day.
fn first_day(until: Date, months: u32) -> Date {
    let back = i32::try_from(months).unwrap_or(0);
    let next = until.plus(1);
    let start = next.month_start_plus(-back);
    let last = start.month_start_plus(1).plus(-1);
    start.plus(i32::from(next.day()) - 1).min(last)
}
