//! Who lives together: size, ages, labour, work and schooling of a household's members.
//!
//! It refuses to know money and illness.

use crate::draw::{Draw, Topic};

/// Share of households with 1, 2, … 7 registered members.
const SIZES: [f64; 7] = [0.13, 0.25, 0.22, 0.20, 0.12, 0.06, 0.02];
/// Probability that the head is 60 or older, by household size.
const OLD_HEAD: [f64; 7] = [0.62, 0.52, 0.31, 0.22, 0.20, 0.19, 0.19];

/// How a person stands to the head of the household.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Head,
    Spouse,
    Child,
    Parent,
    Grandchild,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Head => "head",
            Role::Spouse => "spouse",
            Role::Child => "child",
            Role::Parent => "parent",
            Role::Grandchild => "grandchild",
        }
    }
}

/// What a person can work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Labour {
    Full,
    Weak,
    None,
}

impl Labour {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Labour::Full => "full",
            Labour::Weak => "weak",
            Labour::None => "none",
        }
    }
}

/// Where a person works.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Work {
    Away,
    Home,
    None,
}

impl Work {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Work::Away => "away",
            Work::Home => "home",
            Work::None => "none",
        }
    }
}

/// Where a person goes to school.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum School {
    None,
    Compulsory,
    Senior,
    Vocational,
    University,
}

impl School {
    pub(crate) fn word(self) -> &'static str {
        match self {
            School::None => "none",
            School::Compulsory => "compulsory",
            School::Senior => "senior",
            School::Vocational => "vocational",
            School::University => "university",
        }
    }
}

/// How ill a person is: never a disease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Health {
    Good,
    Chronic,
    Severe,
    Catastrophic,
}

impl Health {
    /// The profile knows three grades.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Health::Good => "good",
            Health::Chronic => "chronic",
            Health::Severe | Health::Catastrophic => "severe",
        }
    }
}

/// One member of a household.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Place in the household; with it, the ID number.
    pub(crate) slot: u8,
    pub(crate) role: Role,
    pub(crate) age: i32,
    pub(crate) birth_year: i32,
    pub(crate) labour: Labour,
    pub(crate) work: Work,
    pub(crate) school: School,
    pub(crate) health: Health,
    /// Grade of a disability certificate, 1 (worst) to 4; 0 without one.
    pub(crate) disability: u8,
    pub(crate) insured: bool,
    /// Paid by the month, in fen; 0 without wage work.
    pub(crate) wage_fen: i64,
    /// Named in the profile. A person that is not named has events that match nobody.
    pub(crate) named: bool,
    /// The ID number fails its checksum.
    pub(crate) bad_number: bool,
}

impl Person {
    pub(crate) fn working_age(&self) -> bool {
        (16..60).contains(&self.age)
    }

    pub(crate) fn wage_worker(&self) -> bool {
        self.wage_fen > 0
    }
}

/// The members of household `index`, ages as of `year`; health, wages and dirt are added later.
pub(crate) fn members(seed: u64, index: u32, year: i32) -> Vec<Person> {
    let mut draw = Draw::new(seed, Topic::Population, u64::from(index));
    let size = draw.weighted(&SIZES) + 1;
    let ages = ages(size, &mut draw);
    ages.into_iter()
        .zip(0u8..)
        .map(|((role, age), slot)| {
            let school = school(age, role, &mut draw);
            let labour = labour(age, &mut draw);
            let work =
                if school == School::None { work(age, labour, &mut draw) } else { Work::None };
            Person {
                slot,
                role,
                age,
                birth_year: year - age,
                labour,
                work,
                school,
                health: Health::Good,
                disability: 0,
                insured: true,
                wage_fen: 0,
                named: true,
                bad_number: false,
            }
        })
        .collect()
}

fn ages(size: usize, draw: &mut Draw) -> Vec<(Role, i32)> {
    let old = draw.chance(OLD_HEAD[size - 1]);
    let head = if old { draw.whole(60, 84) } else { draw.whole(26, 59) };
    let mut all = vec![(Role::Head, head)];
    if size > 1 && draw.chance(if size == 2 { 0.80 } else { 0.92 }) {
        let floor = if old { 56 } else { 20 };
        all.push((Role::Spouse, (head + draw.whole(-5, 3)).max(floor)));
    }
    let parents = match (old, size) {
        (true, ..=2) => 0,
        (false, 2 | 3) => u32::from(draw.chance(0.20)),
        (_, 3) => 0,
        (true, _) => u32::from(draw.chance(0.05)),
        (false, 4) => u32::from(draw.chance(0.40)),
        _ => draw.below(3),
    };
    for _ in 0..parents {
        if all.len() < size {
            all.push((Role::Parent, (head + draw.whole(22, 32)).min(94)));
        }
    }
    while all.len() < size {
        all.push(match (old, all.len()) {
            (true, n) if n >= 3 => (Role::Grandchild, (head - draw.whole(52, 66)).max(0)),
            (true, _) => (Role::Child, (head - draw.whole(22, 34)).max(16)),
            (false, _) => (Role::Child, (head - draw.whole(24, 40)).max(draw.whole(0, 8))),
        });
    }
    all
}

fn school(age: i32, role: Role, draw: &mut Draw) -> School {
    if matches!(role, Role::Head | Role::Spouse | Role::Parent) {
        return School::None;
    }
    match age {
        6..=14 => School::Compulsory,
        15..=17 => {
            draw.pick(&[(School::Senior, 0.56), (School::Vocational, 0.36), (School::None, 0.08)])
        }
        18..=22 => draw.pick(&[
            (School::University, 0.66),
            (School::Vocational, 0.10),
            (School::None, 0.24),
        ]),
        _ => School::None,
    }
}

fn labour(age: i32, draw: &mut Draw) -> Labour {
    let (full, weak) = match age {
        16..=59 => (0.88, 0.07),
        60..=69 => (0.55, 0.25),
        70..=79 => (0.25, 0.30),
        _ => (0.0, 0.0),
    };
    match draw.unit() {
        u if u < full => Labour::Full,
        u if u < full + weak => Labour::Weak,
        _ => Labour::None,
    }
}

fn work(age: i32, labour: Labour, draw: &mut Draw) -> Work {
    let (away, home) = match (labour, age) {
        (Labour::None, _) => return Work::None,
        (_, 60..) => (0.04, 0.70),
        (Labour::Weak, _) => (0.15, 0.65),
        (Labour::Full, ..40) => (0.74, 0.18),
        (Labour::Full, _) => (0.62, 0.32),
    };
    match draw.unit() {
        u if u < away => Work::Away,
        u if u < away + home => Work::Home,
        _ => Work::None,
    }
}
