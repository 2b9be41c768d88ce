//! How often rules and feeds were right: what people said of the cases that they asked for.
//!
//! One verdict for each case. It counts and decides nothing.

use std::collections::BTreeMap;

use proto::{
    outcome::Kind,
    region::{Level, Prefix, Region},
};

use serde::{Deserialize, Serialize};

use crate::{
    engine::Engine,
    fold::Fold,
    household::Household,
    record::{Noted, Record},
    words::Word,
};

/// What became of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdicts {
    /// The family needed help: identified, measures applied or risk removed.
    pub helped: u64,
    /// There was no risk.
    pub no_risk: u64,
    /// The family had the help it needs.
    pub already_covered: u64,
    /// The data were wrong.
    pub wrong_data: u64,
}

/// The share of cases that led to help, in thousandths, with the interval in which the true share
/// lies 95 times in 100 (Wilson's score interval), rounded outward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Cases that led to help of all that were decided.
    pub permille: u32,
    /// The interval's lower end.
    pub low_permille: u32,
    /// Its upper end.
    pub high_permille: u32,
}

/// The squared quantile of the interval, 1.96 * 1.96, in ten-thousandths.
const Z2: u128 = 38_416;
/// The quantile, in hundredths.
const Z: u128 = 196;

impl Verdicts {
    fn note(&mut self, verdict: Kind) {
        match verdict {
            Kind::NoRisk => self.no_risk += 1,
            Kind::AlreadyCovered => self.already_covered += 1,
            Kind::WrongData => self.wrong_data += 1,
            _ => self.helped += 1,
        }
    }

    fn add(&mut self, other: Verdicts) {
        self.helped += other.helped;
        self.no_risk += other.no_risk;
        self.already_covered += other.already_covered;
        self.wrong_data += other.wrong_data;
    }

    /// Cases that people decided.
    #[must_use]
    pub fn decided(self) -> u64 {
        self.helped + self.no_risk + self.already_covered + self.wrong_data
    }

    /// The share that led to help; nothing where nothing was decided. A family that had the help
    /// it needs led to none: the visit was made in vain.
    #[must_use]
    pub fn precision(self) -> Option<Precision> {
        let (k, n) = (u128::from(self.helped), u128::from(self.decided()));
        if n == 0 {
            return None;
        }
        // (k + z²/2 ± z √(k (n - k) / n + z²/4)) / (n + z²) with both parts times 20,000.
        let centre = 20_000 * k + Z2;
        let whole = 20_000 * n + 2 * Z2;
        let root = ((40_000 * k * (n - k) + Z2 * n) * 1_000_000 / n).isqrt();
        let half = Z * (root + 1);
        let permille = |share: u128| u32::try_from(share.min(1_000)).unwrap_or(1_000);
        Some(Precision {
            permille: permille((2_000 * k + n) / (2 * n)),
            low_permille: permille((1_000 * centre).saturating_sub(half) / whole),
            high_permille: permille((1_000 * centre + half).div_ceil(whole)),
        })
    }
}

/// Verdicts over the cases of an area.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// All of them.
    pub all: Verdicts,
    /// By rule.
    pub rules: BTreeMap<String, Verdicts>,
    /// By feed and rule: cases in which the feed's events stood behind the rule's case.
    #[serde(with = "pairs")]
    pub feeds: BTreeMap<(String, String), Verdicts>,
    /// By feed.
    pub sources: BTreeMap<String, Verdicts>,
    /// By the areas of the next level inside the area.
    pub regions: BTreeMap<String, Verdicts>,
}

impl Quality {
    /// Adds the verdicts over other cases of the same area.
    pub fn add(&mut self, other: Quality) {
        let Quality { all, rules, feeds, sources, regions } = other;
        self.all.add(all);
        add(&mut self.rules, rules);
        add(&mut self.feeds, feeds);
        add(&mut self.sources, sources);
        add(&mut self.regions, regions);
    }
}

fn add<K: Ord>(into: &mut BTreeMap<K, Verdicts>, from: BTreeMap<K, Verdicts>) {
    for (name, verdicts) in from {
        into.entry(name).or_default().add(verdicts);
    }
}

/// Feed and rule as a list: a JSON object has texts for keys.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Verdicts;

    type Pairs = BTreeMap<(String, String), Verdicts>;

    pub(super) fn serialize<S: Serializer>(pairs: &Pairs, into: S) -> Result<S::Ok, S::Error> {
        into.collect_seq(pairs)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        Ok(Vec::deserialize(from)?.into_iter().collect())
    }
}

impl Engine {
    /// What became of the cases of an area, as far as people said: one verdict for each case.
    #[must_use]
    pub fn quality(&self, area: Prefix) -> Quality {
        let mut quality = Quality::default();
        for household in self.folds.iter().flat_map(Fold::with_records) {
            let region = household.known.as_deref().map(|known| known.region);
            let Some(region) = region.filter(|region| area.contains(*region)) else { continue };
            for noted in household.record.iter().flat_map(|record| verdicts(record)) {
                quality.all.note(noted.kind);
                quality.regions.entry(inside(area, region)).or_default().note(noted.kind);
                let rules: Vec<&str> =
                    noted.rules.iter().map(|rule| self.world.rule_ids.text(*rule)).collect();
                for rule in &rules {
                    quality.rules.entry((*rule).to_owned()).or_default().note(noted.kind);
                }
                for source in &noted.sources {
                    let feed = self.world.feeds.text(Word(source.0));
                    quality.sources.entry(feed.to_owned()).or_default().note(noted.kind);
                    for rule in &rules {
                        let key = (feed.to_owned(), (*rule).to_owned());
                        quality.feeds.entry(key).or_default().note(noted.kind);
                    }
                }
            }
        }
        quality
    }
}

impl Fold {
    fn with_records(&self) -> impl Iterator<Item = &Household> {
        self.recorded.iter().filter_map(|ix| self.households.get(*ix as usize))
    }
}

/// The area of the next level inside `area` that a region belongs to.
fn inside(area: Prefix, region: Region) -> String {
    let levels = [Level::Province, Level::City, Level::County, Level::Township, Level::Village];
    let next = levels.into_iter().find(|level| level.digits() > area.digits());
    region.prefix(next.unwrap_or(Level::Village)).to_string()
}

/// The outcome that decides each case: that help was needed before anything else, then the last
/// word. One without rules was said of a case that had ended by itself.
fn verdicts(record: &Record) -> Vec<&Noted> {
    let mut decided: BTreeMap<u32, &Noted> = BTreeMap::new();
    for noted in &record.noted {
        let says =
            noted.kind.closes() || matches!(noted.kind, Kind::Identified | Kind::MeasuresApplied);
        if noted.revoked || !says || noted.rules.is_empty() {
            continue;
        }
        let helped = |noted: &Noted| {
            matches!(noted.kind, Kind::Identified | Kind::MeasuresApplied | Kind::RiskRemoved)
        };
        let kept = decided.entry(noted.episode).or_insert(noted);
        if !helped(kept) {
            *kept = noted;
        }
    }
    decided.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precision(helped: u64, no_risk: u64) -> (u32, u32, u32) {
        let verdicts = Verdicts { helped, no_risk, ..Verdicts::default() };
        let Precision { permille, low_permille, high_permille } = verdicts.precision().unwrap();
        (permille, low_permille, high_permille)
    }

    #[test]
    fn the_interval_is_the_one_of_the_tables() {
        // Wilson, 95 %: 0/10 0–0.2775, 5/10 0.2366–0.7634, 10/10 0.7225–1, 22/1000 0.0146–0.0331.
        for (helped, no_risk, wanted) in [
            (0, 10, (0, 0, 278)),
            (5, 5, (500, 236, 764)),
            (10, 0, (1_000, 722, 1_000)),
            (22, 978, (22, 14, 34)),
            (1, 0, (1_000, 206, 1_000)),
        ] {
            assert_eq!(precision(helped, no_risk), wanted, "{helped} of {}", helped + no_risk);
        }
        assert_eq!(Verdicts::default().precision(), None);
    }

    #[test]
    fn parts_add_up_name_by_name() {
        let part = |rule: &str, helped| {
            let verdicts = Verdicts { helped, wrong_data: 1, ..Verdicts::default() };
            let named = |name: &str| BTreeMap::from([(name.to_owned(), verdicts)]);
            let feeds = BTreeMap::from([(("99/ybj".to_owned(), rule.to_owned()), verdicts)]);
            let (rules, sources, regions) = (named(rule), named("99/ybj"), named("9901"));
            Quality { all: verdicts, rules, feeds, sources, regions }
        };
        let mut sum = part("a", 2);
        sum.add(part("b", 3));
        let whole = Verdicts { helped: 5, wrong_data: 2, ..Verdicts::default() };
        assert_eq!((sum.all, sum.sources["99/ybj"], sum.regions["9901"]), (whole, whole, whole));
        assert_eq!((sum.rules.len(), sum.rules["b"].helped, sum.feeds.len()), (2, 3, 2));
    }

    #[test]
    fn an_interval_holds_its_share_and_narrows() {
        for n in 1..200 {
            for k in 0..=n {
                let (share, low, high) = precision(k, n - k);
                assert!(low <= share && share <= high && high <= 1_000, "{k} of {n}");
                let (_, lower, higher) = precision(k * 100, (n - k) * 100);
                assert!(low <= lower && higher <= high, "{k} of {n}");
            }
        }
        precision(u64::from(u32::MAX), u64::from(u32::MAX));
    }
}
