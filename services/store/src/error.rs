//! What can go wrong with relational state. Texts hold no value of a row.

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is neither a file's nor a PostgreSQL server's.
    #[error("store.url: the store's address is not understood")]
    Url,
    /// The database cannot be reached, or failed; the same again may succeed.
    #[error("store.unavailable: the database cannot be used")]
    Unavailable(#[source] sqlx::Error),
    /// The tables are not those of this program.
    #[error("store.schema: the database holds other tables than this program's")]
    Schema(#[source] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        StoreError::Unavailable(error)
    }
}
