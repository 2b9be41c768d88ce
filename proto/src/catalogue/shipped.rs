//! Reads the shipped catalogue, a YAML file that is part of the program.

use std::{fmt, marker::PhantomData, sync::LazyLock};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{EventType, Field, Kind, Title};

const FILE: &str = include_str!("../../catalogue.yaml");

static TYPES: LazyLock<Vec<EventType>> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "the file is part of the program and a test reads it")]
    let types: Ordered<TypeForm> = serde_saphyr::from_str(FILE).expect("the shipped catalogue");
    types.0.into_iter().map(|(name, form)| form.into_type(name)).collect()
});

pub(super) fn types() -> Vec<EventType> {
    TYPES.clone()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TypeForm {
    #[serde(default)]
    area: bool,
    risk: Option<String>,
    title: TitleForm,
    #[serde(default)]
    fields: Ordered<FieldForm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TitleForm {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldForm {
    kind: Word,
    #[serde(default)]
    of: Vec<String>,
    min: Option<i64>,
    max: Option<i64>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Money,
    Int,
    Bool,
    Date,
    Text,
    Enum,
}

impl TypeForm {
    fn into_type(self, name: String) -> EventType {
        let TitleForm { zh, en } = self.title;
        let fields = self.fields.0.into_iter().map(|(name, form)| form.into_field(name));
        EventType {
            name,
            risk: self.risk,
            title: Title { zh, en },
            area: self.area,
            fields: fields.collect(),
        }
    }
}

impl FieldForm {
    fn into_field(self, name: String) -> Field {
        let kind = match self.kind {
            Word::Money => Kind::Money,
            Word::Int => Kind::Int,
            Word::Bool => Kind::Bool,
            Word::Date => Kind::Date,
            Word::Text => Kind::Text,
            Word::Enum => Kind::Enum(self.of),
        };
        Field { name, kind, required: self.required, min: self.min, max: self.max }
    }
}

/// A mapping in the order of the file.
struct Ordered<T>(Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Ordered<T> {
        Ordered(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Ordered<T>, D::Error> {
        from.deserialize_map(Entries(PhantomData))
    }
}

struct Entries<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Ordered<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Ordered(entries))
    }
}
