//! Plans held against a slow reference, and the rules of groups and pace one by one.

use proptest::prelude::*;
use proto::region::{Area, Prefix};

use super::*;
use crate::{Quiet, Timing};

fn wish(key: i64, timing: Timing) -> Wish {
    Wish {
        key,
        id: format!("s{key}").into(),
        area: Area::parse("99").unwrap(),
        within: Prefix::ALL,
        min_level: Severity::Green,
        risks: vec![],
        changes: vec![],
        muted_until: None,
        timing,
    }
}

fn notice(n: usize, time: Instant, level: &str) -> Notice {
    let text = format!(
        r#"{{"id":"{n:032x}","type":"levee.alert.v1","time":"{time}","data":{{
        "change":"opened","level":"{level}","region":"990102003004"}}}}"#
    );
    Notice::parse(text.as_bytes()).unwrap()
}

fn minute(n: i64) -> Instant {
    Instant::parse("2026-03-04T10:00:00+08:00").unwrap().plus_us(n * 60_000_000)
}

/// Plans a log of (minute, level) and gives the rows.
fn planned(wishes: Vec<Wish>, log: &[(i64, &str)]) -> Plan {
    let (mut planner, mut plan) = (Planner::default(), Plan::default());
    let directory = Directory::new(wishes);
    for (n, (at, level)) in log.iter().enumerate() {
        let notice = notice(n, minute(*at), level);
        let seq = i64::try_from(n).unwrap();
        let entry = Entry { seq, partition: 0, offset: seq.unsigned_abs(), notice: &notice };
        planner.take(entry, &directory, minute(*at), |_| false, &mut plan);
    }
    plan
}

fn group(row: &Row) -> Option<&str> {
    match &row.place {
        Place::Alone => None,
        Place::First { group, .. } | Place::Further { group } => Some(group),
    }
}

#[test]
fn an_alert_goes_alone_and_at_once_when_nothing_else_is_wished() {
    let plan = planned(vec![wish(1, Timing::default())], &[(0, "red"), (1, "yellow")]);
    assert_eq!(plan.rows.len(), 2);
    assert_eq!((&plan.rows[1].place, plan.rows[1].due), (&Place::Alone, minute(1)));
    assert_eq!(plan.touched[&1], Touched { rows: 2, ..Touched::default() });
}

#[test]
fn a_group_holds_what_its_window_holds_and_a_late_alert_goes_alone() {
    let timing = Timing { group_minutes: 10, ..Timing::default() };
    let log = [(0, "red"), (9, "green"), (10, "red"), (9, "red"), (11, "red")];
    let plan = planned(vec![wish(1, timing)], &log);
    let groups: Vec<_> = plan.rows.iter().map(group).collect();
    assert_eq!(groups[0], groups[1]);
    assert_eq!(groups[3], None, "its window was closed by the alert before it");
    assert!(groups[2] == groups[4] && groups[2] != groups[0]);
    assert_eq!(plan.rows[0].due, minute(10));
    assert!(matches!(plan.rows[0].place, Place::First { open: true, .. }));
    assert!(matches!(plan.rows[1].place, Place::Further { .. }));
}

#[test]
fn a_group_that_is_full_is_followed_by_another() {
    let timing = Timing { group_minutes: 10, ..Timing::default() };
    let log: Vec<_> = (0..GROUP + 1).map(|_| (0, "red")).collect();
    let plan = planned(vec![wish(1, timing)], &log);
    let last = plan.rows.last().unwrap();
    assert!(matches!(last.place, Place::First { .. }));
    assert_ne!(group(last), group(&plan.rows[0]));
}

#[test]
fn quiet_hours_hold_yellow_and_let_red_through() {
    let quiet = Some(Quiet { from: 600, to: 660, red_breaks: true });
    let timing = Timing { quiet, group_minutes: 10, ..Timing::default() };
    let plan = planned(vec![wish(1, timing)], &[(0, "red"), (0, "yellow"), (20, "yellow")]);
    assert_eq!(plan.rows[0].due, minute(10));
    assert_eq!((plan.rows[1].due, plan.rows[2].due), (minute(60), minute(60)));
    assert_eq!(group(&plan.rows[1]), group(&plan.rows[2]), "they leave together");
}

#[test]
fn a_pace_spreads_what_can_wait() {
    let timing = Timing { per_minute: 2, ..Timing::default() };
    let plan =
        planned(vec![wish(1, timing)], &[(0, "green"), (0, "green"), (0, "red"), (0, "green")]);
    let dues: Vec<_> = plan.rows.iter().map(|row| (row.due.0 - minute(0).0) / 1_000_000).collect();
    assert_eq!(dues, [0, 30, 0, 90]);
    assert_eq!(plan.paces[&1], minute(2));
}

#[test]
fn what_the_ledger_has_is_a_duplicate() {
    let notice = notice(0, minute(0), "red");
    let entry = Entry { seq: 0, partition: 0, offset: 0, notice: &notice };
    let directory = Directory::new(vec![wish(1, Timing::default()), wish(2, Timing::default())]);
    let mut plan = Plan::default();
    Planner::default().take(entry, &directory, minute(0), |key| key == 1, &mut plan);
    assert_eq!(plan.touched[&1], Touched { duplicate: 1, ..Touched::default() });
    assert_eq!(plan.rows.iter().map(|row| row.key).collect::<Vec<_>>(), [2]);
}

#[test]
fn present_cases_come_at_once_and_in_groups_where_groups_are_wished() {
    let notices: Vec<_> = (0..60).map(|n| notice(n, minute(-500), "red")).collect();
    let entry = |(n, notice)| Entry { seq: n, partition: 0, offset: 0, notice };
    let present: Vec<_> = (0..).zip(&notices).map(entry).collect();
    let (rows, _) = open(&wish(1, Timing::default()), &present, minute(0));
    assert!(rows.len() == 60 && rows.iter().all(|row| row.due == minute(0)));
    let timing = Timing { group_minutes: 10, ..Timing::default() };
    let (rows, _) = open(&wish(1, timing), &present, minute(0));
    let firsts = rows.iter().filter(|row| matches!(row.place, Place::First { open: false, .. }));
    assert_eq!(firsts.count(), 2);
}

#[test]
fn the_id_of_a_group_is_frozen() {
    assert_eq!(&*group_id("s1", "", minute(0), 0), "8d81a8f10c8f47cdc05b6919d5c77e71");
}

proptest! {
    /// Wherever the log is cut by a restart, the rest gives the same messages.
    #[test]
    fn a_restart_changes_no_message(
        log in prop::collection::vec((0i64..60, 0usize..3), 1..80), cut in 0usize..80,
        group_minutes in 0u16..20, per_minute in 0u16..3,
    ) {
        let timing = Timing { group_minutes, per_minute, ..Timing::default() };
        let directory = Directory::new(vec![wish(1, timing), wish(2, Timing::default())]);
        let notices: Vec<_> = (0..).zip(&log)
            .map(|(n, (at, level))| notice(n, minute(*at), ["green", "yellow", "red"][*level]))
            .collect();
        let run = |cut: usize| {
            let (mut planner, mut plan) = (Planner::default(), Plan::default());
            for (n, notice) in notices.iter().enumerate() {
                if n == cut {
                    planner = Planner {
                        closed_at: planner.closed_at,
                        open: counted(&plan, planner.closed_at),
                        paces: plan.paces.clone(),
                    };
                }
                let entry = Entry { seq: 0, partition: 0, offset: 0, notice };
                planner.take(entry, &directory, minute(60), |_| false, &mut plan);
            }
            plan
        };
        prop_assert_eq!(run(cut % log.len()), run(usize::MAX));
    }

    /// Every alert becomes exactly one row for each subscription that takes it, and an alert of a
    /// group stands in the window that its own time gives.
    #[test]
    fn every_alert_is_planned_once_and_no_group_is_too_large(
        log in prop::collection::vec((0i64..300, 0usize..3), 1..300), group_minutes in 1u16..60,
    ) {
        let timing = Timing { group_minutes, ..Timing::default() };
        let log: Vec<_> = log.iter().map(|(at, l)| (*at, ["green", "yellow", "red"][*l])).collect();
        let plan = planned(vec![wish(1, timing)], &log);
        prop_assert_eq!(plan.rows.len(), log.len());
        let mut sizes: BTreeMap<&str, u32> = BTreeMap::new();
        let mut newest = minute(-1);
        for (row, (at, _)) in plan.rows.iter().zip(&log) {
            newest = newest.max(minute(*at));
            let end = timing.gathered_until(minute(*at), Severity::Red).unwrap();
            prop_assert_eq!(group(row).is_some(), end > newest);
            if let Some(group) = group(row) {
                prop_assert_eq!(row.due, end);
                *sizes.entry(group).or_default() += 1;
            }
        }
        prop_assert!(sizes.values().all(|size| *size <= GROUP));
    }
}

/// What the ledger tells of the groups that are open.
fn counted(plan: &Plan, closed_at: Instant) -> BTreeMap<(i64, Instant), u32> {
    let mut open = BTreeMap::new();
    for row in plan.rows.iter().filter(|row| row.place != Place::Alone && row.due > closed_at) {
        *open.entry((row.key, row.due)).or_default() += 1;
    }
    open
}
