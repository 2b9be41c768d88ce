//! Files and variables as an operator writes them, wrong ones above all.

use std::path::PathBuf;

use serde::Deserialize;

use super::*;
use crate::{ExposeSecret, SecretString};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    http: Http,
    #[serde(default)]
    store: Store,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Http {
    listen: std::net::SocketAddr,
    #[serde(default)]
    max_body_bytes: u64,
    #[serde(default)]
    strict: bool,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    mode: Mode,
}

#[derive(Debug, Deserialize, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Open,
    Closed,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Store {
    password: Option<SecretString>,
}

struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let unique = format!("chassis-config-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(unique);
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load_with(file: &File, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let owned = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    load_from(Some(&file.0), owned)
}

const TOML: &str = "[http]\nlisten = \"127.0.0.1:80\"\nmax_body_bytes = 7\n";

#[test]
fn toml_and_yaml_say_the_same() {
    let toml = File::new("same.toml", TOML);
    let yaml = File::new("same.yaml", "http:\n  listen: 127.0.0.1:80\n  max_body_bytes: 7\n");
    let (toml, yaml) = (load_with(&toml, &[]).unwrap(), load_with(&yaml, &[]).unwrap());
    assert_eq!(format!("{toml:?}"), format!("{yaml:?}"));
    assert_eq!(toml.http.max_body_bytes, 7);
    assert_eq!(toml.http.listen.port(), 80);
}

#[test]
fn the_environment_wins_and_takes_the_kind_of_its_key() {
    let file = File::new("wins.toml", TOML);
    let environment = [
        ("LEVEE_HTTP_MAX_BODY_BYTES", "9"),
        ("LEVEE_HTTP_STRICT", "true"),
        ("LEVEE_HTTP_ALLOW", "a, b"),
        ("LEVEE_HTTP_MODE", "closed"),
        ("LEVEE_STORE_PASSWORD", "hunter2"),
        ("LEVEE_LOG", "debug"),
        ("OTHER_HTTP_STRICT", "no"),
    ];
    let config = load_with(&file, &environment).unwrap();
    assert_eq!(config.http.max_body_bytes, 9);
    assert!(config.http.strict);
    assert_eq!(config.http.allow, ["a", "b"]);
    assert_eq!(config.http.mode, Mode::Closed);
    assert_eq!(config.store.password.as_ref().unwrap().expose_secret(), "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let environment = [("LEVEE_HTTP_LISTEN".to_owned(), "127.0.0.1:81".to_owned())];
    let config: Config = load_from(None, environment.into_iter()).unwrap();
    assert_eq!(config.http.listen.port(), 81);
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    let file = File::new("unknown.toml", &TOML.replace("max_body_bytes", "max_body_byte"));
    let error = load_with(&file, &[]).unwrap_err();
    assert_eq!(error.to_string(), "unknown key http.max_body_byte, did you mean max_body_bytes?");
    let file = File::new("unknown-section.toml", TOML);
    let error = load_with(&file, &[("LEVEE_STROE_PASSWORD", "x")]).unwrap_err();
    assert_eq!(error.to_string(), "unknown key stroe, did you mean store?");
    let error = load_with(&file, &[("LEVEE_HTTP_ZZZZZZZZ", "x")]).unwrap_err();
    assert_eq!(error.to_string(), "unknown key http.zzzzzzzz");
}

#[test]
fn a_missing_key_is_named_with_its_section() {
    let file = File::new("missing.toml", "[http]\nstrict = true\n");
    assert_eq!(load_with(&file, &[]).unwrap_err().to_string(), "missing key http.listen");
}

#[test]
fn a_refused_value_is_not_repeated() {
    let file = File::new("value.toml", TOML);
    for (variable, key) in [
        ("LEVEE_HTTP_STRICT", "http.strict"),
        ("LEVEE_HTTP_MAX_BODY_BYTES", "http.max_body_bytes"),
        ("LEVEE_HTTP_MODE", "http.mode"),
        ("LEVEE_HTTP_LISTEN", "http.listen"),
    ] {
        let text = load_with(&file, &[(variable, "hunter2")]).unwrap_err().to_string();
        assert!(text.starts_with(key), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let file = File::new("kind.yaml", "http:\n  listen: 127.0.0.1:80\n  strict: hunter2\n");
    let text = load_with(&file, &[]).unwrap_err().to_string();
    assert_eq!(text, "http.strict: expected a boolean");
}

#[test]
fn broken_files_are_refused_by_line_without_their_content() {
    for name in ["broken.toml", "broken.yaml"] {
        let file = File::new(name, "a: [1]\n}{ = hunter2 \"\n");
        let error = load_with(&file, &[]).unwrap_err();
        assert!(matches!(error, ConfigError::Syntax { line: 1..=3, .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"));
    }
    let file = File::new("config.ini", "");
    assert!(matches!(load_with(&file, &[]), Err(ConfigError::UnknownFormat(_))));
    let nowhere: Result<Config, _> = load_from(Some(Path::new("nowhere.toml")), [].into_iter());
    assert!(matches!(nowhere, Err(ConfigError::Unreadable { .. })));
}
