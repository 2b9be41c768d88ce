//! Truths and how the logical operators join them.
//!
//! A truth is three dates, so that joining needs no cases: a conjunction may be true when both
//! parts may, false when one may, failed when one may while the other may be not false.

use proto::date::Date;

/// Earlier than every date: what holds today.
const NOW: Date = Date(i32::MIN);

/// The first dates on which a condition may be true, false and failed; exactly one is today.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Truth {
    yes: Date,
    no: Date,
    fail: Date,
}

impl Truth {
    /// May be anything at any time: stands for what was not computed.
    const UNKNOWN: Truth = Truth { yes: NOW, no: NOW, fail: NOW };

    /// True or false for ever.
    #[must_use]
    pub fn steady(value: bool) -> Truth {
        Truth::until(value, Date::MAX)
    }

    /// True or false until a date, the opposite possibly from it on.
    #[must_use]
    pub fn until(value: bool, until: Date) -> Truth {
        Truth::new(value, until, Date::MAX)
    }

    /// As [`Truth::until`], and possibly failed from `sure` on.
    pub(crate) fn new(value: bool, until: Date, sure: Date) -> Truth {
        let (yes, no) = if value { (NOW, until) } else { (until, NOW) };
        Truth { yes, no, fail: sure }
    }

    /// Failed until a date, then possibly anything.
    #[must_use]
    pub fn failed(until: Date) -> Truth {
        Truth { yes: until, no: until, fail: NOW }
    }

    /// What it is today; nothing if it failed.
    #[must_use]
    pub fn now(self) -> Option<bool> {
        match self {
            Truth { fail: NOW, .. } => None,
            Truth { yes: NOW, .. } => Some(true),
            _ => Some(false),
        }
    }

    /// The first date on which it may be true.
    pub(crate) fn holds(self) -> Date {
        self.yes
    }

    /// The first date on which it may be other than true.
    pub(crate) fn ends(self) -> Date {
        self.no.min(self.fail)
    }

    /// The first date on which it may fail.
    pub(crate) fn fails(self) -> Date {
        self.fail
    }

    /// The first date on which a failed one may succeed.
    pub(crate) fn recovers(self) -> Date {
        self.yes.min(self.no)
    }

    /// The first date on which it may be the opposite of today's value.
    pub(crate) fn turns(self) -> Date {
        if self.yes == NOW { self.no } else { self.yes }
    }

    /// The first date on which it may be anything else than today.
    #[must_use]
    pub fn changes(self) -> Date {
        let mut dates = [self.yes, self.no, self.fail];
        dates.sort_unstable();
        dates[1]
    }

    pub(crate) fn not(self) -> Truth {
        Truth { yes: self.no, no: self.yes, fail: self.fail }
    }

    pub(crate) fn and(self, b: Truth) -> Truth {
        let fail = |a: Truth, b: Truth| a.fail.max(b.yes.min(b.fail));
        Truth {
            yes: self.yes.max(b.yes),
            no: self.no.min(b.no),
            fail: fail(self, b).min(fail(b, self)),
        }
    }

    pub(crate) fn or(self, b: Truth) -> Truth {
        self.not().and(b.not()).not()
    }

    /// `self && …` where it stays false for ever, or may only fail: nothing can make it true.
    pub(crate) fn settles_and(self) -> bool {
        self.no == NOW && self.yes == Date::MAX
    }

    /// `self || …` where it stays true for ever and cannot fail.
    pub(crate) fn settles_or(self) -> bool {
        self.yes == NOW && self.no == Date::MAX && self.fail == Date::MAX
    }

    /// Either of two, where one failure is the whole's.
    pub(crate) fn either(self, b: Truth) -> Truth {
        let sound = self.sound().max(b.sound());
        Truth {
            yes: self.yes.min(b.yes).max(sound),
            no: self.no.max(b.no).max(sound),
            fail: self.fail.min(b.fail),
        }
    }

    /// Whether two are the same, where one failure is the whole's.
    pub(crate) fn same(self, b: Truth) -> Truth {
        Truth {
            yes: self.yes.max(b.yes).min(self.no.max(b.no)),
            no: self.yes.max(b.no).min(self.no.max(b.yes)),
            fail: self.fail.min(b.fail),
        }
    }

    /// The first date on which it may be not failed.
    fn sound(self) -> Date {
        self.recovers()
    }

    /// `test ? branch : …`, the other branch not computed.
    pub(crate) fn chosen(test: Truth, branch: Option<Truth>) -> Truth {
        let (yes, no) = match (branch, test.now()) {
            (Some(branch), Some(true)) => (branch, Truth::UNKNOWN),
            (Some(branch), _) => (Truth::UNKNOWN, branch),
            (None, _) => return Truth::failed(test.recovers()),
        };
        let join = |a: Date, b: Date| test.yes.max(a).min(test.no.max(b));
        Truth {
            yes: join(yes.yes, no.yes),
            no: join(yes.no, no.no),
            fail: test.fail.min(join(yes.fail, no.fail)),
        }
    }
}
