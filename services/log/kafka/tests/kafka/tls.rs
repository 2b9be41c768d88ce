//! A broker that speaks TLS alone: who brings a password or a certificate that it knows gets in, and
//! nobody else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::{Batch, Log};
use log_kafka::{Change, Cluster, Connection, Group, HEADERS, KafkaLog, Member, Settings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use test_broker::Broker;

use crate::made;

const LONG: Duration = Duration::from_secs(60);

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn issuer() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "issuer");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a key and a certificate for it that this issuer signed.
fn signed(issuer: &Issuer, name: &str, key_to: &Path, certificate_to: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    fs::write(key_to, key.serialize_pem()).unwrap();
    fs::write(certificate_to, params.signed_by(&key, issuer).unwrap().pem()).unwrap();
}

/// What the broker is told beside how it lets people in.
fn properties(folder: &Path, protocol: &str) -> Vec<(String, String)> {
    let issuer = issuer();
    let at = |name: &str| folder.join(name);
    fs::write(at("issuer.pem"), issuer.pem()).unwrap();
    signed(&issuer, "127.0.0.1", &at("server.key"), &at("server.pem"));
    signed(&issuer, "levee", &at("client.key"), &at("client.pem"));
    let stranger = self::issuer();
    signed(&stranger, "levee", &at("stranger.key"), &at("stranger.pem"));
    let read = |name: &str| fs::read_to_string(at(name)).unwrap();
    fs::write(at("store.pem"), read("server.key") + &read("server.pem")).unwrap();
    let path = |name: &str| at(name).display().to_string();
    let map = format!("BROKER:{protocol},CONTROLLER:PLAINTEXT");
    let told = [
        ("listener.security.protocol.map", map),
        ("ssl.keystore.type", "PEM".to_owned()),
        ("ssl.keystore.location", path("store.pem")),
        ("ssl.truststore.type", "PEM".to_owned()),
        ("ssl.truststore.location", path("issuer.pem")),
    ];
    told.map(|(name, value)| (name.to_owned(), value)).into()
}

fn connect(broker: &Broker, security: &[(&str, String)]) -> Arc<Cluster> {
    let security: BTreeMap<String, String> =
        security.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let connection = Connection { security, ..Connection::new(&broker.address(), "tls") };
    Cluster::connect(&connection).unwrap()
}

/// The code with which a client that is not let in is told so.
fn refused(broker: &Broker, security: &[(&str, String)]) -> &'static str {
    connect(broker, security).partitions_of("secret").unwrap_err().code()
}

/// Topics, appends, reads and a group's membership, all in this way.
fn works(cluster: &Arc<Cluster>) {
    made(cluster, HEADERS, 1);
    made(cluster, "secret", 2);
    let log = KafkaLog::open(cluster, &Settings::new("secret", 2)).unwrap();
    assert_eq!(log.append(1, &[b"one", b"two"]).unwrap(), 0..2);
    let mut batch = Batch::new();
    log.read(1, 0, 100, &mut batch).unwrap();
    assert_eq!(batch.iter().collect::<Vec<_>>(), [(0, &b"one"[..]), (1, &b"two"[..])]);
    let member = Member {
        group: "secret-group".into(),
        topic: "secret".into(),
        instance: None,
        session: Duration::from_secs(6),
        hand_over: LONG,
    };
    let (_group, changes) = Group::join(cluster, &member).unwrap();
    match changes.recv_timeout(LONG).unwrap() {
        Change::Assigned(some) => assert_eq!(some.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_password_over_tls_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = properties(folder.path(), "SASL_SSL");
    let jaas = "org.apache.kafka.common.security.scram.ScramLoginModule required \
        username=\"levee\" password=\"right\";";
    told.extend(
        [
            ("sasl.enabled.mechanisms", "SCRAM-SHA-512"),
            ("sasl.mechanism.inter.broker.protocol", "SCRAM-SHA-512"),
            ("listener.name.broker.scram-sha-512.sasl.jaas.config", jaas),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let further: Vec<(&str, &str)> = told.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let Some(broker) = Broker::start_for(&further, Some(("levee", "right"))) else { return };
    let security = |password: &str, roots: &str| {
        [
            ("security.protocol", "sasl_ssl".to_owned()),
            ("sasl.mechanism", "SCRAM-SHA-512".to_owned()),
            ("sasl.username", "levee".to_owned()),
            ("sasl.password", password.to_owned()),
            ("ssl.ca.location", folder.path().join(roots).display().to_string()),
        ]
    };
    works(&connect(&broker, &security("right", "issuer.pem")));
    assert_eq!(refused(&broker, &security("wrong", "issuer.pem")), "log.io");
    // A broker that nobody vouches for gets no password.
    assert_eq!(refused(&broker, &security("right", "stranger.pem")), "log.io");
}

#[test]
fn a_certificate_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = properties(folder.path(), "SSL");
    told.push(("ssl.client.auth".to_owned(), "required".to_owned()));
    let further: Vec<(&str, &str)> = told.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let Some(broker) = Broker::start_with(&further) else { return };
    let security = |name: &str| {
        let at = |name: String| folder.path().join(name).display().to_string();
        [
            ("security.protocol", "ssl".to_owned()),
            ("ssl.ca.location", at("issuer.pem".into())),
            ("ssl.certificate.location", at(format!("{name}.pem"))),
            ("ssl.key.location", at(format!("{name}.key"))),
        ]
    };
    works(&connect(&broker, &security("client")));
    assert_eq!(refused(&broker, &security("stranger")), "log.io");
}
