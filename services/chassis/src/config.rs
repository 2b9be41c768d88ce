//! Configuration: one TOML or YAML file, then the environment over it, into the caller's type.
//!
//! `LEVEE_SECTION_KEY` sets `key` of `[section]`: the section is one word, the key is the rest,
//! in lower case. Variables of one word (`LEVEE_LOG`) belong to the process and are not read here.
//! Unknown keys are refused where the type says `#[serde(deny_unknown_fields)]`, with the nearest
//! known key. It knows no setting by name. No error repeats a value: a value may be a secret.
//! Secrets are [`SecretString`](crate::SecretString), which `Debug` does not show.

mod node;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use self::node::{Fault, Node};

/// Why there is no configuration. The process ends with exit code 64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {kind}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        kind: std::io::ErrorKind,
    },
    /// The name ends neither in `.toml` nor in `.yaml` or `.yml`.
    #[error("{} is neither .toml nor .yaml", .0.display())]
    UnknownFormat(PathBuf),
    /// The file is not well formed; `line` counts from 1, 0 when it is not known.
    #[error("{} is not well formed, line {line}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where.
        line: usize,
    },
    /// A key that nothing reads.
    #[error("unknown key {key}{}", hint(.nearest.as_deref()))]
    UnknownKey {
        /// The key with its sections, joined by dots.
        key: String,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// A key that must be there and is not.
    #[error("missing key {0}")]
    MissingKey(String),
    /// A value of another kind than the key takes.
    #[error("{key}: {problem}")]
    Value {
        /// The key with its sections.
        key: String,
        /// What is expected, without the value.
        problem: String,
    },
    /// Whatever else a caller's own check finds.
    #[error("{0}")]
    Refused(String),
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|n| format!(", did you mean {n}?")).unwrap_or_default()
}

/// Reads `file`, if given, and the process environment over it.
///
/// # Errors
/// See [`ConfigError`].
pub fn load<C: DeserializeOwned>(file: Option<&Path>) -> Result<C, ConfigError> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    load_from(file, environment)
}

/// As [`load`], with the environment given.
///
/// # Errors
/// See [`ConfigError`].
pub fn load_from<C: DeserializeOwned>(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<C, ConfigError> {
    let mut root = match file {
        Some(path) => Node::from(read(path)?),
        None => Node::Table(Vec::new()),
    };
    for (name, value) in environment {
        if let Some((section, key)) = section_and_key(&name) {
            root.set(&section, &key, value);
        }
    }
    serde_path_to_error::deserialize(root).map_err(|error| {
        let path = error.path().to_string();
        refuse(&path, error.into_inner())
    })
}

fn section_and_key(variable: &str) -> Option<(String, String)> {
    let (section, key) = variable.strip_prefix("LEVEE_")?.split_once('_')?;
    Some((section.to_ascii_lowercase(), key.to_ascii_lowercase()))
}

fn read(path: &Path) -> Result<serde_json::Value, ConfigError> {
    let unreadable =
        |e: std::io::Error| ConfigError::Unreadable { path: path.to_owned(), kind: e.kind() };
    let syntax = |line| ConfigError::Syntax { path: path.to_owned(), line };
    let text = || std::fs::read_to_string(path).map_err(unreadable);
    match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => {
            let text = text()?;
            toml::from_str(&text).map_err(|e| syntax(line_of(&text, e.span())))
        }
        Some("yaml" | "yml") => serde_saphyr::from_str(&text()?).map_err(|e| {
            let line = e.location().map_or(0, |l| l.line());
            syntax(usize::try_from(line).unwrap_or(0))
        }),
        _ => Err(ConfigError::UnknownFormat(path.to_owned())),
    }
}

fn line_of(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    let before = span.and_then(|s| text.as_bytes().get(..s.start));
    before.map_or(0, |bytes| bytes.iter().filter(|b| **b == b'\n').count().saturating_add(1))
}

fn refuse(path: &str, fault: Fault) -> ConfigError {
    // The path of an unknown or missing key may or may not end in the key itself.
    let join = |key: &str| match path {
        "." | "" | "?" => key.to_owned(),
        _ if path == key || path.ends_with(&format!(".{key}")) => path.to_owned(),
        _ => format!("{}.{key}", path.trim_end_matches(".?")),
    };
    match fault {
        Fault::UnknownKey { key, expected } => {
            ConfigError::UnknownKey { nearest: nearest(&key, expected), key: join(&key) }
        }
        Fault::MissingKey(key) => ConfigError::MissingKey(join(key)),
        Fault::Value(problem) => ConfigError::Value { key: path.to_owned(), problem },
    }
}

/// The known key at most a third of its letters away.
fn nearest(key: &str, expected: &'static [&'static str]) -> Option<String> {
    let near = expected.iter().map(|known| (strsim::osa_distance(key, known), *known));
    let (distance, known) = near.min()?;
    (distance <= known.len().max(3).div_ceil(3)).then(|| known.to_owned())
}

#[cfg(test)]
mod tests;
