//! The ways to subscribers as an operator sets them up: one file, one section for each.
//!
//! It only puts together; what a channel does is the notifier's business.

use std::{
    collections::BTreeMap,
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use ::log::Log;
use chassis::{ExposeSecret, Failure, SecretString};
use intake::key;
use log_kafka::{Cluster, Connection, Dress, KafkaLog};
use notifier::{
    Channel,
    channel::{
        kafka::Kafka,
        smtp::{Protection, Relay, Smtp},
        webhook::Webhook,
        wecom::{self, Wecom},
    },
    signature::SigningKey,
};
use outbound::{AllowList, Client, Limits, Roots, SystemResolver};
use serde::Deserialize;

/// What is set up beside webhooks and the robots of the public WeCom, which need no setting but
/// the hosts that may be called.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Channels {
    /// Mail; without it none is sent.
    mail: Option<Mail>,
    /// Topics of subscribers; without it there are none.
    kafka: Option<Topics>,
    /// The robots' address.
    #[serde(default)]
    wecom: Robots,
    /// Where people reach the pages.
    #[serde(default)]
    pages: Pages,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mail {
    /// The relay's name, which its certificate must hold.
    host: String,
    port: u16,
    /// `tls`, `starttls`, or `plain` for a relay on this machine.
    protection: Word,
    /// The sender, as in `Levee <levee@example.gov>`.
    from: String,
    user: Option<String>,
    /// A file with the password alone.
    password_file: Option<PathBuf>,
    /// PEM certificates that are trusted beside the system's.
    roots: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Tls,
    Starttls,
    Plain,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topics {
    /// `host:port`, several separated by commas.
    brokers: String,
    /// Topics that subscriptions may name.
    topics: Vec<String>,
    /// Settings of librdkafka that let us in: `security.protocol`, `sasl.…`, `ssl.…`.
    #[serde(default)]
    security: BTreeMap<String, SecretString>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Robots {
    /// An installation of one's own; absent: the public WeCom.
    base: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pages {
    /// The beginning of the links in mails and cards.
    url: Option<String>,
}

/// Loads the key that signs webhooks, or makes it where there is none.
pub(crate) fn signing_key(path: &Path) -> Result<SigningKey, Failure> {
    let line = key::line(path, SigningKey::written).map_err(Failure::usage)?;
    let form = || Failure::usage(key::SecretError::Form { path: path.to_owned() });
    SigningKey::parse(&line).ok_or_else(form)
}

impl Channels {
    /// Reads a file; without one there are webhooks and the robots of the public WeCom.
    pub(crate) fn read(file: Option<&Path>) -> Result<Channels, Failure> {
        let Some(file) = file else { return Ok(Channels::default()) };
        // The process's environment is that of the service that reads the file's name.
        chassis::config::load_from(Some(file), std::iter::empty())
            .map_err(|error| Failure::new(64, error.to_string()))
    }

    /// Opens the channels, where blocking is allowed: a broker may be asked. `allowed` are the hosts
    /// that may be called, `key` signs webhooks.
    ///
    /// # Errors
    /// 64 for a setting that cannot be used, 1 where no broker answers.
    pub(crate) async fn open(
        self,
        allowed: Vec<String>,
        key: Option<SigningKey>,
    ) -> Result<Vec<Arc<dyn Channel>>, Failure> {
        let opened = tokio::task::spawn_blocking(move || self.opened(&allowed, key));
        opened.await.map_err(Failure::from)?
    }

    fn opened(
        &self,
        allowed: &[String],
        key: Option<SigningKey>,
    ) -> Result<Vec<Arc<dyn Channel>>, Failure> {
        let list = AllowList::new(allowed).map_err(|bad| {
            let entry = bad.index.saturating_add(1);
            usage(&format!("allowed host {entry} is neither a host nor scheme://host:port"))
        })?;
        let client = Client::new(list, SystemResolver, Roots::system(), Limits::default())
            .map_err(|error| Failure::new(1, error.to_string()))?;
        let pages = self.pages.url.as_deref();
        let base = self.wecom.base.as_deref().unwrap_or(wecom::PUBLIC);
        let mut channels: Vec<Arc<dyn Channel>> = vec![
            Arc::new(Webhook::new(client.clone(), Vec::from_iter(key))),
            Arc::new(Wecom::new(client, base, pages)),
        ];
        if let Some(mail) = &self.mail {
            channels.push(Arc::new(mail.open(pages)?));
        }
        if let Some(kafka) = &self.kafka {
            channels.push(Arc::new(kafka.open()?));
        }
        Ok(channels)
    }
}

impl Mail {
    fn open(&self, pages: Option<&str>) -> Result<Smtp, Failure> {
        let protection = match self.protection {
            Word::Tls => Protection::Tls,
            Word::Starttls => Protection::Starttls,
            Word::Plain if here(&self.host) => Protection::Plain,
            Word::Plain => {
                return Err(usage("mail.protection: plain is for a relay on this machine"));
            }
        };
        let login = match (&self.user, &self.password_file) {
            (None, None) => None,
            (Some(user), Some(file)) => {
                let password = fs::read_to_string(file)
                    .map_err(|error| usage(&format!("mail.password_file: {}", error.kind())))?;
                Some((user.clone(), SecretString::from(password.trim_end().to_owned())))
            }
            _ => return Err(usage("mail: user and password_file go together")),
        };
        let relay = Relay {
            host: self.host.clone(),
            port: self.port,
            protection,
            login,
            from: self.from.clone(),
            roots: self.roots.clone(),
        };
        Smtp::new(relay, pages).map_err(|bad| usage(&format!("mail: {bad}")))
    }
}

impl Topics {
    fn open(&self) -> Result<Kafka, Failure> {
        let mut connection = Connection::new(&self.brokers, "levee-notifier");
        let secrets = self.security.iter();
        connection.security =
            secrets.map(|(name, value)| (name.clone(), value.expose_secret().to_owned())).collect();
        let failed = |error: ::log::LogError| {
            let exit = if matches!(error, ::log::LogError::Topic) { 64 } else { 1 };
            Failure::new(exit, format!("kafka: {}: {error}", error.code()))
        };
        let cluster = Cluster::connect(&connection).map_err(failed)?;
        let open = |topic: &String| {
            let log = KafkaLog::foreign(&cluster, topic, Dress::CloudEvent).map_err(failed)?;
            Ok((topic.clone(), Arc::new(log) as Arc<dyn Log>))
        };
        let topics: Result<Vec<_>, Failure> = self.topics.iter().map(open).collect();
        Ok(Kafka::new(topics?))
    }
}

/// Whether a host is this machine.
fn here(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn usage(text: &str) -> Failure {
    Failure::new(64, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Channels {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("channels.toml");
        fs::write(&file, text).unwrap();
        Channels::read(Some(&file)).unwrap()
    }

    fn kinds(channels: &Channels) -> Result<Vec<&'static str>, String> {
        let opened = channels.opened(&[], Some(SigningKey::new(&[1; 32])));
        let opened = opened.map_err(|failure| failure.to_string())?;
        Ok(opened.iter().map(|channel| channel.kind().word()).collect())
    }

    #[test]
    fn the_sample_is_a_configuration() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/config");
        let file = root.join("channels.toml");
        let sample = Channels::read(Some(&file)).unwrap();
        assert!(sample.mail.is_some() && sample.kafka.is_some());
    }

    #[test]
    fn what_is_not_set_up_is_not_there() {
        assert_eq!(kinds(&Channels::default()).unwrap(), ["webhook", "wecom"]);
        let mail = "[mail]\nhost = \"localhost\"\nport = 25\nprotection = \"plain\"\n\
            from = \"Levee <levee@example.gov>\"\n";
        assert_eq!(kinds(&read(mail)).unwrap(), ["webhook", "wecom", "smtp"]);
        for (was, is, told) in [
            ("localhost", "mail.example.gov", "plain"),
            ("Levee <levee@example.gov>", "nobody", "sender"),
            ("port = 25", "port = 25\nuser = \"levee\"", "go together"),
            ("port = 25", "port = 25\nuser = \"a\"\npassword_file = \"/nowhere\"", "password_file"),
        ] {
            let error = kinds(&read(&mail.replace(was, is))).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
