//! PostgreSQL: many writers, so that several instances can share the work.
//!
//! Whoever plans holds the row of `progress`; whoever claims passes over rows that are locked.

mod accounts;
mod planning;
mod sending;
mod subscriptions;
mod tasks;

use std::str::FromStr;

use sqlx::{
    PgPool, Postgres as Db, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{Answer, StoreError};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/postgres");

/// How its addresses begin.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];
/// Connections of one process.
const CONNECTIONS: u32 = 8;

/// State in a server.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
}

impl Postgres {
    /// Connects to `postgres://…` and brings the tables up to this program's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(url: &str) -> Answer<Postgres> {
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(StoreError::Url);
        }
        let options = PgConnectOptions::from_str(url).map_err(|_| StoreError::Url)?;
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        MIGRATIONS.run(&pool).await.map_err(StoreError::Schema)?;
        Ok(Postgres { pool })
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that writes.
    async fn begin(&self) -> Answer<Transaction<'static, Db>> {
        Ok(self.pool.begin().await?)
    }

    /// A transaction that sees one moment.
    async fn look(&self) -> Answer<Transaction<'static, Db>> {
        Ok(self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
    }
}
