//! Who is told how often rules and feeds were right, and what of it.

use proto::codes::Code;

use crate::desk::{Answer, Desk};

fn ask(desk: &Desk, token: &str, region: &str) -> Answer {
    desk.send_as(token, &format!("GET /v1/quality{region}"), "", "")
}

#[test]
fn who_works_in_an_area_sees_all_of_it() {
    let desk = Desk::new();
    for (token, region) in [("operator", "?region=99"), ("worker", ""), ("city", "?region=990102")]
    {
        let answer = ask(&desk, token, region);
        assert_eq!(answer.status, 200, "{token}: {}", answer.text);
        let report = answer.json();
        assert_eq!(report["feeds"].as_array().unwrap().len(), 3);
        assert_eq!(report["areas"][0]["decided"], 59);
        assert!(report.get("few").is_none());
    }
    assert_eq!(ask(&desk, "worker", "").json()["region"], "9901", "the caller's own area");
}

#[test]
fn a_department_sees_its_own_feeds_and_nothing_that_points_at_a_family() {
    let desk = Desk::new();
    let report = ask(&desk, "feed", "").json();
    let mut names: Vec<&String> = report.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["feed_rules", "feeds", "few", "region"]);
    for list in ["feeds", "feed_rules"] {
        let lines = report[list].as_array().unwrap();
        assert_eq!(lines.len(), 1, "{list}");
        assert_eq!((&lines[0]["feed"], &lines[0]["decided"]), (&"99/ybj".into(), &5.into()));
    }
    assert_eq!(report["few"], 2, "a line of four cases in each list");
}

#[test]
fn foreign_areas_and_wrong_queries_are_refused() {
    let desk = Desk::new();
    for (token, region, status, code) in [
        ("worker", "?region=99", 403, Code::AuthForbidden),
        ("worker", "?region=9902", 403, Code::AuthForbidden),
        ("worker", "?region=1", 400, Code::QueryInvalid),
        ("worker", "?region=site-1", 400, Code::QueryInvalid),
        ("worker", "?colour=red", 400, Code::QueryInvalid),
        ("nobody", "", 401, Code::AuthRequired),
        ("operator", "?region=98", 501, Code::ViewElsewhere),
    ] {
        let answer = ask(&desk, token, region);
        assert_eq!((answer.status, answer.code().as_str()), (status, code.name()), "{region}");
    }
}
