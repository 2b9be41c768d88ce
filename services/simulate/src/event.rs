//! One event as the contract writes it: a CloudEvent with whole fen and civil dates.
//!
//! It refuses to know why it happened.

use std::fmt;

use proto::date::{Date, Instant};
use serde::{Serialize, Serializer};

use crate::identity;

/// The departments that send, as in `source`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Department {
    /// Medical insurance.
    Ybj,
    /// Labour.
    Rsj,
    /// Emergency.
    Yjj,
    /// Education.
    Jyj,
    /// Agriculture.
    Nyj,
    /// Civil affairs.
    Mzj,
    /// Disabled persons' federation.
    Cl,
    /// Housing.
    Zjj,
    /// Water.
    Slj,
    /// Police.
    Gaj,
    /// Petitions and hotlines.
    Xfj,
}

impl Department {
    fn word(self) -> &'static str {
        match self {
            Department::Ybj => "ybj",
            Department::Rsj => "rsj",
            Department::Yjj => "yjj",
            Department::Jyj => "jyj",
            Department::Nyj => "nyj",
            Department::Mzj => "mzj",
            Department::Cl => "cl",
            Department::Zjj => "zjj",
            Department::Slj => "slj",
            Department::Gaj => "gaj",
            Department::Xfj => "xfj",
        }
    }
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Subject {
    Household,
    /// A member: place in the household, year of birth, whether the number fails its check.
    Person {
        slot: u8,
        birth_year: i32,
        bad_number: bool,
    },
    /// An area prefix.
    Area(u64),
    /// A resettlement site, by county.
    Site(u32),
}

/// An event, packed: `write` makes the text.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at: Instant,
    /// 0 for events of an area.
    pub(crate) household: u32,
    /// Number among the household's events; with the household it is the id.
    pub(crate) seq: u16,
    /// 0 for the first sending, 1 for the second.
    pub(crate) copy: u8,
    /// Start of the live stream that made it, in seconds; 0 for the past.
    pub(crate) run: u32,
    pub(crate) department: Department,
    pub(crate) subject: Subject,
    pub(crate) occurred: Date,
    pub(crate) supersedes: Option<u16>,
    pub(crate) body: Body,
}

impl Event {
    /// Total order of a file: by time, then by what can never be equal.
    pub(crate) fn key(&self) -> (Instant, u32, u16, u8) {
        (self.at, self.household, self.seq, self.copy)
    }

    /// Appends the JSON object, without a line end.
    ///
    /// # Errors
    /// Only what the JSON writer reports; memory does not fail.
    pub(crate) fn write(&self, into: &mut Vec<u8>) -> serde_json::Result<()> {
        let id = |seq| Id { event: self, seq };
        let envelope = Envelope {
            specversion: "1.0",
            id: id(self.seq),
            source: Source(self.department),
            kind: self.body.kind(),
            time: Shown(self.at),
            subject: SubjectText(self),
            supersedes: self.supersedes.map(id),
            data: Data { occurred_on: Shown(self.occurred), body: &self.body },
        };
        serde_json::to_writer(into, &envelope)
    }
}

#[derive(Serialize)]
struct Envelope<'a> {
    specversion: &'static str,
    id: Id<'a>,
    source: Source,
    #[serde(rename = "type")]
    kind: &'static str,
    time: Shown<Instant>,
    subject: SubjectText<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    supersedes: Option<Id<'a>>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    occurred_on: Shown<Date>,
    #[serde(flatten)]
    body: &'a Body,
}

/// Written by its `Display`.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

struct Source(Department);

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("99/{}", self.0.word()))
    }
}

struct Id<'a> {
    event: &'a Event,
    seq: u16,
}

impl Serialize for Id<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let (e, department) = (self.event, self.event.department.word());
        match e.run {
            0 => to.collect_str(&format_args!("99-{department}-{:08}{:04}", e.household, self.seq)),
            run => to.collect_str(&format_args!("99-{department}-{run:x}-{}", self.seq)),
        }
    }
}

struct SubjectText<'a>(&'a Event);

impl Serialize for SubjectText<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.subject {
            Subject::Household => {
                to.collect_str(&format_args!("household/{}", HouseholdId(self.0.household)))
            }
            Subject::Person { slot, birth_year, bad_number } => {
                let number = identity::number(self.0.household, slot, birth_year, bad_number);
                to.collect_str(&format_args!("person/{}", Digits(number)))
            }
            Subject::Area(prefix) => to.collect_str(&format_args!("area/{prefix}")),
            Subject::Site(county) => {
                to.collect_str(&format_args!("area/{}", crate::layout::site_code(county)))
            }
        }
    }
}

/// An ID number as text.
pub(crate) struct Digits(pub(crate) [u8; 18]);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.0).unwrap_or(""))
    }
}

/// A household's id as text.
pub(crate) struct HouseholdId(pub(crate) u32);

impl fmt::Display for HouseholdId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "H{:08}", self.0)
    }
}

/// The payment layers of a bill, in fen.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Bill {
    pub(crate) setting: &'static str,
    pub(crate) total_fen: i64,
    pub(crate) fund_paid_fen: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) serious_illness_paid_fen: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) medical_aid_paid_fen: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) commercial_paid_fen: i64,
    pub(crate) self_paid_fen: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) self_paid_other_fen: i64,
}

fn is_zero(fen: &i64) -> bool {
    *fen == 0
}

/// The type of an event and its own fields.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Body {
    Medical(Bill),
    Diagnosis {
        severity: &'static str,
    },
    InsuranceLapsed {
        scheme: &'static str,
    },
    InsuranceEnrolled {
        scheme: &'static str,
    },
    Injury {
        severity: &'static str,
        at_work: bool,
        cost_fen: i64,
    },
    JobLost {
        reason: &'static str,
        monthly_wage_fen: i64,
        work_region: &'static str,
    },
    JobFound(Job),
    Credited {
        kind: &'static str,
        amount_fen: i64,
    },
    Impact {
        hazard: &'static str,
        loss_fen: i64,
        house: &'static str,
    },
    Warning(Warning),
    Failure {
        kind: &'static str,
        loss_fen: i64,
    },
    PriceDrop {
        product: &'static str,
        drop_permille: u32,
    },
    Schooling {
        stage: &'static str,
        self_paid_fen: i64,
    },
    Dropout(Stage),
    Return(Stage),
    Certified {
        kind: u8,
        grade: u8,
    },
    Death {
        earner: bool,
    },
    Birth {},
    Marriage {},
    Divorce {},
    Unsafe(Grade),
    Repaired(Grade),
    WaterStopped {},
    WaterRestored {},
    AidGranted(Aid),
    AidEnded(Aid),
    Clue(Clue),
    /// Takes back the event it supersedes, of this type.
    Void {
        void: bool,
        #[serde(skip)]
        of: &'static str,
    },
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Job {
    pub(crate) monthly_wage_fen: i64,
    pub(crate) work_region: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Warning {
    pub(crate) hazard: &'static str,
    pub(crate) colour: &'static str,
    #[serde(serialize_with = "shown")]
    pub(crate) onset: Date,
    #[serde(serialize_with = "shown")]
    pub(crate) expires: Date,
    pub(crate) status: &'static str,
}

fn shown<S: Serializer>(date: &Date, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(date)
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) stage: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Grade {
    pub(crate) grade: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Aid {
    pub(crate) programme: &'static str,
    pub(crate) monthly_fen: i64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Clue {
    pub(crate) channel: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) risk: &'static str,
}

impl Body {
    /// The contract's name of the type.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Body::Medical(_) => "medical.settlement",
            Body::Diagnosis { .. } => "medical.diagnosis",
            Body::InsuranceLapsed { .. } => "insurance.lapsed",
            Body::InsuranceEnrolled { .. } => "insurance.enrolled",
            Body::Injury { .. } => "accident.injury",
            Body::JobLost { .. } => "employment.loss",
            Body::JobFound(_) => "employment.start",
            Body::Credited { .. } => "income.credited",
            Body::Impact { .. } => "disaster.impact",
            Body::Warning(_) => "disaster.warning",
            Body::Failure { .. } => "industry.failure",
            Body::PriceDrop { .. } => "market.price_drop",
            Body::Schooling { .. } => "education.cost",
            Body::Dropout(_) => "education.dropout",
            Body::Return(_) => "education.return",
            Body::Certified { .. } => "disability.certified",
            Body::Death { .. } => "civil.death",
            Body::Birth {} => "civil.birth",
            Body::Marriage {} => "civil.marriage",
            Body::Divorce {} => "civil.divorce",
            Body::Unsafe(_) => "housing.unsafe",
            Body::Repaired(_) => "housing.repaired",
            Body::WaterStopped {} => "water.interrupted",
            Body::WaterRestored {} => "water.restored",
            Body::AidGranted(_) => "aid.granted",
            Body::AidEnded(_) => "aid.ended",
            Body::Clue(_) => "clue.reported",
            Body::Void { of, .. } => of,
        }
    }
}
