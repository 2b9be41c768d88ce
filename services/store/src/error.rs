//! What can go wrong with relational state. Texts hold no value of a row.

use proto::codes::Code;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is neither a file's nor a PostgreSQL server's.
    #[error("the store's address is not understood")]
    Url,
    /// The database cannot be reached, or failed; the same again may succeed.
    #[error("the database cannot be used")]
    Unavailable(#[source] sqlx::Error),
    /// The tables are not those of this program.
    #[error("the database holds other tables than this program's")]
    Schema(#[source] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        StoreError::Unavailable(error)
    }
}

impl StoreError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            StoreError::Url => Code::StoreUrl,
            StoreError::Unavailable(_) => Code::StoreUnavailable,
            StoreError::Schema(_) => Code::StoreSchema,
        }
    }
}
