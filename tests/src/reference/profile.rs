//! A household's profile: checking one line, comparing versions, and the `household.*` names. Knows
//! one profile and today's date.

use super::canonical::{canonical, sha256_hex};
use super::civil::{Day, Instant, civil, date_of, parse_instant};
use super::event::looks_personal;
use super::expression::{Fail, Val};
use serde_json::Value;

const UNDATED: &str = "1970-01-01T00:00:00+08:00";
const DROPPED: [&str; 4] = ["name", "phone", "address", "account"];

/// One version of a profile.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) household: String,
    pub(crate) updated_at: Instant,
    pub(crate) undated: bool,
    pub(crate) digest: String,
    pub(crate) region: String,
    pub(crate) site: Option<String>,
    pub(crate) class: String,
    pub(crate) json: Value,
}

impl Profile {
    /// Checks one line.
    ///
    /// # Errors
    /// The code of the refusal.
    pub(crate) fn check(line: &Value) -> Result<Profile, &'static str> {
        let mut json = line.clone();
        for dropped in DROPPED {
            json.as_object_mut().ok_or("profile.malformed")?.remove(dropped);
        }
        let text = |name: &str| json[name].as_str().ok_or("profile.required");
        let household = text("household")?.to_owned();
        let letter = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if household.is_empty() || household.len() > 64 || !household.chars().all(letter) {
            return Err("profile.malformed");
        }
        if looks_personal(&household) {
            return Err("id.personal");
        }
        let region = text("region")?.to_owned();
        if region.len() != 12 || !region.bytes().all(|b| b.is_ascii_digit()) {
            return Err("profile.malformed");
        }
        let size = json["size"].as_i64().ok_or("profile.required")?;
        if !(1..=30).contains(&size) {
            return Err("profile.range");
        }
        json["net_income_fen"].as_i64().ok_or("profile.required")?;
        let dated = json["updated_at"].as_str();
        let updated_at = parse_instant(dated.unwrap_or(UNDATED)).ok_or("profile.malformed")?;
        let site = json["site"].as_str().map(str::to_owned);
        if site.as_ref().is_some_and(|s| s.bytes().all(|b| b.is_ascii_digit())) {
            return Err("profile.malformed");
        }
        Ok(Profile {
            household,
            updated_at,
            undated: dated.is_none(),
            digest: sha256_hex(canonical(&json).as_bytes()),
            region,
            site,
            class: text("class")?.to_owned(),
            json,
        })
    }

    fn members(&self) -> &[Value] {
        self.json["members"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Whether the profile names a person.
    pub(crate) fn names(&self, person: &str) -> bool {
        self.members().iter().any(|m| m["person"] == person)
    }

    /// Every person it names.
    pub(crate) fn persons(&self) -> impl Iterator<Item = &str> {
        self.members().iter().filter_map(|m| m["person"].as_str())
    }

    /// `household.field`.
    pub(crate) fn field(&self, field: &str, today: Day) -> Result<Val, Fail> {
        let count = |keep: &dyn Fn(&Value) -> bool| {
            let n = self.members().iter().filter(|m| keep(m)).count();
            Ok(Val::Int(i64::try_from(n).unwrap_or(i64::MAX)))
        };
        let word = |v: &Value| Ok(Val::Text(v.as_str().unwrap_or("unknown").to_owned()));
        let fen = |v: &Value| Ok(Val::Int(v.as_i64().unwrap_or(0)));
        let working = |m: &Value| working_age(m, today);
        match field {
            "class" => Ok(Val::Text(self.class.clone())),
            "region" => Ok(Val::Text(self.region.clone())),
            "site" => Ok(Val::Text(self.site.clone().unwrap_or_default())),
            "size" => fen(&self.json["size"]),
            "net_income_fen" => fen(&self.json["net_income_fen"]),
            "savings_fen" => fen(&self.json["coping"]["savings_fen"]),
            "support_fen" => fen(&self.json["coping"]["support_fen"]),
            "housing" => word(&self.json["housing"]),
            "water" => word(&self.json["water"]),
            "labour" => Ok(Val::Text(self.labour(today).to_owned())),
            "members" => count(&|_| true),
            "away" => count(&|m| m["work"] == "away"),
            "workers" => count(&|m| working(m) && m["labour"] != "none" && m["work"] != "none"),
            "students" => {
                count(&|m| m["student"].as_str().is_some_and(|s| s != "none" && s != "unknown"))
            }
            "chronic" => count(&|m| m["health"] == "chronic" || m["health"] == "severe"),
            "insured" => Ok(Val::Bool(self.members().iter().all(|m| m["insured"] == true))),
            "disabled" => {
                let grades = self.members().iter().filter_map(|m| m["disability_grade"].as_i64());
                Ok(Val::Int(grades.filter(|g| *g > 0).min().unwrap_or(0)))
            }
            "age_days" => Ok(Val::Int(today - date_of(self.updated_at))),
            _ => Err(Fail::Unchecked),
        }
    }

    fn labour(&self, today: Day) -> &'static str {
        if self.members().is_empty() {
            return "unknown";
        }
        let workers: Vec<&Value> =
            self.members().iter().filter(|m| working_age(m, today)).collect();
        let best = ["full", "weak", "none"];
        if workers.is_empty() {
            return "none";
        }
        best.into_iter().find(|l| workers.iter().any(|m| m["labour"] == *l)).unwrap_or("unknown")
    }

    /// `household.is("x")` and `household.aid("x")`.
    pub(crate) fn ask(&self, method: &str, wanted: &str) -> Result<Val, Fail> {
        let (list, key) = match method {
            "is" => (&self.json["categories"], None),
            "aid" => (&self.json["aid"], Some("programme")),
            _ => return Err(Fail::Unchecked),
        };
        let found = list.as_array().into_iter().flatten().any(|item| match key {
            None => item == wanted,
            Some(key) => item[key] == wanted,
        });
        Ok(Val::Bool(found))
    }
}

fn working_age(member: &Value, today: Day) -> bool {
    match member["birth_year"].as_i64() {
        Some(born) => (16..=59).contains(&(civil(today).0 - born)),
        None => true,
    }
}

/// The digits of an area without the zeros of its unused tail.
pub(crate) fn area_prefix(area: &str) -> &str {
    if area.len() != 12 || !area.bytes().all(|b| b.is_ascii_digit()) {
        return area;
    }
    let cut = [2, 4, 6, 9].into_iter().find(|n| area[*n..].bytes().all(|b| b == b'0'));
    &area[..cut.unwrap_or(12)]
}

/// Whether an area (region prefix or site) holds a household.
pub(crate) fn holds(area: &str, region: &str, site: Option<&str>) -> bool {
    let by_region =
        area.bytes().all(|b| b.is_ascii_digit()) && region.starts_with(area_prefix(area));
    by_region || site == Some(area)
}
