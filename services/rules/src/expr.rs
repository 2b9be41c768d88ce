//! The expression language: text → tokens → tree → typed program.
//!
//! CEL over int, bool and string. The tree knows places in the text; the program knows none.

pub(crate) mod compile;
pub(crate) mod lex;
pub(crate) mod names;
pub(crate) mod parse;
pub(crate) mod program;
pub(crate) mod walk;
