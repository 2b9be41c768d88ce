//! How often each clause of the contract was reached. Knows names and counts only.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// Every counter there is.
pub const COUNTERS: &[&str] = &[
    "event.occurred_on_default",
    "event.extra_field_dropped",
    "event.duplicate",
    "event.late",
    "event.left_out",
    "event.parked",
    "event.unparked",
    "event.parked_again",
    "event.area_region",
    "event.area_site",
    "event.area_padded",
    "event.moved_with_person",
    "event.pack_type",
    "refused.id.personal",
    "refused.id.conflict",
    "refused.type.unknown",
    "refused.field.required",
    "refused.field.enum",
    "refused.field.kind",
    "refused.field.range",
    "refused.time.order",
    "refused.time.ancient",
    "refused.profile",
    "refused.first_lines",
    "correction.takes_the_place",
    "correction.void",
    "correction.other_type",
    "correction.fork_lost",
    "correction.waits",
    "correction.chain",
    "correction.of_a_loser",
    "correction.unmatched",
    "profile.newer",
    "profile.older",
    "profile.same",
    "profile.tie_won",
    "profile.tie_lost",
    "profile.left_out",
    "profile.undated",
    "profile.region_changed",
    "owner.contested",
    "owner.tie",
    "owner.changed",
    "fact.sum",
    "fact.max",
    "fact.count",
    "fact.last",
    "fact.distinct",
    "fact.days_since",
    "fact.open_days",
    "fact.active",
    "fact.sum_overflow",
    "fact.where_rejects",
    "fact.default",
    "fact.optional_absent",
    "fact.last_tie",
    "fact.area_event",
    "fact.open_closed",
    "fact.open_household",
    "fact.active_status",
    "fact.active_outside",
    "fact.retain_cut",
    "window.days",
    "window.months",
    "window.calendar_year",
    "window.calendar_month",
    "window.school_year",
    "window.last_calendar_year",
    "window.none",
    "window.leap_day",
    "table.region",
    "table.class",
    "table.other_class",
    "table.later_year",
    "table.no_row",
    "expr.overflow",
    "expr.zero",
    "expr.failed_level",
    "expr.failed_let_left_out",
    "expr.lower_level_after_failure",
    "pack.scope_shadowed",
    "pack.scope_outside",
    "pack.begins_inside",
    "pack.ended",
    "pack.takeover",
    "on_event.kept",
    "on_event.no_level_yet",
    "on_event.mixed",
    "close.held",
    "close.recovered",
    "close.stepped",
    "close.left_at_once",
    "alert.opened",
    "alert.closed",
    "alert.raised",
    "alert.lowered",
    "alert.changed_set",
    "alert.material",
    "material.not_larger",
    "alert.new_episode",
    "alert.many_events",
    "alert.two_signals",
    "today.used",
    "outcome.duplicate",
    "outcome.unknown_case",
    "outcome.closes",
    "outcome.answers",
    "outcome.revoked",
    "outcome.lifted",
    "outcome.silent",
    "outcome.silence_over",
    "outcome.watched",
    "clock.overdue",
    "clock.spent",
    "clock.chain",
    "clock.stood_still",
    "clock.help_first",
];

/// A set of counters; counts through a shared reference, because reading is not changing the model.
#[derive(Debug)]
pub(crate) struct Coverage(RefCell<BTreeMap<&'static str, u64>>);

impl Coverage {
    pub(crate) fn new() -> Coverage {
        Coverage(RefCell::new(COUNTERS.iter().map(|c| (*c, 0)).collect()))
    }

    /// Counts one; a name outside the list is counted too, and fails the test on the list.
    pub(crate) fn hit(&self, counter: &'static str) {
        *self.0.borrow_mut().entry(counter).or_insert(0) += 1;
    }

    /// Counts one if `reached`.
    pub(crate) fn hit_if(&self, reached: bool, counter: &'static str) {
        if reached {
            self.hit(counter);
        }
    }

    pub(crate) fn counts(self) -> BTreeMap<&'static str, u64> {
        self.0.into_inner()
    }
}
