//! What is wrong with a pack, and where.
//!
//! It refuses to know what a correct pack means; it only places messages in the file.

use std::fmt;

/// The family an error belongs to; the name is stable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PackCode {
    /// The file is not YAML as packs may use it (one document, no anchors, no tags, unique keys).
    Yaml,
    /// A key that has no meaning where it stands.
    Key,
    /// A required key is missing.
    Missing,
    /// A value of the wrong form or outside its range.
    Value,
    /// An expression that does not parse.
    Syntax,
    /// A name that nothing in reach has.
    Name,
    /// Operands or results of the wrong type.
    Type,
    /// Expressions that need each other.
    Cycle,
    /// Something is defined twice.
    Duplicate,
    /// A limit is exceeded.
    Limit,
    /// A table that can never answer in the pack's scope.
    Table,
    /// Packs that contradict each other.
    Conflict,
}

impl PackCode {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            PackCode::Yaml => "pack.yaml",
            PackCode::Key => "pack.key",
            PackCode::Missing => "pack.missing",
            PackCode::Value => "pack.value",
            PackCode::Syntax => "pack.syntax",
            PackCode::Name => "pack.name",
            PackCode::Type => "pack.type",
            PackCode::Cycle => "pack.cycle",
            PackCode::Duplicate => "pack.duplicate",
            PackCode::Limit => "pack.limit",
            PackCode::Table => "pack.table",
            PackCode::Conflict => "pack.conflict",
        }
    }
}

/// One thing that is wrong with a pack, with the place in its file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct PackError {
    /// The family.
    pub code: PackCode,
    /// The name of the file as the caller gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What would likely make it right.
    pub hint: Option<String>,
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

/// A place in the file: line and column from 1, column in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Mark {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// A message without its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Fault {
    pub(crate) code: PackCode,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: PackCode, message: impl Into<String>) -> Fault {
        Fault { code, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn maybe(mut self, hint: Option<String>) -> Fault {
        self.hint = hint;
        self
    }
}

/// Collects errors of one file.
pub(crate) struct Report<'a> {
    pub(crate) file: &'a str,
    pub(crate) source: &'a str,
    errors: Vec<PackError>,
}

impl<'a> Report<'a> {
    /// Further errors of one file are not shown.
    pub(crate) const SHOWN: usize = 100;

    pub(crate) fn new(file: &'a str, source: &'a str) -> Report<'a> {
        Report { file, source, errors: Vec::new() }
    }

    pub(crate) fn add(&mut self, at: Mark, fault: Fault) {
        if self.errors.len() < Report::SHOWN {
            self.errors.push(PackError {
                code: fault.code,
                file: self.file.to_owned(),
                line: at.line,
                column: at.column,
                message: fault.message,
                hint: fault.hint,
            });
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Whether further errors would not be shown: looking for their hints would be in vain.
    pub(crate) fn full(&self) -> bool {
        self.errors.len() >= Report::SHOWN
    }

    pub(crate) fn into_errors(mut self) -> Vec<PackError> {
        self.errors.sort_by_key(|e| (e.line, e.column));
        self.errors
    }
}
