//! The event types: those of the contract's table, and those that a pack adds. Knows what a field
//! may hold, not what it means.

use super::civil::parse_date;
use super::expression::Val;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a field may hold.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// Money or a count, with its smallest and largest value.
    Int(i64, i64),
    Bool,
    Date,
    Text,
    Enum(Vec<String>),
}

/// One field of a type.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// One event type.
#[derive(Clone, Debug)]
pub(crate) struct EventType {
    pub(crate) area: bool,
    pub(crate) fields: BTreeMap<String, Field>,
}

/// Every type by name.
pub(crate) type Catalogue = BTreeMap<String, EventType>;

impl Field {
    /// What an event without this field reads as.
    pub(crate) fn absent(&self) -> Val {
        match self.kind {
            Kind::Int(..) => Val::Int(0),
            Kind::Bool => Val::Bool(false),
            Kind::Date | Kind::Text | Kind::Enum(_) => Val::Text(String::new()),
        }
    }

    /// The checked value, or the code of the refusal.
    pub(crate) fn check(&self, value: &Value) -> Result<Val, &'static str> {
        match &self.kind {
            Kind::Int(min, max) => {
                let n = value.as_i64().ok_or("field.kind")?;
                if n < *min || n > *max { Err("field.range") } else { Ok(Val::Int(n)) }
            }
            Kind::Bool => value.as_bool().map(Val::Bool).ok_or("field.kind"),
            Kind::Text => value.as_str().map(|s| Val::Text(s.to_owned())).ok_or("field.kind"),
            Kind::Date => {
                let text = value.as_str().ok_or("field.kind")?;
                parse_date(text).map(|_| Val::Text(text.to_owned())).ok_or("field.kind")
            }
            Kind::Enum(of) => {
                let text = value.as_str().ok_or("field.kind")?;
                let known = of.iter().any(|v| v == text);
                if known { Ok(Val::Text(text.to_owned())) } else { Err("field.enum") }
            }
        }
    }
}

/// `type | fields`; `*` marks a required field, `@` an area type. Kinds: i (money, int), b, d, t,
/// 1..4, or enum values.
const SHIPPED: &[(&str, &str)] = &[
    (
        "medical.settlement",
        "setting*:outpatient,inpatient,chronic,pharmacy total_fen*:i fund_paid_fen:i \
         serious_illness_paid_fen:i medical_aid_paid_fen:i commercial_paid_fen:i self_paid_fen*:i \
         self_paid_other_fen:i",
    ),
    ("medical.diagnosis", "severity*:chronic,severe,catastrophic"),
    ("insurance.lapsed", "scheme:t"),
    ("insurance.enrolled", "scheme:t"),
    ("accident.injury", "severity*:injury,disability,death at_work:b cost_fen:i"),
    (
        "employment.loss",
        "reason*:layoff,closure,injury,season_end,other monthly_wage_fen:i employer:t \
         work_region:t",
    ),
    ("employment.start", "monthly_wage_fen:i employer:t work_region:t"),
    (
        "income.credited",
        "kind*:wage,pension,transfer,dibao,subsidy,insurance_claim,other amount_fen*:i",
    ),
    (
        "disaster.impact",
        "hazard*:flood,geological,drought,biological,meteorological,earthquake,fire,other \
         loss_fen:i house:none,damaged,collapsed warning:t",
    ),
    (
        "@disaster.warning",
        "hazard*:flood,geological,drought,biological,meteorological,earthquake,fire,other \
         colour*:blue,yellow,orange,red onset:d expires:d status:actual,exercise,test,cancel",
    ),
    ("industry.failure", "kind*:crop,livestock,business loss_fen:i"),
    ("@market.price_drop", "product*:t drop_permille*:i"),
    ("education.cost", "stage*:compulsory,senior,vocational,university self_paid_fen*:i"),
    ("education.dropout", "stage*:compulsory,senior,vocational,university"),
    ("education.return", "stage*:compulsory,senior,vocational,university"),
    ("disability.certified", "kind:1..7 grade*:1..4"),
    ("civil.death", "earner:b"),
    ("civil.birth", ""),
    ("civil.marriage", ""),
    ("civil.divorce", ""),
    ("housing.unsafe", "grade:c,d"),
    ("housing.repaired", "grade:c,d"),
    ("water.interrupted", ""),
    ("water.restored", ""),
    ("aid.granted", "programme*:t monthly_fen:i"),
    ("aid.ended", "programme*:t monthly_fen:i"),
    ("clue.reported", "channel*:self,visit,hotline,petition,media risk:t"),
];

/// The shipped types.
pub(crate) fn shipped() -> Catalogue {
    let mut out = Catalogue::new();
    for (name, spec) in SHIPPED {
        let fields = spec.split_whitespace().filter_map(|f| f.split_once(':')).map(|(n, k)| {
            let field = Field { kind: kind_of(k), required: n.ends_with('*') };
            (n.trim_end_matches('*').to_owned(), field)
        });
        let declared = EventType { area: name.starts_with('@'), fields: fields.collect() };
        out.insert(name.trim_start_matches('@').to_owned(), declared);
    }
    out
}

fn kind_of(spec: &str) -> Kind {
    match spec {
        "i" => Kind::Int(i64::MIN, i64::MAX),
        "b" => Kind::Bool,
        "d" => Kind::Date,
        "t" => Kind::Text,
        "1..7" => Kind::Int(1, 7),
        "1..4" => Kind::Int(1, 4),
        values => Kind::Enum(values.split(',').map(str::to_owned).collect()),
    }
}

/// Adds a pack's `event_types`.
pub(crate) fn extend(catalogue: &mut Catalogue, added: &Value) {
    for (name, spec) in added.as_object().into_iter().flatten() {
        let mut fields = BTreeMap::new();
        for (field, f) in spec["fields"].as_object().into_iter().flatten() {
            let kind = match f["kind"].as_str() {
                Some("bool") => Kind::Bool,
                Some("date") => Kind::Date,
                Some("text") => Kind::Text,
                Some("enum") => Kind::Enum(
                    f["of"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                ),
                _ => Kind::Int(
                    f["min"].as_i64().unwrap_or(i64::MIN),
                    f["max"].as_i64().unwrap_or(i64::MAX),
                ),
            };
            let required = f["required"] == Value::Bool(true);
            fields.insert(field.clone(), Field { kind, required });
        }
        catalogue.insert(name.clone(), EventType { area: false, fields });
    }
}
