//! A tree of configuration that deserializes into the caller's type.
//!
//! It exists for two things that no format's own tree does: a value from the environment takes
//! the kind that its key asks for, and an error never shows the value. It knows no key.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserializer, Error, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

/// A value of a file, or text of the environment whose kind is not known yet.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Environment(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// What went wrong, without any value.
#[derive(Debug)]
pub(super) enum Fault {
    UnknownKey { key: String, expected: &'static [&'static str] },
    MissingKey(&'static str),
    Value(String),
}

impl Node {
    /// Sets `section.key`; a section that is no table is replaced by one.
    pub(super) fn set(&mut self, section: &str, key: &str, value: String) {
        let section = self.entry(section);
        *section.entry(key) = Node::Environment(value);
    }

    fn entry(&mut self, key: &str) -> &mut Node {
        if !matches!(self, Node::Table(_)) {
            *self = Node::Table(Vec::new());
        }
        let Node::Table(rows) = self else { unreachable!("made a table above") };
        let at = rows.iter().position(|(k, _)| k == key).unwrap_or_else(|| {
            rows.push((key.to_owned(), Node::Null));
            rows.len() - 1
        });
        &mut rows[at].1
    }
}

impl From<Value> for Node {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Node::Null,
            Value::Bool(b) => Node::Bool(b),
            Value::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(int), _) => Node::Int(int),
                (None, Some(uint)) => Node::Uint(uint),
                (None, None) => n.as_f64().map_or(Node::Null, Node::Float),
            },
            Value::String(s) => Node::Text(s),
            Value::Array(list) => Node::List(list.into_iter().map(Node::from).collect()),
            Value::Object(rows) => {
                Node::Table(rows.into_iter().map(|(k, v)| (k, Node::from(v))).collect())
            }
        }
    }
}

impl IntoDeserializer<'_, Fault> for Node {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

/// Numbers and flags of the environment are parsed when the kind is asked for.
macro_rules! parsed {
    ($($method:ident $visit:ident $kind:ty,)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self {
                Node::Environment(text) => match text.trim().parse::<$kind>() {
                    Ok(value) => visitor.$visit(value),
                    Err(_) => Err(Fault::invalid_type(Unexpected::Other("text"), &visitor)),
                },
                node => node.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Node::Null => visitor.visit_unit(),
            Node::Bool(b) => visitor.visit_bool(b),
            Node::Int(i) => visitor.visit_i64(i),
            Node::Uint(u) => visitor.visit_u64(u),
            Node::Float(f) => visitor.visit_f64(f),
            Node::Text(s) | Node::Environment(s) => visitor.visit_string(s),
            Node::List(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter())),
            Node::Table(rows) => visitor.visit_map(MapDeserializer::new(rows.into_iter())),
        }
    }

    parsed! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_f64 visit_f64 f64,
    }

    /// A list of the environment is split at commas; empty text is the empty list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Node::Environment(text) = self else { return self.deserialize_any(visitor) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let list = items.map(|item| Node::Environment(item.to_owned())).collect();
        Node::List(list).deserialize_any(visitor)
    }

    /// Empty text of the environment takes a value of the file away.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Node::Null => visitor.visit_none(),
            Node::Environment(text) if text.is_empty() => visitor.visit_none(),
            node => visitor.visit_some(node),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Node::Text(s) | Node::Environment(s) => {
                let variant: serde::de::value::StringDeserializer<Fault> = s.into_deserializer();
                variant.deserialize_enum(name, variants, visitor)
            }
            Node::Table(rows) => {
                MapDeserializer::new(rows.into_iter()).deserialize_enum(name, variants, visitor)
            }
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        map struct identifier ignored_any
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::UnknownKey { key, .. } => write!(f, "unknown key {key}"),
            Fault::MissingKey(key) => write!(f, "missing key {key}"),
            Fault::Value(problem) => f.write_str(problem),
        }
    }
}

impl std::error::Error for Fault {}

/// The default messages of serde show the value; these do not.
impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::Value(message.to_string())
    }

    fn invalid_type(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::Value(format!("expected {expected}"))
    }

    fn invalid_value(_found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Fault::Value(format!("expected {expected}"))
    }

    fn unknown_variant(_found: &str, expected: &'static [&'static str]) -> Self {
        Fault::Value(format!("expected one of {}", expected.join(", ")))
    }

    fn unknown_field(key: &str, expected: &'static [&'static str]) -> Self {
        Fault::UnknownKey { key: key.to_owned(), expected }
    }

    fn missing_field(key: &'static str) -> Self {
        Fault::MissingKey(key)
    }
}
