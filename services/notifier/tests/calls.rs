//! Webhooks and group robots through real sockets. No real robot can be had: its answers are the
//! documented ones.

#![expect(clippy::expect_used, reason = "a test: a failed step must end it")]

#[path = "outside/receiver.rs"]
mod receiver;

use std::{net::SocketAddr, sync::Arc};

use notifier::{
    Channel, Kind, Outgoing, Secrets, Target, Verdict,
    channel::{webhook::Webhook, wecom::Wecom},
    signature::SigningKey,
};
use outbound::{AllowList, Client, Limits, Roots, SystemResolver};
use planner::Notice;
use proto::{codes::Code, date::Instant};
use receiver::Receiver;

const ALERTS: &str = include_str!("../golden/alerts.ndjson");

fn client(address: SocketAddr) -> Client {
    let list = AllowList::new([format!("http://{address}")]).expect("a list");
    Client::new(list, SystemResolver, Roots::none(), Limits::default()).expect("a client")
}

fn message() -> Outgoing {
    let line = ALERTS.lines().next().expect("an alert");
    let alert = Notice::parse(line.as_bytes()).expect("an alert");
    let at = Instant::parse("2026-03-04T10:23:20.999+08:00").expect("an instant");
    let body = line.as_bytes().into();
    let (subscription, id) = ("1351881460e4b791".into(), alert.id.clone());
    Outgoing { subscription, id, at, attempt: 1, body, alerts: vec![Arc::new(alert)] }
}

#[tokio::test]
async fn a_webhook_is_the_alert_as_it_stands_and_signed() {
    let (receiver, address) = Receiver::start().await;
    let webhook = Webhook::new(client(address), vec![SigningKey::new(&[3; 32])]);
    assert_eq!(webhook.kind(), Kind::Webhook);
    let target = Target::Webhook { url: format!("http://{address}/hook?key=1") };
    assert_eq!(webhook.check(&target), Ok(()));
    let secrets = Secrets::new([[1; 32], [2; 32]]);
    let message = message();
    assert_eq!(webhook.send(&target, &secrets, &message).await, Verdict::Delivered(None));
    let calls = receiver.calls();
    let [call] = &*calls else { panic!("one call") };
    assert_eq!((&*call.path, &call.body[..]), ("/hook?key=1", &*message.body));
    let header = |name: &str| call.headers[name].to_str().expect("visible").to_owned();
    assert_eq!(header("content-type"), "application/cloudevents+json");
    assert_eq!(header("webhook-id"), "828dafec0505f049dd0b33d159e3d42a");
    assert_eq!(header("webhook-timestamp"), "1772591000");
    let signature = header("webhook-signature");
    let versions: Vec<_> =
        signature.split(' ').filter_map(|one| Some(one.split_once(',')?.0)).collect();
    assert_eq!(versions, ["v1", "v1", "v1a"]);
}

#[tokio::test]
async fn a_webhook_tells_what_came_of_it() {
    let (receiver, address) = Receiver::start().await;
    let webhook = Webhook::new(client(address), Vec::new());
    let to = |url: String| Target::Webhook { url };
    let (target, secrets) = (to(format!("http://{address}/")), Secrets::new([[1; 32]]));
    for (status, verdict) in [
        (204, Verdict::Delivered(None)),
        (410, Verdict::Gone { code: Code::ReceiverGone }),
        (307, Verdict::Retry { code: Code::ReceiverRedirect, after: None }),
        (503, Verdict::Retry { code: Code::ReceiverBusy, after: None }),
        (400, Verdict::Retry { code: Code::ReceiverStatus, after: None }),
    ] {
        receiver.answer(status, "");
        assert_eq!(webhook.send(&target, &secrets, &message()).await, verdict, "{status}");
    }
    for (url, code) in [
        ("https://evil.example/".to_owned(), Code::OutboundHost),
        (format!("https://{address}/"), Code::OutboundScheme),
        (format!("http://u:p@{address}/"), Code::OutboundUserinfo),
        ("http://127.0.0.1:1/".to_owned(), Code::OutboundPort),
        ("http://169.254.169.254/".to_owned(), Code::OutboundAddress),
        ("nonsense".to_owned(), Code::OutboundUrl),
    ] {
        let target = to(url);
        assert_eq!(webhook.check(&target), Err(code));
        let verdict = webhook.send(&target, &secrets, &message()).await;
        assert_eq!(verdict, Verdict::Refused { code });
    }
    let other = Target::Sse {};
    assert_eq!(webhook.check(&other), Err(Code::ChannelTarget));
    let verdict = webhook.send(&other, &secrets, &message()).await;
    assert_eq!(verdict, Verdict::Refused { code: Code::ChannelTarget });
}

#[tokio::test]
async fn a_robot_gets_a_card_and_its_answers_are_understood() {
    let (receiver, address) = Receiver::start().await;
    let wecom = Wecom::new(client(address), &format!("http://{address}/"), None);
    assert_eq!(wecom.kind(), Kind::Wecom);
    let key = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa".to_owned();
    let target = Target::Wecom { key: key.clone() };
    assert_eq!(wecom.check(&target), Ok(()));
    let nothing = Secrets::default();
    receiver.answer(200, r#"{"errcode":0,"errmsg":"ok"}"#);
    assert_eq!(wecom.send(&target, &nothing, &message()).await, Verdict::Delivered(None));
    let calls = receiver.calls();
    let [call] = &*calls else { panic!("one call") };
    assert_eq!(call.path, format!("/cgi-bin/webhook/send?key={key}"));
    assert_eq!(call.headers["content-type"], "application/json");
    let body: serde_json::Value = serde_json::from_slice(&call.body).expect("JSON");
    assert_eq!(body["msgtype"], "markdown");
    let content = body["markdown"]["content"].as_str().expect("a text");
    assert!(content.contains("近12个月合规自付27120元") && content.len() <= 4_096);

    let gone = Verdict::Gone { code: Code::ReceiverGone };
    receiver.answer(200, r#"{"errcode":93000,"errmsg":"invalid webhook url, hint: [1]"}"#);
    assert_eq!(wecom.send(&target, &nothing, &message()).await, gone);
    receiver.answer(200, r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#);
    let verdict = wecom.send(&target, &nothing, &message()).await;
    assert!(matches!(verdict, Verdict::Retry { code: Code::ReceiverBusy, after: Some(_) }));
    receiver.answer(502, "<html>");
    let verdict = wecom.send(&target, &nothing, &message()).await;
    assert_eq!(verdict, Verdict::Retry { code: Code::ReceiverBusy, after: None });

    let long = "k".repeat(129);
    for bad in ["", "short", "with space", "a&key=b-and-more", "../../../etc", "键键键键", &long]
    {
        let target = Target::Wecom { key: bad.to_owned() };
        assert_eq!(wecom.check(&target), Err(Code::ChannelKey), "{bad}");
    }
    let elsewhere = Wecom::new(client(address), "https://qyapi.weixin.qq.com", None);
    assert_eq!(elsewhere.check(&target), Err(Code::OutboundHost), "the robots' host is listed too");
}
