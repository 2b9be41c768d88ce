//! Why a replay ends early.

use std::path::PathBuf;

use rules::PackError;

/// Why a replay ends early. Never holds a part of a line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Packs with errors, each with file, line, column and hint.
    #[error("{}", lines(.0))]
    Packs(Vec<PackError>),
    /// A line that is not JSON.
    #[error("{}:{line}: {code}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// The stable code.
        code: &'static str,
    },
    /// A worker that ended before its work was done.
    #[error("a worker ended before its work was done")]
    Worker,
}

impl Error {
    /// Whether the input's data are at fault (65), not usage or configuration (64).
    #[must_use]
    pub fn is_data(&self) -> bool {
        matches!(self, Error::Line { .. })
    }

    /// A stable code for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "backtest.io",
            Error::Packs(_) => "backtest.packs",
            Error::Line { .. } => "backtest.line",
            Error::Worker => "backtest.worker",
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}

fn lines(errors: &[PackError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
