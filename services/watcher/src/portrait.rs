//! A household as `GET /v1/households/{id}` shows it. It adds nothing of its own.

use engine::{About, Engine, Headroom, Held, Outline, Portrait};
use proto::{
    catalogue::{Catalogue, EventType, Kind},
    fields::{Packed, each},
};
use serde_json::{Map, Value, json};

/// The view of a household; nothing when it is not known.
#[must_use]
pub fn portrait(engine: &Engine, household: &str) -> Option<Value> {
    engine.portrait(household).map(|portrait| written(portrait, engine.catalogue()))
}

fn written(portrait: Portrait, catalogue: &Catalogue) -> Value {
    let open = portrait.case.is_some();
    let state = match (&portrait.profile, open) {
        (None, _) => "no_profile",
        (Some(_), true) => "case_open",
        (Some(_), false) => "no_case",
    };
    let mut view = json!({
        "household": portrait.household,
        "state": state,
        "level": portrait.level.word(),
        "case": portrait.case,
        "episode": portrait.episode,
        "as_of": portrait.as_of.to_string(),
    });
    if let Some(profile) = portrait.profile {
        let Outline { region, site, class, size, net_income_fen, updated_at } = profile;
        view["region"] = region.to_string().into();
        view["site"] = site.into();
        view["class"] = class.into();
        view["size"] = size.into();
        view["net_income_fen"] = net_income_fen.into();
        view["profile_at"] = updated_at.to_string().into();
    }
    let rules = portrait.rules.into_iter();
    view["rules"] =
        rules.map(|r| json!({"rule": r.rule, "pack": r.pack, "level": r.level.word()})).collect();
    view["events"] = portrait.events.iter().map(|held| event(held, catalogue)).collect();
    let facts = portrait.facts.into_iter().map(|(pack, values)| {
        let values = values.into_iter().map(|(name, value)| (name, json!(value)));
        (pack, Value::Object(values.collect()))
    });
    view["facts"] = Value::Object(facts.collect());
    view["headroom"] = portrait.headroom.iter().map(headroom).collect();
    view
}

fn headroom(room: &Headroom) -> Value {
    json!({
        "pack": room.pack,
        "rule": room.rule,
        "level": room.level.word(),
        "name": room.name,
        "value": room.value,
        "threshold": room.threshold,
        "direction": if room.above { "above" } else { "below" },
        "missing": room.missing,
        "crossing_on": room.crossing.map(|date| date.to_string()),
    })
}

fn event(held: &Held, catalogue: &Catalogue) -> Value {
    let kind = catalogue.get(held.type_id);
    let subject = match &held.about {
        About::Household => "household".to_owned(),
        About::Person(token) => format!("person/{token}"),
        About::Area => "area".to_owned(),
    };
    json!({
        "source": held.source,
        "id": held.id,
        "type": kind.name,
        "subject": subject,
        "occurred_on": held.occurred_on.to_string(),
        "time": held.time.to_string(),
        "data": data(kind, &held.fields),
    })
}

fn data(kind: &EventType, fields: &[u8]) -> Value {
    let known = each(fields).filter_map(|(at, value)| {
        let field = kind.fields.get(at)?;
        let value = match (value, &field.kind) {
            (Packed::Int(n), Kind::Bool) => Value::Bool(n != 0),
            (Packed::Int(n), _) => n.into(),
            (Packed::Word(at), Kind::Enum(words)) => words.get(at)?.clone().into(),
            (Packed::Word(_), _) => return None,
            (Packed::Text(text), _) => text.into(),
        };
        Some((field.name.clone(), value))
    });
    Value::Object(known.collect::<Map<_, _>>())
}
