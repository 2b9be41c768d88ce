//! What the services on Kafka are told. `deploy/config` has one commented sample for each.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use chassis::{ExposeSecret, SecretString, Settings};
use serde::Deserialize;

/// How the brokers are reached.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kafka {
    /// `host:port`, several separated by commas.
    pub(super) brokers: String,
    /// Settings of librdkafka that let the service in: `security.protocol`, `sasl.…`, `ssl.…`.
    #[serde(default)]
    pub(super) security: BTreeMap<String, SecretString>,
    /// The plan of topics; topics that differ from it are refused.
    pub(super) topics: PathBuf,
}

impl Kafka {
    /// The settings as librdkafka takes them.
    pub(super) fn security(&self) -> BTreeMap<String, String> {
        let secrets = self.security.iter();
        secrets.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect()
    }
}

/// Any service's configuration, of which only the way to the brokers is looked at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Connected {
    pub(super) kafka: Kafka,
}

/// The key that makes tokens of ID numbers; `levee keys create` makes one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) file: PathBuf,
}

/// Where the service listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listen {
    pub(super) address: SocketAddr,
}

/// The group that shares the partitions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    /// The beginning of the groups' names, the same for all members.
    pub(super) name: String,
    /// This member's name, unlike every other's; a restart under the same name moves nothing.
    pub(super) member: String,
    /// After how long without a sign a member counts as gone.
    #[serde(default = "session")]
    pub(super) session_ms: u32,
}

fn session() -> u32 {
    6_000
}

/// Where snapshots are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Snapshots {
    /// A folder that all members see.
    pub(super) folder: PathBuf,
    /// Entries of a partition after which one is due.
    #[serde(default = "entries")]
    pub(super) entries: u64,
}

fn entries() -> u64 {
    1_000_000
}

/// Where a watcher is asked about the households that it carries.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct View {
    pub(super) address: SocketAddr,
    /// A file with the token that intake and console bring.
    pub(super) token: PathBuf,
}

/// Whom intake and console ask about households.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `host:port` of every watcher's `[view]`; none: nothing is shown of households.
    #[serde(default)]
    pub(super) watchers: Vec<String>,
    /// A file with the token that the watchers take; without it that of `[http]`.
    pub(super) token: Option<PathBuf>,
}

/// `levee watcher`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Watcher {
    pub(super) kafka: Kafka,
    pub(super) key: Key,
    pub(super) group: Group,
    pub(super) snapshots: Snapshots,
    pub(super) ops: Listen,
    pub(super) view: Option<View>,
}

/// `levee intake`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Intake {
    pub(super) kafka: Kafka,
    pub(super) key: Key,
    pub(super) http: Http,
    #[serde(default)]
    pub(super) rules: Rules,
    #[serde(default)]
    pub(super) feeds: Feeds,
    #[serde(default)]
    pub(super) view: Asked,
}

/// Topics that platforms write.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Feeds {
    /// CloudEvents, structured or binary mode.
    #[serde(default)]
    pub(super) events: Vec<String>,
    /// Profiles by household; a record without a value removes.
    #[serde(default)]
    pub(super) households: Vec<String>,
    /// The group whose members share these topics; its commits say how far they are read.
    #[serde(default = "group")]
    pub(super) group: String,
    /// After so many refused records in a row a partition is held; 0: never.
    #[serde(default = "hold_after")]
    pub(super) hold_after: u32,
}

fn group() -> String {
    "levee-intake".to_owned()
}

fn hold_after() -> u32 {
    1_000
}

/// `levee console`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Console {
    pub(super) kafka: Kafka,
    pub(super) key: Key,
    pub(super) http: Http,
    pub(super) model: Model,
    #[serde(default)]
    pub(super) view: Asked,
}

/// `levee notifier`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Notifier {
    pub(super) kafka: Kafka,
    pub(super) key: Key,
    pub(super) http: Http,
    pub(super) store: Store,
    #[serde(default)]
    pub(super) notifier: Receivers,
}

/// Where subscriptions and the ledger of deliveries are.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Store {
    /// `postgres://…`, a secret where it holds a password.
    pub(super) url: SecretString,
}

/// Whom it may call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receivers {
    /// `HOST` for https, or `scheme://HOST[:PORT]`; nobody where it is empty.
    #[serde(default)]
    pub(super) webhook_allow: Vec<String>,
    /// Mail, topics of subscribers, links in messages: a file like `deploy/config/channels.toml`.
    pub(super) channels: Option<PathBuf>,
    /// The key that signs webhooks and seals secrets in the store, the same for every instance; made
    /// where there is none.
    pub(super) signing_key: Option<PathBuf>,
}

/// Where a service is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Http {
    pub(super) address: SocketAddr,
    /// A file with the token that callers send as `Authorization: Bearer`.
    pub(super) token: PathBuf,
}

/// Packs that are put in force at the start where they differ.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// Files; none: what is in force stays as it is.
    #[serde(default)]
    pub(super) packs: Vec<PathBuf>,
}

/// What the pages show, in one order for ever.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Model {
    /// A folder of this service alone.
    pub(super) folder: PathBuf,
}

impl Settings for Watcher {
    fn ops(&self) -> Option<SocketAddr> {
        Some(self.ops.address)
    }
}

impl Settings for Intake {}

impl Settings for Console {}

impl Settings for Notifier {}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn sample<C: serde::de::DeserializeOwned>(name: &str) -> C {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
        chassis::config::load_from(Some(&root.join(name)), std::iter::empty()).unwrap()
    }

    #[test]
    fn every_sample_is_a_configuration() {
        let watcher: Watcher = sample("watcher.toml");
        assert_eq!(watcher.ops(), Some(watcher.ops.address));
        let intake: Intake = sample("intake.toml");
        let console: Console = sample("console.toml");
        let notifier: Notifier = sample("notifier.toml");
        let all = [&watcher.kafka, &intake.kafka, &console.kafka, &notifier.kafka];
        let brokers = all.map(|kafka| &kafka.brokers);
        assert!(brokers.iter().all(|broker| *broker == brokers[0]), "the samples fit together");
        assert_eq!(watcher.key.file, intake.key.file);
        assert_eq!((intake.feeds.events.len(), intake.feeds.group.as_str()), (1, "levee-intake"));
        assert_eq!(intake.feeds.hold_after, hold_after());
        let asked = [watcher.view.as_ref().unwrap().address.to_string()];
        assert_eq!(
            (&intake.view.watchers[..], &console.view.watchers[..]),
            (&asked[..], &asked[..])
        );
        assert!(watcher.view.unwrap().address.ip().is_loopback());
        assert_eq!(notifier.notifier.webhook_allow, ["hooks.example.gov"]);
    }

    #[test]
    fn the_way_in_is_read_as_the_sample_shows_it_and_shown_to_nobody() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
        let sample = std::fs::read_to_string(root.join("watcher.toml")).unwrap();
        let text = sample.replace("# security = {", "security = {\"sasl.password\" = \"hush\",");
        assert_ne!(text, sample);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("watcher.toml");
        std::fs::write(&file, text).unwrap();
        let none = || std::iter::empty();
        let Connected { kafka } = chassis::config::load_from(Some(&file), none()).unwrap();
        assert!(!format!("{kafka:?}").contains("hush"));
        let security = kafka.security();
        assert_eq!(security["security.protocol"], "sasl_ssl");
        assert_eq!(security["sasl.mechanism"], "SCRAM-SHA-512");
        assert_eq!((security["sasl.password"].as_str(), security.len()), ("hush", 3));
    }
}
