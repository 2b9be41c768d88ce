//! Mail: one alert or a digest as plain text in both languages, handed to the operator's relay.
//!
//! Only the relay is spoken to, so no host is chosen by a subscriber. It writes no HTML: there is
//! nothing in a pack's text that a plain text could be made to do.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use outbound::Roots;
use proto::codes::Code;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    channel::{BoxFuture, Channel, Kind, Outgoing, Secrets, Target, Verdict},
    text::{Lang, Said, digest_title, said},
};

/// For one mail in all, the connection included.
const TOTAL: Duration = Duration::from_secs(15);

/// How the connection to the relay is protected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protection {
    /// TLS from the first byte, as at port 465.
    Tls,
    /// STARTTLS, without which nothing is sent, as at port 587.
    Starttls,
    /// None: a relay on this machine.
    Plain,
}

/// The operator's mail relay.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its name, which its certificate must hold.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// User and password, where it asks for them.
    pub login: Option<(String, SecretString)>,
    /// The sender, as in `Levee <levee@example.gov>`.
    pub from: String,
    /// A PEM file of certificates that are trusted beside the system's.
    pub roots: Option<PathBuf>,
}

/// Why there is no channel: the setting that is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRelay {
    /// `from` is not a mailbox.
    From,
    /// `roots` cannot be read or holds no certificate.
    Roots,
    /// `host` is not the name of a host.
    Host,
}

impl fmt::Display for BadRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadRelay::From => "the sender is not a mailbox, as in Levee <levee@example.gov>",
            BadRelay::Roots => "the file of trusted certificates cannot be read or holds none",
            BadRelay::Host => "the mail relay is not the name of a host",
        })
    }
}

impl std::error::Error for BadRelay {}

/// Hands mails to a relay.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    console: Option<String>,
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Smtp")
    }
}

impl Smtp {
    /// Opens nothing yet. `console` is the beginning of the pages' address, for links.
    ///
    /// # Errors
    /// A setting is wrong.
    pub fn new(relay: Relay, console: Option<&str>) -> Result<Smtp, BadRelay> {
        let from = Mailbox::from_str(&relay.from).map_err(|_| BadRelay::From)?;
        let tls = match relay.protection {
            Protection::Plain => Tls::None,
            Protection::Tls => Tls::Wrapper(parameters(&relay)?),
            Protection::Starttls => Tls::Required(parameters(&relay)?),
        };
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(relay.host)
            .port(relay.port)
            .tls(tls)
            .hello_name(hello)
            .timeout(Some(TOTAL));
        if let Some((user, password)) = relay.login {
            let password = password.expose_secret().to_owned();
            transport = transport.credentials(Credentials::new(user, password));
        }
        let console = console.map(|console| console.trim_end_matches('/').to_owned());
        Ok(Smtp { transport: transport.build(), from, console })
    }

    async fn hand_over(&self, target: &Target, message: &Outgoing) -> Verdict {
        let mail = match mailbox(target) {
            Ok(to) => mail(&self.from, to, message, self.console.as_deref()),
            Err(code) => return Verdict::Refused { code },
        };
        let Some(mail) = mail else { return Verdict::Refused { code: Code::ChannelMailbox } };
        match tokio::time::timeout(TOTAL, self.transport.send(mail)).await {
            Ok(Ok(_)) => Verdict::Delivered(None),
            Ok(Err(error)) => meaning(&error),
            Err(_) => Verdict::Retry { code: Code::OutboundTimeout, after: None },
        }
    }
}

impl Channel for Smtp {
    fn kind(&self) -> Kind {
        Kind::Smtp
    }

    fn check(&self, target: &Target) -> Result<(), Code> {
        mailbox(target).map(|_| ())
    }

    fn send<'a>(
        &'a self,
        target: &'a Target,
        _: &'a Secrets,
        message: &'a Outgoing,
    ) -> BoxFuture<'a, Verdict> {
        Box::pin(self.hand_over(target, message))
    }
}

fn parameters(relay: &Relay) -> Result<TlsParameters, BadRelay> {
    let mut builder =
        TlsParameters::builder(relay.host.clone()).certificate_store(CertificateStore::Default);
    if let Some(path) = &relay.roots {
        // The mail library takes a file without any certificate for a good one.
        Roots::none().and_file(path).map_err(|_| BadRelay::Roots)?;
        let pem = std::fs::read(path).map_err(|_| BadRelay::Roots)?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| BadRelay::Roots)?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|_| BadRelay::Host)
}

fn mailbox(target: &Target) -> Result<Mailbox, Code> {
    let Target::Smtp { to } = target else { return Err(Code::ChannelTarget) };
    let address = Address::from_str(to).map_err(|_| Code::ChannelMailbox)?;
    // A mailbox in ASCII passes every relay on its way (RFC 5321 §4.5.3.1 for the length).
    let fits = to.is_ascii() && to.len() <= 254;
    if fits { Ok(Mailbox::new(None, address)) } else { Err(Code::ChannelMailbox) }
}

/// What the relay's refusal means.
fn meaning(error: &lettre::transport::smtp::Error) -> Verdict {
    let retry = |code| Verdict::Retry { code, after: None };
    match error.status().map(u16::from) {
        // The relay wants another login or TLS: the operator's mistake, not the message's.
        Some(454 | 530 | 534 | 535 | 538) => retry(Code::ReceiverLogin),
        Some(400..=499) => retry(Code::ReceiverBusy),
        Some(500..=599) => Verdict::Refused { code: Code::ReceiverRefused },
        _ if error.is_timeout() => retry(Code::OutboundTimeout),
        _ if error.is_tls() || outbound::is_tls(error) => retry(Code::OutboundTls),
        _ if error.is_response() || error.is_client() => retry(Code::OutboundAnswer),
        _ => retry(Code::OutboundConnect),
    }
}

/// The mail, or none where a header cannot hold what it should.
fn mail(from: &Mailbox, to: Mailbox, message: &Outgoing, console: Option<&str>) -> Option<Message> {
    let at = u64::try_from(message.at.0).ok()?;
    let date = std::time::UNIX_EPOCH.checked_add(Duration::from_micros(at))?;
    // Out-of-office programs leave such a mail unanswered (RFC 3834).
    let automatic = HeaderValue::new(
        HeaderName::new_from_ascii_str("Auto-Submitted"),
        "auto-generated".to_owned(),
    );
    let id = format!("<{}@{}>", message.id, from.email.domain());
    Message::builder()
        .from(from.clone())
        .to(to)
        .subject(subject(message))
        .date(date)
        .message_id(Some(id))
        .raw_header(automatic)
        .singlepart(SinglePart::plain(text(message, console)))
        .ok()
}

fn subject(message: &Outgoing) -> String {
    match &*message.alerts {
        [alert] => said(alert, Lang::Zh).title,
        alerts => digest_title(alerts, Lang::Zh),
    }
}

/// Chinese first, then English; a digest in the order of the log.
fn text(message: &Outgoing, console: Option<&str>) -> String {
    let mut text = String::new();
    for lang in [Lang::Zh, Lang::En] {
        if message.alerts.len() > 1 {
            text.push_str(&format!("{}\n\n", digest_title(&message.alerts, lang)));
        }
        for alert in &message.alerts {
            let Said { title, lines } = said(alert, lang);
            text.push_str(&format!("{title}\n"));
            for (label, line) in lines {
                text.push_str(&format!("{label}{}{line}\n", lang.colon()));
            }
            if let (Some(console), false) = (console, alert.data.case.is_empty()) {
                text.push_str(&format!("{console}/cases/{}\n", alert.data.case));
            }
            text.push('\n');
        }
        text.push_str(&format!("{}\n\n", lang.notice()));
    }
    text
}

#[cfg(test)]
mod tests;
