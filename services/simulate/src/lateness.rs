//! How long after the fact each department sees it.
//!
//! Bills arrive in days, except those paid by hand in another province; other departments send
//! weekly, monthly or when a process has ended. It refuses to know what is sent.

use proto::date::Date;

use crate::{draw::Draw, event::Department};

/// Share of bills settled by hand, 30 to 180 days late.
const LATE_BILLS: f64 = 0.05;

/// The day on which `department` sees what happened on `occurred`.
pub(crate) fn seen(department: Department, occurred: Date, draw: &mut Draw) -> Date {
    let days = match department {
        Department::Ybj if draw.chance(LATE_BILLS) => draw.between(30.0, 180.0),
        Department::Ybj => draw.exponential(1.2).min(20.0),
        Department::Rsj => draw.lognormal(7.0, 0.8).min(90.0),
        Department::Yjj if draw.chance(0.15) => draw.between(0.0, 2.0),
        Department::Yjj => draw.between(3.0, 20.0),
        Department::Jyj => draw.lognormal(18.0, 0.6).min(120.0),
        Department::Nyj | Department::Zjj => draw.lognormal(12.0, 0.7).min(90.0),
        Department::Slj | Department::Xfj => draw.exponential(1.5).min(15.0),
        Department::Mzj | Department::Cl | Department::Gaj => return monthly(occurred, draw),
    };
    occurred.plus(days as i32)
}

/// Pushed in the first days of the next month, seldom of the one after it.
fn monthly(occurred: Date, draw: &mut Draw) -> Date {
    let months = if draw.chance(0.06) { 2 } else { 1 };
    occurred.month_start_plus(months).plus(draw.whole(0, 6))
}
