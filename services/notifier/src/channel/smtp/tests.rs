//! Mails are frozen, and no text of a pack becomes a header or a command.

use lettre::message::Mailbox;

use super::*;
use crate::sample;

fn formatted(message: &Outgoing, console: Option<&str>) -> String {
    let from: Mailbox = "Levee <levee@example.gov>".parse().expect("a mailbox");
    let to = mailbox(&Target::Smtp { to: "desk@county.example.gov".into() }).expect("a mailbox");
    let mail = mail(&from, to, message, console).expect("a mail");
    String::from_utf8(mail.formatted()).expect("ASCII")
}

#[test]
fn the_mails_are_frozen() {
    let one = formatted(&sample::one(), Some("https://levee.example.gov"));
    assert_eq!(one.replace("\r\n", "\n"), include_str!("../../../golden/smtp.one.eml"));
    let digest = formatted(&sample::group(), None);
    assert_eq!(digest.replace("\r\n", "\n"), include_str!("../../../golden/smtp.digest.eml"));
}

#[test]
fn the_texts_are_frozen() {
    let one = text(&sample::one(), Some("https://levee.example.gov"));
    assert_eq!(one, include_str!("../../../golden/smtp.one.txt"));
    assert_eq!(text(&sample::group(), None), include_str!("../../../golden/smtp.digest.txt"));
}

#[test]
fn the_id_of_the_alert_is_the_id_of_the_mail() {
    let mail = formatted(&sample::one(), None);
    assert!(mail.contains("Message-ID: <828dafec0505f049dd0b33d159e3d42a@example.gov>\r\n"));
    let again = Outgoing { attempt: 2, ..sample::one() };
    assert_eq!(formatted(&again, None), mail);
}

#[test]
fn a_text_of_a_pack_makes_no_header_and_no_line() {
    let mut notice = (*sample::one().alerts[0]).clone();
    let hostile = "x\r\nBcc: a@evil.example\r\n\r\n.\r\nMAIL FROM:<a@evil.example>";
    for text in [&mut notice.data.change, &mut notice.data.risks[0], &mut notice.data.region] {
        *text = hostile.into();
    }
    notice.data.signals[0].why.zh = hostile.into();
    let message = sample::message("x", "{}", vec![notice.into()]);
    let mail = formatted(&message, None);
    let (head, _) = mail.split_once("\r\n\r\n").expect("a head");
    let fields = head.split("\r\n").filter(|line| !line.starts_with(' '));
    let names: Vec<_> = fields.filter_map(|field| Some(field.split_once(": ")?.0)).collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    assert_eq!(names, expected, "{head}");
    let lines = text(&message, None);
    assert!(!lines.lines().any(|line| line.starts_with("Bcc") || line == "."), "{lines}");
}

#[test]
fn a_recipient_is_one_mailbox_in_ascii() {
    let check = |to: &str| mailbox(&Target::Smtp { to: to.into() }).map(|_| ());
    for good in ["a@b.example", "a.b+c@sub.county.example.gov"] {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    let long = format!("{}@b.example", "a".repeat(260));
    for bad in [
        "",
        "a",
        "@b.example",
        "a@",
        "a@b.example,c@d.example",
        "a@b.example\r\nRCPT TO:<x@y.z>",
        "A <a@b.example>",
        "<a@b.example>",
        "村@b.example",
        "a b@c.example",
        &long,
    ] {
        assert_eq!(check(bad), Err(Code::ChannelMailbox), "{bad}");
    }
    let (other, code) = (Target::Sse {}, Code::ChannelTarget);
    assert_eq!(mailbox(&other).map(|_| ()), Err(code));
}

#[test]
fn a_wrong_setting_is_told() {
    let relay = |from: &str, protection, roots: Option<&str>| Relay {
        host: "mail.example.gov".into(),
        port: 25,
        protection,
        login: None,
        from: from.into(),
        roots: roots.map(PathBuf::from),
    };
    let told = |relay| Smtp::new(relay, None).map(|_| ()).expect_err("a wrong setting");
    assert_eq!(told(relay("nobody", Protection::Plain, None)), BadRelay::From);
    for roots in ["no/such/file.pem", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")] {
        let relay = relay("a@b.example", Protection::Tls, Some(roots));
        assert_eq!(told(relay), BadRelay::Roots, "{roots}");
    }
    assert!(Smtp::new(relay("a@b.example", Protection::Plain, None), None).is_ok());
}
