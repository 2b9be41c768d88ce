//! All wishes, found by where an alert's household is registered and lives.

use std::collections::BTreeMap;

use proto::{
    alert::TYPE,
    region::{Area, Level, Prefix, Region},
};

use crate::{Notice, Wish};

const LEVELS: [Level; 5] =
    [Level::Province, Level::City, Level::County, Level::Township, Level::Village];

/// The wishes of one moment.
#[derive(Debug, Default)]
pub struct Directory {
    wishes: Vec<Wish>,
    by_area: BTreeMap<Area, Vec<usize>>,
}

impl Directory {
    /// Of these wishes.
    #[must_use]
    pub fn new(wishes: Vec<Wish>) -> Directory {
        let mut by_area: BTreeMap<Area, Vec<usize>> = BTreeMap::new();
        for (place, wish) in wishes.iter().enumerate() {
            by_area.entry(wish.area.clone()).or_default().push(place);
        }
        Directory { wishes, by_area }
    }

    /// Each wish.
    #[must_use]
    pub fn wishes(&self) -> &[Wish] {
        &self.wishes
    }

    /// The subscriptions that take an alert.
    pub fn takers(&self, notice: &Notice) -> impl Iterator<Item = i64> {
        let near = self.near(notice).into_iter();
        near.filter(|wish| wish.takes(notice).is_ok()).map(|wish| wish.key)
    }

    /// Every wish that an alert can concern, and some that it does not.
    pub(crate) fn near(&self, notice: &Notice) -> Vec<&Wish> {
        if &*notice.kind != TYPE {
            return self.wishes.iter().collect();
        }
        let mut areas = vec![Area::Prefix(Prefix::ALL)];
        if let Some(region) = Region::parse(&notice.data.region) {
            // A prefix of 12 digits whose tail is zeros is the shorter one.
            let mut prefixes: Vec<Prefix> = LEVELS
                .iter()
                .filter_map(|level| Prefix::parse(&region.prefix(*level).to_string()))
                .collect();
            prefixes.dedup();
            areas.extend(prefixes.into_iter().map(Area::Prefix));
        }
        areas.extend(notice.data.site.as_deref().map(|site| Area::Site(site.to_owned())));
        let found = areas.iter().filter_map(|area| self.by_area.get(area));
        found.flatten().filter_map(|place| self.wishes.get(*place)).collect()
    }
}
