//! Relational state: subscriptions and the ledger of deliveries, in SQLite or in PostgreSQL.
//!
//! Two backends with the same answers, a folder each, and one test suite for both. Instants are
//! milliseconds since 1970-01-01T00:00:00Z. It refuses to know what a row means to its owner.

mod error;
mod postgres;
mod sqlite;

pub use error::StoreError;
pub use postgres::Postgres;
pub use sqlite::Sqlite;
