//! An outcome: what people, or the platform, did about a case.
//!
//! The body of `POST /v1/cases/{case}/outcomes` comes in, a checked [`CaseOutcome`] goes on. It holds
//! words and codes only, no free text, and refuses to know what an outcome changes.

use serde::{Deserialize, Serialize};

use crate::{
    codes::Code,
    date::{DAY_US, Instant},
    event::{REMEMBERED_DAYS, Refusal},
    ids::{hex, household_id, named, sha256},
    json::Json,
    person::holds_id_number,
};

/// Most measures in one outcome.
pub const MEASURES: usize = 20;

/// The id of a case: 16 bytes, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct CaseId(pub [u8; 16]);

impl CaseId {
    /// The case of a household's episode.
    #[must_use]
    pub fn of(household: &str, episode: u32) -> CaseId {
        let digest = sha256(&named(["levee.case.v1|", household, "|"], episode));
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        CaseId(id)
    }

    /// Reads 32 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<CaseId> {
        let mut id = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(CaseId(id))
    }
}

impl std::fmt::Display for CaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

macro_rules! kinds {
    ($($variant:ident $word:literal $doc:literal;)*) => {
        /// What was done.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = $doc] $variant,)*
        }

        impl Kind {
            /// All kinds.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// The word on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Kind::$variant => $word,)* }
            }

            /// The kind of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Kind> {
                match word { $($word => Some(Kind::$variant),)* _ => None }
            }
        }
    };
}

// The order is the order in the stored form: new kinds go to the end.
kinds! {
    Acknowledged "acknowledged" "Someone has seen it.";
    Visited "visited" "Someone was there.";
    NoRisk "no_risk" "There is no risk; closes.";
    AlreadyCovered "already_covered" "The family has the help it needs; closes.";
    WrongData "wrong_data" "The data were wrong; closes.";
    Identified "identified" "The family is identified, with its category.";
    MeasuresApplied "measures_applied" "Measures are in place, with their codes.";
    RiskRemoved "risk_removed" "The risk is removed; closes, and the family is watched for relapse.";
    Revoked "revoked" "Undoes an earlier outcome.";
    Compared "compared" "The family's data were compared with those of other departments.";
    MeetingHeld "meeting_held" "The village meeting was held.";
    Posted "posted" "The result was posted in the village; the posting begins.";
    TownshipReviewed "township_reviewed" "The township has reviewed it.";
    Entered "entered" "It was entered into the national system.";
    FollowedUp "followed_up" "The family was visited again after the risk was removed.";
}

impl Kind {
    /// Whether it closes the case.
    #[must_use]
    pub fn closes(self) -> bool {
        matches!(self, Kind::NoRisk | Kind::AlreadyCovered | Kind::WrongData | Kind::RiskRemoved)
    }
}

/// A well-formed outcome.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseOutcome {
    /// The case.
    pub case: CaseId,
    /// Whose case it is.
    pub household: Box<str>,
    /// Its own id, unique within the household.
    pub id: Box<str>,
    /// What was done.
    pub kind: Kind,
    /// When it was done, by who says so.
    pub at: Instant,
    /// Who says so: an account or a role, not a name.
    pub by: Box<str>,
    /// The category of an identified family.
    pub category: Option<Box<str>>,
    /// Codes of measures.
    pub measures: Box<[Box<str>]>,
    /// The id of the outcome that is undone.
    pub revokes: Option<Box<str>>,
}

impl CaseOutcome {
    /// Reads the outcome of a case; gives with it how many unknown fields were dropped.
    ///
    /// # Errors
    /// [`Refusal`] with `schema.*`, `time.invalid` or `id.personal`.
    pub fn parse(json: &Json<'_>, case: CaseId) -> Result<(CaseOutcome, u32), Refusal> {
        if !matches!(json, Json::Map(_)) {
            return Err(Refusal::new(Code::SchemaType, ""));
        }
        refuse_id_numbers(json)?;
        let household = required(json, "household")?;
        if !household_id(household) {
            return Err(Refusal::new(Code::SchemaRange, "/household"));
        }
        let kind = Kind::parse(required(json, "kind")?)
            .ok_or_else(|| Refusal::new(Code::SchemaUnknownEnum, "/kind"))?;
        let at = Instant::parse(required(json, "at")?)
            .ok_or_else(|| Refusal::new(Code::TimeInvalid, "/at"))?;
        let category = text(json, "category")?;
        if kind == Kind::Identified && category.is_none() {
            return Err(Refusal::new(Code::SchemaRequired, "/category"));
        }
        let measures = parse_measures(json)?;
        if kind == Kind::MeasuresApplied && measures.is_empty() {
            return Err(Refusal::new(Code::SchemaRequired, "/measures"));
        }
        let revokes = text(json, "revokes")?;
        match (kind == Kind::Revoked, revokes) {
            (true, None) => return Err(Refusal::new(Code::SchemaRequired, "/revokes")),
            (false, Some(_)) => return Err(Refusal::new(Code::SchemaRange, "/revokes")),
            _ => {}
        }
        let bounded = |key, text, fits: fn(&str) -> bool| -> Result<Box<str>, Refusal> {
            if fits(text) { Ok(text.into()) } else { Err(Refusal::new(Code::SchemaRange, key)) }
        };
        let outcome = CaseOutcome {
            case,
            household: household.into(),
            id: bounded("/id", required(json, "id")?, id_holds)?,
            kind,
            at,
            by: bounded("/by", required(json, "by")?, account_holds)?,
            category: category.map(|c| bounded("/category", c, category_holds)).transpose()?,
            measures,
            revokes: revokes.map(|r| bounded("/revokes", r, id_holds)).transpose()?,
        };
        let unknown = json.entries().iter().filter(|(key, _)| !FIELDS.contains(&&**key));
        Ok((outcome, u32::try_from(unknown.count()).unwrap_or(u32::MAX)))
    }

    /// The check against a receiver's clock.
    ///
    /// # Errors
    /// `time.future` more than 24 hours ahead, `time.ancient` more than [`REMEMBERED_DAYS`] ago.
    pub fn check_clock(&self, now: Instant) -> Result<(), Refusal> {
        if self.at > now.plus_us(DAY_US) {
            return Err(Refusal::new(Code::TimeFuture, "/at"));
        }
        if self.at < now.plus_us(-i64::from(REMEMBERED_DAYS) * DAY_US) {
            return Err(Refusal::new(Code::TimeAncient, "/at"));
        }
        Ok(())
    }

    /// The outcome as it could be sent again.
    #[must_use]
    pub fn to_json(&self) -> Json<'_> {
        let text = |text: &str| Json::Text(text.to_owned().into());
        let mut all = vec![
            ("id".into(), text(&self.id)),
            ("household".into(), text(&self.household)),
            ("kind".into(), text(self.kind.word())),
            ("at".into(), text(&self.at.to_string())),
            ("by".into(), text(&self.by)),
        ];
        if let Some(category) = &self.category {
            all.push(("category".into(), text(category)));
        }
        if !self.measures.is_empty() {
            let measures = self.measures.iter().map(|measure| text(measure));
            all.push(("measures".into(), Json::List(measures.collect())));
        }
        if let Some(revokes) = &self.revokes {
            all.push(("revokes".into(), text(revokes)));
        }
        Json::Map(all)
    }
}

const FIELDS: [&str; 8] =
    ["id", "household", "kind", "at", "by", "category", "measures", "revokes"];

fn text<'j>(json: &'j Json<'_>, key: &'static str) -> Result<Option<&'j str>, Refusal> {
    match json.get(key) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::new(Code::SchemaType, format!("/{key}"))),
    }
}

fn required<'j>(json: &'j Json<'_>, key: &'static str) -> Result<&'j str, Refusal> {
    text(json, key)?.ok_or_else(|| Refusal::new(Code::SchemaRequired, format!("/{key}")))
}

fn parse_measures(json: &Json<'_>) -> Result<Box<[Box<str>]>, Refusal> {
    let items = match json.get("measures") {
        None | Some(Json::Null) => return Ok(Box::default()),
        Some(Json::List(items)) => items,
        Some(_) => return Err(Refusal::new(Code::SchemaType, "/measures")),
    };
    if items.len() > MEASURES {
        return Err(Refusal::new(Code::SchemaRange, "/measures"));
    }
    let one = |(at, item): (usize, &Json<'_>)| match item.text() {
        Some(code) if measure_holds(code) => Ok(code.into()),
        Some(_) => Err(Refusal::new(Code::SchemaRange, format!("/measures/{at}"))),
        None => Err(Refusal::new(Code::SchemaType, format!("/measures/{at}"))),
    };
    items.iter().enumerate().map(one).collect()
}

fn id_holds(text: &str) -> bool {
    (1..=200).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn account_holds(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

fn category_holds(text: &str) -> bool {
    (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

fn measure_holds(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

/// No string may hold an ID number, dropped ones included: they would reach the dead letters.
fn refuse_id_numbers(json: &Json<'_>) -> Result<(), Refusal> {
    for (key, value) in json.entries() {
        let mut found = holds_id_number(key);
        value.each_text(&mut |text| found |= holds_id_number(text));
        if found {
            let known = FIELDS.contains(&&**key);
            let pointer = if known { format!("/{key}") } else { String::new() };
            return Err(Refusal::new(Code::IdPersonal, pointer));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(CaseOutcome, u32), Refusal> {
        CaseOutcome::parse(&Json::parse(text.as_bytes()).unwrap(), CaseId::of("H1", 1))
    }

    #[test]
    fn an_outcome_is_read_and_written_again() {
        for (text, dropped) in [
            (
                r#"{"id":"o1","household":"H1","kind":"visited","at":"2026-03-05T10:00:00+08:00","by":"w-1"}"#,
                0,
            ),
            (
                r#"{"id":"o2","household":"H1","kind":"identified","at":"2026-03-05T10:00:00+08:00","by":"w-1","category":"marginal","measures":["dibao"],"note":"x"}"#,
                1,
            ),
            (
                r#"{"id":"o3","household":"H1","kind":"revoked","at":"2026-03-05T10:00:00+08:00","by":"w-1","revokes":"o1"}"#,
                0,
            ),
        ] {
            let (outcome, unknown) = parse(text).unwrap();
            assert_eq!(unknown, dropped);
            let written = outcome.to_json().canonical();
            assert_eq!(parse(std::str::from_utf8(&written).unwrap()).unwrap(), (outcome, 0));
        }
    }

    #[test]
    fn what_is_not_in_the_form_is_refused_by_name() {
        let with = |field: &str, value: &str| {
            let mut fields = vec![
                ("id", r#""o1""#),
                ("household", r#""H1""#),
                ("kind", r#""visited""#),
                ("at", r#""2026-03-05T10:00:00+08:00""#),
                ("by", r#""w-1""#),
            ];
            fields.retain(|(name, _)| *name != field);
            fields.push((field, value));
            let all: Vec<String> = fields.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
            parse(&format!("{{{}}}", all.join(","))).unwrap_err()
        };
        for (field, value, code) in [
            ("id", "null", Code::SchemaRequired),
            ("id", "7", Code::SchemaType),
            ("id", r#""""#, Code::SchemaRange),
            ("household", r#""a b""#, Code::SchemaRange),
            ("household", r#""990000199001010017""#, Code::IdPersonal),
            ("kind", r#""closed""#, Code::SchemaUnknownEnum),
            ("kind", r#""identified""#, Code::SchemaRequired),
            ("kind", r#""measures_applied""#, Code::SchemaRequired),
            ("kind", r#""revoked""#, Code::SchemaRequired),
            ("at", r#""yesterday""#, Code::TimeInvalid),
            ("by", r#""two words""#, Code::SchemaRange),
            ("by", r#""990000199001010017""#, Code::IdPersonal),
            ("note", r#""990000199001010017""#, Code::IdPersonal),
            ("category", r#""Free text""#, Code::SchemaRange),
            ("measures", r#""dibao""#, Code::SchemaType),
            ("measures", r#"["Free text"]"#, Code::SchemaRange),
            ("revokes", r#""o0""#, Code::SchemaRange),
        ] {
            assert_eq!(with(field, value).code, code, "{field} {value}");
        }
        assert_eq!(parse("[]").unwrap_err().code, Code::SchemaType);
    }

    #[test]
    fn its_time_is_checked_against_the_clock() {
        let text = r#"{"id":"o1","household":"H1","kind":"visited","at":"2026-03-05T10:00:00+08:00","by":"w-1"}"#;
        let outcome = parse(text).unwrap().0;
        let check = |now: &str| outcome.check_clock(Instant::parse(now).unwrap()).err();
        let code = |now| check(now).map(|refusal| refusal.code);
        assert_eq!(code("2026-03-04T10:00:00+08:00"), None);
        assert_eq!(code("2026-03-04T09:59:59+08:00"), Some(Code::TimeFuture));
        assert_eq!(code("2028-08-01T00:00:00+08:00"), Some(Code::TimeAncient));
    }

    #[test]
    fn a_case_id_is_read_as_it_is_written() {
        let case = CaseId::of("H00000013", 1);
        assert_eq!(CaseId::parse("6df4b3061ad9b89e090e52cb2957cb7f"), Some(case));
        assert_eq!(CaseId::parse(&case.to_string()), Some(case));
        for none in ["", "6df4", "6DF4B3061AD9B89E090E52CB2957CB7F", &"g".repeat(32)] {
            assert_eq!(CaseId::parse(none), None);
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.word()), Some(*kind));
        }
    }
}
