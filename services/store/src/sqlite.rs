//! SQLite: one file, one writer, readers beside it.
//!
//! The file belongs to one process: the data folder's lock sees to that.

mod accounts;
mod planning;
mod sending;
mod subscriptions;
mod tasks;

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt, path::Path};

use sqlx::{
    Connection, Sqlite as Db, SqliteConnection, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Answer, StoreError};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("migrations/sqlite");

/// Pages that a connection keeps in memory, in KiB (negative by SQLite's rule).
const CACHE: &str = "-16384";
/// Connections that only read.
const READERS: u32 = 4;

/// State in a file.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Sqlite {
    /// Opens the file, or makes it, and brings its tables up to this program's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(file: &Path) -> Answer<Sqlite> {
        // It holds secrets: nobody else may read it, nor what SQLite lays beside it.
        let private = OpenOptions::new().create(true).append(true).mode(0o600).open(file);
        private.map_err(sqlx::Error::Io)?;
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("cache_size", CACHE);
        let pool = |most| SqlitePoolOptions::new().max_connections(most);
        let writer = pool(1).connect_with(options.clone()).await?;
        MIGRATIONS.run(&writer).await.map_err(StoreError::Schema)?;
        let reader = pool(READERS).connect_with(options.read_only(true)).await?;
        Ok(Sqlite { writer, reader })
    }

    /// Writes what the file holds at one moment into a new file, beside whoever has it open.
    ///
    /// # Errors
    /// [`StoreError`], also where `into` is there already.
    pub async fn copy(file: &Path, into: &Path) -> Answer<()> {
        let into = into.to_str().ok_or(StoreError::Url)?;
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut from = SqliteConnection::connect_with(&options).await?;
        sqlx::query("VACUUM INTO ?").bind(into).execute(&mut from).await?;
        Ok(from.close().await?)
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// A transaction that writes.
    async fn begin(&self) -> Answer<Transaction<'static, Db>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// A transaction that sees one moment.
    async fn look(&self) -> Answer<Transaction<'static, Db>> {
        Ok(self.reader.begin().await?)
    }
}
