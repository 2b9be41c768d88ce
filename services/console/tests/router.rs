//! The router over ports in memory: JSON, the stream's law, the pages.

#[path = "router/ports.rs"]
mod ports;

use axum::http::{Request, StatusCode, header};
use ports::{Desktop, alert, body, events};
use proptest::prelude::*;

#[tokio::test]
async fn v1_needs_a_token_and_answers_problems() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow")]).await;
    for path in ["/v1/cases", "/v1/cases/0", "/v1/queue", "/v1/alerts/stream"] {
        let (status, headers, text) = desktop.get(path, "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert!(text.contains("\"code\":\"auth.required\""), "{text}");
    }
    let (status, _, _) = desktop.get("/v1/cases", "Bearer wrong").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _, _) = desktop.get("/v1/cases", "Basic operator").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn cases_are_listed_paged_and_read_in_full() {
    let lines = vec![alert(1, 1, "yellow"), alert(2, 1, "red"), alert(1, 2, "red")];
    let desktop = Desktop::with(lines.clone()).await;
    let page = desktop.json("/v1/cases?limit=1").await;
    assert_eq!(page["items"][0]["household"], "H1");
    assert_eq!(page["items"][0]["state"], "open");
    let next = page["next"].as_str().unwrap();
    let page = desktop.json(&format!("/v1/cases?limit=1&cursor={next}")).await;
    assert_eq!(page["items"][0]["household"], "H2");
    assert_eq!(page["next"], serde_json::Value::Null);
    let case = ports::case(1);
    let (_, _, text) = desktop.get(&format!("/v1/cases/{case}"), "Bearer operator").await;
    for line in [&lines[0], &lines[2]] {
        assert!(text.contains(line), "each alert stands as in the log");
    }
    let one: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((one["case"].as_str(), one["revision"].as_u64()), (Some(&*case), Some(2)));
    assert_eq!(one["outcomes"][0]["kind"], "visited");
    assert_eq!(one["clocks"][0]["step"], "decide");
    let done: Vec<&str> = one["chain"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| !step["done_at"].is_null())
        .filter_map(|step| step["step"].as_str())
        .collect();
    assert_eq!(done, ["visit"]);
}

#[tokio::test]
async fn wrong_queries_and_foreign_areas_are_refused() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow")]).await;
    for (path, token, status, code) in [
        ("/v1/cases?level=purple", "operator", 400, "query.invalid"),
        ("/v1/cases?state=x", "operator", 400, "query.invalid"),
        ("/v1/cases?limit=0", "operator", 400, "query.invalid"),
        ("/v1/cases?limit=x", "operator", 400, "query.invalid"),
        ("/v1/cases?cursor=x", "operator", 400, "query.invalid"),
        ("/v1/cases?region=123", "operator", 400, "query.invalid"),
        ("/v1/cases?region=99", "county", 403, "auth.forbidden"),
        ("/v1/queue?region=99", "county", 403, "auth.forbidden"),
        ("/v1/queue?by=city", "operator", 400, "query.invalid"),
        ("/v1/queue?by=township&region=990101003004", "operator", 400, "query.invalid"),
        ("/v1/queue?budget=-1", "operator", 400, "query.invalid"),
        ("/v1/queue?budget=10001", "operator", 400, "query.invalid"),
        ("/v1/queue?limit=0", "operator", 400, "query.invalid"),
        ("/v1/queue?cursor=x", "operator", 400, "query.invalid"),
        ("/v1/alerts/stream?region=99", "county", 403, "auth.forbidden"),
        ("/v1/alerts/stream?from=x", "operator", 400, "query.invalid"),
        ("/v1/alerts/stream?last_event_id=x", "operator", 409, "stream.unknown_id"),
        ("/v1/cases/0", "operator", 404, "case.unknown"),
    ] {
        let (got, _, text) = desktop.get(path, &format!("Bearer {token}")).await;
        assert_eq!(got.as_u16(), status, "{path}");
        assert!(text.contains(&format!("\"code\":\"{code}\"")), "{path} {text}");
    }
    let foreign = format!("/v1/cases/{}", ports::case(1));
    let (status, _, _) = desktop.get(&foreign, "Bearer county").await;
    assert_eq!(status, 404, "outside the caller's area a case does not exist");
    let (_, _, text) = desktop.get("/v1/cases", "Bearer county").await;
    assert_eq!(text, r#"{"items":[],"next":null}"#);
}

#[tokio::test]
async fn before_the_board_is_whole_nothing_is_listed() {
    let desktop = Desktop::starting(vec![alert(1, 1, "yellow")]);
    for path in ["/v1/cases", "/v1/queue", "/v1/alerts/stream"] {
        let (status, headers, text) = desktop.get(path, "Bearer operator").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(headers.contains_key(header::RETRY_AFTER));
        assert!(text.contains("service.starting"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_appended_alert_reaches_an_open_stream() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow")]).await;
    let mut stream = desktop.stream("", None).await;
    desktop.log.append(alert(2, 1, "red"));
    let got = events(&mut stream).await;
    assert_eq!((got.len(), &*got[0].name), (1, "alert"));
    assert_eq!(got[0].data, alert(2, 1, "red"));
    assert_eq!(got[0].id, ports::id(&alert(2, 1, "red")));
}

#[tokio::test(start_paused = true)]
async fn a_stream_gives_what_its_filter_takes() {
    let history = alert(5, 1, "red").replace("\"notice\"", "\"history\":true,\"notice\"");
    let lines = vec![alert(1, 1, "green"), alert(2, 1, "red"), history, alert(3, 1, "yellow")];
    let desktop = Desktop::with(lines.clone()).await;
    for (query, wanted) in [
        ("?from=start", vec![0, 1, 3]),
        ("?from=start&history=true", vec![0, 1, 2, 3]),
        ("?from=start&level=yellow", vec![1, 3]),
        ("?from=start&risk=illness", vec![0, 1, 3]),
        ("?from=start&risk=disaster", vec![]),
        ("?from=start&region=990102", vec![1]),
        ("?from=start&region=site-1", vec![]),
    ] {
        let mut stream = desktop.stream(query, None).await;
        let got: Vec<String> = events(&mut stream).await.into_iter().map(|e| e.data).collect();
        let wanted: Vec<String> = wanted.into_iter().map(|i: usize| lines[i].clone()).collect();
        assert_eq!(got, wanted, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_kept_is_a_gap_first() {
    let lines: Vec<String> = (1..=4).map(|h| alert(h, 1, "red")).collect();
    let desktop = Desktop::with(lines.clone()).await;
    desktop.log.forget(3);
    let mut stream = desktop.stream("", Some(&ports::id(&lines[0]))).await;
    let got = events(&mut stream).await;
    assert_eq!((got.len(), &*got[0].name, &*got[0].id), (2, "gap", ""));
    assert_eq!((&*got[1].name, &got[1].data), ("alert", &lines[3]));
}

#[tokio::test]
async fn streams_end_when_the_board_follows_no_more() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow")]).await;
    let stream = desktop.stream("?from=start", None).await;
    desktop.stop.request();
    let whole = body(stream).await;
    assert!(whole.contains("event: alert"));
}

#[tokio::test]
async fn a_sign_in_link_works_once_and_opens_the_pages() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow")]).await;
    let (status, _, text) = desktop.get("/", "").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(text.contains("levee link --data DIR"));
    let code = desktop.sign_in.mint(ports::operator()).unwrap();
    let path = format!("/sign-in/{code}");
    let head = Request::head(&path).body(axum::body::Body::empty()).unwrap();
    assert_eq!(desktop.send(head).await.status(), 204, "a preview does not use it up");
    let (status, headers, _) = desktop.get(&path, "").await;
    assert_eq!((status, headers[header::LOCATION].as_bytes()), (StatusCode::SEE_OTHER, &b"/"[..]));
    let cookie = headers[header::SET_COOKIE].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict; Path=/"));
    let session = cookie.split(';').next().unwrap();
    for path in ["/", "/v1/cases"] {
        let request = Request::get(path).header(header::COOKIE, format!("a=b; {session}"));
        let answer = desktop.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    let (status, _, text) = desktop.get(&path, "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("levee link --data DIR"));
}

#[tokio::test]
async fn pages_load_nothing_foreign_and_escape_what_they_show() {
    let evil = alert(1, 1, "red").replace("自付", "<script>alert(1)</script>");
    assert!(evil.contains("<script>"));
    let desktop = Desktop::with(vec![evil]).await;
    let case = format!("/cases/{}?lang=en", ports::case(1));
    for path in [
        "/",
        "/?lang=en",
        "/queue",
        "/quality",
        &case,
        "/cases/0",
        "/households/H1",
        "/households/%3Cscript%3E",
    ] {
        let (_, headers, text) = desktop.get(path, "Bearer operator").await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"));
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert!(!text.contains("<script>") && !text.contains(" style="), "{path}");
        assert!(text.contains("<html lang="), "{path}");
    }
    let (_, _, text) = desktop.get("/", "Bearer operator").await;
    assert!(text.contains("&#60;script&#62;alert(1)"), "{text}");
}

#[tokio::test]
async fn a_case_shows_its_reasons_and_the_bills_behind_them() {
    let desktop = Desktop::with(vec![alert(1, 1, "yellow"), alert(1, 2, "red")]).await;
    let path = format!("/cases/{}", ports::case(1));
    let (status, _, text) = desktop.get(&path, "Bearer operator").await;
    assert_eq!(status, StatusCode::OK);
    for part in
        ["27,120 元", "title=\"2712000\"", "26,000 元", "7,345 元", "<svg", "是信号，不是决定"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let lines = text.matches("26,000 元").count();
    assert_eq!(lines, 1, "today's threshold stands beside the latest revision alone");
    let (status, _, text) = desktop.get("/households/H1", "Bearer operator").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("7,345 元") && text.contains("<svg"));
    let (status, _, _) = desktop.get("/households/H1", "Bearer county").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _, _) = desktop.get("/households/H9", "Bearer operator").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the split of the log and whichever id was the last one: exactly the rest comes.
    #[test]
    fn a_stream_resumes_with_exactly_the_rest(
        count in 1usize..200, split in 0usize..200, last in 0usize..200,
    ) {
        let lines: Vec<String> =
            (0..count).map(|n| alert(u32::try_from(n % 9).unwrap(), n + 1, "red")).collect();
        let (split, last) = (split.min(count), last.min(split.min(count)));
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let desktop = Desktop::with(lines[..split].to_vec()).await;
            let id = last.checked_sub(1).map(|at| ports::id(&lines[at]));
            let query = if id.is_none() { "?from=start" } else { "" };
            let mut stream = desktop.stream(query, id.as_deref()).await;
            for line in &lines[split..] {
                desktop.log.append(line.clone());
            }
            let got = events(&mut stream).await;
            let got: Vec<&str> = got.iter().map(|e| &*e.data).collect();
            assert_eq!(got, lines[last..].iter().map(String::as_str).collect::<Vec<_>>());
        });
    }
}

#[tokio::test]
async fn a_queue_shows_who_is_visited_this_week_and_who_is_next() {
    let lines = (1..=5).chain([7, 10]).map(|h| alert(h, 1, if h == 5 { "green" } else { "red" }));
    let desktop = Desktop::with(lines.collect()).await;
    let queue = desktop.json("/v1/queue?region=990101").await;
    assert_eq!(queue["week"], "2026-03-16");
    assert_eq!((&queue["by"], &queue["visits_known"]), (&"village".into(), &true.into()));
    let desk = serde_json::json!([
        {"desk": "990101003004", "budget": 2, "made": 1, "waiting": 3}
    ]);
    assert_eq!(queue["desks"], desk, "H1 was visited this week");
    let items = queue["items"].as_array().unwrap();
    let inside: Vec<_> = items.iter().map(|i| (&i["place"], i["inside"] == true)).collect();
    assert_eq!(inside, [(&1.into(), true), (&2.into(), false), (&3.into(), false)]);
    assert_eq!((&items[0]["priority"], &items[0]["level"]), (&0.into(), &"red".into()));
    assert_eq!(items[0]["visit_by"], "2026-03-06T00:00:00+08:00");
    // Page by page the same.
    let (mut found, mut path) = (Vec::new(), "/v1/queue?region=990101&limit=1".to_owned());
    for _ in 0..4 {
        let page = desktop.json(&path).await;
        found.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/queue?region=990101&limit=1&cursor={next}");
    }
    assert_eq!(&found, items);
    let more = desktop.json("/v1/queue?region=990101&budget=4").await;
    let inside = more["items"].as_array().unwrap().iter().filter(|i| i["inside"] == true);
    assert_eq!(inside.count(), 3, "another budget is looked at by asking for it");
    let township = desktop.json("/v1/queue?by=township").await;
    assert_eq!(township["desks"].as_array().unwrap().len(), 3);
    assert_eq!(township["desks"][0]["budget"], 10);
    let (_, _, text) = desktop.get("/queue?region=990101", "Bearer operator").await;
    assert_eq!(text.matches("<li class=\"inside\"").count(), 1);
    assert_eq!(text.matches("<li class=\"outside\"").count(), 2);
    let (_, _, text) = desktop.get("/queue?lang=en", "Bearer operator").await;
    assert!(text.contains("visits this week") && text.contains("next"), "{text}");
}

#[tokio::test]
async fn what_nobody_carries_now_is_refused_by_name_and_never_left_out() {
    let desktop = Desktop::with(vec![alert(70, 1, "red")]).await;
    let case = ports::case(70);
    let (status, headers, text) =
        desktop.get(&format!("/v1/cases/{case}"), "Bearer operator").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("partition.uncarried") && headers.contains_key(header::RETRY_AFTER));
    let (status, _, text) = desktop.get("/households/H70?lang=en", "Bearer operator").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("being handed over"), "{text}");
    // Whose page it is nobody knows, so a caller of another area learns nothing either.
    let (status, _, _) = desktop.get("/households/H70", "Bearer county").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let (status, _, text) = desktop.get(&format!("/cases/{case}?lang=en"), "Bearer operator").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("id=\"away\"") && text.contains("medical-burden"), "{text}");
    let queue = desktop.json("/v1/queue").await;
    assert_eq!((&queue["visits_known"], &queue["desks"][0]["waiting"]), (&false.into(), &1.into()));
    let (status, _, _) = desktop.get("/quality?region=9907", "Bearer operator").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn quality_is_shown_with_its_interval() {
    let desktop = Desktop::with(vec![alert(1, 1, "red")]).await;
    let (status, _, text) = desktop.get("/quality?lang=en", "Bearer operator").await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("medical-burden") && text.contains("50.0 % (23.6–76.4 %)"), "{text}");
    for (path, token, status) in [
        ("/quality?region=site-1", "operator", 400),
        ("/quality?region=99", "county", 403),
        ("/quality", "nobody", 401),
    ] {
        let (got, _, _) = desktop.get(path, &format!("Bearer {token}")).await;
        assert_eq!(got.as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn a_case_shows_its_chain_with_clocks_and_its_measures_with_titles() {
    let titled =
        r#""measures":[{"code":"medical_aid","zh":"医疗救助金","en":"medical relief"}],"notice""#;
    let line = alert(1, 1, "red").replacen("\"notice\"", titled, 1);
    let desktop = Desktop::with(vec![line]).await;
    let case = ports::case(1);
    let one = desktop.json(&format!("/v1/cases/{case}")).await;
    let step = |word: &str| {
        let steps = one["chain"].as_array().unwrap();
        steps.iter().find(|step| step["step"] == word).unwrap().clone()
    };
    assert_eq!(step("visit")["done_at"], "2026-03-05T10:00:00+08:00");
    assert_eq!(step("county")["due_by"], "2026-03-19T10:20:30+08:00", "the decision is its own");
    assert_eq!(step("county")["asked"], "village");
    assert_eq!(step("posting")["due_by"], serde_json::Value::Null);
    let page = |lang: &str| format!("/cases/{case}{lang}");
    let (_, _, text) = desktop.get(&page(""), "Bearer operator").await;
    for part in ["医疗救助金", "县级审定", "期限 2026-03-19 10:20", "✓ 2026-03-05 10:00"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
    let (_, _, text) = desktop.get(&page("?lang=en"), "Bearer operator").await;
    for part in ["medical relief", "county approval", "due 2026-03-19 10:20"] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
