//! When a message may leave: windows that gather alerts, quiet hours and a pace.
//!
//! Windows end at fixed instants of Asia/Shanghai. So which alerts stand together follows from
//! their own `time` and their place in the log, never from when someone looked.

use proto::{
    alert::Severity,
    date::{DAY_US, Instant},
};

const MINUTE_US: i64 = 60_000_000;
/// Minutes of a day.
pub const DAY_MIN: u16 = 1_440;

/// A subscription's wishes about time. The default: at once, alone, at any hour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// Alerts that come within one window of so many minutes go together; 0: each alone.
    pub group_minutes: u16,
    /// What is collected for a fixed time of the day or the week.
    pub digest: Option<Digest>,
    /// When nothing may come that can wait.
    pub quiet: Option<Quiet>,
    /// Messages a minute at most; 0: any number.
    pub per_minute: u16,
}

/// Alerts collected for a fixed time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest {
    /// The minute of the day.
    pub at: u16,
    /// Only on this day of the week (1 Monday … 7 Sunday); absent: every day.
    pub weekday: Option<u8>,
    /// What stands above this level is not collected.
    pub up_to: Severity,
}

/// Hours in which messages wait. From 22:00 to 07:00 wraps over midnight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// The first quiet minute of the day.
    pub from: u16,
    /// The first minute that is no longer quiet.
    pub to: u16,
    /// Whether red comes nevertheless.
    pub red_breaks: bool,
}

impl Timing {
    /// Until when an alert of this `time` is gathered; nothing where it goes alone.
    #[must_use]
    pub fn gathered_until(&self, time: Instant, level: Severity) -> Option<Instant> {
        if let Some(digest) = self.digest.filter(|digest| level <= digest.up_to) {
            return Some(digest.after(time));
        }
        if self.group_minutes == 0 {
            return None;
        }
        let width = i64::from(self.group_minutes) * MINUTE_US;
        let midnight = time.date().midnight();
        let whole = (time.0 - midnight.0).div_euclid(width) + 1;
        let end = midnight.0.saturating_add(whole.saturating_mul(width));
        Some(Instant(end.min(midnight.plus_us(DAY_US).0)))
    }

    /// The first instant from `at` on at which a message of this level may leave.
    #[must_use]
    pub fn released(&self, at: Instant, level: Severity) -> Instant {
        match self.quiet {
            Some(quiet) if !(quiet.red_breaks && level == Severity::Red) => quiet.end(at),
            _ => at,
        }
    }
}

impl Digest {
    /// The first of its instants after `time`.
    fn after(&self, time: Instant) -> Instant {
        let offset = i64::from(self.at) * MINUTE_US;
        let mut date = time.date();
        loop {
            let at = date.midnight().plus_us(offset);
            if at > time && self.weekday.is_none_or(|day| day == weekday(date)) {
                return at;
            }
            date = date.plus(1);
        }
    }
}

/// 1 Monday … 7 Sunday; 1970-01-01 was a Thursday.
fn weekday(date: proto::date::Date) -> u8 {
    u8::try_from((i64::from(date.0) + 3).rem_euclid(7) + 1).unwrap_or(1)
}

impl Quiet {
    /// `at`, or the end of the quiet hours that it lies in.
    fn end(&self, at: Instant) -> Instant {
        let midnight = at.date().midnight();
        let minute = (at.0 - midnight.0).div_euclid(MINUTE_US);
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        let until = |minute: i64| midnight.plus_us(minute * MINUTE_US);
        match () {
            () if from < to && (from..to).contains(&minute) => until(to),
            () if from > to && minute < to => until(to),
            () if from > to && minute >= from => until(to + i64::from(DAY_MIN)),
            () => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Instant {
        Instant::parse(&format!("2026-03-{text}:00+08:00")).unwrap()
    }

    #[test]
    fn windows_of_a_group_lie_side_by_side_and_end_with_the_day() {
        let timing = Timing { group_minutes: 30, ..Timing::default() };
        let end = |t: &str| timing.gathered_until(at(t), Severity::Red).unwrap();
        assert_eq!(end("04T10:00"), at("04T10:30"));
        assert_eq!(end("04T10:29"), at("04T10:30"));
        assert_eq!(end("04T10:30"), at("04T11:00"));
        let long = Timing { group_minutes: 1_000, ..Timing::default() };
        assert_eq!(long.gathered_until(at("04T17:00"), Severity::Red), Some(at("05T00:00")));
        assert_eq!(Timing::default().gathered_until(at("04T10:00"), Severity::Red), None);
    }

    #[test]
    fn a_digest_takes_what_can_wait_and_leaves_the_rest() {
        let digest = Some(Digest { at: 480, weekday: None, up_to: Severity::Green });
        let timing = Timing { digest, ..Timing::default() };
        assert_eq!(timing.gathered_until(at("04T07:59"), Severity::Green), Some(at("04T08:00")));
        assert_eq!(timing.gathered_until(at("04T08:00"), Severity::Green), Some(at("05T08:00")));
        assert_eq!(timing.gathered_until(at("04T08:00"), Severity::Yellow), None);
        let weekly = Digest { at: 480, weekday: Some(1), up_to: Severity::Red };
        assert_eq!(weekly.after(at("04T10:00")), at("09T08:00"), "9 March 2026 is a Monday");
    }

    #[test]
    fn quiet_hours_hold_until_their_end_and_red_may_break_them() {
        let night = Quiet { from: 1_320, to: 420, red_breaks: true };
        let timing = Timing { quiet: Some(night), ..Timing::default() };
        let yellow = |t: &str| timing.released(at(t), Severity::Yellow);
        assert_eq!(yellow("04T21:59"), at("04T21:59"));
        assert_eq!(yellow("04T22:00"), at("05T07:00"));
        assert_eq!(yellow("05T06:59"), at("05T07:00"));
        assert_eq!(yellow("05T07:00"), at("05T07:00"));
        assert_eq!(timing.released(at("04T23:00"), Severity::Red), at("04T23:00"));
        let noon = Quiet { from: 720, to: 840, red_breaks: false };
        let timing = Timing { quiet: Some(noon), ..Timing::default() };
        assert_eq!(timing.released(at("04T13:00"), Severity::Red), at("04T14:00"));
        assert_eq!(timing.released(at("04T14:00"), Severity::Red), at("04T14:00"));
    }

    proptest! {
        #[test]
        fn a_window_ends_after_its_alert_and_holds_all_between(
            us in 0i64..4_000_000_000_000_000, minutes in 1u16..=1_440, part in 0i64..1_000,
        ) {
            let timing = Timing { group_minutes: minutes, ..Timing::default() };
            let end = |t| timing.gathered_until(t, Severity::Red).unwrap();
            let time = Instant(us);
            let close = end(time);
            prop_assert!(close > time && close.0 - us <= i64::from(minutes) * MINUTE_US);
            let between = Instant(us + (close.0 - 1 - us) * part / 1_000);
            prop_assert_eq!(end(between), close);
        }

        #[test]
        fn what_quiet_hours_release_is_not_held_again(
            us in 0i64..4_000_000_000_000_000, from in 0u16..1_440, to in 0u16..1_440,
        ) {
            let quiet = Some(Quiet { from, to, red_breaks: false });
            let timing = Timing { quiet, ..Timing::default() };
            let free = timing.released(Instant(us), Severity::Red);
            prop_assert!(free.0 >= us && free.0 - us <= DAY_US);
            prop_assert_eq!(timing.released(free, Severity::Red), free);
        }
    }
}
