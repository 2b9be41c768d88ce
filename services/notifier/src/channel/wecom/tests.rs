//! Cards are frozen, bounded and free of foreign marks; every answer has one meaning.

use proptest::prelude::*;

use super::*;
use crate::sample;

fn golden(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("a golden body")
}

#[test]
fn the_bodies_are_frozen() {
    let one = body(&card(&sample::one(), Some("https://levee.example.gov")));
    let file = include_str!("../../../golden/wecom.one.json");
    assert_eq!(String::from_utf8_lossy(&one), file.trim_end());
    assert_eq!(golden(file)["msgtype"], "markdown");
    let group = body(&card(&sample::group(), None));
    let file = include_str!("../../../golden/wecom.digest.json");
    assert_eq!(String::from_utf8_lossy(&group), file.trim_end());
}

#[test]
fn a_text_of_a_pack_marks_nothing() {
    let hostile = "# <@all> [点此](https://evil.example/) **领取** `补贴`\n> 伪造 </font>~~x~~|a|";
    let text = escaped(hostile);
    assert!(!text.contains(['#', '<', '>', '@', '[', ']', '(', ')', '*', '`', '~', '|', '\n']));
    assert!(!text.contains("://"), "no address becomes a link");
    let card = card(&sample::group(), None);
    assert_eq!(card.matches("<font").count(), card.matches("</font>").count());
    assert_eq!(card.matches("<font").count(), 4, "three titles and the notice");
    assert!(!card.contains("<@") && !card.contains("]("), "{card}");
}

#[test]
fn what_does_not_fit_is_counted_and_the_most_serious_is_shown() {
    let alert = |n: usize, level: &str| {
        let why = "长".repeat(400);
        sample::notice(&format!(
            r#"{{"id":"{n:032x}","type":"levee.alert.v1","time":"2026-03-04T00:00:00+08:00",
                "subject":"household/H{n}","data":{{"level":"{level}","change":"opened",
                "region":"990102003004","risks":["illness"],
                "signals":[{{"rule":"r","why":{{"zh":"{why}","en":""}}}}]}}}}"#
        ))
    };
    let mut alerts: Vec<_> = (0..99).map(|n| alert(n, "green")).collect();
    alerts.push(alert(99, "red"));
    let card = card(&sample::message("g", "{}", alerts), Some("https://levee.example.gov"));
    assert!(card.len() <= LIMIT, "{}", card.len());
    assert!(card.contains("100 条预警：红 1、绿 99") && card.contains("户编号：H99\n"), "{card}");
    let shown = card.matches("户编号").count();
    assert!(card.contains(&format!("另有 {} 条未列出", 100 - shown)) && shown > 1, "{card}");
}

proptest! {
    #[test]
    fn any_alert_fits_and_stays_in_its_lines(
        why in proptest::collection::vec(".{0,400}", 0..12),
        words in proptest::collection::vec("\\PC{0,80}", 0..12),
        region in ".{0,40}",
    ) {
        let mut notice = (*sample::one().alerts[0]).clone();
        let signal = notice.data.signals[0].clone();
        notice.data.signals = why.iter().map(|why| {
            let mut signal = signal.clone();
            signal.why.zh = why.as_str().into();
            signal
        }).collect();
        notice.data.risks = words.iter().map(|word| word.as_str().into()).collect();
        notice.data.region = region.into();
        let message = sample::message("x", "{}", vec![notice.into()]);
        let card = card(&message, Some("https://levee.example.gov"));
        prop_assert!(card.len() <= LIMIT, "{}", card.len());
        prop_assert_eq!(card.matches("<font").count(), 2);
        for line in card.lines().filter(|line| !line.is_empty()) {
            prop_assert!(line.starts_with("### <font") || line.starts_with("> ")
                || line.starts_with("<font"), "{}", line);
        }
    }
}

#[test]
fn every_answer_has_one_meaning() {
    let said = |code: i64| meaning(format!(r#"{{"errcode":{code},"errmsg":"x"}}"#).as_bytes());
    let retry = |code| Verdict::Retry { code, after: None };
    assert_eq!(said(0), Verdict::Delivered(None));
    let after = Some(Duration::from_secs(60));
    assert_eq!(said(45009), Verdict::Retry { code: Code::ReceiverBusy, after });
    for busy in [-1, 45033] {
        assert_eq!(said(busy), retry(Code::ReceiverBusy));
    }
    for gone in [93000, 93004, 93008] {
        assert_eq!(said(gone), Verdict::Gone { code: Code::ReceiverGone });
    }
    for never in [9499, 40008, 40035, 40058, 40063, 41001, 44001, 44004, 45002, 45008, 47001] {
        assert_eq!(said(never), Verdict::Refused { code: Code::ReceiverRefused }, "{never}");
    }
    for other in [1, 40001, 40014, 42001, 48002, 50001, 60020, 301_002, i64::MAX] {
        assert_eq!(said(other), retry(Code::ReceiverStatus), "{other}");
    }
    for broken in ["", "ok", "{}", "[]", r#"{"errcode":"0"}"#, r#"{"errcode":0.5}"#, "<html>"] {
        assert_eq!(meaning(broken.as_bytes()), retry(Code::OutboundAnswer), "{broken}");
    }
}

#[test]
fn a_robot_is_called_twenty_times_in_any_minute() {
    let sent = Sent::default();
    let at = |ms: i64| Instant(1_000_000_000_000_000 + ms * 1_000);
    for n in 0..20 {
        assert_eq!(sent.rest("a", at(n * 1_000)), None);
    }
    assert_eq!(sent.rest("a", at(20_000)), Some(Duration::from_secs(40)));
    assert_eq!(sent.rest("a", at(59_999)), Some(Duration::from_millis(1)));
    assert_eq!(sent.rest("b", at(20_000)), None, "another robot has its own minute");
    assert_eq!(sent.rest("a", at(60_000)), None, "the first call is a minute ago");
    assert_eq!(sent.rest("a", at(60_500)), Some(Duration::from_millis(500)));
    let mut calls = Vec::new();
    for ms in (100_000..700_000).step_by(250) {
        if sent.rest("c", at(ms)).is_none() {
            calls.push(ms);
        }
    }
    for window in calls.windows(21) {
        assert!(window[20] - window[0] >= 60_000, "{window:?}");
    }
    assert!(calls.len() >= 200, "what may be sent is sent: {}", calls.len());
}
