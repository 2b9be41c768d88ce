//! Medical bills: visits and admissions by health class, each with its payment layers, and what
//! is paid back later: second and third payments, reversals and amendments, each a correction by
//! reference.
//!
//! It refuses to know the household's means.

use proto::date::Instant;

use crate::{
    calendar::office_hour,
    draw::{Draw, Topic, fen},
    event::{Bill, Body, Department, Subject},
    population::{Health, Person},
    story::{Story, Told},
};

/// Visits a year by health class.
const VISITS: [f64; 4] = [1.4, 4.0, 7.0, 14.0];
/// Admissions a year by health class.
const ADMISSIONS: [f64; 4] = [0.07, 0.30, 0.90, 2.2];
/// Cost of an admission against the median, by health class.
const COST: [f64; 4] = [0.75, 0.90, 1.15, 2.8];
/// Median cost of an admission in yuan and its sigma.
const ADMISSION: (f64, f64) = (3_570.0 * 1.10, 1.05);
/// Median self-paid part of a visit in yuan and its sigma.
const VISIT: (f64, f64) = (60.0, 0.88);
/// Bills taken back or amended.
const REVERSED: f64 = 0.03;
/// Corrections that overtake what they correct.
const OVERTAKES: f64 = 0.03;
/// Microseconds of an hour.
const HOUR_US: f64 = 3_600_000_000.0;

/// A year's rates apply to the span; the days follow the clinics' rhythm.
pub(crate) fn tell(seed: u64, household: u32, people: &[Person], story: &mut Story<'_>) {
    let mut draw = Draw::new(seed, Topic::Bills, u64::from(household));
    let years = story.calendar.years();
    for person in people {
        let class = class(person.health);
        for _ in 0..draw.poisson(ADMISSIONS[class] * years) {
            admission(person, story, &mut draw);
        }
        for _ in 0..draw.poisson(VISITS[class] * years) {
            let bill = visit(person.health, &mut draw);
            let told = send(person, bill, story, &mut draw);
            amend(person, bill, told, story, &mut draw);
        }
    }
}

fn class(health: Health) -> usize {
    match health {
        Health::Good => 0,
        Health::Chronic => 1,
        Health::Severe => 2,
        Health::Catastrophic => 3,
    }
}

fn send(person: &Person, bill: Bill, story: &mut Story<'_>, draw: &mut Draw) -> Told {
    let day = story.calendar.clinic_day(draw);
    story.tell(Department::Ybj, person.subject(), day, draw, Body::Medical(bill))
}

/// A visit to a doctor or a pharmacy.
pub(crate) fn visit(health: Health, draw: &mut Draw) -> Bill {
    let self_paid = draw.lognormal(VISIT.0, VISIT.1);
    let setting = match health {
        Health::Good => draw.pick(&[("outpatient", 0.85), ("pharmacy", 0.15)]),
        _ => draw.pick(&[("outpatient", 0.52), ("chronic", 0.36), ("pharmacy", 0.12)]),
    };
    let total = self_paid / draw.between(0.38, 0.62);
    layers(setting, total, self_paid, 0.0)
}

/// A stay in hospital, as first settled.
pub(crate) fn stay(health: Health, draw: &mut Draw) -> Bill {
    let total = draw.lognormal(ADMISSION.0, ADMISSION.1) * COST[class(health)];
    let self_paid = total * draw.beta(4.0, 5.2);
    let other = (total - self_paid) * draw.between(0.0, 0.12);
    layers("inpatient", total, self_paid, other)
}

fn layers(setting: &'static str, total: f64, self_paid: f64, other: f64) -> Bill {
    let (total_fen, self_paid_fen, self_paid_other_fen) = (fen(total), fen(self_paid), fen(other));
    Bill {
        setting,
        total_fen,
        fund_paid_fen: (total_fen - self_paid_fen - self_paid_other_fen).max(0),
        serious_illness_paid_fen: 0,
        medical_aid_paid_fen: 0,
        commercial_paid_fen: 0,
        self_paid_fen,
        self_paid_other_fen,
    }
}

/// A stay, and for 15 % of them the serious-illness insurance and then medical aid paying 1 to 90
/// days later: each restates the bill with a smaller self-paid part. Large bills are paid twice
/// more often.
fn admission(person: &Person, story: &mut Story<'_>, draw: &mut Draw) {
    let first = stay(person.health, draw);
    let told = send(person, first, story, draw);
    let paid_twice = match first.self_paid_fen {
        ..300_000 => 0.09,
        300_000..3_000_000 => 0.30,
        _ => 0.42,
    };
    if !draw.chance(paid_twice) {
        return amend(person, first, told, story, draw);
    }
    let refund = share(first.self_paid_fen, draw.between(0.10, 0.28));
    let second = Bill {
        serious_illness_paid_fen: refund,
        self_paid_fen: first.self_paid_fen - refund,
        ..first
    };
    let at = later(told.at, draw.between(1.0, 60.0), draw);
    let told = story.correct(told, Department::Ybj, person.subject(), at, Body::Medical(second));
    let (aid, commercial) = (draw.between(0.05, 0.2), draw.chance(0.12));
    let paid = share(second.self_paid_fen, aid);
    let third = Bill {
        medical_aid_paid_fen: if commercial { 0 } else { paid },
        commercial_paid_fen: if commercial { paid } else { 0 },
        self_paid_fen: second.self_paid_fen - paid,
        ..second
    };
    let at = later(told.at, draw.between(1.0, 30.0), draw);
    story.correct(told, Department::Ybj, person.subject(), at, Body::Medical(third));
}

/// Some bills are taken back within 30 days, more are amended; a few corrections come first.
fn amend(person: &Person, bill: Bill, told: Told, story: &mut Story<'_>, draw: &mut Draw) {
    if !draw.chance(REVERSED) {
        return;
    }
    let body = if draw.chance(0.35) {
        Body::Void { void: true, of: "medical.settlement" }
    } else {
        let back = share(bill.self_paid_fen, draw.between(-0.05, 0.20));
        let (self_paid_fen, fund_paid_fen) = (bill.self_paid_fen - back, bill.fund_paid_fen + back);
        Body::Medical(Bill { self_paid_fen, fund_paid_fen: fund_paid_fen.max(0), ..bill })
    };
    let at = if draw.chance(OVERTAKES) {
        told.at.plus_us(-(draw.between(0.1, 30.0) * HOUR_US) as i64)
    } else {
        later(told.at, draw.between(0.5, 30.0), draw)
    };
    let subject: Subject = person.subject();
    story.correct(told, Department::Ybj, subject, at, body);
}

/// Some days after `at`, at an office hour and never before it.
fn later(at: Instant, days: f64, draw: &mut Draw) -> Instant {
    office_hour(at.date().plus(days as i32), draw).max(at.plus_us(1_000_000))
}

fn share(of_fen: i64, part: f64) -> i64 {
    (of_fen as f64 * part) as i64
}
