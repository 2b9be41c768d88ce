//! The names an expression may use, and their types.
//!
//! It refuses to know values. A name whose definition failed stays known without a type, so that
//! one mistake is reported once.

use std::collections::{BTreeMap, BTreeSet};

use proto::catalogue::{EventType, Kind};

use super::program::Type;

/// A named thing of a pack that has a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    /// The fact at this place of the pack's facts.
    Fact(usize),
    /// The `let` at this place of the pack's lets.
    Let(usize),
}

/// The names of a pack as far as they are read.
#[derive(Debug, Default)]
pub(crate) struct PackNames {
    pub(crate) values: BTreeMap<String, (Name, Option<Type>)>,
    pub(crate) tables: BTreeMap<String, usize>,
    /// The `let`s that are not read yet.
    pub(crate) later: BTreeSet<String>,
    /// Which `let`s need each other: those of one circle have one number.
    pub(crate) circles: BTreeMap<String, usize>,
    /// The circle of the `let` that is being read.
    pub(crate) present: Option<usize>,
}

/// What an expression can see.
#[derive(Clone, Copy)]
pub(crate) enum Reach<'a> {
    /// Household, today, tables, facts and earlier `let`s.
    Pack(&'a PackNames),
    /// The fields of one event.
    Event(&'a EventType),
}

/// The type a field reads as.
pub(crate) fn field_type(kind: &Kind) -> Type {
    match kind {
        Kind::Money | Kind::Int => Type::Int,
        Kind::Bool => Type::Bool,
        Kind::Date | Kind::Text | Kind::Enum(_) => Type::Text,
    }
}

/// Words that can be neither a fact nor a `let`.
const RESERVED: [&str; 25] = [
    "household",
    "today",
    "table",
    "min",
    "max",
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
];

/// Whether a fact or `let` may have this name.
pub(crate) fn usable(name: &str) -> Result<(), &'static str> {
    if RESERVED.contains(&name) || name == "while" {
        return Err("this word is reserved");
    }
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if first && name.len() <= 64 && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        Ok(())
    } else {
        Err("a name is made of letters, digits and `_`, starts with no digit, and has at most 64")
    }
}
