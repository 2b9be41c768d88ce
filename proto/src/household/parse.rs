//! Reads a profile from JSON; what the contract names is checked, what is personal is dropped.

use super::*;

impl Profile {
    /// Reads one profile; `received` stands for a missing `updated_at`.
    ///
    /// # Errors
    /// [`Refusal`] with `schema.*`, `amount.*`, `time.invalid` or `id.personal`.
    pub fn parse(
        json: &Json<'_>,
        received: Instant,
        persons: Persons<'_>,
    ) -> Result<(Profile, Noticed), Refusal> {
        if !matches!(json, Json::Map(_)) {
            return Err(Refusal::new(Code::SchemaType, ""));
        }
        let mut noticed = Noticed::default();
        let json = &without_personal(json, &mut noticed);
        let json = &with_tokens(json, persons, &mut noticed)?;
        refuse_id_numbers(json)?;
        let at = Place { json, path: String::new() };
        let household =
            at.text("household")?.ok_or_else(|| at.refused(Code::SchemaRequired, "household"))?;
        if !ids::household_id(household) {
            let personal = holds_id_number(household);
            let code = if personal { Code::IdPersonal } else { Code::SchemaRange };
            return Err(at.refused(code, "household"));
        }
        let canonical = json.canonical();
        let profile = Profile {
            household: household.into(),
            updated_at: parse_updated_at(&at)?.unwrap_or(received),
            region: parse_region(&at)?,
            site: parse_site(&at)?,
            class: at.word("class")?.ok_or_else(|| at.refused(Code::SchemaRequired, "class"))?,
            categories: parse_categories(&at)?,
            size: at
                .small("size", 30)?
                .ok_or_else(|| at.refused(Code::SchemaRequired, "size"))
                .and_then(|n| {
                    if n == 0 { Err(at.refused(Code::SchemaRange, "size")) } else { Ok(n) }
                })?,
            members: parse_members(&at)?,
            net_income_fen: at
                .money("net_income_fen")?
                .ok_or_else(|| at.refused(Code::SchemaRequired, "net_income_fen"))?,
            savings_fen: at
                .inner("coping")?
                .map_or(Ok(None), |c| c.money("savings_fen"))?
                .unwrap_or(0),
            support_fen: at
                .inner("coping")?
                .map_or(Ok(None), |c| c.money("support_fen"))?
                .unwrap_or(0),
            aid: parse_aid(&at)?,
            housing: at.word("housing")?.unwrap_or_else(|| "unknown".into()),
            water: at.word("water")?.unwrap_or_else(|| "unknown".into()),
            digest: ids::sha256(&canonical),
            canonical: canonical.into_boxed_slice(),
        };
        Ok((profile, noticed))
    }
}

/// An object within the record and where it stands.
struct Place<'j, 'a> {
    json: &'j Json<'a>,
    path: String,
}

impl<'j, 'a> Place<'j, 'a> {
    fn refused(&self, code: Code, key: &str) -> Refusal {
        Refusal::new(code, format!("{}/{key}", self.path))
    }

    fn value(&self, key: &str) -> Option<&'j Json<'a>> {
        self.json.get(key).filter(|v| !matches!(v, Json::Null))
    }

    fn text(&self, key: &str) -> Result<Option<&'j str>, Refusal> {
        match self.value(key) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    /// A word `[a-z0-9_]{1,40}`.
    fn word(&self, key: &str) -> Result<Option<Box<str>>, Refusal> {
        match self.text(key)? {
            Some(text) if word_holds(text) => Ok(Some(text.into())),
            Some(_) => Err(self.refused(Code::SchemaRange, key)),
            None => Ok(None),
        }
    }

    fn money(&self, key: &str) -> Result<Option<i64>, Refusal> {
        match self.value(key) {
            None => Ok(None),
            Some(Json::Int(n)) => Ok(Some(*n)),
            Some(Json::Number(n)) if n.fract() != 0.0 => Err(self.refused(Code::AmountFloat, key)),
            Some(Json::Number(_)) => Err(self.refused(Code::AmountRange, key)),
            Some(Json::Text(_)) => Err(self.refused(Code::AmountText, key)),
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    fn small(&self, key: &str, most: u8) -> Result<Option<u8>, Refusal> {
        match self.value(key) {
            None => Ok(None),
            Some(Json::Int(n)) => match u8::try_from(*n) {
                Ok(n) if n <= most => Ok(Some(n)),
                _ => Err(self.refused(Code::SchemaRange, key)),
            },
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, Refusal> {
        match self.value(key) {
            None => Ok(false),
            Some(Json::Bool(b)) => Ok(*b),
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    fn inner(&self, key: &str) -> Result<Option<Place<'j, 'a>>, Refusal> {
        match self.value(key) {
            None => Ok(None),
            Some(json @ Json::Map(_)) => {
                Ok(Some(Place { json, path: format!("{}/{key}", self.path) }))
            }
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    fn list(&self, key: &str, most: usize) -> Result<&'j [Json<'a>], Refusal> {
        match self.value(key) {
            None => Ok(&[]),
            Some(Json::List(items)) if items.len() <= most => Ok(items),
            Some(Json::List(_)) => Err(self.refused(Code::SchemaRange, key)),
            Some(_) => Err(self.refused(Code::SchemaType, key)),
        }
    }

    fn objects(&self, key: &str, most: usize) -> Result<Vec<Place<'j, 'a>>, Refusal> {
        let items = self.list(key, most)?.iter().enumerate();
        items
            .map(|(n, json)| match json {
                Json::Map(_) => Ok(Place { json, path: format!("{}/{key}/{n}", self.path) }),
                _ => Err(self.refused(Code::SchemaType, &format!("{key}/{n}"))),
            })
            .collect()
    }
}

fn word_holds(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn parse_updated_at(at: &Place<'_, '_>) -> Result<Option<Instant>, Refusal> {
    let read =
        |text| Instant::parse(text).ok_or_else(|| at.refused(Code::TimeInvalid, "updated_at"));
    at.text("updated_at")?.map(read).transpose()
}

fn parse_region(at: &Place<'_, '_>) -> Result<Region, Refusal> {
    let text = at.text("region")?.ok_or_else(|| at.refused(Code::SchemaRequired, "region"))?;
    Region::parse(text).ok_or_else(|| at.refused(Code::SchemaRange, "region"))
}

fn parse_site(at: &Place<'_, '_>) -> Result<Option<Box<str>>, Refusal> {
    match at.text("site")? {
        None => Ok(None),
        Some(text) if site_id(text) => Ok(Some(text.into())),
        Some(_) => Err(at.refused(Code::SchemaRange, "site")),
    }
}

fn parse_categories(at: &Place<'_, '_>) -> Result<Vec<Box<str>>, Refusal> {
    let items = at.list("categories", 64)?.iter();
    items
        .map(|item| match item {
            Json::Text(text) if word_holds(text) => Ok(text.as_ref().into()),
            Json::Text(_) => Err(at.refused(Code::SchemaRange, "categories")),
            _ => Err(at.refused(Code::SchemaType, "categories")),
        })
        .collect()
}

fn parse_members(at: &Place<'_, '_>) -> Result<Vec<Member>, Refusal> {
    at.objects("members", MEMBERS)?.iter().map(parse_member).collect()
}

fn parse_member(at: &Place<'_, '_>) -> Result<Member, Refusal> {
    let labour = match at.text("labour")? {
        None | Some("unknown") => Labour::Unknown,
        Some("none") => Labour::None,
        Some("weak") => Labour::Weak,
        Some("full") => Labour::Full,
        Some(_) => return Err(at.refused(Code::SchemaUnknownEnum, "labour")),
    };
    let birth_year = match at.value("birth_year") {
        None => None,
        Some(Json::Int(n)) => Some(
            u16::try_from(*n)
                .ok()
                .filter(|year| (1850..=2200).contains(year))
                .ok_or_else(|| at.refused(Code::SchemaRange, "birth_year"))?,
        ),
        Some(_) => return Err(at.refused(Code::SchemaType, "birth_year")),
    };
    Ok(Member {
        person: at.text("person")?.map(Into::into),
        birth_year,
        labour,
        work: at.word("work")?.unwrap_or_default(),
        health: at.word("health")?.unwrap_or_default(),
        disability_grade: at.small("disability_grade", 4)?.unwrap_or(0),
        student: at.word("student")?.unwrap_or_default(),
        insured: at.flag("insured")?,
    })
}

fn parse_aid(at: &Place<'_, '_>) -> Result<Vec<Aid>, Refusal> {
    let objects = at.objects("aid", 64)?;
    objects
        .iter()
        .map(|at| {
            let read =
                |text| Date::parse(text).ok_or_else(|| at.refused(Code::TimeInvalid, "since"));
            Ok(Aid {
                programme: at
                    .word("programme")?
                    .ok_or_else(|| at.refused(Code::SchemaRequired, "programme"))?,
                since: at.text("since")?.map(read).transpose()?,
                monthly_fen: at.money("monthly_fen")?.unwrap_or(0),
            })
        })
        .collect()
}

fn without_personal<'a>(json: &Json<'a>, noticed: &mut Noticed) -> Json<'a> {
    match json {
        Json::Map(entries) => {
            let mut kept = Vec::with_capacity(entries.len());
            for (key, value) in entries {
                if personal_column(key) {
                    noticed.dropped += 1;
                } else {
                    kept.push((key.clone(), without_personal(value, noticed)));
                }
            }
            Json::Map(kept)
        }
        Json::List(items) => {
            Json::List(items.iter().map(|i| without_personal(i, noticed)).collect())
        }
        other => other.clone(),
    }
}

/// Puts a token where each member's person stands.
fn with_tokens<'a>(
    json: &Json<'a>,
    persons: Persons<'_>,
    noticed: &mut Noticed,
) -> Result<Json<'a>, Refusal> {
    let mut json = json.clone();
    let Json::Map(entries) = &mut json else { return Ok(json) };
    let members = entries.iter_mut().find(|(key, _)| key == "members");
    let Some((_, Json::List(members))) = members else { return Ok(json) };
    for (n, member) in members.iter_mut().enumerate() {
        let Json::Map(columns) = member else { continue };
        for (_, value) in columns.iter_mut().filter(|(key, _)| key == "person") {
            let Json::Text(text) = value else { continue };
            let pointer = || format!("/members/{n}/person");
            let taken =
                persons.take(text).ok_or_else(|| Refusal::new(Code::SchemaRange, pointer()))?;
            noticed.unverified |= taken.unverified;
            *value = Json::Text(taken.person.into());
        }
    }
    Ok(json)
}

/// Every string but a member's person must be free of ID numbers.
fn refuse_id_numbers(json: &Json<'_>) -> Result<(), Refusal> {
    let mut found = false;
    let mut seen = |text: &str| found |= holds_id_number(text);
    for (key, value) in json.entries() {
        seen(key);
        match value {
            Json::List(members) if key == "members" => {
                let columns = members.iter().flat_map(Json::entries);
                columns.filter(|(key, _)| key != "person").for_each(|(key, value)| {
                    seen(key);
                    value.each_text(&mut seen);
                });
            }
            other => other.each_text(&mut seen),
        }
    }
    if found { Err(Refusal::new(Code::IdPersonal, "")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::TokenKey;

    const PROFILE: &str = r#"{"household":"H00000001","updated_at":"2026-01-05T08:00:00+08:00","region":"990102003004","site":null,"class":"ordinary","categories":["registered_poor"],"size":4,"members":[{"person":"990000199001010017","role":"head","birth_year":1979,"labour":"full","work":"away","health":"chronic","disability_grade":0,"student":"none","insured":true}],"net_income_fen":4200000,"income":{"wage_fen":0},"coping":{"savings_fen":7,"support_fen":8},"aid":[{"programme":"dibao","since":"2025-03-01","monthly_fen":46000}],"housing":"safe","water":"ok","livelihoods":["crop:onion"],"consent_on":"2025-01-02"}"#;

    fn parse(text: &str) -> Result<(Profile, Noticed), Refusal> {
        let key = TokenKey::new(1, &[7; 32]);
        Profile::parse(&Json::parse(text.as_bytes()).unwrap(), Instant(0), Persons::Tokens(&key))
    }

    #[test]
    fn the_contracts_example_is_a_profile_without_numbers() {
        let (profile, noticed) = parse(PROFILE).unwrap();
        assert_eq!(noticed.dropped, 0);
        assert_eq!((profile.savings_fen, profile.support_fen, profile.size), (7, 8, 4));
        assert!(profile.members[0].person.as_deref().unwrap().starts_with("p1"));
        assert!(!holds_id_number(std::str::from_utf8(&profile.canonical).unwrap()));
        assert_eq!(profile.aid[0].monthly_fen, 46_000);
        let again = Json::parse(&profile.canonical).unwrap();
        assert_eq!(Profile::parse(&again, Instant(0), Persons::AsGiven).unwrap().0, profile);
    }

    #[test]
    fn personal_columns_are_dropped_and_counted() {
        let text = PROFILE.replace(
            r#""role":"head""#,
            r#""role":"head","姓名":"x","phone":"1","id_card":"990000199001010017""#,
        );
        let (profile, noticed) = parse(&text).unwrap();
        assert_eq!(noticed.dropped, 3);
        assert_eq!(profile, parse(PROFILE).unwrap().0);
    }

    #[test]
    fn every_fault_has_its_code_and_place() {
        for (from, to, code, pointer) in [
            (r#""size":4"#, r#""size":31"#, "schema.range", "/size"),
            (r#""size":4"#, r#""size":0"#, "schema.range", "/size"),
            (r#""class":"ordinary","#, "", "schema.required", "/class"),
            ("4200000", "4200000.5", "amount.float", "/net_income_fen"),
            ("990102003004", "9901", "schema.range", "/region"),
            (
                r#""labour":"full""#,
                r#""labour":"strong""#,
                "schema.unknown_enum",
                "/members/0/labour",
            ),
            ("H00000001", "990000199001010017", "id.personal", ""),
            ("crop:onion", "990000199001010017", "id.personal", ""),
            ("2025-03-01", "2025-13-01", "time.invalid", "/aid/0/since"),
            ("2026-01-05T08:00:00+08:00", "today", "time.invalid", "/updated_at"),
        ] {
            assert!(PROFILE.contains(from));
            let refusal = parse(&PROFILE.replace(from, to)).unwrap_err();
            assert_eq!((refusal.code.name(), refusal.pointer.as_str()), (code, pointer));
        }
    }

    #[test]
    fn only_the_required_fields_are_needed() {
        let text = r#"{"household":"H1","region":"990102003004","class":"ordinary","size":3,"net_income_fen":-5}"#;
        let (profile, _) = parse(text).unwrap();
        assert_eq!(profile.updated_at, Instant(0));
        assert!(profile.members.is_empty() && profile.net_income_fen == -5);
    }
}
