//! Why a service ended, and with which exit code. It knows the codes and no cause.

use std::error::Error;
use std::fmt;

/// The end of a service that did not do its work. Any error turns into one with exit code 1.
#[derive(Debug)]
pub struct Failure {
    exit: u8,
    message: String,
}

impl Failure {
    /// A failure with this exit code.
    #[must_use]
    pub fn new(exit: u8, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// Bad usage or configuration: 64, `EX_USAGE`.
    #[must_use]
    pub fn usage(error: impl Error) -> Self {
        Self::new(64, chain(&error))
    }

    /// Bad input data: 65, `EX_DATAERR`.
    #[must_use]
    pub fn data(error: impl Error) -> Self {
        Self::new(65, chain(&error))
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit(&self) -> u8 {
        self.exit
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(1, chain(&error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The error and its causes, unless it already says them.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the journal")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_becomes_exit_code_1_and_keeps_its_causes() {
        let failure = Failure::from(Outer(std::io::Error::other("disk is gone")));
        assert_eq!(failure.exit(), 1);
        assert_eq!(failure.to_string(), "cannot open the journal: disk is gone");
        assert_eq!(Failure::usage(std::fmt::Error).exit(), 64);
        assert_eq!(Failure::data(std::fmt::Error).exit(), 65);
    }
}
