//! Logs: one line per fact, to stderr, as text or JSON.
//!
//! `LEVEE_LOG` gives the level (`info`, or `info,hyper=warn` by target), `LEVEE_FORMAT` the shape
//! (`text` or `json`). It knows how a line looks and nothing of what is in it.

use std::fmt;
use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};

/// The shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What the environment asks for.
#[derive(Debug, Clone)]
pub struct Telemetry {
    format: Format,
    filter: Targets,
}

/// A setting of the logs that cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TelemetryError {
    /// The level is neither a level nor a list of `target=level`.
    #[error("LEVEE_LOG is not a level such as info or info,hyper=warn")]
    Level,
    /// The format is unknown.
    #[error("LEVEE_FORMAT is neither text nor json")]
    Format,
}

impl Default for Telemetry {
    fn default() -> Self {
        let filter = Targets::new().with_default(LevelFilter::INFO);
        Self { format: Format::default(), filter }
    }
}

impl Telemetry {
    /// Reads the two variables as given; absent or empty: `info` and `text`.
    ///
    /// # Errors
    /// One of them cannot be understood.
    pub fn parse(level: Option<&str>, format: Option<&str>) -> Result<Self, TelemetryError> {
        let filter = match level.map(str::trim).filter(|l| !l.is_empty()) {
            None => Self::default().filter,
            Some(text) => text.parse().map_err(|_| TelemetryError::Level)?,
        };
        let format = match format.map(str::trim).filter(|f| !f.is_empty()) {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json,
            Some(_) => return Err(TelemetryError::Format),
        };
        Ok(Self { format, filter })
    }

    /// Reads the process environment.
    ///
    /// # Errors
    /// As [`Telemetry::parse`].
    pub fn from_environment() -> Result<Self, TelemetryError> {
        let level = std::env::var("LEVEE_LOG").ok();
        let format = std::env::var("LEVEE_FORMAT").ok();
        Self::parse(level.as_deref(), format.as_deref())
    }

    /// Installs the subscriber for the whole process; a second call changes nothing.
    pub fn install(self) {
        let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(false);
        let layer = match self.format {
            Format::Text => layer.boxed(),
            Format::Json => layer.json().flatten_event(true).boxed(),
        };
        let subscriber = Registry::default().with(layer.with_filter(self.filter));
        // Only another subscriber installed before makes this fail, and that one serves as well.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }
}

/// The first line of every log: who speaks, in which version, with which configuration.
pub fn announce(name: &str, version: &str, configuration: &impl fmt::Debug) {
    tracing::info!(name, version, ?configuration, "starting");
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn absent_settings_mean_info_and_text() {
        for empty in [None, Some(""), Some("  ")] {
            let telemetry = Telemetry::parse(empty, empty).unwrap();
            assert_eq!(telemetry.format, Format::Text);
            assert!(telemetry.filter.would_enable("any", &Level::INFO));
            assert!(!telemetry.filter.would_enable("any", &Level::DEBUG));
        }
    }

    #[test]
    fn a_target_may_have_its_own_level() {
        let telemetry = Telemetry::parse(Some("debug,hyper=warn"), Some("json")).unwrap();
        assert_eq!(telemetry.format, Format::Json);
        assert!(telemetry.filter.would_enable("chassis", &Level::DEBUG));
        assert!(!telemetry.filter.would_enable("hyper", &Level::INFO));
    }

    #[test]
    fn nonsense_is_refused() {
        let level = Telemetry::parse(Some("hyper=loud"), None).map(|_| ());
        assert_eq!(level, Err(TelemetryError::Level));
        let format = Telemetry::parse(None, Some("xml")).map(|_| ());
        assert_eq!(format, Err(TelemetryError::Format));
    }
}
