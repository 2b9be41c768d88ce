//! Relational state: subscriptions and the ledger of deliveries, in SQLite or in PostgreSQL.
//!
//! Two backends with the same answers, a folder each, and one test suite for both. Instants are
//! milliseconds since 1970-01-01T00:00:00Z. It refuses to know what a row means to its owner.

mod error;
mod port;
mod postgres;
mod rows;
mod sqlite;
mod statements;

pub use error::StoreError;
pub use port::{Accounts, Answer, Planning, Sending, Store, Subscriptions, Tasks};
pub use postgres::Postgres;
pub use rows::*;
pub use sqlite::Sqlite;
