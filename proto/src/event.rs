//! An event: what a department observed about a household, a person or an area.
//!
//! CloudEvents 1.0 JSON comes in, a checked [`Event`] goes on. It refuses to know what time it is
//! now: the checks against a clock are asked for with the clock.

use crate::{
    catalogue::{Catalogue, EventType, TypeId},
    codes::Code,
    date::{DAY_US, Date, Instant},
    fields::Fields,
    json::Json,
    person::{Persons, holds_id_number},
    region::{Area, Prefix},
};

mod plain;

/// How far an event's `time` may lie before the clock, in days.
pub const REMEMBERED_DAYS: i32 = 800;
/// How far ahead of the receiver `time` may lie before it is flagged, in microseconds.
pub const AHEAD_FLAGGED_US: i64 = 5 * 60 * 1_000_000;

/// Why a record is refused: a stable code and a JSON pointer to the place.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{} at {pointer}", code.name())]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// RFC 6901 pointer into the record; keys outside the contract are not repeated.
    pub pointer: String,
}

impl Refusal {
    /// A refusal at a place.
    #[must_use]
    pub fn new(code: Code, pointer: impl Into<String>) -> Refusal {
        Refusal { code, pointer: pointer.into() }
    }
}

/// Whom an event is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// `household/<id>`.
    Household(Box<str>),
    /// `person/<token>`.
    Person(Box<str>),
    /// `area/<prefix or site>`.
    Area(Area),
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Household(id) => write!(f, "household/{id}"),
            Subject::Person(person) => write!(f, "person/{person}"),
            Subject::Area(area) => write!(f, "area/{area}"),
        }
    }
}

/// A well-formed event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// The feed: `<region prefix>/<department>`.
    pub source: Box<str>,
    /// The feed's own id.
    pub id: Box<str>,
    /// The type in the catalogue it was read with.
    pub type_id: TypeId,
    /// When the department observed it.
    pub time: Instant,
    /// Whom it is about.
    pub subject: Subject,
    /// The id of the event whose place it takes.
    pub supersedes: Option<Box<str>>,
    /// When it happened.
    pub occurred_on: Date,
    /// Whether it only withdraws what it supersedes.
    pub void: bool,
    /// The fields of its type.
    pub fields: Fields,
}

/// What the door noticed in a record that it took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Noticed {
    /// Unknown or personal fields that were dropped.
    pub dropped: u32,
    /// An ID number whose checksum does not hold.
    pub unverified: bool,
}

impl Event {
    /// Reads one CloudEvent.
    ///
    /// # Errors
    /// [`Refusal`] with `schema.*`, `amount.*`, `time.invalid|order|ancient`, `id.personal` or
    /// `cloudevents.version`.
    pub fn parse(
        json: &Json<'_>,
        catalogue: &Catalogue,
        persons: Persons<'_>,
    ) -> Result<(Event, Noticed), Refusal> {
        if !matches!(json, Json::Map(_)) {
            return Err(Refusal::new(Code::SchemaType, ""));
        }
        let mut noticed = Noticed::default();
        if text(json, "specversion")? != "1.0" {
            return Err(Refusal::new(Code::CloudEventsVersion, "/specversion"));
        }
        let type_id = catalogue
            .type_id(text(json, "type")?)
            .ok_or_else(|| Refusal::new(Code::SchemaUnknownType, "/type"))?;
        let kind = catalogue.get(type_id);
        refuse_id_numbers(json)?;
        let subject = parse_subject(text(json, "subject")?, kind, persons, &mut noticed)?;
        let time = Instant::parse(text(json, "time")?)
            .ok_or_else(|| Refusal::new(Code::TimeInvalid, "/time"))?;
        let id = bounded(json, "id", 200)?;
        let source = bounded(json, "source", 80)?;
        if !source_holds(source) {
            return Err(Refusal::new(Code::SchemaRange, "/source"));
        }
        let supersedes = match json.get("supersedes") {
            None | Some(Json::Null) => None,
            Some(_) => Some(bounded(json, "supersedes", 200)?),
        };
        let data = match json.get("data") {
            Some(data @ Json::Map(_)) => data,
            None | Some(Json::Null) => &Json::Map(Vec::new()),
            Some(_) => return Err(Refusal::new(Code::SchemaType, "/data")),
        };
        let occurred_on = parse_occurred_on(data, time)?;
        let void = parse_void(data, supersedes)?;
        let fields =
            if void { Fields::default() } else { Fields::parse(data, kind, &mut noticed)? };
        noticed.dropped += unknown_attributes(json);
        let event = Event {
            source: source.into(),
            id: id.into(),
            type_id,
            time,
            subject,
            supersedes: supersedes.map(Into::into),
            occurred_on,
            void,
            fields,
        };
        Ok((event, noticed))
    }

    /// The check against a receiver's clock: more than 24 hours ahead, or too long ago.
    ///
    /// # Errors
    /// `time.future`, `time.ancient`.
    pub fn check_clock(&self, now: Instant) -> Result<(), Refusal> {
        if self.time > now.plus_us(DAY_US) {
            return Err(Refusal::new(Code::TimeFuture, "/time"));
        }
        self.check_age(now)
    }

    /// The check that identities are still remembered for this event.
    ///
    /// # Errors
    /// `time.ancient` when `time` is more than [`REMEMBERED_DAYS`] before the clock.
    pub fn check_age(&self, clock: Instant) -> Result<(), Refusal> {
        let oldest = clock.plus_us(-i64::from(REMEMBERED_DAYS) * DAY_US);
        if self.time < oldest {
            return Err(Refusal::new(Code::TimeAncient, "/time"));
        }
        Ok(())
    }
}

fn text<'j>(json: &'j Json<'_>, key: &'static str) -> Result<&'j str, Refusal> {
    match json.get(key) {
        Some(Json::Text(text)) => Ok(text),
        None | Some(Json::Null) => Err(Refusal::new(Code::SchemaRequired, format!("/{key}"))),
        Some(_) => Err(Refusal::new(Code::SchemaType, format!("/{key}"))),
    }
}

fn bounded<'j>(json: &'j Json<'_>, key: &'static str, most: usize) -> Result<&'j str, Refusal> {
    let value = text(json, key)?;
    if value.is_empty() || value.len() > most {
        return Err(Refusal::new(Code::SchemaRange, format!("/{key}")));
    }
    Ok(value)
}

fn source_holds(source: &str) -> bool {
    source
        .split_once('/')
        .is_some_and(|(prefix, rest)| Prefix::parse(prefix).is_some() && !rest.is_empty())
}

/// Every string but the person of the subject must be free of ID numbers, dropped ones included:
/// they would otherwise reach the dead letters.
fn refuse_id_numbers(json: &Json<'_>) -> Result<(), Refusal> {
    for (key, value) in json.entries() {
        let person = key == "subject" && value.text().is_some_and(|s| s.starts_with("person/"));
        let mut found = holds_id_number(key);
        if !person {
            value.each_text(&mut |text| found |= holds_id_number(text));
        }
        if found {
            let known = ATTRIBUTES.contains(&key.as_ref());
            let pointer = if known { format!("/{key}") } else { String::new() };
            return Err(Refusal::new(Code::IdPersonal, pointer));
        }
    }
    Ok(())
}

const ATTRIBUTES: [&str; 8] =
    ["specversion", "id", "source", "type", "time", "subject", "supersedes", "data"];

fn unknown_attributes(json: &Json<'_>) -> u32 {
    let unknown = json
        .entries()
        .iter()
        .filter(|(k, _)| !ATTRIBUTES.contains(&k.as_ref()) && k != "datacontenttype");
    u32::try_from(unknown.count()).unwrap_or(u32::MAX)
}

fn parse_subject(
    text: &str,
    kind: &EventType,
    persons: Persons<'_>,
    noticed: &mut Noticed,
) -> Result<Subject, Refusal> {
    let refused = || Refusal::new(Code::SchemaSubject, "/subject");
    let subject = match text.split_once('/').ok_or_else(refused)? {
        ("household", id) if crate::ids::household_id(id) => Subject::Household(id.into()),
        ("person", person) => {
            let taken = persons.take(person).ok_or_else(refused)?;
            noticed.unverified |= taken.unverified;
            Subject::Person(taken.person.into())
        }
        ("area", area) => Subject::Area(Area::parse(area).ok_or_else(refused)?),
        _ => return Err(refused()),
    };
    let fits = matches!(subject, Subject::Area(_)) == kind.area;
    if fits { Ok(subject) } else { Err(refused()) }
}

fn parse_occurred_on(data: &Json<'_>, time: Instant) -> Result<Date, Refusal> {
    let refused = |code| Refusal::new(code, "/data/occurred_on");
    let date = match data.get("occurred_on") {
        None | Some(Json::Null) => return Ok(time.date()),
        Some(Json::Text(text)) => Date::parse(text).ok_or_else(|| refused(Code::TimeInvalid))?,
        Some(_) => return Err(refused(Code::SchemaType)),
    };
    let sent = time.date();
    if date > sent {
        return Err(refused(Code::TimeOrder));
    }
    // Two years have 730 days at least: most dates need no calendar.
    if sent.0 - date.0 > 730 && date < sent.years_before(2) {
        return Err(refused(Code::TimeAncient));
    }
    Ok(date)
}

/// A withdrawal must say what it withdraws: without `supersedes` it could only be a mistake.
fn parse_void(data: &Json<'_>, supersedes: Option<&str>) -> Result<bool, Refusal> {
    match (data.get("void"), supersedes) {
        (None | Some(Json::Null | Json::Bool(false)), _) => Ok(false),
        (Some(Json::Bool(true)), Some(_)) => Ok(true),
        (Some(Json::Bool(true)), None) => Err(Refusal::new(Code::SchemaRequired, "/supersedes")),
        (Some(_), _) => Err(Refusal::new(Code::SchemaType, "/data/void")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BILL: &str = r#"{"specversion":"1.0","id":"99-ybj-000000000001","source":"99/ybj","type":"medical.settlement","time":"2026-03-04T10:20:30+08:00","subject":"household/H00000001","supersedes":null,"data":{"occurred_on":"2026-03-03","setting":"inpatient","total_fen":1834500,"fund_paid_fen":1100000,"self_paid_fen":734500}}"#;

    fn parse(text: &str) -> Result<(Event, Noticed), Refusal> {
        Event::parse(
            &Json::parse(text.as_bytes()).unwrap(),
            &Catalogue::shipped(),
            Persons::AsGiven,
        )
    }

    fn refused(from: &str, to: &str) -> (&'static str, String) {
        assert!(BILL.contains(from));
        let refusal = parse(&BILL.replace(from, to)).unwrap_err();
        (refusal.code.name(), refusal.pointer)
    }

    #[test]
    fn the_contracts_example_is_an_event() {
        let (event, noticed) = parse(BILL).unwrap();
        assert_eq!(noticed, Noticed::default());
        assert_eq!(event.subject, Subject::Household("H00000001".into()));
        assert_eq!(event.occurred_on.to_string(), "2026-03-03");
        let catalogue = Catalogue::shipped();
        let kind = catalogue.get(event.type_id);
        assert_eq!(event.fields.int(kind.field("self_paid_fen").unwrap()), 734_500);
        assert_eq!(event.fields.int(kind.field("commercial_paid_fen").unwrap()), 0);
    }

    #[test]
    fn every_fault_has_its_code_and_place() {
        let at = |code: &'static str, pointer: &str| (code, pointer.to_owned());
        assert_eq!(refused(r#""specversion":"1.0","#, ""), at("schema.required", "/specversion"));
        assert_eq!(refused(r#""1.0""#, r#""0.3""#), at("cloudevents.version", "/specversion"));
        assert_eq!(
            refused("medical.settlement", "medical.bill"),
            at("schema.unknown_type", "/type")
        );
        assert_eq!(refused("inpatient", "in_patient"), at("schema.unknown_enum", "/data/setting"));
        assert_eq!(
            refused(r#""setting":"inpatient","#, ""),
            at("schema.required", "/data/setting")
        );
        assert_eq!(refused("734500", "7345.5"), at("amount.float", "/data/self_paid_fen"));
        assert_eq!(refused("734500", "\"734500\""), at("amount.text", "/data/self_paid_fen"));
        assert_eq!(
            refused("734500", "99999999999999999999"),
            at("amount.range", "/data/self_paid_fen")
        );
        assert_eq!(refused("2026-03-03", "2026-03-05"), at("time.order", "/data/occurred_on"));
        assert_eq!(refused("2026-03-03", "2024-03-03"), at("time.ancient", "/data/occurred_on"));
        assert_eq!(refused("2026-03-03", "2026-02-30"), at("time.invalid", "/data/occurred_on"));
        assert_eq!(refused("2026-03-04T10:20:30+08:00", "yesterday"), at("time.invalid", "/time"));
        assert_eq!(refused("household/H00000001", "area/99"), at("schema.subject", "/subject"));
        assert_eq!(refused("household/H00000001", "H00000001"), at("schema.subject", "/subject"));
        assert_eq!(
            refused("99-ybj-000000000001", "99-ybj-990000199001010017"),
            at("id.personal", "/id")
        );
        assert_eq!(
            refused("household/H00000001", "household/990000199001010017"),
            at("id.personal", "/subject")
        );
        assert_eq!(
            refused(r#""data":{"#, r#""data":{"void":true,"#),
            at("schema.required", "/supersedes")
        );
        assert_eq!(refused("99/ybj", "ybj"), at("schema.range", "/source"));
    }

    #[test]
    fn the_calendar_day_two_years_earlier_is_still_taken() {
        assert!(parse(&BILL.replace("2026-03-03", "2024-03-04")).is_ok());
        let (event, _) = parse(BILL).unwrap();
        let day = |n: i64| event.time.plus_us(n * DAY_US);
        assert!(event.check_age(day(800)).is_ok());
        assert_eq!(event.check_age(day(800).plus_us(1)).unwrap_err().code, Code::TimeAncient);
        assert!(event.check_clock(day(-1)).is_ok());
        assert_eq!(event.check_clock(day(-1).plus_us(-1)).unwrap_err().code, Code::TimeFuture);
    }

    #[test]
    fn unknown_fields_are_dropped_and_counted() {
        let text = BILL.replace(r#""data":{"#, r#""traceparent":"x","data":{"doctor":"y","#);
        let (event, noticed) = parse(&text).unwrap();
        assert_eq!(noticed.dropped, 2);
        assert_eq!(event, parse(BILL).unwrap().0);
    }

    #[test]
    fn a_withdrawal_needs_no_fields() {
        let text = BILL
            .replace(r#""supersedes":null"#, r#""supersedes":"99-ybj-000000000000""#)
            .replace(r#""data":{"#, r#""data":{"void":true,"#);
        let (event, _) = parse(&text).unwrap();
        assert!(event.void && event.fields == Fields::default());
    }

    #[test]
    fn kinds_without_a_required_field_take_empty_data() {
        let text = r#"{"specversion":"1.0","id":"1","source":"99/gaj","type":"civil.birth","time":"2026-03-04T10:20:30+08:00","subject":"person/t1"}"#;
        assert_eq!(parse(text).unwrap().0.occurred_on.to_string(), "2026-03-04");
    }
}
