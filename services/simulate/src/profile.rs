//! A household's profile lines: as it stands first, and again after a birth, a death or new aid.
//!
//! A dead member stays in the list without labour, so that the bills left behind keep their
//! household. It refuses to hold a name, a phone, an address or an account.

use proto::date::{Date, Instant};
use serde::Serialize;

use crate::{
    dirt,
    event::{Body, Digits, Event, HouseholdId, Shown, Subject},
    household::{self, Household},
    identity,
    layout::site_code,
    population::Person,
};

#[derive(Serialize)]
struct Profile<'a> {
    household: Shown<HouseholdId>,
    updated_at: Shown<Instant>,
    region: Shown<u64>,
    site: Option<String>,
    class: &'static str,
    categories: &'a [&'static str],
    size: usize,
    members: &'a [Member],
    net_income_fen: i64,
    income: Income,
    coping: Coping,
    aid: &'a [Running],
    housing: &'static str,
    water: &'static str,
    livelihoods: &'a [&'static str],
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_on: Option<Shown<Date>>,
}

#[derive(Serialize)]
struct Member {
    person: Shown<Digits>,
    role: &'static str,
    birth_year: i32,
    labour: &'static str,
    work: &'static str,
    health: &'static str,
    disability_grade: u8,
    student: &'static str,
    insured: bool,
    #[serde(skip)]
    subject: Option<Subject>,
}

#[derive(Serialize)]
struct Income {
    wage_fen: i64,
    business_fen: i64,
    property_fen: i64,
    transfer_fen: i64,
    business_cost_fen: i64,
}

#[derive(Serialize)]
struct Coping {
    savings_fen: i64,
    support_fen: i64,
}

#[derive(Serialize)]
struct Running {
    programme: &'static str,
    since: Shown<Date>,
    monthly_fen: i64,
}

/// The lines of a household, oldest first; `events` are its own, in any order.
///
/// # Errors
/// Only what the JSON writer reports.
pub(crate) fn lines(
    seed: u64,
    households: u32,
    from: Date,
    home: &Household,
    events: &[Event],
) -> serde_json::Result<Vec<String>> {
    let mut size = home.people.len();
    let mut members: Vec<Member> = home
        .people
        .iter()
        .filter(|p| p.named)
        .map(|p| member(p, home.index))
        .chain(borrowed(seed, households, from, home.index))
        .collect();
    let since = home.updated_at.date().month_start_plus(-14);
    let mut aid: Vec<Running> = home
        .means
        .aid
        .map(|(programme, monthly_fen)| Running { programme, since: Shown(since), monthly_fen })
        .into_iter()
        .collect();
    let mut lines = vec![line(home, home.updated_at, size, &members, &aid)?];
    let mut changes: Vec<&Event> = events.iter().filter(|e| e.copy == 0).collect();
    changes.sort_by_key(|e| e.key());
    for event in changes {
        match &event.body {
            Body::Birth {} => size += 1,
            Body::Death { .. } => {
                size = size.saturating_sub(1).max(1);
                for member in members.iter_mut().filter(|m| m.subject == Some(event.subject)) {
                    (member.labour, member.work, member.student) = ("none", "none", "none");
                }
            }
            Body::AidGranted(new) if new.programme == "dibao" && aid.is_empty() => {
                let (since, monthly_fen) = (Shown(event.occurred), new.monthly_fen);
                aid.push(Running { programme: "dibao", since, monthly_fen });
            }
            _ => continue,
        }
        lines.push(line(home, event.at.plus_us(3_600_000_000), size, &members, &aid)?);
    }
    Ok(lines)
}

fn line(
    home: &Household,
    updated_at: Instant,
    size: usize,
    members: &[Member],
    aid: &[Running],
) -> serde_json::Result<String> {
    let means = &home.means;
    serde_json::to_string(&Profile {
        household: Shown(HouseholdId(home.index)),
        updated_at: Shown(updated_at),
        region: Shown(home.region),
        site: home.site.map(site_code),
        class: means.class,
        categories: if means.registered_poor { &["registered_poor"] } else { &[] },
        size,
        members,
        net_income_fen: means.net_fen,
        income: Income {
            wage_fen: means.wage_fen,
            business_fen: means.business_fen,
            property_fen: means.property_fen,
            transfer_fen: means.transfer_fen,
            business_cost_fen: means.business_cost_fen,
        },
        coping: Coping { savings_fen: means.savings_fen, support_fen: means.support_fen },
        aid,
        housing: if home.unsafe_house { "unsafe" } else { "safe" },
        water: if home.dry { "interrupted" } else { "ok" },
        livelihoods: &home.livelihoods,
        consent_on: home.consent_on.map(Shown),
    })
}

fn member(person: &Person, household: u32) -> Member {
    let number = identity::number(household, person.slot, person.birth_year, person.bad_number);
    Member {
        person: Shown(Digits(number)),
        role: person.role.word(),
        birth_year: person.birth_year,
        labour: person.labour.word(),
        work: person.work.word(),
        health: person.health.word(),
        disability_grade: person.disability,
        student: person.school.word(),
        insured: person.insured,
        subject: Some(person.subject()),
    }
}

/// The member of the neighbours that this household names too, if there is one.
fn borrowed(seed: u64, households: u32, from: Date, index: u32) -> Option<Member> {
    let other = dirt::neighbour(index);
    if other > households {
        return None;
    }
    let mut people = household::people(seed, other, from);
    let slot = dirt::assign(seed, other, &mut people).lent?;
    let lent = people.iter().find(|p| p.slot == slot)?;
    Some(Member { subject: None, ..member(lent, other) })
}
