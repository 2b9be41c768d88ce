//! What a subscriber asked for, and whether an alert is that.

use proto::{
    alert::{Severity, TYPE},
    date::Instant,
    region::{Area, Prefix, Region},
};

use crate::{Notice, Timing};

/// A subscription as far as it decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Its number in the ledger.
    pub key: i64,
    /// Its id outside.
    pub id: Box<str>,
    /// Alerts of households that are registered here, or live at this site.
    pub area: Area,
    /// What its owner may see at all.
    pub within: Prefix,
    /// The lowest level.
    pub min_level: Severity,
    /// Only with one of these risks; empty: any.
    pub risks: Vec<Box<str>>,
    /// Only these changes; empty: any.
    pub changes: Vec<Box<str>>,
    /// Nothing before this instant.
    pub muted_until: Option<Instant>,
    /// When and in which company.
    pub timing: Timing,
}

/// Why an alert becomes no message to a subscriber.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// It is not what was asked for.
    Unmatched,
    /// It was made while a past was folded in.
    History,
    /// The subscription is muted.
    Muted,
    /// The log holds it twice, and the ledger has it.
    Duplicate,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Reason; 4] =
        [Reason::Unmatched, Reason::History, Reason::Muted, Reason::Duplicate];

    /// The word in answers and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Reason::Unmatched => "unmatched",
            Reason::History => "history",
            Reason::Muted => "muted",
            Reason::Duplicate => "duplicate",
        }
    }
}

impl Wish {
    /// Whether an alert is to be sent.
    ///
    /// # Errors
    /// The reason why not.
    pub fn takes(&self, notice: &Notice) -> Result<(), Reason> {
        if !self.concerns(notice) || !self.changed(notice) {
            return Err(Reason::Unmatched);
        }
        if notice.data.history {
            return Err(Reason::History);
        }
        if self.muted_until.is_some_and(|until| notice.time < until) {
            return Err(Reason::Muted);
        }
        Ok(())
    }

    /// Whether a present case, told by its latest alert, is of those that a new subscription
    /// begins with: whatever the change was, and also when a past was folded in.
    #[must_use]
    pub fn opens_with(&self, notice: &Notice) -> bool {
        self.concerns(notice) && notice.data.level >= self.min_level
    }

    /// The area and the risks.
    fn concerns(&self, notice: &Notice) -> bool {
        if &*notice.kind != TYPE {
            return self.holds_subject(notice) && self.risks.is_empty();
        }
        let data = &notice.data;
        let Some(region) = Region::parse(&data.region) else { return false };
        self.area.holds(region, data.site.as_deref())
            && self.within.contains(region)
            && (self.risks.is_empty() || data.risks.iter().any(|risk| self.risks.contains(risk)))
    }

    /// Levels and risks are a household's: what is about an area or a feed is only for those who
    /// ask for everything of their area.
    fn holds_subject(&self, notice: &Notice) -> bool {
        let subject = notice.subject.strip_prefix("area/").and_then(Area::parse);
        match (&self.area, subject) {
            (Area::Prefix(own), Some(Area::Prefix(area))) => {
                own.covers(area) && self.within.covers(area)
            }
            (Area::Site(own), Some(Area::Site(site))) => *own == site,
            (Area::Prefix(own), None) => *own == Prefix::ALL && self.within == Prefix::ALL,
            _ => false,
        }
    }

    /// The level and the change. Who asks for a fall by name means the level that is left: the one
    /// that is reached says nothing (a case that ends has none).
    fn changed(&self, notice: &Notice) -> bool {
        let data = &notice.data;
        if &*notice.kind != TYPE {
            return self.min_level == Severity::None && self.changes.is_empty();
        }
        if self.changes.is_empty() {
            return data.level >= self.min_level;
        }
        let fall = matches!(&*data.change, "closed" | "lowered");
        let level = if fall { data.level.max(data.previous_level) } else { data.level };
        level >= self.min_level && self.changes.contains(&data.change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(area: &str) -> Wish {
        Wish {
            key: 1,
            id: "s1".into(),
            area: Area::parse(area).unwrap(),
            within: Prefix::ALL,
            min_level: Severity::Yellow,
            risks: vec![],
            changes: vec![],
            muted_until: None,
            timing: Timing::default(),
        }
    }

    fn notice(change: &str, level: &str, previous: &str) -> Notice {
        let text = format!(
            r#"{{"id":"a","type":"levee.alert.v1","time":"2026-03-04T10:00:00+08:00",
            "subject":"household/H1","data":{{"change":"{change}","level":"{level}",
            "previous_level":"{previous}","region":"990102003004","site":"site-7",
            "risks":["illness"]}}}}"#
        );
        Notice::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn area_site_level_and_risk_must_all_fit() {
        let red = notice("opened", "red", "none");
        for area in ["99", "9901", "990102", "990102003", "990102003004", "site-7"] {
            assert_eq!(wish(area).takes(&red), Ok(()), "{area}");
        }
        for area in ["98", "990103", "990102003005", "site-8"] {
            assert_eq!(wish(area).takes(&red), Err(Reason::Unmatched), "{area}");
        }
        let green = notice("opened", "green", "none");
        assert_eq!(wish("99").takes(&green), Err(Reason::Unmatched));
        let other = Wish { risks: vec!["disaster".into()], ..wish("99") };
        assert_eq!(other.takes(&red), Err(Reason::Unmatched));
        let both = Wish { risks: vec!["disaster".into(), "illness".into()], ..wish("99") };
        assert_eq!(both.takes(&red), Ok(()));
    }

    #[test]
    fn an_owner_gets_nothing_from_beyond_its_own_area() {
        let red = notice("opened", "red", "none");
        let within = Prefix::parse("990103").unwrap();
        assert_eq!(Wish { within, ..wish("site-7") }.takes(&red), Err(Reason::Unmatched));
    }

    #[test]
    fn a_fall_asked_for_by_name_counts_by_the_level_that_is_left() {
        let closed = notice("closed", "none", "yellow");
        assert_eq!(wish("99").takes(&closed), Err(Reason::Unmatched));
        let named = Wish { changes: vec!["closed".into()], ..wish("99") };
        assert_eq!(named.takes(&closed), Ok(()));
        assert_eq!(named.takes(&notice("closed", "none", "green")), Err(Reason::Unmatched));
        assert_eq!(named.takes(&notice("opened", "red", "none")), Err(Reason::Unmatched));
    }

    #[test]
    fn history_and_mute_have_their_own_reasons() {
        let mut red = notice("opened", "red", "none");
        let until = Instant::parse("2026-03-04T10:00:01+08:00");
        assert_eq!(Wish { muted_until: until, ..wish("99") }.takes(&red), Err(Reason::Muted));
        let until = Instant::parse("2026-03-04T10:00:00+08:00");
        assert_eq!(Wish { muted_until: until, ..wish("99") }.takes(&red), Ok(()));
        red.data.history = true;
        assert_eq!(wish("99").takes(&red), Err(Reason::History));
        assert!(wish("99").opens_with(&red), "present cases are told whatever made them");
    }

    #[test]
    fn what_is_about_an_area_goes_to_those_who_ask_for_all_of_it() {
        let text = br#"{"id":"a","type":"levee.area.v1","time":"2026-03-04T10:00:00+08:00",
            "subject":"area/9901"}"#;
        let area = Notice::parse(text).unwrap();
        let all = |of: &str| Wish { min_level: Severity::None, ..wish(of) };
        assert_eq!(all("99").takes(&area), Ok(()));
        assert_eq!(all("9902").takes(&area), Err(Reason::Unmatched));
        assert_eq!(wish("99").takes(&area), Err(Reason::Unmatched));
    }
}
