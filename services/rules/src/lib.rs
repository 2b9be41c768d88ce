//! The rule language: parse, check, compile, evaluate.
//!
//! A rule pack is a YAML file of facts over a household's events, named expressions and rules with
//! levels. [`Pack::load`] turns its bytes into a checked, compiled [`Pack`] or into a list of
//! [`PackError`]s with places and hints. [`Pack::level`] decides a rule over whatever a [`Scope`]
//! supplies, and says until which date the level stays if the household's data do not change.
//!
//! ```text
//! bytes ─ yaml ─► nodes ─ pack/* ─► facts, tables, rules ─ expr/{lex,parse,compile} ─► program
//! program + Scope ─ expr/walk over eval (values with outlook) or filter (`where`) ─► Decision
//! ```
//!
//! It refuses to know what a household is, what time it is, and which packs are in force.

mod attr;
mod calendar;
mod describe;
mod error;
mod eval;
mod expr;
mod filter;
mod floor;
mod gate;
pub mod limits;
mod margin;
mod near;
mod outlook;
mod pack;
mod reads;
mod set;
mod settle;
mod table;
mod template;
mod threshold;
mod window;
mod yaml;

pub use attr::Attr;
pub use calendar::{Calendar, Term};
pub use describe::describe;
pub use error::{PackCode, PackError};
pub use eval::{Memo, Scope};
pub use expr::{
    names::Name,
    program::{Expr, Type},
};
pub use filter::{Record, WordTest};
pub use gate::Gate;
pub use margin::{Horizon, Leeway, Open, Span};
pub use outlook::{Failed, Number, Outcome, Symbol, Text, Truth};
pub use pack::{
    Clocks, Contradiction, Decision, Evaluate, Fact, FactKind, GreenChannel, Let, LevelExpr,
    Material, Measure, Pack, Row as ChainRow, Rule, Tool,
};
pub use proto::alert::Severity;
pub use reads::Reads;
pub use set::{PackSet, RuleRef};
pub use table::{Answer, Row, Table};
pub use template::{Literal, Template, in_yuan};
pub use threshold::Threshold;
pub use window::Window;
