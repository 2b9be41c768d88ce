//! The event catalogue: which types of event exist, their fields and the risk each points to.
//!
//! Types are data: the shipped ones stand in `catalogue.yaml`, and any
//! rule pack may add more. It refuses to know what a rule makes of an event.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, DefaultHasher},
};

use serde::{Deserialize, Serialize};

mod shipped;

/// The place of a type in its catalogue; shipped types keep theirs when packs add more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct TypeId(pub u16);

/// A text in both languages of the product.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Title {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// What a field of an event holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Whole fen; may be negative (a refund).
    Money,
    /// A whole number.
    Int,
    /// True or false.
    Bool,
    /// A civil date `YYYY-MM-DD`; reads as text in expressions.
    Date,
    /// A text of at most 256 bytes.
    Text,
    /// One of these words.
    Enum(Vec<String>),
}

/// One field of an event type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in `data`.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether an event without it is refused.
    pub required: bool,
    /// Smallest number allowed (money and int).
    pub min: Option<i64>,
    /// Largest number allowed (money and int).
    pub max: Option<i64>,
}

/// One type of event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventType {
    /// Its name: `department.what_happened`.
    pub name: String,
    /// The risk it points to, or none.
    pub risk: Option<String>,
    /// What people call it.
    pub title: Title,
    /// Whether its subject is an area instead of a household or person.
    pub area: bool,
    /// The fields besides `occurred_on` and `void`.
    pub fields: Vec<Field>,
}

impl EventType {
    /// The place of a field among [`EventType::fields`].
    #[must_use]
    pub fn field(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|f| f.name == name)
    }
}

/// Why a type cannot be added.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CatalogueError {
    /// Another definition has the name.
    #[error("event type {name} is already defined differently")]
    Conflict {
        /// The name both use.
        name: String,
    },
    /// More types than [`Catalogue::LIMIT`].
    #[error("a catalogue holds at most {} event types", Catalogue::LIMIT)]
    Full,
}

/// All event types that are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalogue {
    types: Vec<EventType>,
    by_name: HashMap<String, TypeId, BuildHasherDefault<DefaultHasher>>,
}

impl Catalogue {
    /// How many types a catalogue may hold.
    pub const LIMIT: usize = 1_000;
    /// How many fields a type may have.
    pub const FIELDS: usize = 32;

    /// The types of the contract, section 3.
    #[must_use]
    pub fn shipped() -> Catalogue {
        let types = shipped::types();
        let by_name = (0u16..).zip(&types).map(|(i, t)| (t.name.clone(), TypeId(i))).collect();
        Catalogue { types, by_name }
    }

    /// The id of a type.
    #[must_use]
    pub fn type_id(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// The type of an id that this catalogue gave.
    #[must_use]
    pub fn get(&self, id: TypeId) -> &EventType {
        &self.types[usize::from(id.0)]
    }

    /// All types in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (TypeId, &EventType)> {
        (0u16..).map(TypeId).zip(&self.types)
    }

    /// Adds a type; adding the same definition again gives the id it has.
    ///
    /// # Errors
    /// [`CatalogueError`] for another definition of the name, or when full.
    pub fn add(&mut self, added: EventType) -> Result<TypeId, CatalogueError> {
        if let Some(id) = self.type_id(&added.name) {
            let same = *self.get(id) == added;
            return if same { Ok(id) } else { Err(CatalogueError::Conflict { name: added.name }) };
        }
        let id = u16::try_from(self.types.len()).ok().filter(|id| usize::from(*id) < Self::LIMIT);
        let id = TypeId(id.ok_or(CatalogueError::Full)?);
        self.by_name.insert(added.name.clone(), id);
        self.types.push(added);
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_types_are_those_of_the_contract() {
        let c = Catalogue::shipped();
        assert_eq!(c.iter().count(), 27);
        let bill = c.get(c.type_id("medical.settlement").unwrap());
        assert_eq!(bill.risk.as_deref(), Some("illness"));
        let required: Vec<_> =
            bill.fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
        assert_eq!(required, ["setting", "total_fen", "self_paid_fen"]);
        let areas: Vec<_> =
            c.iter().filter(|(_, t)| t.area).map(|(_, t)| t.name.as_str()).collect();
        assert_eq!(areas, ["disaster.warning", "market.price_drop"]);
        assert!(c.iter().all(|(_, t)| !t.title.zh.is_empty() && !t.title.en.is_empty()));
    }

    #[test]
    fn a_type_is_added_once_and_never_redefined() {
        let mut c = Catalogue::shipped();
        let mut own = EventType {
            name: "fishery.loss".into(),
            risk: Some("industry".into()),
            title: Title::default(),
            area: false,
            fields: vec![],
        };
        let id = c.add(own.clone()).unwrap();
        assert_eq!(c.add(own.clone()), Ok(id));
        own.area = true;
        assert_eq!(c.add(own), Err(CatalogueError::Conflict { name: "fishery.loss".into() }));
    }
}
