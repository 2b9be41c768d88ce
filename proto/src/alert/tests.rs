//! The bytes of an alert: frozen, and what `serde_json` writes.

use proptest::prelude::*;

use super::*;

fn time() -> Instant {
    Date(20_516).midnight()
}

fn example(rule: &Arc<str>) -> Data<'_> {
    let signal = Signal {
        rule,
        pack: "cn-medical-2026",
        digest: "sha256:00",
        level: Severity::Red,
        risk: "illness",
        values: Values(vec![("oop", Value::Int(2_712_000)), ("poor", Value::Bool(true))]),
        why: Why { zh: "自付".into(), en: "self-paid".into() },
        events: vec![Evidence { source: "99/ybj", id: "1", occurred_on: Date(20_515) }],
        events_total: 1,
        measures: vec!["medical_aid"],
    };
    Data {
        case: "fd4d67c004ae054aacf0762d1a83098e",
        episode: 1,
        revision: 1,
        change: Change::Opened,
        level: Severity::Red,
        previous_level: Severity::None,
        household: "H00000001",
        region: Region::parse("990102003004").unwrap(),
        site: None,
        as_of: Date(20_516),
        risks: vec!["illness"],
        signals: vec![signal],
        measures: Vec::new(),
        contradictions: Vec::new(),
        priority: 0,
        route: vec!["village"],
        clocks: Clocks { acknowledge_by: Some(Instant(0)), ..Clocks::default() },
        overdue: None,
        profile_at: Instant::EPOCH_SHANGHAI,
        feeds: vec![Feed { source: "99/ybj", seen_to: Date(20_516) }],
        reason: None,
        history: false,
        notice: "signal_not_decision",
    }
}

fn overdue(rule: &Arc<str>) -> Data<'_> {
    let mut data = example(rule);
    let by = Instant(86_400_000_000);
    data.change = Change::Overdue;
    data.revision = 2;
    data.previous_level = Severity::Red;
    let (clock, from, to) = (Step::Acknowledge, "village", "township");
    data.overdue = Some(Overdue { clock, from, to });
    data.clocks.steps = vec![Due { step: Step::Comparison, by }];
    let (code, zh, en) = ("medical_aid", "医疗救助", "medical aid");
    data.measures = vec![Offer { code, zh, en }];
    data.contradictions = vec!["no_disabled_member"];
    data
}

fn json(data: &Data<'_>) -> String {
    String::from_utf8(Alert::write(time(), data, &mut Vec::new()).into_json()).unwrap()
}

#[test]
fn the_written_form_is_frozen() {
    let rule = "medical-burden".into();
    for (data, golden) in [
        (example(&rule), include_str!("../../golden/alert.v1.json")),
        (overdue(&rule), include_str!("../../golden/overdue.v1.json")),
    ] {
        assert_eq!(json(&data), golden.trim_end());
    }
}

#[test]
fn what_programs_ask_is_what_is_written() {
    let rule = "medical-burden".into();
    let (data, mut page) = (overdue(&rule), b"what was written before".to_vec());
    let alert = Alert::write(time(), &data, &mut page);
    let json: serde_json::Value = serde_json::from_slice(alert.json()).unwrap();
    assert_eq!(json["id"], alert.id());
    assert_eq!(json["data"]["region"], alert.region.to_string());
    assert_eq!((&*alert.household, alert.revision), (data.household, 2));
    assert_eq!(*alert.rules, [(rule.clone(), Severity::Red)]);
}

/// What `serde_json` writes.
fn slow(data: &Data<'_>) -> String {
    #[derive(Serialize)]
    struct Envelope<'a> {
        specversion: &'static str,
        id: String,
        source: String,
        #[serde(rename = "type")]
        kind: &'static str,
        time: String,
        subject: String,
        data: &'a Data<'a>,
    }
    let region = data.region.to_string();
    let envelope = Envelope {
        specversion: "1.0",
        id: ids::alert_id(data.case, data.revision),
        source: format!("levee/{}", &region[..2]),
        kind: TYPE,
        time: time().to_string(),
        subject: format!("household/{}", data.household),
        data,
    };
    serde_json::to_string(&envelope).unwrap()
}

proptest! {
    #[test]
    fn what_is_written_is_what_serde_json_writes(
        texts in prop::collection::vec("[\\x00-\\x22\\x5b-\\x5e\\x7f汉é😀]{0,24}", 8),
        ints in prop::collection::vec(any::<i64>(), 4),
        dates in prop::collection::vec(-800_000..3_700_000i32, 4),
        shape in 0u32..512,
    ) {
        let on = |bit: u32| shape >> bit & 1 == 1;
        let rule = texts[0].as_str().into();
        let mut data = if on(0) { overdue(&rule) } else { example(&rule) };
        let by = Instant(ints[3] / 4);
        data.household = &texts[0];
        data.site = on(1).then_some(&*texts[1]);
        data.priority = ints[0];
        data.as_of = Date(dates[0]);
        data.profile_at = by;
        data.history = on(2);
        data.reason = on(3).then_some("household_removed");
        data.change = [Change::Closed, Change::Raised, Change::Lowered, Change::Changed]
            [usize::from(on(4)) * 2 + usize::from(on(5))];
        data.level = if on(6) { Severity::Yellow } else { Severity::Green };
        data.clocks.visit_by = on(7).then_some(by);
        data.clocks.decide_by = on(8).then_some(by);
        data.feeds[0].seen_to = Date(dates[1]);
        data.route.push(&texts[2]);
        let signal = &mut data.signals[0];
        signal.values.0.push((&texts[3], Value::Text(Cow::Borrowed(&texts[4]))));
        signal.values.0.push(("n", Value::Int(ints[1])));
        signal.why.zh.clone_from(&texts[5]);
        signal.events_total = usize::try_from(shape).unwrap();
        let (id, occurred_on) = (&*texts[6], Date(dates[2]));
        signal.events.push(Evidence { source: &texts[7], id, occurred_on });
        let again = signal.clone();
        data.signals.push(again);
        prop_assert_eq!(json(&data), slow(&data));
    }
}
