//! Rule packs: put in force once, replaced only by good ones, refused with places.

use crate::desk::Desk;

const PACK: &str = "pack: bills\nscope: \"99\"\neffective: {from: 2026-01-01}\nfacts:\n  oop: {sum: medical.settlement.self_paid_fen, over: 365d}\nrules:\n  - {id: burden, risk: illness, red: oop > 2600000}\n";

fn put(desk: &Desk, name: &str, text: &str) -> crate::desk::Answer {
    desk.send(&format!("PUT /v1/packs/{name}"), "application/yaml", text.to_owned())
}

#[test]
fn a_pack_is_put_in_force_once_and_shown_as_it_was_given() {
    let desk = Desk::new();
    let first = put(&desk, "bills", PACK);
    assert_eq!(first.status, 200, "{}", first.text);
    assert!(first.json()["digest"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(first.headers["levee-batch"], "1");
    assert_eq!(put(&desk, "bills", PACK).json(), first.json());
    assert_eq!(desk.enqueued(), 1, "the same again is not appended");
    let list = desk.send("GET /v1/packs", "", "").json();
    assert_eq!(list["items"][0]["pack"], "bills");
    assert!(list["next"].is_null());
    assert_eq!(desk.send("GET /v1/packs/bills", "", "").text, PACK);
    assert_eq!(desk.send("GET /v1/packs/none", "", "").code(), "pack.unknown");
    let changed = PACK.replace("2600000", "2700000");
    assert_ne!(put(&desk, "bills", &changed).json(), first.json());
    assert_eq!(desk.send("GET /v1/packs/bills", "", "").text, changed);
}

#[test]
fn a_pack_with_an_error_is_refused_with_the_place() {
    let desk = Desk::new();
    let answer = put(&desk, "bills", &PACK.replace("oop >", "opp >"));
    assert_eq!((answer.status, answer.code()), (422, "pack.invalid".to_owned()));
    let json = answer.json();
    let error = &json["errors"][0];
    assert_eq!((&error["line"], &error["code"]), (&7.into(), &"pack.name".into()));
    assert!(error["column"].as_u64().unwrap() > 1 && error["message"].is_string());
    let answer = put(&desk, "other", PACK);
    assert_eq!((answer.status, answer.code()), (422, "pack.invalid".to_owned()));
    assert_eq!(desk.enqueued(), 0);
}

#[test]
fn a_pack_that_contradicts_another_is_refused() {
    let desk = Desk::new();
    assert_eq!(put(&desk, "bills", PACK).status, 200);
    let answer = put(&desk, "twin", &PACK.replace("bills", "twin"));
    assert_eq!((answer.status, answer.code()), (409, "pack.conflict".to_owned()));
    assert_eq!(answer.json()["errors"][0]["code"], "pack.conflict");
    assert_eq!(desk.enqueued(), 1);
}

#[test]
fn a_pack_may_not_reach_beyond_its_callers_region() {
    let desk = Desk::new();
    for (token, scope, status) in
        [("city", "99", 403), ("feed", "99", 403), ("worker", "9901", 403), ("city", "9901", 200)]
    {
        let text = PACK.replace("\"99\"", &format!("\"{scope}\""));
        let answer = desk.send_as(token, "PUT /v1/packs/bills", "application/yaml", text);
        assert_eq!(answer.status, status, "{token}: {}", answer.text);
    }
}
