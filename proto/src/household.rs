//! A household's profile: what is known of a family when its events are judged.
//!
//! It holds no name, phone, address or account: such a column is dropped here and counted.

use serde::{Deserialize, Serialize};

use crate::{
    codes::Code,
    date::{Date, Instant},
    event::{Noticed, Refusal},
    ids,
    json::Json,
    person::{Persons, holds_id_number},
    region::{Region, site_id},
};

mod parse;

/// Most members a profile may name.
pub const MEMBERS: usize = 64;

/// What a member can do for a living, weakest first after the unknown.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub enum Labour {
    /// Not said.
    #[default]
    Unknown,
    /// Cannot work.
    None,
    /// Can do light work.
    Weak,
    /// Can do any work.
    Full,
}

impl Labour {
    /// The word in profiles and expressions.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Labour::Unknown => "unknown",
            Labour::None => "none",
            Labour::Weak => "weak",
            Labour::Full => "full",
        }
    }
}

/// One member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Member {
    /// The token of the person; members without one are counted but have no events of their own.
    pub person: Option<Box<str>>,
    /// The year of birth.
    pub birth_year: Option<u16>,
    /// Labour capacity.
    pub labour: Labour,
    /// `away`, `home`, `none`, …; empty when not said.
    pub work: Box<str>,
    /// `good`, `chronic`, `severe`, …; empty when not said.
    pub health: Box<str>,
    /// 1 (most severe) to 4; 0 = none.
    pub disability_grade: u8,
    /// `none` or empty when not a student.
    pub student: Box<str>,
    /// Whether medical insurance is paid.
    pub insured: bool,
}

/// One running programme of aid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Aid {
    /// Its code.
    pub programme: Box<str>,
    /// Since when.
    pub since: Option<Date>,
    /// Fen a month.
    pub monthly_fen: i64,
}

/// A well-formed profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Profile {
    /// `[A-Za-z0-9._-]{1,64}`.
    pub household: Box<str>,
    /// Later replaces earlier, whatever the order of arrival.
    pub updated_at: Instant,
    /// The registered region.
    pub region: Region,
    /// The resettlement site.
    pub site: Option<Box<str>>,
    /// The class, an open set.
    pub class: Box<str>,
    /// Categories, an open set.
    pub categories: Vec<Box<str>>,
    /// Persons in the household, 1..=30.
    pub size: u8,
    /// Those that are known.
    pub members: Vec<Member>,
    /// Net income a year.
    pub net_income_fen: i64,
    /// Savings.
    pub savings_fen: i64,
    /// Support by relatives a year.
    pub support_fen: i64,
    /// Running aid.
    pub aid: Vec<Aid>,
    /// `safe`, …; `unknown` when not said.
    pub housing: Box<str>,
    /// `ok`, …; `unknown` when not said.
    pub water: Box<str>,
    /// RFC 8785 form of what was received, less the dropped columns, persons as tokens.
    pub canonical: Box<[u8]>,
    /// SHA-256 of `canonical`: the larger wins between equal `updated_at`.
    pub digest: [u8; 32],
}

impl Profile {
    /// Whether this profile takes the place of another of the same household.
    #[must_use]
    pub fn replaces(&self, updated_at: Instant, digest: &[u8; 32]) -> bool {
        (self.updated_at, &self.digest) > (updated_at, digest)
    }

    /// The persons it names, each once, in their order.
    pub fn persons(&self) -> impl Iterator<Item = &str> {
        let named = |m: &Member, person: &str| m.person.as_deref() == Some(person);
        self.members.iter().enumerate().filter_map(move |(n, member)| {
            let person = member.person.as_deref()?;
            (!self.members[..n].iter().any(|m| named(m, person))).then_some(person)
        })
    }
}

/// Whether a column is of the kind that is never kept: name, phone, address or account.
#[must_use]
pub fn personal_column(key: &str) -> bool {
    const WORDS: [&str; 11] = [
        "phone", "mobile", "address", "account", "bank", "姓名", "电话", "手机", "住址", "地址",
        "账",
    ];
    const WHOLE: [&str; 8] =
        ["name", "full_name", "real_name", "tel", "email", "id_card", "idcard", "contact"];
    let key = key.to_lowercase();
    WHOLE.contains(&key.as_str()) || key.ends_with("_name") || WORDS.iter().any(|w| key.contains(w))
}
