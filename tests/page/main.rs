//! The pages in a real Chromium: why a family needs a visit, and a new alert without a reload.
//!
//! Without Chromium and its driver the test says so and passes, unless `LEVEE_REQUIRE` names
//! `chromium`.

#![expect(clippy::unwrap_used, reason = "a test: a failed step must end it")]

mod browser;

use std::path::Path;

use browser::Browser;
use proto::date::Instant;
use system_tests::server::Server;

const JSON: &str = "application/json";
const EVENT: &str = "application/cloudevents+json";

fn now() -> Instant {
    Instant(chassis::Clock::now_unix_micros(&chassis::SystemClock::new()))
}

fn household(server: &Server, id: &str) {
    let member = r#"{"birth_year":1980,"labour":"full","work":"local"}"#;
    let profile = format!(
        r#"{{"household":"{id}","region":"990102003004","class":"ordinary","size":2,"net_income_fen":2500000,"updated_at":"2026-01-05T08:00:00+08:00","members":[{member}]}}"#
    );
    let (status, told) = server.post("/v1/households", JSON, &profile);
    assert!(status < 300, "{told}");
}

fn bill(server: &Server, household: &str, id: &str, fen: u64) {
    let now = now();
    let event = format!(
        r#"{{"specversion":"1.0","type":"medical.settlement","id":"{id}","source":"99/ybj","time":"{now}","subject":"household/{household}","data":{{"total_fen":{fen},"fund_paid_fen":0,"self_paid_fen":{fen},"setting":"inpatient"}}}}"#
    );
    let (status, told) = server.post("/v1/events", EVENT, &event);
    assert!(status < 300, "{told}");
}

/// What people do about a case.
fn outcome(server: &Server, case: &str, household: &str, kind: &str) {
    let now = now();
    let applied = kind == "measures_applied";
    let measures = if applied { r#","measures":["medical_aid"]"# } else { "" };
    let body = format!(
        r#"{{"id":"{kind}","household":"{household}","kind":"{kind}","at":"{now}","by":"w-1"{measures}}}"#
    );
    let (status, told) = server.post(&format!("/v1{case}/outcomes"), JSON, &body);
    assert!(status < 300, "{told}");
}

/// The course of a case, the queue and the precision of rules, before and after what people did.
fn answered(browser: &Browser, server: &Server, case: &str) {
    let base = server.base();
    let measures = browser.text(".measures");
    assert!(measures.contains("医疗救助") && measures.contains("小额信贷"), "{measures}");
    let chain = browser.text("#chain");
    assert!(chain.contains("入户") && chain.contains("期限") && !chain.contains('✓'), "{chain}");
    browser.open(&format!("{base}/queue?region=990102003004"));
    let both = browser.text("main");
    assert!(both.contains("H00000001") && both.contains("H00000002"), "{both}");
    let inside = "return document.querySelectorAll('.visits li.inside').length";
    assert_eq!(browser.run(inside), 2, "the week holds two visits: {both}");
    outcome(server, case, "H00000002", "visited");
    browser.open(&format!("{base}/queue?region=990102003004"));
    let one = browser.text("main");
    assert!(one.contains("H00000001") && !one.contains("H00000002"), "{one}");
    assert_eq!(browser.run(inside), 1, "one of the two is made: {one}");
    browser.open(&format!("{base}{case}"));
    let chain = browser.text("#chain");
    let due = chain.replace('\n', " ").contains("信息比对 期限");
    assert!(chain.contains('✓') && due, "{chain}");
    outcome(server, case, "H00000002", "measures_applied");
    browser.open(&format!("{base}/quality"));
    let quality = browser.text("main");
    assert!(quality.contains("medical") && quality.contains("100.0 %"), "{quality}");
}

/// No page is wider than a telephone, in either language.
fn narrow(browser: &Browser, base: &str, paths: &[String]) {
    browser.resize(390, 800);
    for path in paths {
        for lang in ["", "?lang=en"] {
            browser.open(&format!("{base}{path}{lang}"));
            let over = "return document.documentElement.scrollWidth - window.innerWidth";
            let over = browser.run(over).as_i64().unwrap();
            assert!(over <= 0, "{path}{lang} is {over} pixels too wide");
            let small = "return [...document.querySelectorAll('main a, main button, main select')]\
                .every((e) => e.tabIndex >= 0)";
            assert_eq!(browser.run(small), true, "{path}: the keyboard does not reach everything");
        }
    }
    browser.resize(1200, 900);
}

#[test]
fn a_bill_is_seen_with_its_reasons_and_the_next_one_without_a_reload() {
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let pack = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/packs/default.yaml");
    let mut server = Server::start(&folder.path().join("data"), &pack);
    server.wait_until_ready();
    household(&server, "H00000001");
    household(&server, "H00000002");
    bill(&server, "H00000001", "e1", 3_000_000);
    let (status, link) = server.post("/v1/sign-in-links", JSON, "");
    assert_eq!(status, 201, "{link}");
    let base = server.base();
    browser.open(&format!("{base}{}", link["path"].as_str().unwrap()));
    browser.wait_for(
        "the first alert",
        "return document.querySelectorAll('#alerts > li[id]').length",
        1,
    );
    let first = browser.text("#alerts > li[id]");
    assert!(first.contains("30000") && first.contains("H00000001"), "{first}");
    browser.wait_for(
        "the stream",
        "return +(document.getElementById('live').textContent === document.getElementById('live').dataset.on)",
        1,
    );

    bill(&server, "H00000002", "e2", 4_000_000);
    browser.wait_for(
        "the second alert",
        "return document.querySelectorAll('#alerts > li.new').length",
        1,
    );
    let second = browser.text("#alerts > li.new");
    assert!(second.contains("40000") && second.contains("H00000002"), "{second}");

    let case = browser
        .run("return document.querySelector('#alerts > li.new .why a').getAttribute('href')");
    let case = case.as_str().unwrap().to_owned();
    browser.open(&format!("{base}{case}"));
    let page = browser.text("main");
    assert!(page.contains("40000"), "the sentence: {page}");
    let limit = "return [...document.querySelectorAll('main tbody tr')].filter((row) => \
        row.cells.length > 2 && row.cells[1].textContent && row.cells[2].textContent).length";
    assert!(browser.run(limit).as_i64().unwrap() > 0, "values against their thresholds: {page}");
    let bills = browser.text(".bills li");
    assert!(bills.contains("40000") || bills.contains("40,000"), "the bill behind it: {bills}");
    let svg = "return document.querySelectorAll('main svg circle, main svg path').length";
    assert!(browser.run(svg).as_i64().unwrap() > 1, "the course of the family");
    answered(&browser, &server, &case);
    let pages = ["/", "/queue", "/quality", &case, "/households/H00000002"];
    narrow(&browser, &base, &pages.map(str::to_owned));
    assert_eq!(browser.errors(), Vec::<String>::new(), "the console is silent");
}
