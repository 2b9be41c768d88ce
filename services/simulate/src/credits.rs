//! Monthly credits: pensions, allowances, disability subsidies. Off by default: they double the
//! volume.
//!
//! It refuses to know what is spent.

use crate::{
    calendar::office_hour,
    draw::{Draw, Topic},
    event::{Body, Department},
    household::Household,
    story::Story,
};

/// Basic pension and disability subsidy a month, in fen.
const PENSION_FEN: i64 = 22_000;
const SUBSIDY_FEN: i64 = 11_000;

pub(crate) fn tell(seed: u64, household: &Household, story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Credits, u64::from(household.index));
    let mut month = story.calendar.from.month_start();
    while month <= story.calendar.until {
        for person in &household.people {
            let disabled = (1..=2).contains(&person.disability);
            let pension = person.age >= 60;
            let dibao = household.means.aid.filter(|_| person.slot == 0).map_or(0, |(_, fen)| fen);
            for (due, kind, amount_fen) in [
                (pension, "pension", PENSION_FEN),
                (disabled, "subsidy", SUBSIDY_FEN),
                (dibao > 0, "dibao", dibao),
            ] {
                let day = month.plus(draw.whole(8, 14));
                if due && story.calendar.holds(day) {
                    let (at, body) =
                        (office_hour(day, &mut draw), Body::Credited { kind, amount_fen });
                    story.tell_at(Department::Mzj, person.subject(), day, at, body);
                }
            }
        }
        month = month.month_start_plus(1);
    }
}
